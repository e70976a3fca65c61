"""The works that everyone does: sizes, data and settings. NumPy only.

One seed-step is one parameter update of one seed: a forward and backward pass over
``batch`` source and ``batch`` target rows. All train with Nesterov SGD (0.01, momentum
0.9, no decay) from memory, without batch normalisation.
"""

from typing import NamedTuple

import numpy as np

LEARNING_RATE = 0.01
MOMENTUM = 0.9
CLASSES = 10
DISCRIMINATOR = 100
ROWS = 2048
METHODS = ("source_only", "deep_coral", "dann")
SWEEP_SEEDS = 8
SWEEP_STEPS = 1000


class Work(NamedTuple):
    """A network and how it is trained."""

    title: str
    shape: tuple[int, ...]
    """Of a row, channels last."""
    network: str
    hidden: tuple[int, ...]
    batch: int
    seeds: int


WORKS = {
    "W1": Work("DANN, MLP 800-256-128-10", (800,), "mlp", (256, 128), 64, 8),
    "W2": Work("DANN, LeNet 28x28x3", (28, 28, 3), "lenet", (100, 100), 64, 4),
    "W3": Work("DANN, MLP 64-64-10", (64,), "mlp", (64,), 32, 16),
}
CHANNELS = (32, 48)
"""Of LeNet's 5 x 5 convolutions, each followed by ReLU and 2 x 2 max-pooling."""


class Data(NamedTuple):
    """Source rows with labels and target rows."""

    x: np.ndarray
    y: np.ndarray
    target: np.ndarray


def data(work: Work) -> Data:
    """Rows of which the classes can be learned, so that losses must fall."""
    generator = np.random.default_rng(0)
    y = generator.integers(0, CLASSES, ROWS)
    centres = generator.normal(size=(CLASSES, *work.shape))
    noise = generator.normal(size=(2, ROWS, *work.shape))
    x = 0.3 * centres[y] + noise[0]
    target = 0.3 * centres[generator.integers(0, CLASSES, ROWS)] + noise[1] + 0.2
    return Data(x.astype(np.float32), y, target.astype(np.float32))
