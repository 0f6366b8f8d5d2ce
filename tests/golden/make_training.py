"""Makes training.json and training.npz: what Keras gives for losses, metrics, optimizers, kin.

Run it where keras and jax are installed (any directory):

    python make_training.py

training.json lists the cases (class, arguments, inputs, config) and the names, dtypes and shapes of
all arrays; training.npz holds these end to end, floats and integers apart. training_cases.py reads
both, and the tests build the same objects in Addax.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

os.environ["KERAS_BACKEND"] = "jax"

import jax
import keras
import numpy as np
from keras import constraints, initializers, losses, metrics, optimizers, regularizers

HERE = Path(__file__).parent
rng = np.random.default_rng(7)
arrays: dict[str, np.ndarray] = {}


def keep(name: str, value) -> str:
    arrays[name] = np.asarray(value)
    return name


def normalized(x):
    return x / x.sum(axis=-1, keepdims=True)


def draw(batch: int) -> dict[str, np.ndarray]:
    """Inputs of one batch, by kind."""
    logits = rng.normal(size=(batch, 5)) * 2
    probabilities = normalized(np.exp(logits))
    classes = rng.integers(0, 5, size=batch)
    yes = rng.uniform(0.02, 0.98, size=(batch, 3))
    targets = rng.normal(size=(batch, 3))
    return {
        "targets": targets.astype("float32"),
        "values": (targets + rng.normal(size=(batch, 3))).astype("float32"),
        "counts": rng.integers(0, 6, size=(batch, 3)).astype("float32"),
        "rates": rng.uniform(0.2, 5, size=(batch, 3)).astype("float32"),
        "yes_no": rng.integers(0, 2, size=(batch, 3)).astype("float32"),
        "yes": yes.astype("float32"),
        "yes_logits": (rng.normal(size=(batch, 3)) * 3).astype("float32"),
        "signs": (rng.integers(0, 2, size=(batch, 3)) * 2 - 1).astype("float32"),
        "one_hot": np.eye(5, dtype="float32")[classes],
        "classes": classes.astype("int32"),
        "classes_column": classes[:, None].astype("int32"),
        "other_classes": rng.integers(0, 5, size=batch).astype("int32"),
        "distribution": normalized(rng.uniform(0.1, 1, size=(batch, 5))).astype("float32"),
        "probabilities": probabilities.astype("float32"),
        "logits": logits.astype("float32"),
        "yes_no_column": rng.integers(0, 2, size=(batch, 1)).astype("float32"),
        "yes_column": rng.uniform(0, 1, size=(batch, 1)).astype("float32"),
        "weights": rng.uniform(0, 2, size=batch).astype("float32"),
        "whole_weights": rng.integers(0, 4, size=batch).astype("int32"),
    }


BATCHES = [draw(7), draw(5)]
for number, batch in enumerate(BATCHES):
    for kind, value in batch.items():
        keep(f"batch{number}/{kind}", value)


# Losses: (class, arguments, targets, predictions).
LOSSES = [
    ("MeanSquaredError", {}, "targets", "values"),
    ("MeanAbsoluteError", {}, "targets", "values"),
    ("MeanAbsolutePercentageError", {}, "targets", "values"),
    ("MeanSquaredLogarithmicError", {}, "counts", "rates"),
    ("CosineSimilarity", {}, "targets", "values"),
    ("CosineSimilarity", {"axis": 0, "reduction": "sum"}, "targets", "values"),
    ("Huber", {}, "targets", "values"),
    ("Huber", {"delta": 0.3}, "targets", "values"),
    ("LogCosh", {}, "targets", "values"),
    ("Poisson", {}, "counts", "rates"),
    ("KLDivergence", {}, "distribution", "probabilities"),
    ("Hinge", {}, "signs", "values"),
    ("Hinge", {}, "yes_no", "values"),
    ("SquaredHinge", {}, "signs", "values"),
    ("CategoricalHinge", {}, "one_hot", "probabilities"),
    ("BinaryCrossentropy", {}, "yes_no", "yes"),
    ("BinaryCrossentropy", {"from_logits": True}, "yes_no", "yes_logits"),
    ("BinaryCrossentropy", {"label_smoothing": 0.2}, "yes_no", "yes"),
    ("BinaryCrossentropy", {}, "yes_no_column", "yes_column"),
    ("BinaryFocalCrossentropy", {}, "yes_no", "yes"),
    (
        "BinaryFocalCrossentropy",
        {"apply_class_balancing": True, "gamma": 1.5, "from_logits": True, "label_smoothing": 0.1},
        "yes_no",
        "yes_logits",
    ),
    ("CategoricalCrossentropy", {}, "one_hot", "probabilities"),
    ("CategoricalCrossentropy", {"from_logits": True}, "one_hot", "logits"),
    ("CategoricalCrossentropy", {"from_logits": True}, "distribution", "logits"),
    ("CategoricalCrossentropy", {"label_smoothing": 0.1}, "one_hot", "probabilities"),
    ("CategoricalFocalCrossentropy", {}, "one_hot", "probabilities"),
    (
        "CategoricalFocalCrossentropy",
        {"from_logits": True, "alpha": 0.5, "gamma": 3.0, "label_smoothing": 0.1},
        "one_hot",
        "logits",
    ),
    ("CategoricalGeneralizedCrossEntropy", {"q": 0.7}, "classes", "probabilities"),
    ("SparseCategoricalCrossentropy", {}, "classes", "probabilities"),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, "classes", "logits"),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, "classes_column", "logits"),
    (
        "SparseCategoricalCrossentropy",
        {"from_logits": True, "ignore_class": 2},
        "classes",
        "logits",
    ),
    ("Dice", {}, "yes_no", "yes"),
    ("Dice", {"axis": (1,)}, "yes_no", "yes"),
    ("Tversky", {"alpha": 0.3, "beta": 0.7}, "yes_no", "yes"),
]
REDUCTIONS = ["sum_over_batch_size", "sum", "none", "mean_with_sample_weight"]


def loss_cases() -> list[dict]:
    cases = []
    for index, (name, arguments, true_kind, pred_kind) in enumerate(LOSSES):
        y_true, y_pred = BATCHES[0][true_kind], BATCHES[0][pred_kind]
        runs = []
        reductions = [arguments["reduction"]] if "reduction" in arguments else REDUCTIONS
        scalar = name in ("Dice", "Tversky")
        for reduction in reductions:
            for weighted in (False, True):
                if weighted and (scalar or arguments.get("axis") == 0):
                    continue
                loss = getattr(losses, name)(**{**arguments, "reduction": reduction})
                weights = BATCHES[0]["weights"] if weighted else None
                key = f"loss{index}/{reduction}{'/weighted' if weighted else ''}"
                keep(key, loss(y_true, y_pred, sample_weight=weights))

                def total(p, loss=loss, y_true=y_true, weights=weights):
                    return jax.numpy.sum(loss(y_true, p, sample_weight=weights))

                keep(f"{key}/gradient", jax.grad(total)(jax.numpy.asarray(y_pred)))
                runs.append({"reduction": reduction, "weighted": weighted, "result": key})
        cases.append(
            {
                "class": name,
                "arguments": arguments,
                "y_true": true_kind,
                "y_pred": pred_kind,
                "config": getattr(losses, name)(**arguments).get_config(),
                "runs": runs,
            }
        )
    return cases


# Metrics: (class, arguments, targets, predictions).
METRICS = [
    ("Accuracy", {}, "classes", "other_classes"),
    ("BinaryAccuracy", {}, "yes_no", "yes"),
    ("BinaryAccuracy", {"threshold": 0.3}, "yes_no_column", "yes_column"),
    ("CategoricalAccuracy", {}, "one_hot", "logits"),
    ("SparseCategoricalAccuracy", {}, "classes", "logits"),
    ("SparseCategoricalAccuracy", {}, "classes_column", "logits"),
    ("TopKCategoricalAccuracy", {"k": 2}, "one_hot", "logits"),
    ("SparseTopKCategoricalAccuracy", {"k": 3}, "classes", "logits"),
    ("MeanSquaredError", {}, "targets", "values"),
    ("RootMeanSquaredError", {}, "targets", "values"),
    ("MeanAbsoluteError", {}, "targets", "values"),
    ("MeanAbsolutePercentageError", {}, "targets", "values"),
    ("MeanSquaredLogarithmicError", {}, "counts", "rates"),
    ("LogCoshError", {}, "targets", "values"),
    ("CosineSimilarity", {}, "targets", "values"),
    ("Hinge", {}, "signs", "values"),
    ("SquaredHinge", {}, "signs", "values"),
    ("CategoricalHinge", {}, "one_hot", "probabilities"),
    ("KLDivergence", {}, "distribution", "probabilities"),
    ("Poisson", {}, "counts", "rates"),
    ("BinaryCrossentropy", {}, "yes_no", "yes"),
    ("BinaryCrossentropy", {"from_logits": True}, "yes_no", "yes_logits"),
    ("CategoricalCrossentropy", {"label_smoothing": 0.1}, "one_hot", "probabilities"),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, "classes", "logits"),
    ("TruePositives", {}, "yes_no", "yes"),
    ("TruePositives", {"thresholds": [0.2, 0.8]}, "yes_no", "yes"),
    ("TrueNegatives", {}, "yes_no", "yes"),
    ("FalsePositives", {"thresholds": 0.4}, "yes_no", "yes"),
    ("FalseNegatives", {}, "yes_no", "yes"),
    ("Precision", {}, "yes_no", "yes"),
    ("Precision", {"thresholds": [0.0, 0.5, 1.0]}, "yes_no", "yes"),
    ("Precision", {"top_k": 2, "class_id": 1}, "one_hot", "probabilities"),
    ("Recall", {}, "yes_no", "yes"),
    ("Recall", {"top_k": 2}, "one_hot", "probabilities"),
    ("Recall", {"class_id": 2}, "yes_no", "yes"),
    ("SensitivityAtSpecificity", {"specificity": 0.4}, "yes_no", "yes"),
    ("SpecificityAtSensitivity", {"sensitivity": 0.6, "num_thresholds": 20}, "yes_no", "yes"),
    ("PrecisionAtRecall", {"recall": 0.5}, "yes_no", "yes"),
    ("RecallAtPrecision", {"precision": 0.5, "num_thresholds": 1}, "yes_no", "yes"),
    ("AUC", {}, "yes_no", "yes"),
    ("AUC", {"from_logits": True, "num_thresholds": 30}, "yes_no", "yes_logits"),
    ("AUC", {"curve": "PR"}, "yes_no", "yes"),
    ("AUC", {"curve": "PR", "summation_method": "minoring"}, "yes_no", "yes"),
    ("AUC", {"curve": "PRGAIN", "num_thresholds": 11}, "yes_no", "yes"),
    ("AUC", {"summation_method": "majoring", "thresholds": [0.3, 0.1, 0.7]}, "yes_no", "yes"),
    ("AUC", {"multi_label": True}, "yes_no", "yes"),
    (
        "AUC",
        {"multi_label": True, "num_labels": 3, "label_weights": [1.0, 2.0, 0.5], "curve": "PR"},
        "yes_no",
        "yes",
    ),
    ("AUC", {"label_weights": [1.0, 2.0, 0.5]}, "yes_no", "yes"),
    ("F1Score", {}, "one_hot", "probabilities"),
    ("F1Score", {"average": "micro", "threshold": 0.4}, "yes_no", "yes"),
    ("F1Score", {"average": "weighted"}, "one_hot", "probabilities"),
    ("FBetaScore", {"beta": 2.0, "average": "macro"}, "one_hot", "probabilities"),
    ("R2Score", {}, "targets", "values"),
    ("R2Score", {"class_aggregation": None}, "targets", "values"),
    (
        "R2Score",
        {"class_aggregation": "variance_weighted_average", "num_regressors": 2},
        "targets",
        "values",
    ),
    ("IoU", {"num_classes": 5, "target_class_ids": [0, 3]}, "classes", "other_classes"),
    ("MeanIoU", {"num_classes": 5}, "classes", "other_classes"),
    ("MeanIoU", {"num_classes": 5, "ignore_class": 1}, "classes", "other_classes"),
    ("BinaryIoU", {"threshold": 0.4}, "yes_no", "yes"),
    ("OneHotIoU", {"num_classes": 5, "target_class_ids": [1, 2]}, "one_hot", "probabilities"),
    ("OneHotMeanIoU", {"num_classes": 5}, "one_hot", "probabilities"),
    ("PearsonCorrelation", {}, "targets", "values"),
    ("ConcordanceCorrelation", {}, "targets", "values"),
]
# Weights of these are per element, or are cut to integers.
UNWEIGHTED = ("BinaryIoU",)


def metric_cases() -> list[dict]:
    cases = []
    for index, (name, arguments, true_kind, pred_kind) in enumerate(METRICS):
        runs = []
        for weighted in (False, True):
            if weighted and name in UNWEIGHTED:
                continue
            weight_kind = "whole_weights" if "IoU" in name else "weights"
            metric = getattr(metrics, name)(**arguments, name="metric")
            results = []
            for number, batch in enumerate(BATCHES):
                weights = batch[weight_kind] if weighted else None
                metric.update_state(batch[true_kind], batch[pred_kind], sample_weight=weights)
                key = f"metric{index}/{number}{'/weighted' if weighted else ''}"
                results.append(keep(key, metric.result()))
            runs.append({"weights": weight_kind if weighted else None, "results": results})
        cases.append(
            {
                "class": name,
                "arguments": arguments,
                "y_true": true_kind,
                "y_pred": pred_kind,
                "config": metric.get_config(),
                "variables": [[v.path, list(v.shape)] for v in metric.variables],
                "direction": getattr(metric, "_direction", None),
                "runs": runs,
            }
        )
    return cases


def schedule(name: str, **arguments):
    return {"schedule": name, "arguments": arguments}


OPTIMIZERS = [
    ("SGD", {}),
    ("SGD", {"learning_rate": 0.1, "momentum": 0.9}),
    ("SGD", {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True}),
    ("SGD", {"learning_rate": 0.1, "weight_decay": 0.05}),
    ("SGD", {"learning_rate": 0.1, "clipnorm": 0.5}),
    ("SGD", {"learning_rate": 0.1, "global_clipnorm": 0.5}),
    ("SGD", {"learning_rate": 0.1, "clipvalue": 0.2}),
    ("SGD", {"learning_rate": 0.1, "loss_scale_factor": 4.0}),
    ("SGD", {"learning_rate": 0.1, "use_ema": True, "ema_momentum": 0.7}),
    ("SGD", {"learning_rate": 0.1, "use_ema": True, "ema_overwrite_frequency": 2}),
    ("SGD", {"learning_rate": 0.1, "momentum": 0.5, "gradient_accumulation_steps": 2}),
    (
        "SGD",
        {
            "learning_rate": schedule(
                "ExponentialDecay", initial_learning_rate=0.5, decay_steps=2, decay_rate=0.7
            )
        },
    ),
    ("Adam", {}),
    (
        "Adam",
        {"learning_rate": 0.1, "amsgrad": True, "beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-3},
    ),
    (
        "Adam",
        {
            "learning_rate": 0.1,
            "gradient_accumulation_steps": 2,
            "clipnorm": 0.4,
            "weight_decay": 0.01,
        },
    ),
    ("AdamW", {"learning_rate": 0.1, "weight_decay": 0.1}),
    ("Nadam", {"learning_rate": 0.1}),
    ("Adamax", {"learning_rate": 0.1}),
    ("Adagrad", {"learning_rate": 0.1}),
    ("Adadelta", {"learning_rate": 1.0, "rho": 0.8}),
    ("RMSprop", {"learning_rate": 0.1}),
    ("RMSprop", {"learning_rate": 0.1, "momentum": 0.5, "centered": True, "rho": 0.7}),
    ("Ftrl", {"learning_rate": 0.1}),
    (
        "Ftrl",
        {
            "learning_rate": 0.1,
            "learning_rate_power": -0.3,
            "l1_regularization_strength": 0.05,
            "l2_regularization_strength": 0.1,
            "l2_shrinkage_regularization_strength": 0.2,
            "beta": 0.3,
        },
    ),
    ("Lion", {"learning_rate": 0.1}),
    ("Lamb", {"learning_rate": 0.1}),
    ("Adafactor", {"learning_rate": 0.5}),
    ("Muon", {"learning_rate": 0.1}),
    ("Muon", {"learning_rate": 0.1, "exclude_layers": ["kern"], "adam_lr_ratio": 0.5}),
]
STEPS = 5
START = {
    "kernel": keep("start/kernel", rng.normal(size=(4, 3)).astype("float32")),
    "bias": keep("start/bias", rng.normal(size=3).astype("float32")),
}
for step in range(STEPS):
    keep(f"gradient{step}/kernel", rng.normal(size=(4, 3)).astype("float32"))
    keep(f"gradient{step}/bias", rng.normal(size=3).astype("float32"))


def with_schedules(module, arguments: dict) -> dict:
    made = dict(arguments)
    rate = made.get("learning_rate")
    if isinstance(rate, dict):
        made["learning_rate"] = getattr(module.schedules, rate["schedule"])(**rate["arguments"])
    return made


def optimizer_cases() -> list[dict]:
    cases = []
    for index, (name, arguments) in enumerate(OPTIMIZERS):
        variables = [keras.Variable(arrays[START[n]], name=n) for n in START]
        optimizer = getattr(optimizers, name)(
            **with_schedules(optimizers, arguments), name="optimizer"
        )
        optimizer.build(variables)
        for step in range(STEPS):
            optimizer.apply([arrays[f"gradient{step}/{n}"] for n in START])
            for v in variables:
                keep(f"optimizer{index}/step{step}/{v.name}", v)
        for slot, v in enumerate(optimizer.variables):
            keep(f"optimizer{index}/variable{slot}", v)
        optimizer.finalize_variable_values(variables)
        for v in variables:
            keep(f"optimizer{index}/final/{v.name}", v)
        cases.append(
            {
                "class": name,
                "arguments": arguments,
                "config": optimizer.get_config(),
                "variables": [v.path for v in optimizer.variables],
            }
        )
    return cases


SCHEDULES = [
    schedule("ExponentialDecay", initial_learning_rate=0.1, decay_steps=4, decay_rate=0.5),
    schedule(
        "ExponentialDecay", initial_learning_rate=0.1, decay_steps=4, decay_rate=0.5, staircase=True
    ),
    schedule("InverseTimeDecay", initial_learning_rate=0.1, decay_steps=4, decay_rate=0.5),
    schedule(
        "InverseTimeDecay", initial_learning_rate=0.1, decay_steps=4, decay_rate=0.5, staircase=True
    ),
    schedule("PiecewiseConstantDecay", boundaries=[3, 9], values=[0.3, 0.2, 0.1]),
    schedule(
        "PolynomialDecay",
        initial_learning_rate=0.1,
        decay_steps=6,
        end_learning_rate=0.02,
        power=2.0,
    ),
    schedule("PolynomialDecay", initial_learning_rate=0.1, decay_steps=6, cycle=True),
    schedule("CosineDecay", initial_learning_rate=0.1, decay_steps=10, alpha=0.1),
    schedule(
        "CosineDecay", initial_learning_rate=0.01, decay_steps=10, warmup_target=0.2, warmup_steps=5
    ),
    schedule("CosineDecayRestarts", initial_learning_rate=0.1, first_decay_steps=3),
    schedule(
        "CosineDecayRestarts",
        initial_learning_rate=0.1,
        first_decay_steps=5,
        t_mul=1.0,
        m_mul=0.8,
        alpha=0.1,
    ),
]


def schedule_cases() -> list[dict]:
    cases = []
    for index, case in enumerate(SCHEDULES):
        made = getattr(optimizers.schedules, case["schedule"])(**case["arguments"])
        key = keep(f"schedule{index}", [np.asarray(made(step)) for step in range(26)])
        cases.append({**case, "config": made.get_config(), "result": key})
    return cases


MATRIX = keep("matrix", (rng.normal(size=(4, 3)) * 2).astype("float32"))


def on_matrix(module, cases) -> list[dict]:
    made = []
    for index, (name, arguments) in enumerate(cases):
        item = getattr(module, name)(**arguments)
        key = keep(
            f"{module.__name__.split('.')[-1]}{index}", item(jax.numpy.asarray(arrays[MATRIX]))
        )
        made.append(
            {"class": name, "arguments": arguments, "config": item.get_config(), "result": key}
        )
    return made


REGULARIZERS = [
    ("L1", {}),
    ("L2", {"l2": 0.3}),
    ("L1L2", {"l1": 0.1, "l2": 0.2}),
    ("OrthogonalRegularizer", {"factor": 0.1}),
    ("OrthogonalRegularizer", {"mode": "columns"}),
]
CONSTRAINTS = [
    ("MaxNorm", {}),
    ("MaxNorm", {"max_value": 1.5, "axis": 1}),
    ("NonNeg", {}),
    ("UnitNorm", {}),
    ("MinMaxNorm", {"min_value": 2.5, "max_value": 3.0, "rate": 0.7}),
]
INITIALIZERS = [
    ("Zeros", {}),
    ("Ones", {}),
    ("Constant", {"value": 3.0}),
    ("Identity", {}),
    ("RandomNormal", {"seed": 3}),
    ("RandomUniform", {}),
    ("TruncatedNormal", {"mean": 1.0}),
    ("VarianceScaling", {"scale": 2.0, "mode": "fan_out", "distribution": "normal"}),
    ("GlorotNormal", {}),
    ("GlorotUniform", {"seed": 5}),
    ("HeNormal", {}),
    ("HeUniform", {}),
    ("LecunNormal", {}),
    ("LecunUniform", {}),
    ("Orthogonal", {"gain": 2.0}),
]


def initializer_cases() -> list[dict]:
    return [
        {
            "class": name,
            "arguments": arguments,
            "serialized": initializers.serialize(getattr(initializers, name)(**arguments)),
        }
        for name, arguments in INITIALIZERS
    ]


def main() -> None:
    cases = {
        "keras": keras.__version__,
        "losses": loss_cases(),
        "metrics": metric_cases(),
        "optimizers": optimizer_cases(),
        "schedules": schedule_cases(),
        "regularizers": on_matrix(regularizers, REGULARIZERS),
        "constraints": on_matrix(constraints, CONSTRAINTS),
        "initializers": initializer_cases(),
    }
    index, parts = [], {"f": [], "i": []}
    for name, array in arrays.items():
        kind = "f" if array.dtype.kind == "f" else "i"
        index.append(f"{name} {kind} {' '.join(map(str, array.shape))}".strip())
        parts[kind].append(array.ravel())
    cases["arrays"] = index
    flat = {kind: np.concatenate(pieces) for kind, pieces in parts.items()}
    np.savez_compressed(
        HERE / "training.npz", f=flat["f"].astype("float32"), i=flat["i"].astype("int32")
    )
    text = json.dumps(cases, indent=1, default=lambda x: np.asarray(x).tolist())
    (HERE / "training.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
