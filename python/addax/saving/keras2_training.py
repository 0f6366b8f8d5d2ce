"""What Keras 2 wrote about training, as the classes of today take it."""

from __future__ import annotations

from typing import Any

# Entries of optimizers that mean nothing any more.
_DROPPED = ("jit_compile", "is_legacy_optimizer", "schedule_decay")
_DEEPEST = 16


def compile_config_of_today(training: dict[str, Any]) -> dict[str, Any]:
    """Arguments for `compile_from_config`.

    Args:
        training: `training_config` of a legacy file, or `compile_config` of a `.keras` file.
    """
    config: dict[str, Any] = {
        key: _object(training[key])
        for key in ("loss", "loss_weights", "metrics", "weighted_metrics")
        if key in training
    }
    config["optimizer"] = _optimizer(training.get("optimizer_config") or training.get("optimizer"))
    return config


def _optimizer(entry: Any) -> Any:
    if not isinstance(entry, dict) or not isinstance(entry.get("config"), dict):
        return entry
    config = {k: v for k, v in entry["config"].items() if k not in _DROPPED}
    if "lr" in config:
        config["learning_rate"] = config.pop("lr")
    if config.get("epsilon", 0) is None:
        del config["epsilon"]
    decay = config.pop("decay", 0.0)
    rate = config.get("learning_rate")
    if isinstance(decay, (int, float)) and decay and isinstance(rate, (int, float)):
        # The rate that optimizers had themselves until Keras 2.10: rate / (1 + decay * step).
        schedule = {"initial_learning_rate": rate, "decay_steps": 1, "decay_rate": decay}
        config["learning_rate"] = {"class_name": "InverseTimeDecay", "config": schedule}
    if isinstance(config.get("inner_optimizer"), dict):
        config["inner_optimizer"] = _optimizer(config["inner_optimizer"])
    class_name = str(entry.get("class_name", "")).rpartition(">")[2]
    return {**entry, "class_name": class_name, "config": config}


def _object(x: Any, depth: int = 0) -> Any:
    """Losses and metrics, nested as they were given."""
    if depth > _DEEPEST:
        raise ValueError(f"The losses or metrics in the file are nested more than {_DEEPEST} deep.")
    if isinstance(x, list):
        return [_object(part, depth + 1) for part in x]
    if not isinstance(x, dict):
        return x
    if not isinstance(x.get("class_name"), str) or not isinstance(x.get("config"), dict):
        return {key: _object(part, depth + 1) for key, part in x.items()}
    config = dict(x["config"])
    if config.get("reduction") == "auto":
        config["reduction"] = "sum_over_batch_size"
    if isinstance(config.get("fn"), str):
        if x["class_name"] == "MeanMetricWrapper":
            config["fn"] = {"class_name": "function", "config": config["fn"]}
        elif x["class_name"] == "LossFunctionWrapper":
            return config["fn"]
        else:
            del config["fn"]  # the class says it
    return {**x, "config": config}
