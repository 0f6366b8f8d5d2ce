"""The C++ examples build with the installed library and do what they say."""

import os
import re
import shutil
from pathlib import Path

import addax
import numpy as np
import pytest
from consumer_project import ROOT, run


@pytest.fixture(scope="module")
def programs(prefix, models, tmp_path_factory) -> Path:
    """The folder of the built examples."""
    folder = tmp_path_factory.mktemp("examples")
    generator = ["-G", "Ninja"] if shutil.which("ninja") else []
    # Compiled quickly: what they print is tested, not how fast they are.
    options = ["-DCMAKE_BUILD_TYPE=", "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror"]
    places = [f"-DCMAKE_PREFIX_PATH={prefix}", f"-DADDAX_EXAMPLE_MODELS={models}"]
    run("cmake", "-S", ROOT / "examples" / "cpp", "-B", folder, *generator, *options, *places)
    run("cmake", "--build", folder, "--parallel", os.cpu_count() or 1)
    return folder


def number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    assert found, f"no '{pattern}' in:\n{text}"
    return float(found[1])


def test_digit_classifier_reads_digits(programs, models):
    said = run(programs / "digit_classifier", models)
    assert "input image: float32 (batch, 8, 8, 1)" in said and "Conv2D" in said
    assert said.count("it is a") == 3
    assert "@" in said  # ink
    model = addax.models.load_model(models / "digits")
    images, labels = user_digits(models)
    right = int((model.predict(images, verbose=0).argmax(1) == labels).sum())
    assert f"{right} of {len(labels)} digits read right" in said
    assert right > 0.9 * len(labels)


def test_embedded_model_needs_no_file(programs, tmp_path):
    (tmp_path / "alone").mkdir()
    program = shutil.copy(programs / "embedded_model", tmp_path / "alone")
    said = run(program, cwd=tmp_path / "alone")
    assert "verified: 0 away" in said
    assert number(r"\n7 +([\d.]+) %", said) > 50


def test_audio_stream_gives_the_bits_of_the_whole(programs, models):
    said = run(programs / "audio_stream", models)
    assert "blocks and whole agree bit for bit" in said
    assert number(r"error to signal: ([\d.]+) %", said) < 10
    assert "real-time factor at 48 kHz: " in said


def test_fine_tuning_learns_and_python_goes_on(programs, models, tmp_path):
    said = run(programs / "fine_tuning", models, tmp_path / "tuned")
    assert number(r"before:.* accuracy ([\d.]+)", said) < 0.5
    after = number(r"after:.* accuracy ([\d.]+)", said)
    assert after > 0.85
    model = addax.models.load_model(tmp_path / "tuned")
    images, labels = user_digits(models)
    _, accuracy = model.evaluate(1 - images[-64:], labels[-64:], batch_size=16, verbose=0)
    assert accuracy == pytest.approx(after, abs=1e-4)
    model.fit(1 - images[:192], labels[:192], batch_size=16, verbose=0)
    before = addax.models.load_model(models / "digits")
    assert int(model.optimizer.iterations) > int(before.optimizer.iterations)


def user_digits(models: Path) -> tuple[np.ndarray, np.ndarray]:
    images = np.fromfile(models / "images.f32", "float32").reshape(-1, 8, 8, 1)
    return images, np.fromfile(models / "labels.i32", "int32")


def test_tensors_and_tape_learn_the_spiral_the_same_in_both_ways(programs):
    said = run(programs / "tensors_and_tape")
    losses = re.findall(r"loss ([\d.]+) to ([\d.]+), accuracy ([\d.]+)", said)
    assert len(losses) == 2 and losses[0] == losses[1]
    assert float(losses[0][2]) > 0.95
    assert re.search(r"replayed [\d.]+ times as fast", said)


def test_thread_pool_gives_the_answers_of_one_thread(programs, models):
    said = run(programs / "thread_pool", models)
    assert said.count("the same as of one") == 4
    assert "not the same" not in said
