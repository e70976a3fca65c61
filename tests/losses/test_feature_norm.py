"""Stepwise feature norms (AFN) against equation 7 of Xu et al. 2019."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import methods, network_by_name
from da_zoo.losses.feature_norm import stepwise_feature_norm
from da_zoo.testing import example_batch, toy_data

FEATURES = np.random.default_rng(0).normal(size=(7, 5))


@pytest.mark.parametrize("step", [0.3, 1.0])
def test_value_and_gradient_from_the_definition(step, x64):
    features = jnp.asarray(FEATURES)
    value, gradient = jax.value_and_grad(stepwise_feature_norm)(features, step)
    np.testing.assert_allclose(value, step**2, rtol=1e-10)
    # The target norm is fixed at |f| + step: a pull of constant length outwards.
    for i, row in enumerate(FEATURES):
        expected = -2 * step * row / np.linalg.norm(row) / 7
        np.testing.assert_allclose(gradient[i], expected, rtol=1e-9)


def test_a_step_down_enlarges_every_norm_and_rows_of_zeros_stay():
    features = jnp.asarray(FEATURES, jnp.float32).at[2].set(0.0)
    gradient = jax.grad(stepwise_feature_norm)(features)
    assert bool(jnp.isfinite(gradient).all()) and not np.any(gradient[2])
    before = jnp.linalg.norm(features, axis=1)
    after = jnp.linalg.norm(features - 0.5 * gradient, axis=1)
    kept = np.arange(7) != 2
    np.testing.assert_allclose((after - before)[kept], np.full(6, 1 / 7), rtol=1e-4)


@pytest.mark.parametrize("junk", [np.nan, np.inf, 1e30])
def test_padding_changes_neither_value_nor_gradient(junk, x64):
    slopes_of = jax.value_and_grad(stepwise_feature_norm)
    value, gradient = slopes_of(jnp.asarray(FEATURES), 0.3)
    longer = jnp.concatenate([jnp.asarray(FEATURES), jnp.full((2, 5), junk)])
    weight = jnp.array([1.0] * 7 + [0.0] * 2)
    padded, slopes = slopes_of(longer, 0.3, weight=weight)
    np.testing.assert_allclose(padded, value, rtol=1e-10)
    np.testing.assert_allclose(slopes[:7], gradient, rtol=1e-9)
    assert not slopes[7:].any()
    assert float(stepwise_feature_norm(longer, weight=0.0 * weight)) == 0.0


def test_weights_share_out_the_pull(x64):
    weight = np.random.default_rng(1).uniform(0.2, 2.0, size=7)
    gradient = jax.grad(stepwise_feature_norm)(
        jnp.asarray(FEATURES), 0.3, weight=jnp.asarray(weight)
    )
    units = FEATURES / np.linalg.norm(FEATURES, axis=1)[:, None]
    share = weight / weight.sum()
    np.testing.assert_allclose(gradient, -0.6 * share[:, None] * units, rtol=1e-9)


def test_the_method_pulls_in_both_domains_with_the_papers_weight():
    recipe = methods.afn(network_by_name("mlp", hidden=(8, 4)), classes=3)
    batch = example_batch(toy_data(), recipe[0].uses)
    state = jax.jit(recipe[0].adapter.init)(jax.random.key(0), batch)
    metrics = jax.jit(recipe[0].adapter.update)(state, batch)[1]
    np.testing.assert_allclose(metrics["feature_norm"], 2.0, rtol=1e-5)
    total = metrics["source_loss"] + 0.05 * 2.0
    np.testing.assert_allclose(metrics["task_loss"], total, rtol=1e-5)
