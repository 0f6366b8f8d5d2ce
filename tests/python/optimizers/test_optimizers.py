"""What optimizers do around their formulas: rates, variables, constraints, errors, copies."""

import copy
import pickle

import addax as keras
import numpy as np
import pytest
from addax import Variable, ops, optimizers
from addax.backend.function import CompiledFunction


def variable(value=(1.0, 2.0), name="w"):
    return Variable(np.array(value, "float32"), name=name)


def ones():
    return np.ones(2, "float32")


def test_the_learning_rate_is_a_variable_that_can_be_set():
    optimizer = optimizers.Adam()
    assert optimizer.get_config()["learning_rate"] == 0.0010000000474974513
    optimizer.learning_rate = 0.5
    assert float(optimizer.learning_rate) == 0.5
    optimizer.learning_rate.assign(0.25)
    assert optimizer.get_config()["learning_rate"] == 0.25


def test_a_changed_rate_reaches_a_recorded_step():
    v, optimizer = variable(), optimizers.SGD(1.0)
    optimizer.build([v])
    step = CompiledFunction(lambda g: optimizer.apply([g]))
    step(ones())
    optimizer.learning_rate = 10.0
    step(ones())
    np.testing.assert_allclose(v.numpy(), [-10.0, -9.0])


def test_whole_numbers_and_numpy_numbers_are_rates():
    for rate in (1, np.float32(1), np.float64(1)):
        assert optimizers.SGD(rate).get_config()["learning_rate"] == 1.0


@pytest.mark.parametrize("rate", ["a", None, True])
def test_other_things_are_no_rates(rate):
    with pytest.raises(ValueError, match="Argument `learning_rate` should be float"):
        optimizers.SGD(rate)


def test_a_callable_gives_the_rate():
    v, optimizer = variable(), optimizers.SGD(lambda: 0.5)
    optimizer.apply([ones()], [v])
    np.testing.assert_allclose(v.numpy(), [0.5, 1.5])
    assert [x.path for x in optimizer.variables] == [f"{optimizer.name}/iteration"]


def test_iterations_count_updates():
    v, optimizer = variable(), optimizers.SGD(gradient_accumulation_steps=3)
    for _ in range(7):
        optimizer.apply([ones()], [v])
    assert int(optimizer.iterations) == 2
    np.testing.assert_allclose(v.numpy(), [1 - 0.02, 2 - 0.02], rtol=1e-6)


def test_constraints_are_applied_after_the_step():
    v, optimizer = variable((0.5, 2.0)), optimizers.SGD(1.0)
    v.constraint = keras.constraints.NonNeg()
    optimizer.apply([ones()], [v])
    np.testing.assert_allclose(v.numpy(), [0.0, 1.0])


def test_missing_gradients_are_warned_of_and_left_out():
    a, b, optimizer = variable(name="a"), variable(name="b"), optimizers.SGD(1.0)
    optimizer.build([a, b])
    with pytest.warns(UserWarning, match=r"Gradients do not exist for variables \['a'\]"):
        optimizer.apply([None, ones()])
    np.testing.assert_allclose(a.numpy(), [1.0, 2.0])
    np.testing.assert_allclose(b.numpy(), [0.0, 1.0])


def test_no_gradient_at_all_is_an_error():
    optimizer = optimizers.SGD()
    with pytest.raises(ValueError, match="No gradients provided for any variable"):
        optimizer.apply([None], [variable()])


def test_unknown_variables_are_an_error():
    optimizer = optimizers.SGD()
    optimizer.build([variable()])
    with pytest.raises(ValueError, match="Unknown variable: "):
        optimizer.apply([ones()], [variable()])
    with pytest.raises(ValueError, match="Received a list of 2 gradients"):
        optimizer.apply([ones(), ones()])
    with pytest.raises(ValueError, match="must already be built"):
        optimizers.SGD().apply([ones()])


def test_weight_decay_spares_what_is_excluded():
    kernel, bias, other = variable(name="kernel"), variable(name="bias"), variable(name="other")
    optimizer = optimizers.SGD(1.0, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_list=[other], var_names=["bias"])
    zero = np.zeros(2, "float32")
    optimizer.apply([zero, zero, zero], [kernel, bias, other])
    np.testing.assert_allclose(kernel.numpy(), [0.5, 1.0])
    np.testing.assert_allclose(bias.numpy(), [1.0, 2.0])
    np.testing.assert_allclose(other.numpy(), [1.0, 2.0])
    with pytest.raises(ValueError, match="only be configured before the optimizer is built"):
        optimizer.exclude_from_weight_decay(var_names=["x"])


def test_a_global_norm_that_is_not_finite_makes_gradients_nan():
    v, optimizer = variable(), optimizers.SGD(1.0, global_clipnorm=1.0)
    optimizer.apply([np.array([np.inf, 1.0], "float32")], [v])
    assert np.isnan(v.numpy()).all()


def test_averages_replace_variables_at_the_end():
    v, optimizer = variable((1.0, 1.0)), optimizers.SGD(1.0, use_ema=True, ema_momentum=0.5)
    optimizer.apply([ones()], [v])
    optimizer.apply([ones()], [v])
    np.testing.assert_allclose(v.numpy(), [-1.0, -1.0])
    optimizer.finalize_variable_values([v])
    np.testing.assert_allclose(v.numpy(), [-0.5, -0.5])


def test_stateless_apply_changes_nothing():
    v, optimizer = variable(), optimizers.SGD(1.0, momentum=0.5)
    optimizer.build([v])
    weights, state = optimizer.stateless_apply(
        [x.value for x in optimizer.variables], [ones()], [v.value]
    )
    np.testing.assert_allclose(weights[0], [0.0, 1.0])
    assert int(state[0]) == 1
    np.testing.assert_allclose(v.numpy(), [1.0, 2.0])
    assert int(optimizer.iterations) == 0


class Halving(optimizers.Optimizer):
    """A user's optimizer: halves the variable and remembers the gradient."""

    def __init__(self, learning_rate=1.0, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.calls = Variable(0.0, name="calls")

    def build(self, variables):
        super().build(variables)
        self.last = self.add_optimizer_variables(variables, "last")

    def update_step(self, gradient, variable, learning_rate):
        self.last[self._get_variable_index(variable)].assign(gradient)
        variable.assign(variable * 0.5)


def test_a_users_optimizer_accumulates_in_eager_and_recorded_steps():
    for recorded in (False, True):
        v, optimizer = variable((8.0, 4.0)), Halving(gradient_accumulation_steps=2)
        optimizer.build([v])
        assert len(optimizer.variables) == 5
        apply = CompiledFunction(lambda g, o=optimizer: o.apply([g])) if recorded else None
        for value in (1.0, 3.0, 5.0):
            gradient = np.full(2, value, "float32")
            apply(gradient) if recorded else optimizer.apply([gradient])
        np.testing.assert_allclose(v.numpy(), [4.0, 2.0])
        np.testing.assert_allclose(optimizer.last[0].numpy(), [2.0, 2.0])


def test_a_forgotten_super_init_is_named():
    class Forgetful(optimizers.Optimizer):
        def __init__(self):
            self.name = "x"

    with pytest.raises(RuntimeError, match=r"you forgot to call `super\(\).__init__\(\)`"):
        Forgetful()


@pytest.mark.parametrize("make", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_go_on_with_their_own_variables(make):
    v, optimizer = variable(), optimizers.Adam(0.1)
    optimizer.apply([ones()], [v])
    v2, optimizer2 = make((v, optimizer))
    optimizer2.apply([ones()], [v2])
    optimizer.apply([ones()], [v])
    np.testing.assert_array_equal(v.numpy(), v2.numpy())
    assert int(optimizer2.iterations) == 2


def test_own_variables_go_through_a_dict():
    v, optimizer = variable(), optimizers.Adam(0.1)
    optimizer.apply([ones()], [v])
    store: dict = {}
    optimizer.save_own_variables(store)
    again = optimizers.Adam(0.3)
    again.build([v])
    again.load_own_variables(store)
    for a, b in zip(optimizer.variables, again.variables):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    with pytest.warns(UserWarning, match="Skipping variable loading for optimizer"):
        optimizers.SGD().load_own_variables(store)


def test_a_gradient_that_is_not_finite_halves_the_loss_scale():
    for recorded in (False, True):
        v = variable()
        optimizer = optimizers.LossScaleOptimizer(
            optimizers.SGD(1.0), initial_scale=4.0, dynamic_growth_steps=2
        )
        optimizer.build([v])
        assert float(optimizer.scale_loss(ops.convert_to_tensor(1.0))) == 4.0
        apply = CompiledFunction(lambda g, o=optimizer: o.apply([g])) if recorded else None
        for value, scale in ((np.nan, 2.0), (2.0, 2.0), (2.0, 4.0), (4.0, 4.0)):
            gradient = np.full(2, value, "float32")
            apply(gradient) if recorded else optimizer.apply([gradient])
            assert float(optimizer.dynamic_scale) == scale
        np.testing.assert_allclose(v.numpy(), [1.0 - 3.0, 2.0 - 3.0])
        assert int(optimizer.iterations) == 3


def test_loss_scale_optimizers_survive_their_config():
    optimizer = optimizers.LossScaleOptimizer(optimizers.Adam(0.5), initial_scale=8.0)
    again = optimizers.deserialize(optimizers.serialize(optimizer))
    assert again.get_config() == optimizer.get_config()
    assert isinstance(again.inner_optimizer, optimizers.Adam)


@pytest.mark.parametrize("identifier", ["adam", "Adam", "ADAM", "AdamW", "rmsprop", "sgd", "ftrl"])
def test_names_in_any_case_give_optimizers(identifier):
    assert type(optimizers.get(identifier)).__name__.lower() == identifier.lower()


def test_get_passes_none_and_optimizers_through():
    assert optimizers.get(None) is None
    optimizer = optimizers.SGD()
    assert optimizers.get(optimizer) is optimizer


@pytest.mark.parametrize(
    "identifier", ["foo", 3, optimizers.Adam, {"class_name": "Foo", "config": {}}, ["adam"]]
)
def test_unknown_identifiers_are_an_error(identifier):
    with pytest.raises(ValueError, match="Could not interpret optimizer identifier: "):
        optimizers.get(identifier)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"lr": 0.1}, r"Argument\(s\) not recognized: {'lr': 0.1}"),
        ({"momentum": 2.0}, r"`momentum` must be a float between \[0, 1\]."),
        ({"clipnorm": 1.0, "clipvalue": 1.0}, "Only one of `clipnorm`, `clipvalue`"),
        ({"gradient_accumulation_steps": 1}, "must be an integer >= 2"),
        ({"use_ema": True, "ema_momentum": 2}, "`ema_momentum` must be in the range"),
        ({"use_ema": True, "ema_overwrite_frequency": 1.5}, "must be an integer >= 1 or None"),
    ],
)
def test_wrong_arguments_are_an_error(arguments, message):
    with pytest.raises(ValueError, match=message):
        optimizers.SGD(**arguments)


def test_names_and_paths_are_keras():
    keras.backend.clear_session()
    optimizer = optimizers.RMSprop()
    layer = keras.layers.Dense(2)
    layer.build((None, 3))
    optimizer.build(layer.trainable_variables)
    assert [v.path for v in optimizer.variables] == [
        "rm_sprop/iteration",
        "rm_sprop/learning_rate",
        "rm_sprop/dense_kernel_velocity",
        "rm_sprop/dense_bias_velocity",
    ]
    assert optimizer.variables[0].dtype == "int64"
