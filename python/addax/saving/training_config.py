"""`trainingConfig` and the optimizer's state as TensorFlow.js writes and reads them."""

from __future__ import annotations

from typing import Any

from addax.saving.weight_names import assign_checked

_LOSSES = {
    "mse": "mean_squared_error",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "msle": "mean_squared_logarithmic_error",
    "kld": "kullback_leibler_divergence",
    "kl_divergence": "kullback_leibler_divergence",
    "log_cosh": "logcosh",
    "cosine_similarity": "cosine_proximity",
    **{
        name: name
        for name in (
            "mean_squared_error",
            "mean_absolute_error",
            "mean_absolute_percentage_error",
            "mean_squared_logarithmic_error",
            "squared_hinge",
            "hinge",
            "categorical_hinge",
            "categorical_crossentropy",
            "sparse_categorical_crossentropy",
            "binary_crossentropy",
            "poisson",
            "logcosh",
            "cosine_proximity",
            "kullback_leibler_divergence",
        )
    },
}
_METRICS = {
    "accuracy": "accuracy",
    "acc": "accuracy",
    "crossentropy": "crossentropy",
    "ce": "crossentropy",
    "binary_accuracy": "binary_accuracy",
    "categorical_accuracy": "categorical_accuracy",
    "mse": "mse",
    "mean_squared_error": "mse",
    "mae": "mae",
    "mean_absolute_error": "mae",
    "mape": "mape",
    "mean_absolute_percentage_error": "mape",
}
# Keras optimizer -> TensorFlow.js class, {its config key: ours}, {its slot: ours} in its order.
_OPTIMIZERS: dict[str, tuple[str, dict[str, str], dict[str, str]]] = {
    "SGD": ("SGD", {}, {}),
    "Adam": (
        "Adam",
        {"beta1": "beta_1", "beta2": "beta_2", "epsilon": "epsilon"},
        {"m": "momentum", "v": "velocity"},
    ),
    "RMSprop": (
        "RMSProp",
        {"decay": "rho", "momentum": "momentum", "epsilon": "epsilon"},
        {"rms": "velocity", "momentum": "momentum"},
    ),
    "Adagrad": (
        "Adagrad",
        {"initialAccumulatorValue": "initial_accumulator_value"},
        {"accumulator": "accumulator"},
    ),
    "Adadelta": (
        "Adadelta",
        {"rho": "rho", "epsilon": "epsilon"},
        {"accum_grad": "accumulated_grad", "accum_var": "accumulated_delta_var"},
    ),
}
_MOMENTUM: tuple[str, dict[str, str], dict[str, str]] = (
    "Momentum",
    {"momentum": "momentum", "useNesterov": "nesterov"},
    {"momentum": "momentum"},
)
# What TensorFlow.js's optimizers do not have: with one of them set, it would train otherwise.
_FOREIGN = (
    "weight_decay",
    "clipnorm",
    "clipvalue",
    "global_clipnorm",
    "use_ema",
    "loss_scale_factor",
    "gradient_accumulation_steps",
    "amsgrad",
    "centered",
)


def tfjs_optimizer(optimizer: Any) -> tuple[str, dict[str, str], dict[str, str]] | None:
    """Class, config keys and slots of TensorFlow.js that are this optimizer; `None` if none is."""
    found = _OPTIMIZERS.get(type(optimizer).__name__)
    if found is None or not type(optimizer).__module__.startswith("addax."):
        return None
    config = optimizer.get_config()
    if any(config.get(name) for name in _FOREIGN):
        return None
    if has_other_momentum(optimizer):
        return _MOMENTUM if float(optimizer.learning_rate) else None
    return found


def has_other_momentum(optimizer: Any) -> bool:
    """Whether the state is TensorFlow.js's, times -rate: its momentum sums up gradients, ours
    steps. A file has both then, ours to the bit."""
    return type(optimizer).__name__ == "SGD" and bool(optimizer.get_config().get("momentum"))


def training_config(model: Any) -> dict[str, Any] | None:
    """`trainingConfig`, or `None` if TensorFlow.js would refuse the model for what is in it."""
    if not model.compiled or model.optimizer is None:
        return None
    given = model._compile_config or {}
    if given.get("loss_weights") or given.get("weighted_metrics"):
        return None
    optimizer = tfjs_optimizer(model.optimizer)
    loss = _loss(given.get("loss"))
    metrics = _metrics(given.get("metrics"), list(getattr(model, "output_names", ())))
    if optimizer is None or loss is None:
        return None
    name, keys, _ = optimizer
    config = model.optimizer.get_config()
    rate = float(model.optimizer.learning_rate)
    optimizer_config = {"learningRate": rate, **{k: config[ours] for k, ours in keys.items()}}
    if name == "RMSProp":
        optimizer_config["centered"] = False
    out = {"loss": loss, "optimizer_config": {"class_name": name, "config": optimizer_config}}
    if metrics:
        out["metrics"] = metrics
    return out


def _loss(loss: Any) -> Any:
    """Names that TensorFlow.js knows, nested as given; `None` if one is not among them."""
    if isinstance(loss, (list, tuple)):
        found = [_loss(x) for x in loss]
        return None if None in found else found
    if isinstance(loss, dict) and "class_name" not in loss:
        named = {key: _loss(x) for key, x in loss.items()}
        return None if None in named.values() else named
    if isinstance(loss, str):
        return _LOSSES.get(loss)
    return _plain_loss(loss)


def _plain_loss(loss: Any) -> str | None:
    """The name of a loss object that has no option TensorFlow.js lacks."""
    name = getattr(loss, "name", None) or getattr(loss, "__name__", None)
    if not isinstance(name, str) or not hasattr(loss, "get_config"):
        return _LOSSES.get(name) if isinstance(name, str) else None
    default: dict[str, Any] = getattr(type(loss)(), "get_config", dict)()
    same = {**loss.get_config(), "name": None} == {**default, "name": None}
    return _LOSSES.get(name) if same else None


def _metrics(metrics: Any, outputs: list[str]) -> Any:
    """Those of the metrics that TensorFlow.js knows; it refuses a model for any other.

    Returns:
        A list of names; with several outputs a dict from an output's name to a name or a list.
    """
    if len(outputs) < 2:
        while isinstance(metrics, (list, tuple)) and len(metrics) == 1:
            if not isinstance(metrics[0], (list, tuple)):
                break
            metrics = metrics[0]
        return _known(metrics)
    if isinstance(metrics, (list, tuple)):
        metrics = dict(zip(outputs, metrics))
    if not isinstance(metrics, dict):
        return {}
    known = {name: _known(metrics.get(name)) for name in outputs}
    # Names in a list of a dict are not turned into camel case there.
    plain = {
        name: found[0] if len(found) == 1 else [m for m in found if "_" not in m]
        for name, found in known.items()
    }
    return {name: found for name, found in plain.items() if found}


def _known(metrics: Any) -> list[str]:
    if isinstance(metrics, dict):
        metrics = list(metrics.values())
    parts = metrics if isinstance(metrics, (list, tuple)) else [metrics]
    return [_METRICS[m] for m in parts if isinstance(m, str) and m in _METRICS]


# Slots


def slots_of(optimizer: Any) -> list[tuple[int, str, Any]]:
    """(index of the trained variable, slot's name, variable) for the optimizer's slots."""
    trained = optimizer._trainable_variables
    found: list[tuple[int, str, Any]] = []
    seen: set[int] = set()
    for attribute, value in optimizer.__dict__.items():
        if attribute in ("_variables", "_trainable_variables"):
            continue
        if not isinstance(value, list) or not trained or len(value) != len(trained):
            continue
        for i, (variable, slot) in enumerate(zip(trained, value, strict=True)):
            name = getattr(slot, "name", None)
            if not isinstance(name, str) or id(slot) in seen or not hasattr(slot, "assign"):
                continue
            seen.add(id(slot))
            prefix = variable.path.replace("/", "_") + "_"
            title = name[len(prefix) :] if name.startswith(prefix) else attribute.strip("_")
            found.append((i, title, slot))
    return found


def compile_from_tfjs(
    model: Any, config: Any, state: dict[str, Any], names: dict[int, str]
) -> None:
    """Compiles a model as a `trainingConfig` says, and sets the optimizer's state.

    Args:
        model: A built model.
        config: The `trainingConfig`.
        state: Tensors of group "optimizer" by name.
        names: Name in the file of each weight, by its id, in the file's order.

    Raises:
        ValueError: If the config is malformed or names something unknown.
    """
    if not isinstance(config, dict):
        raise ValueError("`trainingConfig` in the file must be an object.")
    optimizer, titles = _optimizer_from_tfjs(config.get("optimizer_config"))
    loss = config.get("loss")
    metrics = config.get("metrics")
    for what in (loss, metrics):
        _require_names(what)
    model.compile(optimizer=optimizer, loss=loss, metrics=_metrics_from_tfjs(model, metrics))
    if not model.built or not state:
        return
    optimizer.build(model.trainable_variables)
    iterations = state.get("iter")
    if iterations is not None and len(iterations.shape) == 0:
        optimizer._iterations.assign(int(iterations))
    reverse = {ours: theirs for theirs, ours in titles.items()}
    # TensorFlow.js's momentum is a sum of gradients, Keras's one of steps.
    factor = -float(optimizer.learning_rate) if has_other_momentum(optimizer) else 1.0
    trained = [names[id(v)] for v in optimizer._trainable_variables]
    found = {
        title: _state_of(state, reverse.get(title, title), trained, names)
        for title in {title for _, title, _ in slots_of(optimizer)}
    }
    for i, title, slot in slots_of(optimizer):
        key = found[title].get(trained[i])
        if key is not None:
            assign_checked(key, slot, state[key] if factor == 1.0 else state[key] * factor)


def _state_of(
    state: dict[str, Any], slot: str, trained: list[str], names: dict[int, str]
) -> dict[str, str]:
    """Where the state of one slot stands in the file, by names of trained weights.

    It is called `<weight>/<slot>`. A page that has made several models numbers the weights in these
    names, though not in those of the weights, and TensorFlow.js itself goes by the order, which is
    that of the weights.

    Raises:
        ValueError: If there is state for some of the weights alone.
    """
    keys = [key for key in state if key.endswith(f"/{slot}") and not key.startswith("optimizer/")]
    by_name = {weight: f"{weight}/{slot}" for weight in trained}
    if all(key in state for key in by_name.values()):
        return by_name
    if len(keys) == len(trained):
        wanted = set(trained)
        return dict(zip((name for name in names.values() if name in wanted), keys, strict=True))
    if keys:
        raise ValueError(
            f"The optimizer's state in the file has {len(keys)} values of '{slot}', but the model "
            f"has {len(trained)} trained weights: {trained[:10]}."
        )
    return {}


def _metrics_from_tfjs(model: Any, metrics: Any) -> Any:
    """For each output all of a list, or what a dict gives it, in Keras's names."""
    ours = {"cosine": "cosine_proximity"}
    if isinstance(metrics, dict):
        return {k: ours.get(v, v) if isinstance(v, str) else v for k, v in metrics.items()}
    if not isinstance(metrics, list) or not all(isinstance(m, str) for m in metrics):
        return metrics
    names = [ours.get(m, m) for m in metrics]
    outputs = len(getattr(model, "output_names", ()) or ())
    return [names] * outputs if outputs > 1 and names else names


def _require_names(x: Any) -> None:
    parts = x if isinstance(x, list) else list(x.values()) if isinstance(x, dict) else [x]
    for part in parts:
        if isinstance(part, (list, dict)):
            _require_names(part)
        elif part is not None and not isinstance(part, str):
            raise ValueError(f"`trainingConfig` in the file names a loss or metric {part!r}.")


def _optimizer_from_tfjs(entry: Any) -> tuple[Any, dict[str, str]]:
    from addax import optimizers

    if not isinstance(entry, dict) or not isinstance(entry.get("class_name"), str):
        raise ValueError("`optimizer_config` in the file must have a `class_name`.")
    class_name = entry["class_name"].rpartition(">")[2]
    given = entry.get("config") or {}
    if not isinstance(given, dict):
        raise ValueError("`config` of the optimizer in the file must be an object.")
    rate = _numbers(given, {"learningRate": "learning_rate"}).get("learning_rate", 0.001)
    if class_name == "Momentum":
        momentum = _numbers(given, {"momentum": "momentum"}).get("momentum", 0.9)
        nesterov = bool(given.get("useNesterov", False))
        return optimizers.SGD(rate, momentum=momentum, nesterov=nesterov), _MOMENTUM[2]
    for ours, (theirs, keys, slots) in _OPTIMIZERS.items():
        if class_name.lower() in (theirs.lower(), ours.lower()):
            options: dict[str, Any] = _numbers(given, keys)
            if ours == "RMSprop" and given.get("centered"):
                options["centered"] = True
                slots = {**slots, "mg": "average_gradient"}
            return getattr(optimizers, ours)(learning_rate=rate, **options), slots
    raise ValueError(f"The file was compiled with the unknown optimizer '{class_name}'.")


def _numbers(given: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """The optimizer's options by our names, given under theirs or ours.

    Raises:
        ValueError: If one is no number.
    """
    found = {}
    for name, ours in [*names.items(), *((ours, ours) for ours in names.values())]:
        if name not in given or (ours == "epsilon" and given[name] is None):
            continue  # old Keras meant its default by an epsilon of null
        value = given[name]
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError(f"`{name}` of the optimizer in the file is no number, but {value!r}.")
        found[ours] = value
    return found
