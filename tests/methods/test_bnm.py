"""BNM: what the fast variant is, and that the method takes it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import methods, network_by_name
from da_zoo.losses.prediction import batch_nuclear_norm
from da_zoo.testing import example_batch, toy_data

NETWORK = network_by_name("mlp", hidden=(8, 4))


@pytest.mark.parametrize("scale", [0.1, 1.0, 10.0])
def test_the_fast_norm_is_never_below_the_exact_one(scale, x64):
    """A matrix is the sum of its columns, each of which is its own nuclear norm."""
    logits = scale * jnp.asarray(np.random.default_rng(0).normal(size=(12, 4)))
    exact, fast = (batch_nuclear_norm(logits, fast=f) for f in (False, True))
    assert float(exact) <= float(fast) + 1e-12


def test_both_norms_agree_on_certain_predictions_and_have_their_known_value():
    # Two rows of each of four classes: four orthogonal columns of norm sqrt(2).
    logits = 100.0 * jnp.tile(jnp.eye(4), (2, 1))
    for fast in (False, True):
        norm = batch_nuclear_norm(logits, fast=fast)
        np.testing.assert_allclose(norm, 4 * np.sqrt(2) / 8, rtol=1e-5)


@pytest.mark.parametrize("fast", [False, True])
def test_the_method_maximises_the_norm_it_was_told_to(fast):
    recipe = methods.bnm(NETWORK, classes=3, fast=fast, batch_norm="frozen")
    adapter = recipe[0].adapter
    batch = example_batch(toy_data(), recipe[0].uses)
    state = jax.jit(adapter.init)(jax.random.key(0), batch)
    logits = adapter.predict(state, batch.target.x).logits["target"]
    metrics = jax.jit(adapter.update)(state, batch)[1]
    expected = -batch_nuclear_norm(logits, fast=fast)
    np.testing.assert_allclose(metrics["negative_nuclear_norm"], expected, rtol=1e-4)
    jaxpr = str(jax.make_jaxpr(adapter.update)(state, batch))
    assert ("svd" in jaxpr) == (not fast)
