"""Rotations: which way, in which order, and that four of them are none."""

import jax
import jax.numpy as jnp
import numpy as np

from da_zoo.methods.pretraining.rotation import _prepare, four_rotations
from da_zoo.types import Examples


def test_images_turn_anticlockwise_by_quarters():
    x = jnp.arange(2 * 9 * 3.0).reshape(2, 3, 3, 3)
    turned = np.asarray(four_rotations(x)).reshape(4, 2, 3, 3, 3)
    for quarters in range(4):
        for image, original in zip(turned[quarters], np.asarray(x), strict=True):
            for channel in range(3):
                want = np.rot90(original[..., channel], quarters)
                np.testing.assert_array_equal(image[..., channel], want)


def test_four_rotations_are_none():
    x = jnp.arange(32.0).reshape(2, 4, 4, 1)
    once = x
    for _ in range(4):
        once = four_rotations(once)[2:4]
    np.testing.assert_array_equal(once, x)


def test_labels_and_weights_go_with_the_copies():
    x, ones = jnp.arange(27.0).reshape(3, 3, 3, 1), jnp.ones(3)
    rows = Examples(
        x, ones.astype(int), ones > 0, jnp.arange(3), jnp.zeros(3, int), 2 * ones
    )
    weighted = rows._replace(weight=jnp.array([1.0, 0.0, 2.0]))
    prepared = _prepare(jax.random.key(0), weighted, {})
    for copy, turns, weight in zip(
        prepared.x, prepared.goal, prepared.weight, strict=True
    ):
        # Turned back, it is the image whose weight it has.
        back = np.rot90(np.asarray(copy[..., 0]), -int(turns))
        (row,) = [i for i in range(3) if (back == np.asarray(x[i, ..., 0])).all()]
        assert float(weight) == [1.0, 0.0, 2.0][row]
    assert sorted(prepared.goal.tolist()) == sorted([0, 1, 2, 3] * 3)
