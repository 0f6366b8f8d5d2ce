"""Models in the middle of their training, for files that must let it go on as if nothing had been.

Like interop_models: `keras` is whichever library is passed in.
"""

from __future__ import annotations

import numpy as np
from interop_models import numbers, set_weights

SAMPLES = 8

OPTIMIZERS = {
    "sgd": lambda o: o.SGD(0.1),
    "momentum": lambda o: o.SGD(0.05, momentum=0.9),
    "nesterov": lambda o: o.SGD(0.05, momentum=0.9, nesterov=True),
    "adam": lambda o: o.Adam(0.02),
    "adam_amsgrad": lambda o: o.Adam(0.02, amsgrad=True),
    "adam_clipped": lambda o: o.Adam(0.02, clipnorm=0.1),
    "adam_decaying": lambda o: o.Adam(o.schedules.ExponentialDecay(0.05, 2, 0.5)),
    "adam_averaged": lambda o: o.Adam(0.02, use_ema=True, ema_momentum=0.5),
    "adamw": lambda o: o.AdamW(0.02, weight_decay=0.1),
    "nadam": lambda o: o.Nadam(0.02),
    "adamax": lambda o: o.Adamax(0.02),
    "adadelta": lambda o: o.Adadelta(0.5),
    "adagrad": lambda o: o.Adagrad(0.1),
    "rmsprop": lambda o: o.RMSprop(0.01),
    "rmsprop_centered": lambda o: o.RMSprop(0.01, momentum=0.5, centered=True),
    "ftrl": lambda o: o.Ftrl(0.1),
    "lion": lambda o: o.Lion(0.01),
    "adafactor": lambda o: o.Adafactor(0.05),
}

# Keras 2's Adafactor and Lion keep other state.
OF_KERAS_3 = {
    "adam_accumulating": lambda o: o.Adam(0.02, gradient_accumulation_steps=2),
    "lamb": lambda o: o.Lamb(0.02),
    "loss_scale": lambda o: o.LossScaleOptimizer(o.Adam(0.02)),
}

CASES = {**OPTIMIZERS, **OF_KERAS_3}


def model_of(keras, name: str):
    """The compiled model that is trained with the optimizer of that name."""
    keras.backend.clear_session()
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(5, activation="tanh"),
            layers.BatchNormalization(),
            layers.Dense(3, activation="relu", trainable=False),
            layers.Dense(2),
        ]
    )
    set_weights(model)
    model.compile(CASES[name](keras.optimizers), "mse", metrics=["mae"])
    return model


def data(step: int):
    """The batch of a step: inputs and targets."""
    return numbers((SAMPLES, 4), step), numbers((SAMPLES, 2), step + 0.3)


def train(model, first: int, last: int) -> list[float]:
    """Trains on the batches from the first to before the last; the loss of each."""
    losses = []
    for step in range(first, last):
        model.reset_metrics()
        losses.append(float(np.asarray(model.train_on_batch(*data(step))[0])))
    return losses
