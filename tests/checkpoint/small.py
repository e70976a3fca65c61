"""A training small enough to be run a dozen times, and how two are compared."""

import jax
import numpy as np

from da_zoo import METHODS, ArrayData, Checkpointing, fit, network_by_name

NETWORK = network_by_name("mlp", hidden=(8,), batch_norm=True)


def small_data(rows=96, features=6):
    generator = np.random.default_rng(0)
    y = np.arange(rows) % 3
    x = (generator.normal(size=(rows, features)) + y[:, None]).astype(np.float32)
    return ArrayData((x, y), x + 1.0, (x[:12] + 1, y[:12]))


def train(
    name="dann", folder=None, *, every=20, keep=3, best=None, steps=90, **options
):
    """Trains a method on the small data, with checkpoints where there is a folder."""
    kept = None
    if folder is not None:
        kept = Checkpointing(folder, every=every, keep=keep, keep_best=best)
    recipe = METHODS[name].factory(NETWORK, classes=3)
    data = options.pop("data", None) or small_data()
    key = options.pop("key", None)
    return fit(
        recipe,
        data,
        jax.random.key(0) if key is None else key,
        steps=steps,
        batch_size=options.pop("batch_size", 16),
        name=name,
        checkpoint=kept,
        **options,
    )


def bits(tree):
    """All leaves as NumPy arrays, keys as their words."""
    return [
        np.asarray(
            jax.random.key_data(leaf)
            if jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key)
            else leaf
        )
        for leaf in jax.tree.leaves(tree)
    ]


def assert_same_bits(first, second):
    assert jax.tree.structure(first) == jax.tree.structure(second)
    for one, other in zip(bits(first), bits(second), strict=True):
        assert one.dtype == other.dtype
        assert np.array_equal(one, other, equal_nan=one.dtype.kind == "f")


class KilledError(Exception):
    """Stands for whatever ends a process."""


def dying(*calls):
    """A callback that ends training at its calls of these numbers, once each."""
    seen = {"calls": 0}

    def on_metrics(*_):
        seen["calls"] += 1
        if seen["calls"] in calls:
            raise KilledError

    return on_metrics


def train_until_done(*args, on_metrics, **options):
    """Calls again what was killed; returns the result and how often."""
    for tries in range(1, 20):
        try:
            return train(*args, on_metrics=on_metrics, **options), tries
        except KilledError:
            continue
    raise AssertionError("never finished")
