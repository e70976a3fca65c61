"""Distillation and soft labels against float64 loops."""

import jax
import jax.numpy as jnp
import numpy as np

from da_zoo.losses.distillation import distillation, soft_cross_entropy

RNG = np.random.default_rng(0)
LOGITS, RECORDED = RNG.normal(size=(4, 3)), RNG.normal(size=(4, 3))
WEIGHT = np.array([1.0, 0.0, 2.0, 0.5])


def softmax(z):
    e = np.exp(z - z.max())
    return e / e.sum()


def divergence(logits, temperature):
    total = 0.0
    for z, z0, own in zip(logits, RECORDED, WEIGHT, strict=True):
        p, q = softmax(z0 / temperature), softmax(z / temperature)
        total += own * np.sum(p * np.log(p / q))
    return total / WEIGHT.sum()


def test_the_divergence_and_its_gradient():
    for temperature in (1.0, 3.0):
        found, slope = jax.value_and_grad(distillation)(
            jnp.float32(LOGITS),
            jnp.float32(RECORDED),
            temperature,
            weight=jnp.float32(WEIGHT),
        )
        np.testing.assert_allclose(found, divergence(LOGITS, temperature), rtol=1e-4)
        moved = np.zeros_like(LOGITS)
        moved[2, 1] = 1e-6
        numeric = (
            divergence(LOGITS + moved, temperature)
            - divergence(LOGITS - moved, temperature)
        ) / 2e-6
        np.testing.assert_allclose(slope[2, 1], numeric, rtol=1e-3)
        np.testing.assert_array_equal(slope[1], 0.0)


def test_it_is_least_where_both_agree_and_shifts_do_not_count():
    z = jnp.float32(LOGITS)
    value, slope = jax.value_and_grad(distillation)(z + 3.0, z, 2.0)
    np.testing.assert_allclose(value, 0.0, atol=1e-6)
    np.testing.assert_allclose(slope, 0.0, atol=1e-6)
    assert float(distillation(z.at[0, 0].add(1.0), z)) > 1e-3
    recorded = jax.grad(distillation, argnums=1)(z, z + 1.0)
    np.testing.assert_array_equal(recorded, 0.0)


def test_masked_classes_and_padding():
    z = jnp.array([[1.0, 0.0, -1e9], [jnp.nan, jnp.nan, -1e9]])
    z0 = jnp.array([[0.0, 1.0, -1e9], [jnp.nan, 0.0, -1e9]])
    weight = jnp.array([1.0, 0.0])
    value, slope = jax.value_and_grad(distillation)(z, z0, 3.0, weight=weight)
    np.testing.assert_allclose(
        value, distillation(z[:1, :2], z0[:1, :2], 3.0), rtol=1e-5
    )
    assert np.isfinite(slope).all()
    assert float(slope[0, 2]) == 0.0


def test_soft_labels():
    p = RNG.dirichlet(np.ones(3), size=4)
    total = sum(
        own * -np.sum(q * np.log(softmax(z)))
        for q, z, own in zip(p, LOGITS, WEIGHT, strict=True)
    )
    found = soft_cross_entropy(
        jnp.float32(LOGITS), jnp.float32(p), weight=jnp.float32(WEIGHT)
    )
    np.testing.assert_allclose(found, total / WEIGHT.sum(), rtol=1e-5)
    # A row without a distribution counts nothing, whatever its logits.
    value, slope = jax.value_and_grad(soft_cross_entropy)(
        jnp.array([[1.0, -1e9]]), jnp.zeros((1, 2))
    )
    assert float(value) == 0.0
    np.testing.assert_array_equal(slope, 0.0)
