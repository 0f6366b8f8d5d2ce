"""`.weights.json`: which `.weights.h5` file beside it has the weights of which layer."""

from __future__ import annotations

import io
import json
import os
import stat
from functools import partial
from typing import Any

from addax.saving import hdf5
from addax.saving.files import replacing
from addax.saving.json_text import from_json
from addax.saving.keras_h5 import read_model_state, write_model_state

ENDING = ".weights.json"
_MOST_JSON = 100 << 20
_GIGABYTE = 1 << 30


def save_sharded_weights(model, path: str, max_shard_size: float) -> None:
    """Writes weights and the optimizer's state into files of a bounded size, and the map last.

    Args:
        model: A built model.
        path: Where the map goes, ending in `.weights.json`; the files go beside it.
        max_shard_size: The size that a file has at most, in GB, as far as its weights go.

    Raises:
        ValueError: If one weight is larger; the old files stay as they were.
        OSError: If a file cannot be written; the old files stay as they were.
    """
    if not max_shard_size > 0:
        raise ValueError(f"`max_shard_size` must be positive. Received: {max_shard_size}")
    folder, title = os.path.split(path)
    base = title.removesuffix(ENDING)
    weight_map: dict[str, list[str]] = {}
    total = 0
    with replacing(folder or ".") as write:
        for i, shard in enumerate(_shards(model, int(max_shard_size * _GIGABYTE))):
            name = f"{base}_{i:05}.weights.h5"
            for group, _, array in shard:
                files = weight_map.setdefault(f"/{group}", [])
                if name not in files:
                    files.append(name)
                total += array.nbytes
            write(name, partial(_write_shard, shard))
        document = {"metadata": {"total_size": total}, "weight_map": weight_map}
        text = json.dumps(document, indent=4)
        write(title, lambda file: file.write(text.encode()))


def _shards(model, limit: int):
    """Lists of (group, key, array) of at most `limit` bytes each."""
    shard: list[tuple[str, str, Any]] = []
    size = 0
    for group, key, array in _arrays(model):
        if array.nbytes > limit:
            raise ValueError(
                f"The weight '{group}/{key}' has {array.nbytes} bytes, more than the {limit} that "
                "`max_shard_size` gives a file."
            )
        if shard and size + array.nbytes > limit:
            yield shard
            shard, size = [], 0
        shard.append((group, key, array))
        size += array.nbytes
    yield shard


def _arrays(model):
    whole = io.BytesIO()
    write_model_state(model, whole)
    with hdf5.opened(whole, "weights") as h5:
        names: list[str] = []
        h5.visit(names.append)
        for name in names:
            group, _, key = name.rpartition("/")
            if group.endswith("vars"):
                yield group, key, h5[name][()]


def _write_shard(shard: list[tuple[str, str, Any]], file: Any) -> None:
    def fill(h5) -> None:
        for group, key, array in shard:
            h5.require_group(group).create_dataset(key, data=array)

    hdf5.write_h5(file, fill)


def load_sharded_weights(model, path: str, skip_mismatch: bool = False) -> None:
    """Takes weights, and the optimizer's state if the model is compiled, from several files.

    Raises:
        ValueError: If a file is missing, damaged or elsewhere, or they do not fit the model.
    """
    weight_map = _read_map(path)
    merged = io.BytesIO()

    def fill(h5) -> None:
        for name in sorted({name for names in weight_map.values() for name in names}):
            with hdf5.opened(_beside(path, name), name) as shard:
                for group, names in weight_map.items():
                    if name in names:
                        _copy(shard, group, h5, name)

    hdf5.write_h5(merged, fill)
    with hdf5.opened(merged, os.path.basename(path)) as h5:
        read_model_state(model, h5, skip_mismatch)


def _copy(shard, group: str, h5, name: str) -> None:
    source = hdf5.descend(shard, group)
    if not hasattr(source, "keys"):
        raise ValueError(
            f"'{name}' does not have a group '{group[:120]}', which the map says it has."
        )
    try:
        target = h5.require_group(group)
    except TypeError as error:
        raise ValueError(f"'{group}' in '{name}' is a weight in another file.") from error
    for key in source:
        dataset = hdf5.child(source, key)
        what = f"'{group}/{key}' in '{name}'"
        if key in target:
            raise ValueError(f"{what} is in another file, too.")
        target.create_dataset(key, data=hdf5.read(dataset, what))


def _read_map(path: str) -> dict[str, list[str]]:
    """Files by path of a group.

    Raises:
        ValueError: If it is no such map.
    """
    what = os.path.basename(path)
    if os.path.getsize(path) > _MOST_JSON:
        raise ValueError(f"'{what}' is too large to be a map of weights.")
    with open(path, "rb") as file:
        document = from_json(file.read(), f"'{what}'")
    given = document.get("weight_map") if isinstance(document, dict) else None
    if not isinstance(given, dict):
        raise ValueError(f"'{what}' has no `weight_map`.")
    weight_map = {k: v if isinstance(v, list) else [v] for k, v in given.items()}
    if not all(isinstance(name, str) for names in weight_map.values() for name in names):
        raise ValueError(f"`weight_map` in '{what}' must name files.")
    return weight_map


def _beside(path: str, name: str) -> str:
    """The path of a file in the map's folder.

    Raises:
        ValueError: If it would be elsewhere, or is no plain file.
    """
    found = os.path.join(os.path.dirname(path), name)
    if os.path.basename(name) != name or not os.path.lexists(found):
        raise ValueError(f"The file '{name[:120]}' of the map is not in its folder.")
    if not stat.S_ISREG(os.lstat(found).st_mode):
        raise ValueError(f"'{name}' is no plain file.")
    return found
