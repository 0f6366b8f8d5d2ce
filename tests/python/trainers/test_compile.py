import addax
import numpy as np
import pytest
from addax import layers

X = np.array([[1.0, 0, 0], [0, 2.0, 0]], "float32")  # both outputs are 0.5 and 1.0
Y = [np.array([[1.0], [0.0]]), np.array([[0.5], [3.0]])]
MSE1, MSE2 = (0.25 + 1) / 2, 4 / 2
MAE1, MAE2 = 0.75, 1.0


def history(model, y=Y, **kwargs):
    found = model.fit(X, y, verbose=0, **kwargs).history
    return {name: values[0] for name, values in found.items()}


def test_losses_and_metrics_of_several_outputs(two_outputs):
    model = two_outputs(
        loss=["mse", "mae"],
        loss_weights=[1.0, 0.5],
        metrics=[["mae"], ["mse", "accuracy"]],
        weighted_metrics=[["mse"], []],
    )
    got = history(model)
    assert list(got) == [
        "loss",
        "o1_loss",
        "o1_mae",
        "o1_mse",
        "o2_accuracy",
        "o2_loss",
        "o2_mse",
    ]
    assert got["loss"] == pytest.approx(MSE1 + 0.5 * MAE2)
    assert got["o1_loss"] == pytest.approx(MSE1)
    assert got["o2_loss"] == pytest.approx(MAE2)
    assert got["o1_mae"] == pytest.approx(MAE1)
    assert got["o2_mse"] == pytest.approx(MSE2)
    assert model.metrics_names == ["loss", "compile_metrics", "o1_loss", "o2_loss"]
    results = model.evaluate(X, Y, verbose=0)
    assert results[:3] == pytest.approx([MSE1 + 0.5 * MAE2, MSE1, MAE2])
    assert len(results) == 7


def test_outputs_in_a_dict(two_outputs):
    model = two_outputs(
        dict,
        loss={"p": "mse", "q": "mae"},
        metrics={"p": "mae"},
        loss_weights={"p": 1.0, "q": 0.5},
    )
    got = history(model, {"p": Y[0], "q": Y[1]})
    assert list(got) == ["loss", "p_loss", "p_mae", "q_loss"]
    assert got["loss"] == pytest.approx(MSE1 + 0.5 * MAE2)


def test_settings_by_output_name_for_a_list_of_outputs(two_outputs):
    model = two_outputs(
        loss={"o1": "mse", "o2": "mae"},
        metrics={"o2": ["mse"]},
        loss_weights={"o1": 2.0, "o2": 0.0},
    )
    got = history(model, {"o2": Y[1], "o1": Y[0]})
    assert got["loss"] == pytest.approx(2 * MSE1)
    assert got["o2_mse"] == pytest.approx(MSE2)


def test_weighted_metrics_of_the_same_name_are_told_apart(two_outputs):
    model = two_outputs(loss="mse", metrics=[["mae"], ["mae"]], weighted_metrics=[["mae"], ["mse"]])
    assert [name for name in history(model) if "loss" not in name] == [
        "o1_mae",
        "o1_weighted_mae",
        "o2_mae",
        "o2_mse",
    ]


def test_one_loss_serves_all_outputs(two_outputs):
    got = history(two_outputs(loss="mse"))
    assert got["loss"] == pytest.approx(MSE1 + MSE2)
    assert got["o1_loss"] == pytest.approx(MSE1)
    weighted = history(two_outputs(loss="mse", loss_weights=[1.0, 0.5]))
    assert weighted["loss"] == pytest.approx(MSE1 + 0.5 * MSE2)


@pytest.mark.filterwarnings("ignore:Gradients do not exist")
def test_outputs_without_a_loss_are_left_out(two_outputs):
    assert history(two_outputs(loss=["mse", None])) == {"loss": pytest.approx(MSE1)}
    got = history(two_outputs(dict, loss={"p": "mse"}), {"p": Y[0], "q": Y[1]})
    assert got == {"loss": pytest.approx(MSE1)}
    got = history(two_outputs(dict, loss={"p": "mse"}), {"p": Y[0]})
    assert got == {"loss": pytest.approx(MSE1)}


def test_sample_weight_per_output(two_outputs):
    model = two_outputs(loss=["mse", "mse"])
    both = history(model, sample_weight=np.array([1.0, 0.0]))
    assert both["o1_loss"] == pytest.approx(0.125) and both["o2_loss"] == pytest.approx(0.0)
    each = history(model, sample_weight=[np.array([1.0, 0.0]), np.array([0.0, 1.0])])
    assert each["o1_loss"] == pytest.approx(0.125) and each["o2_loss"] == pytest.approx(2.0)


def test_nested_outputs_of_a_subclassed_model():
    class Net(addax.Model):
        def call(self, x):
            return {"a": x[:, :1], "b": [x[:, 1:2], x[:, 2:]]}

    model = Net()
    model.compile("sgd", {"a": "mse", "b": ["mae", "mse"]}, metrics={"b": [["mse"], None]})
    y = {"a": X[:, :1] + 1, "b": [X[:, 1:2] + 2, X[:, 2:] + 3]}
    got = model.evaluate(X, y, verbose=0, return_dict=True)
    assert got == {
        "a_loss": pytest.approx(1),
        "b_0_loss": pytest.approx(2),
        "b_0_mse": pytest.approx(4),
        "b_1_loss": pytest.approx(9),
        "loss": pytest.approx(12),
    }


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"loss": {"zz": "mse"}}, ValueError, r"Expected keys \['o1', 'o2'\] in loss dict"),
        ({"loss": ["mse"] * 3}, ValueError, "`loss` must have one entry per output"),
        (
            {"loss": ["mse", "mse"], "loss_weights": [1.0, 2.0, 3.0]},
            ValueError,
            "`loss_weights` must match the number of losses, got 2 losses and 3 weights",
        ),
        (
            {"loss": "mse", "metrics": ["mae"]},
            ValueError,
            "Invalid `metrics`. `metrics` should contain metrics objects",
        ),
        ({"loss": "mse", "metrics": ["mae"] * 3}, ValueError, "Invalid `metrics`"),
        ({"loss": "mse", "metrics": {"zz": "mae"}}, ValueError, "Invalid `metrics`"),
    ],
)
def test_settings_that_fit_no_output_are_named(two_outputs, kwargs, error, message):
    with pytest.raises(error, match=message):
        history(two_outputs(**kwargs))


def test_unknown_keys_of_a_loss_for_dict_outputs_are_named(two_outputs):
    with pytest.raises(KeyError, match="can't be found in either the model's output"):
        history(two_outputs(dict, loss={"zz": "mse"}), {"p": Y[0], "q": Y[1]})


def test_targets_of_another_structure_are_refused(two_outputs):
    with pytest.raises(ValueError, match="y_true and y_pred have different structures"):
        history(two_outputs(loss="mse"), Y[:1])
    with pytest.raises(ValueError, match="y_true and y_pred have different structures"):
        history(two_outputs(loss="mse"), Y[0])
    single = addax.Sequential([addax.Input((3,)), layers.Dense(1)])
    single.compile("sgd", "mse")
    with pytest.raises(ValueError, match="y_true and y_pred have different structures"):
        history(single, Y)


@pytest.mark.parametrize(
    ("units", "activation", "y", "kind"),
    [
        (1, "sigmoid", np.array([0, 1]), "BinaryAccuracy"),
        (1, "sigmoid", np.array([[0], [1]]), "BinaryAccuracy"),
        (3, "softmax", np.array([0, 2]), "SparseCategoricalAccuracy"),
        (3, "softmax", np.array([[0], [2]]), "SparseCategoricalAccuracy"),
        (3, "softmax", np.eye(3)[[0, 2]], "CategoricalAccuracy"),
    ],
)
def test_accuracy_is_chosen_by_shape(units, activation, y, kind):
    for name in ("accuracy", "acc"):
        model = addax.Sequential([addax.Input((3,)), layers.Dense(units, activation=activation)])
        model.compile("sgd", metrics=[name])
        assert name in model.evaluate(X, y, verbose=0, return_dict=True)
        assert [type(m).__name__ for m in model.compiled_metrics.metrics] == [kind]


def test_metrics_may_be_names_objects_and_functions():
    model = addax.Sequential([addax.Input((3,)), layers.Dense(1)])

    def my_metric(y_true, y_pred):
        return addax.ops.mean(y_pred, axis=-1)

    model.compile(
        "sgd",
        lambda a, b: addax.ops.mean((a - b) ** 2, -1),
        metrics=[my_metric, addax.metrics.mean_absolute_error, addax.metrics.MeanSquaredError()],
    )
    got = model.evaluate(X, Y[0], verbose=0, return_dict=True)
    assert set(got) == {"loss", "mean_absolute_error", "mean_squared_error", "my_metric"}
    assert got["loss"] == pytest.approx(got["mean_squared_error"], rel=1e-5)
    assert got["my_metric"] == pytest.approx(float(model.predict(X, verbose=0).mean()), rel=1e-5)


def test_metrics_of_one_name_are_numbered():
    model = addax.Sequential([addax.Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae", "mae"])
    assert list(history(model, Y[0])) == ["loss", "mae", "mae_1"]


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"loss": "foo"}, "Could not interpret loss identifier: foo"),
        ({"optimizer": "foo"}, "Could not interpret optimizer identifier: foo"),
        ({"metrics": "accuracy"}, "Expected `metrics` argument to be a list, tuple, or dict"),
        ({"weighted_metrics": "mse"}, "Expected `weighted_metrics` argument to be a list"),
        ({"loss": "mse", "loss_weights": "a"}, "Expected `loss_weights` argument to be a float"),
        ({"steps_per_execution": -1}, "`steps_per_execution` must be a positive integer"),
    ],
)
def test_compile_names_what_is_wrong(kwargs, message):
    model = addax.Sequential([addax.Input((3,)), layers.Dense(1)])
    with pytest.raises(ValueError, match=message):
        model.compile(**kwargs)


def test_unknown_metric_is_named_at_fit():
    model = addax.Sequential([addax.Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["foo"])
    with pytest.raises(ValueError, match="Could not interpret metric identifier: foo"):
        history(model, Y[0])


def test_eager_and_jit_exclude_each_other():
    model = addax.Sequential([addax.Input((3,)), layers.Dense(1)])
    with pytest.warns(UserWarning, match="`jit_compile` cannot also be True"):
        model.compile("sgd", "mse", run_eagerly=True, jit_compile=True)
    assert model.run_eagerly and not model.jit_compile
    model.compile("sgd", "mse", jit_compile=True)
    assert model.jit_compile


def test_compile_config_compiles_another_model_alike():
    model = addax.Sequential([addax.Input((3,)), layers.Dense(1)])
    model.compile(
        addax.optimizers.Adam(0.01), "mse", metrics=["mae"], loss_weights=2.0, jit_compile=True
    )
    config = model.get_compile_config()
    assert config["loss"] == "mse" and config["metrics"] == ["mae"]
    assert list(config) == [
        "optimizer",
        "loss",
        "loss_weights",
        "metrics",
        "weighted_metrics",
        "run_eagerly",
        "steps_per_execution",
        "jit_compile",
    ]
    twin = addax.models.clone_model(model)
    twin.compile_from_config(config)
    assert twin.get_compile_config() == config
    assert float(twin.optimizer.learning_rate) == pytest.approx(0.01)
    twin.set_weights(model.get_weights())
    assert twin.evaluate(X, Y[0], verbose=0) == model.evaluate(X, Y[0], verbose=0)


def test_compile_again_starts_anew():
    model = addax.Sequential([addax.Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    history(model, Y[0])
    model.compile("sgd", "mae")
    assert list(history(model, Y[0])) == ["loss"]


def test_metrics_of_an_uncompiled_model_are_empty():
    model = addax.Sequential([addax.Input((3,)), layers.Dense(1)])
    assert model.metrics == [] and model.metrics_names == []
    assert model.get_compile_config() is None
