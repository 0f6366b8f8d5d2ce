"""From one of the formats that Addax reads to one that it writes, checked before it is kept."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import warnings
from dataclasses import dataclass
from typing import Any

from addax.trials import largest_difference, nested, sample_inputs

# Outputs of the same weights; quantized ones are only reported.
_TOLERANCE = 1e-5
_BATCH = 2
# Of dimensions that the model leaves open; some want larger images than others.
_OPEN_SIZES = (16, 128)
_CANNOT_RUN = (ValueError, TypeError, LookupError, ArithmeticError, RuntimeError)
_WEIGHTS = ".weights.h5"  # the ending of weights alone


@dataclass
class Conversion:
    """What was converted, and how far it lies from what was there."""

    layers: int
    parameters: int
    trainable_parameters: int
    optimizer: str
    bytes_before: int
    bytes_after: int
    weights_apart: float
    outputs_apart: float | None  # None if the models could not be run
    not_run: str = ""  # why not


def convert(
    source: Any,
    target: Any,
    *,
    model: Any = None,
    custom_objects: dict[str, Any] | None = None,
    include_optimizer: bool = True,
    overwrite: bool = False,
    **options: Any,
) -> Conversion:
    """Loads a saved model, saves it under another path and compares the two: all weights, and the
    outputs for random inputs when both can run. The target appears when all is well, or not at all.

    Args:
        source: Whatever `load_model` takes, or a file of weights if `model` is given.
        target: Whatever `Model.save` takes, or a file ending in `.weights.h5` for weights and
            the optimizer's state alone.
        model: A saved model that the weights in `source` belong to.
        custom_objects: Dict from names in the file to custom classes and functions.
        include_optimizer: Whether the optimizer's state is taken along.
        overwrite: Whether a target that is there is replaced.
        options: Go to `Model.save`.

    Raises:
        ValueError: If the source is damaged, the target is of no known kind, or the two differ.
        FileExistsError: If the target is there and `overwrite` is not given, or it is a file and
            would become a folder.
        OSError: If files cannot be read or written.
    """
    source, target = os.fspath(source), _without_json(os.fspath(target))
    if _taken(target) and not overwrite:
        raise FileExistsError(f"'{target}' is there already. Replace it with --overwrite.")
    _check_ending(target, options)
    parent, name = os.path.split(os.path.abspath(target))
    if os.path.isdir(target):
        parent = target
    if not os.path.isdir(parent):
        raise FileNotFoundError(f"There is no folder '{parent}' to write '{name}' into.")
    weights_alone = target.endswith(_WEIGHTS)
    compiled = include_optimizer or not weights_alone
    original = _load(source, model, custom_objects, compiled)
    if not weights_alone:
        options["include_optimizer"] = include_optimizer
    staging = tempfile.mkdtemp(prefix=f".{name}.", dir=parent)
    try:
        written = os.path.join(staging, name)
        _save(original, written, options)
        if weights_alone:
            copy = _load(source, model, custom_objects, compiled)
            _refill(copy, written)
        else:
            copy = _load(written, None, custom_objects)
        report = _compare(original, copy, exact=not options.get("quantize"))
        report.bytes_before, report.bytes_after = _size(source), _size(written)
        if os.path.isdir(written) and os.path.isfile(target):
            raise FileExistsError(
                f"'{target}' is a file, whose place a folder cannot take. Remove it, or choose "
                "another target."
            )
        if os.path.isdir(target):  # what else is in it stays
            _save(original, target, options)
        else:
            os.replace(written, target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return report


def _without_json(path: str) -> str:
    """A folder's `model.json` means the folder."""
    folder, name = os.path.split(path)
    return folder or "." if name == "model.json" else path


def _check_ending(target: str, options: dict[str, Any]) -> None:
    from addax.saving.saving_api import kind_of

    kind = kind_of(target)
    if kind == "other":
        raise ValueError(
            f"'{target}' has an unknown ending. There are .keras, .h5, .safetensors, .weights.h5, "
            "and none for a folder."
        )
    for option in options:
        wanted = "keras" if option == "zipped" else "folder"
        if kind != wanted:
            meant = ".keras files" if option == "zipped" else "model folders"
            raise ValueError(f"'{option}' can be given for {meant}; '{target}' is none.")


def _taken(path: str) -> bool:
    """Whether there is a model or another file."""
    inside = (os.path.join(path, name) for name in ("model.json", "config.json"))
    return os.path.isfile(path) or any(map(os.path.exists, inside))


def _load(source: str, model: Any, custom_objects: Any, compiled: bool = True) -> Any:
    from addax.saving import load_model

    if model is None:
        return load_model(source, custom_objects=custom_objects, compile=compiled)
    whole = load_model(model, custom_objects=custom_objects, compile=compiled)
    whole.load_weights(source)
    return whole


def _save(model: Any, path: str, options: dict[str, Any]) -> None:
    if path.endswith(_WEIGHTS):
        model.save_weights(path)
    else:
        model.save(path, **options)


def _refill(model: Any, path: str) -> None:
    """Takes the weights of a file; what is right afterwards came from it."""
    for v in model.weights + (model.optimizer.variables if model.optimizer else []):
        v.assign(v.value * 0)
    model.load_weights(path)


# Comparing


def _compare(original, copy, exact: bool) -> Conversion:
    weights = [[v.numpy() for v in m.weights] for m in (original, copy)]
    report = Conversion(
        layers=len(original.layers),
        parameters=original.count_params(),
        trainable_parameters=sum(v.size for v in original.trainable_weights),
        optimizer=_optimizer(original, copy),
        bytes_before=0,
        bytes_after=0,
        weights_apart=largest_difference(*weights),
        outputs_apart=None,
    )
    if exact and report.weights_apart:
        raise ValueError(
            f"The weights came out otherwise, by up to {report.weights_apart:g}: nothing is kept."
        )
    try:
        inputs, outputs = _tried(original)
    except _CANNOT_RUN as error:
        report.not_run = str(error).strip().split("\n")[0]
        return report
    report.outputs_apart = largest_difference(outputs, _run(copy, inputs))
    size = max((float(abs(x).max(initial=0.0)) for x in outputs if x.dtype.kind == "f"), default=0)
    if exact and report.outputs_apart > _TOLERANCE * max(1.0, size):
        raise ValueError(
            f"The outputs for random inputs differ by {report.outputs_apart:g}: nothing is kept."
        )
    return report


def _tried(model) -> tuple[list, list]:
    """Inputs that the model runs on, and its outputs."""
    for size in _OPEN_SIZES:
        try:
            inputs = sample_inputs(model, _BATCH, size)
            outputs = _run(model, inputs)
            break
        except _CANNOT_RUN:
            if size == _OPEN_SIZES[-1]:
                raise
    if largest_difference(outputs, _run(model, inputs)):
        raise ValueError("the model's outputs are random")
    return inputs, outputs


def _run(model, inputs: list) -> list:
    from addax import tree

    return tree.flatten(model.predict(nested(model, inputs), verbose=0))


def _optimizer(original, copy) -> str:
    """What became of the optimizer and its state."""
    before, after = original.optimizer, copy.optimizer
    if before is None:
        return "none"
    name = type(before).__name__
    if after is None:
        return f"{name}, left out"
    ours, theirs = ([v.numpy() for v in o.variables] for o in (before, after))
    if [x.shape for x in ours] != [x.shape for x in theirs] or largest_difference(ours, theirs):
        return f"{name}, without its state"
    return f"{name} at step {int(before.iterations)}"


def _size(path: str) -> int:
    """Bytes of a saved model's files: with a `model.json` or `.weights.json` those that it names.

    It has been loaded, so that what it names is there.
    """
    if os.path.isdir(path):
        document = os.path.join(path, "model.json")
        if not os.path.exists(document):
            return sum(member.stat().st_size for member in os.scandir(path) if member.is_file())
        path = document
    size = os.path.getsize(path)
    if path.endswith(".json"):
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
        lists = [group["paths"] for group in found.get("weightsManifest") or ()]
        lists += [x if isinstance(x, list) else [x] for x in found.get("weight_map", {}).values()]
        folder = os.path.dirname(path)
        names = {name for names in lists for name in names}
        size += sum(os.path.getsize(os.path.join(folder, name)) for name in names)
    return size


# The command


def add_command(commands: Any) -> None:
    """Adds `convert` to the commands of a parser."""
    added = commands.add_parser(
        "convert",
        help="convert a saved model to another format",
        description="Converts between model folders (what TensorFlow.js reads and writes), .keras, "
        ".h5 and .safetensors files, and to .weights.h5 for weights alone; checks that the result "
        "is the same.",
    )
    added.add_argument("source", metavar="IN", help="a saved model, or weights with --model")
    added.add_argument(
        "target", metavar="OUT", help="its ending says the format; without one, a folder"
    )
    added.add_argument("--model", metavar="FILE", help="the model that weights in IN belong to")
    added.add_argument(
        "--no-optimizer", action="store_true", help="leave out the optimizer's state"
    )
    added.add_argument(
        "--quantize",
        choices=("uint8", "uint16", "float16"),
        help="of a folder: float32 weights take a quarter or half of their bytes, nearly the same",
    )
    added.add_argument(
        "--shard-size",
        type=_bytes,
        metavar="BYTES",
        help="of a folder: at most so many bytes go into one file of weights",
    )
    added.add_argument(
        "--unzipped", action="store_true", help="of .keras: a folder of its members, not a zip"
    )
    added.add_argument("--overwrite", action="store_true", help="replace OUT if it is there")
    added.set_defaults(command=run)


def _bytes(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"wants a number of bytes from 1 on, not '{text}'")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Converts and prints what was converted."""
    options = {
        "quantize": arguments.quantize,
        "shard_size": arguments.shard_size,
        "zipped": False if arguments.unzipped else None,
    }
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        report = convert(
            arguments.source,
            arguments.target,
            model=arguments.model,
            include_optimizer=not arguments.no_optimizer,
            overwrite=arguments.overwrite,
            **{name: value for name, value in options.items() if value is not None},
        )
    print(f"{arguments.source} → {arguments.target}")
    for title, text in _lines(report):
        print(f"  {title:<11} {text}")
    for warning in caught:
        if issubclass(warning.category, UserWarning):
            print(f"  note        {' '.join(str(warning.message).split())}")
    return 0


def _lines(report: Conversion) -> list[tuple[str, str]]:
    if report.outputs_apart is None:
        checked = f"weights differ by {report.weights_apart:g}; not run: {report.not_run}"
    else:
        checked = (
            f"weights differ by {report.weights_apart:g}, "
            f"outputs for random inputs by {report.outputs_apart:g}"
        )
    return [
        ("layers", f"{report.layers:,}"),
        ("parameters", f"{report.parameters:,} ({report.trainable_parameters:,} trainable)"),
        ("optimizer", report.optimizer),
        ("size", f"{_readable(report.bytes_before)} → {_readable(report.bytes_after)}"),
        ("checked", checked),
    ]


def _readable(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.1f} kB"
