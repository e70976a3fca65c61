"""Co-Tuning's relationship against a loop over classes."""

import jax.numpy as jnp
import numpy as np

from da_zoo.losses import category_relationship


def test_mean_predictions_by_class():
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(5), size=12)
    labels = np.array([0, 1, 3, 0, 1, 3, 0, 0, 3, 1, 1, 0])
    weight = rng.uniform(size=12)
    weight[[2, 7]] = 0.0
    expected = np.zeros((4, 5))
    for c in (0, 1, 3):
        own = labels == c
        expected[c] = (weight[own, None] * p[own]).sum(axis=0) / weight[own].sum()
    padded = jnp.float32(p).at[2].set(jnp.nan)
    found = category_relationship(
        padded, jnp.array(labels), 4, weight=jnp.float32(weight)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-7)
    np.testing.assert_array_equal(found[2], 0.0)  # no rows, no relationship
