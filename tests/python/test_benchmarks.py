"""The benchmarks keep their promises: workloads run as defined, risen instruction counts fail."""

import sys
from pathlib import Path

import addax as keras
import pytest

BENCH = Path(__file__).parents[2] / "bench"
sys.path += [str(BENCH / "python"), str(BENCH / "instructions")]

import count  # noqa: E402
import floor  # noqa: E402
import report  # noqa: E402
import tables  # noqa: E402
from workloads import WORKLOADS  # noqa: E402

LIMITS = floor.Limits(1e11, ((1e6, 1e11), (3e7, 5e10), (1e30, 2e10)))
SMALL = [w for w in WORKLOADS.values() if max(w.shape) < 200 or w.words]


@pytest.mark.parametrize("workload", SMALL, ids=lambda workload: workload.name)
def test_a_workload_takes_its_inputs_and_has_a_floor(workload):
    outputs = workload.build(keras).predict_on_batch(workload.inputs(2))
    assert outputs.shape[0] == 2
    if workload.batch and workload.classes:
        assert outputs.shape[-1] == workload.classes
    once = floor.floor(workload, "infer", 1, LIMITS)
    assert 0 < once <= floor.floor(workload, "infer", 32, LIMITS)
    if workload.batch:
        assert floor.floor(workload, "train", 1, LIMITS) > once


def test_the_floor_of_a_product_is_its_multiply_adds():
    class Mlp:
        shape = (1000,)

        @staticmethod
        def build(keras):
            return keras.Sequential([keras.Input((1000,)), keras.layers.Dense(500)])

    # One layer: forward and the weights' gradient; the input needs none.
    flops = 2 * 1000 * 500 * 10_000
    assert floor.floor(Mlp, "infer", 10_000, LIMITS) == pytest.approx(flops / 1e11)
    assert floor.floor(Mlp, "train", 10_000, LIMITS) == pytest.approx(2 * flops / 1e11)


def test_only_a_rise_above_the_tolerance_fails(capsys):
    kept = {"same": 1000, "noise": 1000, "less": 1000, "more": 1000}
    counts = {"same": 1000, "noise": 1040, "less": 500, "more": 1060, "new": 1}
    assert count.compare(counts, kept) == ["more", "new"]
    assert "more: 1,060 (+6.0%)" in capsys.readouterr().out


def test_what_stands_between_two_marks_of_a_page_is_replaced(tmp_path):
    page, marks = tmp_path / "page.md", ("<!-- a -->", "<!-- b -->")
    page.write_text("before\n<!-- a -->\nold\n<!-- b -->\nafter\n")
    for _ in range(2):
        report.replace_between(page, marks, "new\n")
        assert page.read_text() == "before\n<!-- a -->\n\nnew\n\n<!-- b -->\nafter\n"
    with pytest.raises(ValueError, match=r"page\.md must have"):
        report.replace_between(page, ("<!-- a -->", "<!-- c -->"), "new")


def test_a_table_gives_the_ratio_to_the_fastest_peer_and_to_the_floor():
    times = {"wall": 2e-3, "wall_min": 2e-3, "cpu": 2e-3, "cpu_min": 2e-3}
    slower = {name: 2 * time for name, time in times.items()}
    result = {
        "workload": "mlp",
        "mode": "train",
        "threads": 1,
        "rows": {"train": {"addax": times, "jax": slower, "torch": {**slower, "wall": 1.0}}},
        "floors": {"train": 1e-3},
        "memory": {"addax": 50e6, "torch": 200e6},
        "empty": {},
    }
    speed, memory = tables.tables([result], "wall")
    assert "**0.500**" in speed and "≤ 0.7" in speed and "| 2.0 " in speed
    assert "0.250" in memory
