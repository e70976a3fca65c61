import numpy as np
import pytest


@pytest.fixture(scope="session")
def toy():
    """Four classes of 25 rows in 5 dimensions, and as many rows of pure noise.

    The reference implementations were run on exactly these arrays; the numbers in the
    tests marked `parity` are theirs.
    """
    rng = np.random.RandomState(0)
    centres = 3.0 * rng.randn(4, 5)
    labels = np.repeat(np.arange(4), 25)
    features = centres[labels] + rng.randn(100, 5)
    return features, labels, rng.randn(100, 5)


@pytest.fixture(scope="session")
def blurred():
    """A function: features of four classes with the given amount of noise, labels."""

    def make(noise, rows=200, seed=0):
        rng = np.random.default_rng(seed)
        labels = np.arange(rows) % 4
        centres = rng.normal(size=(4, 6))
        return centres[labels] + noise * rng.normal(size=(rows, 6)), labels

    return make
