"""Every metric, its variables and its config are those of Keras."""

import pytest
from addax import metrics
from training_cases import CASES, assert_close, batch, build, label

METRICS = CASES["metrics"]
RUNS = [
    pytest.param(case, run, id=f"{label(case)}-{run['weights']}")
    for case in METRICS
    for run in case["runs"]
]


@pytest.mark.parametrize("case, run", RUNS)
def test_results_over_two_batches_are_those_of_keras(case, run):
    metric = build(metrics, case, name="metric")
    for number, name in enumerate(run["results"]):
        metric.update_state(
            batch(number, case["y_true"]),
            batch(number, case["y_pred"]),
            sample_weight=batch(number, run["weights"]),
        )
        assert_close(metric.result(), name, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("case", METRICS, ids=label)
def test_configs_and_variables_are_those_of_keras(case):
    metric = build(metrics, case, name="metric")
    metric.update_state(batch(0, case["y_true"]), batch(0, case["y_pred"]))
    config = metric.get_config()
    assert config == case["config"]
    assert list(config) == list(case["config"])
    assert [[v.path, list(v.shape)] for v in metric.variables] == case["variables"]
    assert getattr(metric, "_direction", None) == case["direction"]


@pytest.mark.parametrize("case", METRICS, ids=label)
def test_a_reset_metric_starts_anew_and_a_config_makes_the_same_metric(case):
    metric = build(metrics, case, name="metric")
    metric.update_state(batch(0, case["y_true"]), batch(0, case["y_pred"]))
    metric.reset_state()
    again = metrics.deserialize(metrics.serialize(metric))
    assert type(again) is type(metric)
    assert again.get_config() == metric.get_config()
    for m in (metric, again):
        m.update_state(batch(1, case["y_true"]), batch(1, case["y_pred"]))
    assert str(metric.result()) == str(again.result())
