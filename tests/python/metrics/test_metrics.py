"""What metrics do around their formulas: recording, masks, names, subclasses, errors."""

import addax as keras
import numpy as np
import pytest
from addax import metrics, ops
from addax.backend.function import CompiledFunction
from addax.backend.masking import set_keras_mask
from training_cases import CASES, assert_close, batch, build, label

# These make their variables at the first batch, which must be an eager one or `build`.
RUNS = [
    pytest.param(case, run, id=f"{label(case)}-{run['weights']}")
    for case in CASES["metrics"]
    for run in case["runs"]
]


@pytest.mark.filterwarnings("ignore:You are passing weight")
@pytest.mark.parametrize("case, run", RUNS)
def test_recorded_updates_give_the_results_of_eager_ones(case, run):
    metric = build(metrics, case, name="metric")

    def update(y_true, y_pred, weights):
        metric.update_state(y_true, y_pred, sample_weight=weights)
        return metric.result()

    recorded = CompiledFunction(update)
    for number, name in enumerate(run["results"]):
        result = recorded(
            batch(number, case["y_true"]),
            batch(number, case["y_pred"]),
            batch(number, run["weights"]),
        )
        assert_close(result, name, rtol=2e-5, atol=2e-6)
        assert_close(metric.result(), name, rtol=2e-5, atol=2e-6)


def test_mean_is_zero_before_any_batch():
    assert float(metrics.Mean().result()) == 0.0


def test_mean_weighs_samples_whatever_their_shape():
    mean = metrics.Mean()
    mean.update_state([[1.0, 3.0], [5.0, 7.0]], sample_weight=[1.0, 0.0])
    assert float(mean.result()) == 2.0
    mean.reset_state()
    mean.update_state([[1.0, 3.0], [5.0, 7.0]], sample_weight=[[1.0, 0.0], [0.0, 1.0]])
    assert float(mean.result()) == 4.0


def test_sum_adds_weighted_values():
    total = metrics.Sum()
    total.update_state([1.0, 2.0, 3.0], sample_weight=[1.0, 0.0, 2.0])
    assert float(total.result()) == 7.0


def test_calling_a_metric_updates_and_gives_the_result():
    accuracy = metrics.BinaryAccuracy()
    assert float(accuracy([[1.0], [0.0]], [[0.9], [0.8]])) == 0.5


def test_a_mask_on_predictions_leaves_them_out():
    y_pred = ops.convert_to_tensor(np.array([[1.0], [0.0], [0.0]], "float32"))
    set_keras_mask(y_pred, ops.convert_to_tensor(np.array([True, True, False])))
    accuracy = metrics.BinaryAccuracy()
    accuracy.update_state(np.ones((3, 1), "float32"), y_pred)
    assert float(accuracy.result()) == 0.5


def test_subclasses_track_variables_and_metrics_in_attributes():
    class Difference(metrics.Metric):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.total = self.add_weight(name="total")
            self.inner = metrics.Mean(name="inner")

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.total.assign_add(ops.sum(y_true - y_pred))
            self.inner.update_state(y_pred)

        def result(self):
            return {"difference": self.total.value, "mean": self.inner.result()}

    metric = Difference(name="d")
    assert [v.path for v in metric.variables] == ["d/total", "inner/total", "inner/count"]
    result = metric(np.ones(2, "float32"), np.zeros(2, "float32"))
    assert float(result["difference"]) == 2.0
    metric.reset_state()
    assert float(metric.total) == 0.0
    assert float(metric.inner.count) == 0.0


def test_a_forgotten_super_init_is_named():
    class Forgetful(metrics.Metric):
        def __init__(self):
            self.total = self.add_weight(name="total")

    with pytest.raises(RuntimeError, match=r"`super\(\).__init__\(\)`.*'Forgetful'"):
        Forgetful()


def test_stateless_updates_change_nothing():
    mean = metrics.Mean()
    values = [v.value for v in mean.variables]
    new = mean.stateless_update_state(values, [2.0, 4.0])
    assert [float(v) for v in new] == [6.0, 2.0]
    assert float(mean.stateless_result(new)) == 3.0
    assert float(mean.total) == 0.0
    assert [float(v) for v in mean.stateless_reset_state()] == [0.0, 0.0]


@pytest.mark.parametrize(
    "identifier, name",
    [
        ("mse", "MeanSquaredError"),
        ("MAE", "MeanAbsoluteError"),
        ("auc", "AUC"),
        ("AUC", "AUC"),
        ("mean_io_u", None),
        ("f_beta_score", "FBetaScore"),
        ("sparse_categorical_accuracy", "SparseCategoricalAccuracy"),
    ],
)
def test_names_give_metrics(identifier, name):
    if name is None:
        with pytest.raises(TypeError):
            metrics.get(identifier)
    else:
        assert type(metrics.get(identifier)).__name__ == name


@pytest.mark.parametrize("identifier", ["foo", 3, {"class_name": "Foo", "config": {}}])
def test_unknown_identifiers_are_an_error(identifier):
    with pytest.raises(ValueError, match="Could not interpret metric identifier: "):
        metrics.get(identifier)


def test_names_are_counted():
    keras.backend.clear_session()
    assert [metrics.AUC().name, metrics.AUC().name, metrics.Mean().name] == ["auc", "auc_1", "mean"]
    assert repr(metrics.MeanSquaredError()) == "<MeanSquaredError name=mean_squared_error>"


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: metrics.AUC(num_thresholds=1), "must be an integer > 1"),
        (lambda: metrics.AUC(curve="x"), 'Invalid AUC curve value: "x"'),
        (lambda: metrics.AUC(summation_method="x"), "Invalid AUC summation method value"),
        (lambda: metrics.Precision(thresholds=[2.0]), r"Threshold values must be in \[0, 1\]"),
        (lambda: metrics.F1Score(average="x"), "Invalid `average` argument value"),
        (lambda: metrics.F1Score(threshold=3), "It should be a Python float"),
        (lambda: metrics.FBetaScore(beta=-1.0), "It should be > 0"),
        (lambda: metrics.R2Score(class_aggregation="x"), "`class_aggregation`"),
        (lambda: metrics.R2Score(num_regressors=-1), "Expected a value >= 0"),
        (lambda: metrics.PrecisionAtRecall(2.0), r"`recall` must be in the range \[0, 1\]"),
        (lambda: metrics.PrecisionAtRecall(0.5, num_thresholds=0), "must be an integer > 0"),
        (lambda: metrics.IoU(2, [3]), "Target class id 3 is out of range"),
        (lambda: metrics.F1Score().update_state(np.ones(3), np.ones(3)), "expects 2D inputs"),
        (lambda: metrics.R2Score().update_state(np.ones(3), np.ones(3)), "expects 2D inputs"),
    ],
)
def test_wrong_arguments_are_an_error(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_top_k_accepts_sorted_class_ids():
    metric = metrics.SparseTopKCategoricalAccuracy(k=2, from_sorted_ids=True)
    metric.update_state([2, 1], [[1, 0, 2], [1, 0, 2]])
    assert float(metric.result()) == 0.5
    assert metric.get_config()["from_sorted_ids"] is True


def test_adjusted_r2_falls_back_when_there_are_few_samples():
    metric = metrics.R2Score(num_regressors=20)
    metric.update_state([[1.0], [2.0], [4.0]], [[1.5], [2.0], [3.0]])
    with pytest.warns(UserWarning, match="More independent predictors"):
        adjusted = float(metric.result())
    plain = metrics.R2Score()
    plain.update_state([[1.0], [2.0], [4.0]], [[1.5], [2.0], [3.0]])
    assert adjusted == pytest.approx(float(plain.result()))


def test_auc_of_scikit_learn_is_near():
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(0)
    y_true = rng.integers(0, 2, 500)
    y_pred = np.clip(y_true * 0.3 + rng.uniform(0, 0.7, 500), 0, 1).astype("float32")
    metric = metrics.AUC(num_thresholds=1000)
    metric.update_state(y_true, y_pred)
    assert float(metric.result()) == pytest.approx(roc_auc_score(y_true, y_pred), abs=2e-3)
