"""What losses do around their formulas: weights, masks, dtypes, logits, names, errors."""

import math
import warnings

import addax as keras
import numpy as np
import pytest
from addax import losses, ops
from addax.backend.masking import set_keras_mask


def test_sample_weights_of_rank_one_weigh_samples():
    y_true, y_pred = np.zeros((2, 3), "float32"), np.ones((2, 3), "float32")
    loss = losses.MeanSquaredError(reduction="sum")
    assert float(loss(y_true, y_pred, sample_weight=np.array([1.0, 3.0]))) == 4.0


def test_sample_weights_of_time_series_weigh_samples_or_steps():
    y_true = np.zeros((2, 3, 4), "float32")
    y_pred = np.ones((2, 3, 4), "float32")
    loss = losses.MeanSquaredError(reduction="sum")
    assert float(loss(y_true, y_pred, sample_weight=np.array([1.0, 0.0]))) == 3.0
    steps = np.array([[1.0, 0.0, 0.0], [1.0, 1.0, 0.0]])
    assert float(loss(y_true, y_pred, sample_weight=steps)) == 3.0


def test_a_mask_leaves_values_out_of_the_mean():
    y_pred = ops.convert_to_tensor(np.array([[1.0], [2.0], [5.0]], "float32"))
    set_keras_mask(y_pred, ops.convert_to_tensor(np.array([True, True, False])))
    loss = losses.MeanSquaredError()
    assert float(loss(np.zeros((3, 1), "float32"), y_pred)) == pytest.approx(2.5)
    weighted = loss(np.zeros((3, 1), "float32"), y_pred, sample_weight=np.array([1.0, 2.0, 9.0]))
    assert float(weighted) == pytest.approx((1 + 8) / 2)


def test_a_mask_of_nothing_gives_zero():
    y_pred = ops.convert_to_tensor(np.ones((3, 1), "float32"))
    set_keras_mask(y_pred, ops.convert_to_tensor(np.zeros(3, bool)))
    assert float(losses.MeanSquaredError()(np.zeros((3, 1), "float32"), y_pred)) == 0.0


def test_targets_of_rank_one_match_predictions_of_shape_batch_1():
    y_true = np.array([0.0, 1.0, 2.0], "float32")
    y_pred = np.array([[0.0], [1.0], [4.0]], "float32")
    assert float(losses.MeanSquaredError()(y_true, y_pred)) == pytest.approx(4 / 3)


def test_binary_crossentropy_on_logits_does_not_overflow():
    loss = losses.BinaryCrossentropy(from_logits=True)
    value = float(loss(np.array([[1.0], [0.0]]), np.array([[-1000.0], [1000.0]])))
    assert value == pytest.approx(1000.0)


def test_probabilities_are_clipped_at_epsilon():
    loss = losses.BinaryCrossentropy()
    assert float(loss(np.array([[1.0]]), np.array([[0.0]]))) == pytest.approx(
        -math.log(1e-7), rel=1e-5
    )


@pytest.mark.parametrize("wrapped", [False, True])
def test_crossentropies_use_the_logits_behind_a_softmax_or_sigmoid(wrapped):
    logits = np.array([[200.0, 0.0, 0.0]], "float32")
    softmax = keras.activations.softmax(ops.convert_to_tensor(logits))
    sparse = losses.SparseCategoricalCrossentropy() if wrapped else _sparse
    dense = losses.CategoricalCrossentropy() if wrapped else losses.categorical_crossentropy
    binary = losses.BinaryCrossentropy() if wrapped else losses.binary_crossentropy
    assert np.asarray(sparse(np.array([1]), softmax)).item() == pytest.approx(200.0)
    one_hot = np.array([[0.0, 1.0, 0.0]])
    assert np.asarray(dense(one_hot, softmax)).item() == pytest.approx(200.0)
    sigmoid = keras.activations.sigmoid(ops.convert_to_tensor(logits[:, :1]))
    assert np.asarray(binary(np.zeros((1, 1)), sigmoid)).item() == pytest.approx(200.0)


def _sparse(y_true, y_pred):
    return losses.sparse_categorical_crossentropy(y_true, y_pred)


def test_logits_of_another_activation_are_not_used():
    logits = ops.convert_to_tensor(np.array([[3.0, 1.0, -1.0]], "float32"))
    sigmoid = keras.activations.sigmoid(logits)
    plain = ops.convert_to_tensor(sigmoid.numpy())
    one_hot = np.array([[0.0, 1.0, 0.0]])
    np.testing.assert_allclose(
        losses.categorical_crossentropy(one_hot, sigmoid),
        losses.categorical_crossentropy(one_hot, plain),
        rtol=1e-6,
    )


def test_softmax_with_from_logits_warns():
    softmax = keras.activations.softmax(ops.convert_to_tensor(np.zeros((1, 3), "float32")))
    with pytest.warns(UserWarning, match="Was this intended?"):
        losses.CategoricalCrossentropy(from_logits=True)(np.eye(3, dtype="float32")[:1], softmax)


def test_ignored_classes_do_not_count():
    loss = losses.SparseCategoricalCrossentropy(ignore_class=255)
    probabilities = np.full((4, 3), 1 / 3, "float32")
    value = loss(np.array([0, 255, 2, 255]), probabilities)
    assert float(value) == pytest.approx(math.log(3), rel=1e-5)


def test_class_ids_out_of_range_are_an_error():
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    with pytest.raises((ValueError, IndexError), match="7"):
        loss(np.array([7]), np.zeros((1, 3), "float32"))


def test_one_class_is_warned_of():
    with pytest.warns(SyntaxWarning, match="num_classes > 1"):
        losses.CategoricalCrossentropy()(np.ones((2, 1)), np.ones((2, 1)))


def test_the_dtype_of_a_loss_is_that_of_its_value():
    assert losses.MeanSquaredError(dtype="float64")(np.zeros((2, 2)), np.ones((2, 2))).dtype == (
        "float64"
    )
    assert losses.MeanSquaredError()(np.zeros((2, 2)), np.ones((2, 2))).dtype == "float32"


def test_structures_go_to_the_loss_as_they_are():
    class Both(losses.Loss):
        def call(self, y_true, y_pred):
            return ops.abs(y_true["a"] - y_pred["a"]) + ops.abs(y_true["b"] - y_pred["b"])

    one, two = np.ones(3, "float32"), np.full(3, 2, "float32")
    assert float(Both()({"a": one, "b": one}, {"a": two, "b": one})) == 1.0


@pytest.mark.parametrize("kind", ["mse", "MSE", "mean_squared_error"])
def test_names_of_functions_give_functions(kind):
    assert losses.get(kind) is losses.mean_squared_error


def test_names_of_classes_give_objects():
    assert isinstance(losses.get("CategoricalCrossentropy"), losses.CategoricalCrossentropy)


def test_get_passes_none_and_callables_through():
    assert losses.get(None) is None
    assert losses.get(math.sqrt) is math.sqrt
    loss = losses.MeanSquaredError()
    assert losses.get(loss) is loss


@pytest.mark.parametrize("identifier", ["foo", 3, {"class_name": "Foo", "config": {}}, ["x"]])
def test_unknown_identifiers_are_an_error(identifier):
    with pytest.raises(ValueError, match="Could not interpret loss identifier: "):
        losses.get(identifier)


def test_custom_losses_are_found_in_a_scope():
    def my_loss(y_true, y_pred):
        return y_pred

    with keras.saving.custom_object_scope({"my_loss": my_loss}):
        assert losses.get("my_loss") is my_loss


def test_unknown_reductions_are_an_error():
    with pytest.raises(ValueError, match="Invalid value for argument `reduction`"):
        losses.MeanSquaredError(reduction="foo")


def test_shapes_that_do_not_fit_are_an_error():
    with pytest.raises(ValueError, match="must have the same shape"):
        losses.CategoricalCrossentropy()(np.ones((2, 3)), np.ones((2, 4)))


def test_losses_of_a_wrapped_function_survive_their_config():
    loss = losses.LossFunctionWrapper(losses.huber, name="h", delta=2.0)
    again = losses.LossFunctionWrapper.from_config(loss.get_config())
    y_true, y_pred = np.zeros((1, 2), "float32"), np.array([[3.0, 1.0]], "float32")
    assert float(again(y_true, y_pred)) == float(loss(y_true, y_pred))


def test_no_warning_without_a_cause():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        losses.CategoricalCrossentropy()(np.eye(3), np.full((3, 3), 1 / 3))


@pytest.mark.parametrize("label", [-1, 3, np.nan])
def test_labels_that_are_no_class_are_an_error_for_probabilities_too(label):
    loss = losses.SparseCategoricalCrossentropy()
    with pytest.raises((ValueError, IndexError)):
        loss(np.array([label]), np.full((1, 3), 1 / 3, "float32"))


@pytest.mark.parametrize("loss", [losses.Dice(), losses.Tversky()])
def test_loss_of_the_whole_batch_is_weighted_with_the_mean_weight(loss):
    y_true = np.eye(4, dtype="float32")
    y_pred = np.full((4, 4), 0.25, "float32")
    plain = float(loss(y_true, y_pred))
    weighted = float(loss(y_true, y_pred, sample_weight=np.arange(4.0)))
    assert weighted == pytest.approx(plain * 1.5)
    with pytest.raises(ValueError, match="more axes than the loss has values"):
        loss(y_true, y_pred, sample_weight=np.ones((4, 4)))
