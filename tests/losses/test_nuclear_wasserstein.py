"""The nuclear-norm Wasserstein discrepancy against float64 NumPy."""

import jax
import jax.numpy as jnp
import numpy as np

from da_zoo.losses.nuclear_wasserstein import nuclear_wasserstein

RNG = np.random.default_rng(9)
SOURCE, TARGET = 2 * RNG.normal(size=(8, 3)), RNG.normal(size=(6, 3))


def nuclear(logits):
    """From the eigenvalues of the Gram matrix, not from a decomposition of P."""
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return np.sqrt(np.linalg.eigvalsh(p.T @ p)).sum() / len(p)


def test_value(x64):
    ours = nuclear_wasserstein(jnp.asarray(SOURCE), jnp.asarray(TARGET))
    np.testing.assert_allclose(ours, nuclear(SOURCE) - nuclear(TARGET), rtol=1e-9)


def test_equal_predictions_are_at_distance_0_and_exchange_changes_the_sign(x64):
    x, y = jnp.asarray(SOURCE), jnp.asarray(TARGET)
    np.testing.assert_allclose(nuclear_wasserstein(x, x), 0.0, atol=1e-12)
    np.testing.assert_allclose(nuclear_wasserstein(x, y), -nuclear_wasserstein(y, x))


def test_signs_up_with_certainty_on_the_source_down_with_it_on_the_target():
    certain, vague = 50 * jnp.eye(3), jnp.zeros((3, 3))
    assert float(nuclear_wasserstein(certain, vague)) > 0.4
    assert float(nuclear_wasserstein(vague, certain)) < -0.4


def test_gradient_and_masked_classes(x64):
    x, y = jnp.asarray(SOURCE), jnp.asarray(TARGET)
    gradient = jax.grad(nuclear_wasserstein, argnums=1)(x, y)
    for index in ((0, 0), (5, 2)):
        ends = [nuclear_wasserstein(x, y.at[index].add(h)) for h in (1e-6, -1e-6)]
        np.testing.assert_allclose(
            gradient[index], (ends[0] - ends[1]) / 2e-6, rtol=1e-5, atol=1e-9
        )
    wide = jnp.concatenate([y, jnp.full((6, 2), -1e9)], axis=1)
    widened = jnp.concatenate([x, jnp.full((8, 2), -1e9)], axis=1)
    value, of_wide = jax.value_and_grad(nuclear_wasserstein, argnums=1)(widened, wide)
    np.testing.assert_allclose(value, nuclear_wasserstein(x, y), rtol=1e-9)
    np.testing.assert_allclose(of_wide[:, :3], gradient, atol=1e-9)
    assert bool(jnp.isfinite(of_wide).all())


def test_padding_rows_change_nothing(x64):
    x, y = jnp.asarray(SOURCE), jnp.asarray(TARGET)
    padded = jnp.concatenate([y, jnp.full((2, 3), 5.0)])
    np.testing.assert_allclose(
        nuclear_wasserstein(x, padded, weight_target=jnp.array([1.0] * 6 + [0.0] * 2)),
        nuclear_wasserstein(x, y),
        rtol=1e-9,
    )


def test_collapsed_predictions_have_finite_gradients():
    """All rows alike: two singular values are 0."""
    for logits in (jnp.zeros((6, 3)), jnp.tile(jnp.array([[40.0, 0, 0]]), (6, 1))):
        gradient = jax.grad(nuclear_wasserstein, argnums=1)(jnp.float32(SOURCE), logits)
        assert bool(jnp.isfinite(gradient).all())
