"""Trainings whose histories and weights are compared with Keras's.

Each case is a function of the library, `keras` or `addax`, and gives a model, its data, and the
arguments of `compile` and `fit`. Data and first weights come from seeds of NumPy.
"""

import numpy as np

# All with their default arguments.
OPTIMIZERS = (
    *("sgd", "adam", "rmsprop", "adamw", "nadam"),
    *("adagrad", "ftrl", "adamax", "adadelta", "lion"),
)
LOSSES = (
    *("mse", "mae", "mape", "msle", "cosine_similarity"),
    *("poisson", "kl_divergence", "hinge", "squared_hinge"),
)


def numbers(seed=0):
    generator = np.random.RandomState(seed)
    return {
        "x": generator.rand(50, 6).astype("float32"),
        "classes": generator.randint(0, 3, 50),
        "binary": generator.randint(0, 2, 50),
        "targets": generator.rand(50, 2).astype("float32"),
        "weights": generator.rand(50).astype("float32"),
        "images": generator.rand(20, 8, 8, 3).astype("float32"),
        "ids": generator.randint(1, 9, (40, 7)) * (np.arange(7) < generator.randint(2, 8, (40, 1))),
    }


def with_weights(model, seed=0):
    """The model with weights drawn from a seed, variances among them positive."""
    generator = np.random.RandomState(seed)
    model.set_weights(
        [generator.uniform(0.05, 0.5, w.shape).astype("float32") for w in model.get_weights()]
    )
    return model


def mlp(k, units, activation):
    layers = k.layers
    return with_weights(
        k.Sequential(
            [
                k.Input((6,)),
                layers.Dense(5, activation="tanh", kernel_regularizer="l2"),
                layers.Dense(units, activation=activation),
            ]
        )
    )


def classifier(k, optimizer="adam", loss="sparse_categorical_crossentropy", **compiled):
    compiled = {"optimizer": optimizer, "loss": loss, "metrics": ["accuracy"], **compiled}
    return mlp(k, 3, "softmax"), compiled


def sample_weight(k):
    data = numbers()
    model, compiled = classifier(
        k, weighted_metrics=["accuracy", "sparse_top_k_categorical_accuracy"]
    )
    compiled["metrics"] = []
    return model, data["x"], data["classes"], compiled, {"sample_weight": data["weights"]}


def class_weight(k):
    data = numbers()
    model, compiled = classifier(k, loss="categorical_crossentropy")
    y = np.eye(3)[data["classes"]]
    return model, data["x"], y, compiled, {"class_weight": {0: 1.0, 2: 3.0}}


def binary(k):
    data, metrics = numbers(), k.metrics
    compiled = {
        "optimizer": "adam",
        "loss": "binary_crossentropy",
        "metrics": [
            "accuracy",
            metrics.AUC(name="auc"),
            metrics.Precision(name="precision"),
            metrics.Recall(name="recall"),
        ],
    }
    return mlp(k, 1, "sigmoid"), data["x"], data["binary"], compiled, {"validation_split": 0.3}


def regression(k):
    data, metrics = numbers(), k.metrics
    compiled = {
        "optimizer": k.optimizers.SGD(0.1, momentum=0.9, nesterov=True, clipnorm=0.5),
        "loss": "huber",
        "metrics": [
            "mae",
            "mse",
            metrics.RootMeanSquaredError(name="rmse"),
            metrics.R2Score(name="r2"),
        ],
    }
    return mlp(k, 2, None), data["x"], data["targets"], compiled, {}


def batch_normalization(k):
    data, layers = numbers(), k.layers
    model = k.Sequential(
        [
            k.Input((6,)),
            layers.Dense(5),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Dense(2),
        ]
    )
    compiled = {"optimizer": "adam", "loss": "mse"}
    return with_weights(model), data["x"], data["targets"], compiled, {"validation_split": 0.2}


def recurrent(k, cell):
    data, layers = numbers(), k.layers
    model = k.Sequential(
        [
            k.Input((7,)),
            layers.Embedding(9, 4, mask_zero=True),
            getattr(layers, cell)(5),
            layers.Dense(1),
        ]
    )
    y = data["weights"][:40]
    compiled = {"optimizer": "adam", "loss": "mse", "metrics": ["mae"]}
    return with_weights(model), data["ids"], y, compiled, {}


def convolutions(k):
    data, layers = numbers(), k.layers
    model = k.Sequential(
        [
            k.Input((8, 8, 3)),
            layers.Conv2D(4, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(5, 3, strides=2, padding="same"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    compiled = {
        "optimizer": "adam",
        "loss": "sparse_categorical_crossentropy",
        "metrics": ["accuracy"],
    }
    return with_weights(model), data["images"], data["classes"][:20], compiled, {}


def several_outputs(k):
    data, layers = numbers(), k.layers
    a, b = k.Input((6,), name="a"), k.Input((6,), name="b")
    hidden = layers.concatenate([layers.Dense(3, activation="relu")(a), layers.Dense(3)(b)])
    o1 = layers.Dense(1, name="o1")(hidden)
    o2 = layers.Dense(3, activation="softmax", name="o2")(hidden)
    compiled = {
        "optimizer": "adam",
        "loss": ["mse", "sparse_categorical_crossentropy"],
        "loss_weights": [0.3, 2],
        "metrics": [["mae"], ["accuracy"]],
        "weighted_metrics": [[], ["accuracy"]],
    }
    x, weights = data["x"], data["weights"]
    fitted = {"sample_weight": [weights, weights[::-1]]}
    y = [data["targets"][:, 0], data["classes"]]
    return with_weights(k.Model([a, b], [o1, o2])), [x, x[::-1]], y, compiled, fitted


def optimizer_case(name):
    def case(k):
        data = numbers()
        model, compiled = classifier(k, name)
        return model, data["x"], data["classes"], compiled, {}

    return case


def loss_case(name):
    def case(k):
        data = numbers()
        compiled = {"optimizer": "sgd", "loss": name, "metrics": [name]}
        fitted = {"sample_weight": data["weights"]}
        return mlp(k, 2, "softplus"), data["x"], data["targets"], compiled, fitted

    return case


def recurrent_case(cell):
    return lambda k: recurrent(k, cell)


CASES = {
    **{f"optimizer_{name}": optimizer_case(name) for name in OPTIMIZERS},
    **{f"loss_{name}": loss_case(name) for name in LOSSES},
    **{cell: recurrent_case(cell) for cell in ("LSTM", "GRU", "SimpleRNN")},
    **{
        case.__name__: case
        for case in (
            sample_weight,
            class_weight,
            binary,
            regression,
            batch_normalization,
            convolutions,
            several_outputs,
        )
    },
}


def run(name, k):
    """What two epochs give: the history, an evaluation, and the sum of each weight's values."""
    model, x, y, compiled, fitted = CASES[name](k)
    model.compile(**compiled)
    history = model.fit(x, y, epochs=2, shuffle=False, verbose=0, **fitted).history
    return {
        "history": {key: [float(np.mean(v)) for v in values] for key, values in history.items()},
        "evaluation": np.ravel(model.evaluate(x, y, batch_size=7, verbose=0)).tolist(),
        "weights": [float(np.sum(w, dtype="float64")) for w in model.get_weights()],
    }
