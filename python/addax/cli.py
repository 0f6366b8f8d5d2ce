"""The commands of `addax`: what `addax-run` does natively, with the package."""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import sys
import time
from collections.abc import Callable
from typing import Any

import addax
from addax import convert, installed_library
from addax.trials import largest_difference, nested, sample_inputs

TOLERANCE = 1e-4
_SAYS_WHAT_IS_WRONG = (ValueError, TypeError, IndexError, OSError, MemoryError, ImportError)


class UsageError(Exception):
    """The command line does not fit the model."""


def add_commands(parser: argparse.ArgumentParser) -> None:
    """Adds `summary`, `predict`, `verify`, `bench` and `convert` to a parser; `command` is then the
    function that was chosen, which takes the parsed arguments and returns the exit code.
    """
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    def add(function: Callable[[argparse.Namespace], int], help: str) -> argparse.ArgumentParser:
        added = commands.add_parser(function.__name__, help=help, description=function.__doc__)
        added.add_argument("model", help="the folder that model.save wrote, or another saved model")
        added.set_defaults(command=function)
        return added

    add(summary, "print a model's layers and parameters")
    added = add(predict, "predict on .npy files")
    added.add_argument("inputs", nargs="+", metavar="INPUT.npy", help="one per input, in order")
    added.add_argument(
        "--output",
        action="append",
        metavar="FILE.npy",
        help="where an output goes, given once per output; NAME.npy of the output's name if absent",
    )
    added = add(verify, "replay the pair of input and output that the file holds")
    added.add_argument(
        "--tolerance",
        type=_not_negative,
        default=TOLERANCE,
        metavar="T",
        help="largest absolute difference that passes; 1e-4 if absent",
    )
    added = add(bench, "measure latency and throughput")
    added.add_argument(
        "--batch",
        type=_whole_numbers,
        default=[1, 8, 64],
        metavar="N,N…",
        help="batch sizes; 1,8,64 if absent",
    )
    added.add_argument(
        "--threads",
        type=_whole_numbers,
        metavar="N,N…",
        help="numbers of threads; 1 and all if absent",
    )
    added.add_argument(
        "--seconds", type=_not_negative, default=0.5, metavar="S", help="per measurement; 0.5"
    )
    added.add_argument(
        "--open",
        type=_whole_number,
        default=16,
        metavar="N",
        help="size of other dimensions that the model leaves open; 16 if absent",
    )
    convert.add_command(commands)


def print_folder(arguments: argparse.Namespace) -> int:
    """Prints where a part of the C++ library is."""
    print(installed_library.folder(arguments.folder))
    return 0


def main(words: list[str] | None = None) -> int:
    """Runs the command line with the given words, or with those of the process.

    Returns:
        The exit code: 1 after an error, which is one line on standard error; 2 if the command line
        does not fit the model.
    """
    parser = argparse.ArgumentParser(prog="addax", description="Addax from the command line.")
    parser.add_argument("--version", action="version", version=addax.__version__)
    installed_library.add_options(parser)
    add_commands(parser)
    arguments = parser.parse_args(words)
    if arguments.folder is not None:
        if "command" in arguments:
            option = "--" + arguments.folder.replace("_", "-")
            parser.error(f"{option} prints a folder; it goes without a command")
        arguments.command = print_folder
    if "command" not in arguments:
        parser.error("which command? summary, predict, verify, bench or convert")
    return run(arguments)


def run(arguments: argparse.Namespace) -> int:
    """Runs the chosen command; returns the exit code as `main` does."""
    try:
        return arguments.command(arguments)
    except UsageError as error:
        print(f"addax: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130  # as shells have it
    except Exception as error:  # a file may make anything fail; whoever types commands reads a line
        said = " ".join(str(error).split())
        if not isinstance(error, _SAYS_WHAT_IS_WRONG) or not said:
            said = f"{type(error).__name__}: {said}"
        print(f"addax: {said}", file=sys.stderr)
        return 1


def _whole_numbers(text: str) -> list[int]:
    parts = text.split(",")
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise argparse.ArgumentTypeError(
            f"wants whole numbers from 1 on, as in 1,8,64, not '{text}'"
        )
    return [int(part) for part in parts]


def _whole_number(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"wants a whole number from 1 on, not '{text}'")
    return int(text)


def _not_negative(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"wants a number that is not negative, not '{text}'")
    return number


def _load(path: str) -> Any:
    from addax.models import load_model

    return load_model(path)


# Commands


def summary(arguments: argparse.Namespace) -> int:
    """Prints the table of a model's layers and its numbers of parameters."""
    _load(arguments.model).summary()
    return 0


def predict(arguments: argparse.Namespace) -> int:
    """Predicts on arrays from .npy files and writes an .npy file per output."""
    import numpy as np

    from addax import tree

    model = _load(arguments.model)
    inputs = [_array(path) for path in arguments.inputs]
    wanted = len(getattr(model, "inputs", None) or inputs)
    if len(inputs) != wanted:
        raise UsageError(f"the model takes {wanted} inputs; received {len(inputs)} files")
    names = list(getattr(model, "output_names", None) or ())
    _check_output_count(arguments.output, len(names))
    outputs = tree.flatten(model.predict(nested(model, inputs), verbose=0))
    _check_output_count(arguments.output, len(outputs))
    for i, output in enumerate(outputs):
        name = names[i] if len(names) == len(outputs) else f"output_{i}"
        path = arguments.output[i] if arguments.output else _file_of(name, i)
        with open(path, "wb") as file:
            np.save(file, output)
        print(f"{path}  {output.shape}  {output.dtype}")
    return 0


def _array(path: str) -> Any:
    import numpy as np

    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path} is no .npy file of numbers: {error}") from error
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{path} is no .npy file: it holds several arrays")
    return array


def _check_output_count(paths: list[str] | None, count: int) -> None:
    if paths and count and len(paths) != count:
        raise UsageError(f"the model has {count} outputs; --output is given {len(paths)} times")


def _file_of(output: str, index: int) -> str:
    """The name comes from the model's file: it must not lead out of the folder."""
    return (re.sub(r"[^0-9A-Za-z-]", "_", output) or f"output_{index}") + ".npy"


def verify(arguments: argparse.Namespace) -> int:
    """Replays the pair of input and output that the file holds; fails if they differ by more than
    the tolerance.
    """
    from addax import tree

    model = _load(arguments.model)
    inputs, wanted = _check_pair(arguments.model)
    if len(inputs) != len(getattr(model, "inputs", None) or inputs):
        raise ValueError("the file's check has other inputs than the model")
    outputs = tree.flatten(
        model.predict(nested(model, inputs), batch_size=len(inputs[0]), verbose=0)
    )
    if [x.shape for x in outputs] != [x.shape for x in wanted]:
        raise ValueError("the file's check has outputs of other shapes than the model")
    difference = largest_difference(outputs, wanted)
    good = difference <= arguments.tolerance
    print(
        f"{'equal' if good else 'DIFFERENT'}: the largest difference is {difference:g}, "
        f"the tolerance {arguments.tolerance:g}"
    )
    return 0 if good else 1


def _check_pair(path: str) -> tuple[list, list]:
    """The arrays of the pair in a model's file."""
    from addax.saving.programs import decode_tensor

    path = os.path.join(path, "model.json") if os.path.isdir(path) else path
    section: Any = None
    if path.endswith(".json") and os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            section = json.load(file)
        for key in ("userDefinedMetadata", "addax", "check"):
            section = section.get(key) if isinstance(section, dict) else None
    pair = [
        [decode_tensor(entry, "check") for entry in section.get(key) or ()]
        for key in ("inputs", "outputs")
        if isinstance(section, dict)
    ]
    if not pair or not all(pair):
        raise ValueError(
            "the file holds no pair of input and output to check: folders that `model.save` writes "
            "have one"
        )
    inputs, outputs = pair
    return inputs, outputs


# Measuring


def bench(arguments: argparse.Namespace) -> int:
    """Latency and throughput of `model.predictor()`, Python's shortest way, by batch size and
    number of threads.
    """
    from addax import config

    model = _load(arguments.model)
    most = config.num_threads()
    rows = [["batch", "threads", "p50", "p90", "p99", "max", "samples/s", "runs"]]
    for threads in arguments.threads or sorted({1, most}):
        with config.threads(threads):
            for batch in arguments.batch:
                times = _measure(
                    model, sample_inputs(model, batch, arguments.open), arguments.seconds
                )
                ranks = [_percentile(times, share) for share in (0.5, 0.9, 0.99, 1.0)]
                rate = batch * len(times) / sum(times)
                cells = [batch, threads, *map(_duration, ranks), round(rate), len(times)]
                rows.append([str(cell) for cell in cells])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)))
    return 0


def _measure(model: Any, samples: list, seconds: float) -> list[float]:
    """Seconds of each call, sorted."""
    predictor, clock = model.predictor(), time.perf_counter
    batch = samples[0] if len(samples) == 1 else samples
    begin = clock()
    while True:  # caches and clocks get warm
        predictor(batch)
        if clock() - begin >= seconds / 5:
            break
    times = []
    start = clock()
    while True:
        before = clock()
        predictor(batch)
        after = clock()
        times.append(after - before)
        if after - start >= seconds:
            return sorted(times)


def _percentile(ordered: list[float], share: float) -> float:
    return ordered[max(math.ceil(share * len(ordered)), 1) - 1]


def _duration(seconds: float) -> str:
    return f"{seconds * 1e6:.2f} µs" if seconds < 1e-3 else f"{seconds * 1e3:.2f} ms"
