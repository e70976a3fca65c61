"""Saliency, integrated gradients and occlusion, on functions with known answers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import network_by_name
from da_zoo.interpret import Model, integrated_gradients, occlusion, saliency
from da_zoo.interpret.saliency import input_gradient

RNG = np.random.default_rng(0)
W = RNG.normal(size=(5, 3)).astype(np.float32)
X = RNG.normal(size=(4, 5)).astype(np.float32)


def linear(x):
    return x @ W + 7.0


def bent(x):
    """A smooth function that is far from linear."""
    hidden = jnp.tanh(x @ W)
    return hidden @ jnp.asarray(W.T @ W) + jnp.sum(x**2, axis=1, keepdims=True)


def small_network():
    network = network_by_name("mlp", hidden=(16, 8))
    x = jnp.asarray(np.random.default_rng(1).normal(size=(6, 5)), jnp.float32)
    params, stats = network.init(jax.random.key(0), x)
    key = jax.random.key(1)
    head = {"kernel": jax.random.normal(key, (8, 3)), "bias": jnp.ones(3)}
    return Model(network, params, stats, head), x


def test_a_linear_model_s_saliency_is_its_weights():
    found = saliency(linear, X, classes=1)
    np.testing.assert_allclose(found, np.tile(np.abs(W[:, 1]), (4, 1)), rtol=1e-6)
    each = saliency(linear, X, classes=np.array([0, 1, 2, 0]))
    np.testing.assert_allclose(each, np.abs(W.T[[0, 1, 2, 0]]), rtol=1e-6)
    likeliest = saliency(linear, X)
    np.testing.assert_allclose(
        likeliest, np.abs(W.T[np.argmax(linear(X), axis=1)]), rtol=1e-6
    )


@pytest.mark.slow
def test_a_row_s_gradient_does_not_depend_on_other_rows():
    model, x = small_network()
    np.testing.assert_allclose(
        saliency(model, x)[:2], saliency(model, x[:2]), rtol=1e-5, atol=1e-7
    )


@pytest.mark.parametrize("steps", [1, 3])
def test_a_linear_model_is_attributed_exactly(steps):
    base = np.arange(5.0, dtype=np.float32)
    found = integrated_gradients(linear, X, classes=2, baseline=base, steps=steps)
    np.testing.assert_allclose(found.values, W[:, 2] * (X - base), rtol=1e-5, atol=1e-6)
    assert float(jnp.max(found.completeness_error)) < 1e-5


@pytest.mark.slow
def test_fifty_midpoints_add_up_to_the_change_of_a_curved_logit():
    found = integrated_gradients(bent, X)
    which = np.argmax(bent(X), axis=1)
    at = np.take_along_axis(np.asarray(bent(X)), which[:, None], axis=1)[:, 0]
    zero = np.asarray(bent(jnp.zeros_like(X)))[np.arange(4), which]
    assert np.ptp(at - zero) > 1.0
    np.testing.assert_allclose(found.values.sum(axis=1), at - zero, atol=1e-3)
    assert float(jnp.max(found.completeness_error)) < 1e-3
    # The midpoint rule is of second order: five times the steps, a 25th of the error.
    few = integrated_gradients(bent, X, steps=4).completeness_error
    more = integrated_gradients(bent, X, steps=20).completeness_error
    assert float(jnp.max(more)) < float(jnp.max(few)) / 12


def test_a_network_is_attributed_completely():
    model, x = small_network()
    found = integrated_gradients(model, x, steps=300)
    assert float(jnp.max(found.completeness_error)) < 2e-2  # ReLUs have corners
    assert float(jnp.min(jnp.max(jnp.abs(found.values), axis=1))) > 1e-3


def test_a_quadratic_is_integrated_in_closed_form(x64):
    # f = x1 x2, from 0: the gradient at t x is t (x2, x1), so both get x1 x2 / 2.
    found = integrated_gradients(
        lambda x: (x[:, 0] * x[:, 1])[:, None], np.array([[3.0, 5.0]])
    )
    np.testing.assert_allclose(found.values, [[7.5, 7.5]], rtol=1e-6)


def test_baselines_and_steps_are_checked():
    with pytest.raises(ValueError, match="baseline must have the shape"):
        integrated_gradients(linear, X, baseline=np.zeros(4))
    for steps in (0, 1.5, True):
        with pytest.raises((ValueError, TypeError)):
            integrated_gradients(linear, X, steps=steps)


def test_occlusion_finds_the_patch_that_counts():
    weight = np.zeros((6, 5, 1), np.float32)
    weight[4:, :2] = 3.0  # of the patch at rows 4-5, columns 0-1
    weight[0, 4] = -1.0  # of a patch that the border cuts

    def logits(x):
        return jnp.sum(x * weight[None], axis=(1, 2))

    images = np.full((2, 6, 5, 1), 0.5, np.float32)
    found = np.asarray(occlusion(logits, images, patch=2))
    expected = np.zeros((6, 5))
    expected[4:, :2] = 4 * 3.0 * 0.5
    expected[:2, 4] = -0.5
    np.testing.assert_allclose(found, np.tile(expected, (2, 1, 1)), atol=1e-6)
    filled = np.asarray(occlusion(logits, images, patch=2, fill=0.5))
    np.testing.assert_allclose(filled, 0.0, atol=1e-6)
    for wrong in (0, 6):
        with pytest.raises(ValueError, match="patch must be"):
            occlusion(logits, images, patch=wrong)
    with pytest.raises(ValueError, match="must be images"):
        occlusion(logits, X)


def test_a_network_s_program_is_kept_from_one_call_to_the_next():
    network = network_by_name("mlp", hidden=(5,))
    traced = []

    def apply(*arguments, **options):
        traced.append(1)
        return network.apply(*arguments, **options)

    watched = network._replace(apply=apply)
    params, stats = network.init(jax.random.key(0), jnp.ones((2, 3)))
    head = {"kernel": jnp.ones((5, 2)), "bias": jnp.zeros(2)}
    models = [
        Model(watched, jax.tree.map(lambda leaf, f=f: f * leaf, params), stats, head)
        for f in (1.0, 2.0)
    ]
    x = np.linspace(0.0, 1.0, 6, dtype=np.float32).reshape(2, 3)
    gradient = [input_gradient(model)(x, jnp.zeros(2, int)) for model in models]
    first = len(traced)
    again = [input_gradient(model)(x, jnp.zeros(2, int)) for model in models]
    assert first == len(traced) == 1
    assert not np.allclose(gradient[0], gradient[1])
    np.testing.assert_array_equal(gradient[1], again[1])
