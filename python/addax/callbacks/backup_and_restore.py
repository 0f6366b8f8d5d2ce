"""BackupAndRestore: a training that was interrupted goes on where it was."""

from __future__ import annotations

import json
import os
from typing import Any

from addax.callbacks.callback import Callback

_STATE = "latest.npz"


class BackupAndRestore(Callback):
    """Keeps a backup of the training's state; `fit` after an interruption starts from it.

    The backup holds the weights, the optimizer's state, random counters and the order of shuffling,
    so that a training that goes on gives, bit for bit, what it would have given uninterrupted. It
    is removed when the training ends.

    Args:
        backup_dir: Folder for the backup, used by nothing else.
        save_freq: "epoch", or a number of batches. A restored training repeats the epoch it was in.
        double_checkpoint: Kept for Keras's signature: a backup is replaced by a rename and is
            always whole.
        delete_checkpoint: Whether the backup is removed at the end.

    Raises:
        ValueError: If `backup_dir` is empty or `save_freq` is neither.
    """

    def __init__(
        self,
        backup_dir: Any,
        save_freq: int | str = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        super().__init__()
        if not backup_dir:
            raise ValueError("Empty `backup_dir` argument passed")
        if save_freq != "epoch" and (not isinstance(save_freq, int) or save_freq < 1):
            raise ValueError(
                f"Invalid value for argument `save_freq`. Received: save_freq={save_freq}. "
                "Expected either 'epoch' or an integer value."
            )
        self.backup_dir = os.fspath(backup_dir)
        self.save_freq = save_freq
        self.double_checkpoint = double_checkpoint
        self.delete_checkpoint = delete_checkpoint
        self._batches_since_save = 0
        self._current_epoch = 0

    @property
    def _path(self) -> str:
        return os.path.join(self.backup_dir, _STATE)

    def on_train_begin(self, logs: dict | None = None) -> None:
        if not self.model.built:
            raise ValueError(
                "To use the BackupAndRestore callback, you model must be built before you call "
                "`fit()`. "
                f"Model {self.model} is unbuilt. You can build it beforehand by calling it on a "
                "batch of data."
            )
        self._batches_since_save = 0
        if os.path.exists(self._path):
            self._restore()

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._current_epoch = epoch

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if self.save_freq == "epoch":
            self._save(next_epoch=epoch + 1)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        if self.save_freq == "epoch":
            return
        self._batches_since_save += 1
        if self._batches_since_save >= int(self.save_freq):
            self._batches_since_save = 0
            self._save(next_epoch=self._current_epoch)

    def on_train_end(self, logs: dict | None = None) -> None:
        if self.delete_checkpoint and os.path.exists(self._path):
            import contextlib

            os.unlink(self._path)
            with contextlib.suppress(OSError):  # something else is in it
                os.rmdir(self.backup_dir)

    def _variables(self) -> list[Any]:
        """All that a training changes, in an order that a rebuilt model shares."""
        model = self.model
        optimizer = getattr(model, "optimizer", None)
        if optimizer is not None and not optimizer.built:
            optimizer.build(model.trainable_variables)
        return [*model.variables, *(optimizer.variables if optimizer is not None else ())]

    def _save(self, next_epoch: int) -> None:
        import tempfile

        import numpy as np

        arrays: dict[str, Any] = {
            f"variable_{i}": np.asarray(v) for i, v in enumerate(self._variables())
        }
        about = {"epoch": next_epoch, "shuffle": getattr(self.model, "_shuffle_state", None)}
        arrays["about"] = np.frombuffer(json.dumps(about).encode(), dtype="uint8")
        os.makedirs(self.backup_dir, exist_ok=True)
        handle, partial = tempfile.mkstemp(dir=self.backup_dir, suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as f:
                np.savez(f, **arrays)
                f.flush()
                os.fsync(f.fileno())
            os.replace(partial, self._path)
        except BaseException:
            os.unlink(partial)
            raise

    def _restore(self) -> None:
        import numpy as np

        variables = self._variables()
        with np.load(self._path, allow_pickle=False) as saved:
            about = json.loads(saved["about"].tobytes())
            if len(saved.files) - 1 != len(variables):
                raise ValueError(
                    f"The backup in '{self.backup_dir}' holds {len(saved.files) - 1} variables, "
                    "but the model and its "
                    f"optimizer have {len(variables)}. It belongs to another model; remove it or "
                    "use another folder."
                )
            for i, variable in enumerate(variables):
                variable.assign(saved[f"variable_{i}"])
        self.model._shuffle_state = about["shuffle"]
        self.model._initial_epoch = about["epoch"]
