"""The gradient penalty against critics whose gradient is known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo.discriminator import make_discriminator
from da_zoo.losses.gradient_penalty import critic_points, gradient_penalty

RNG = np.random.default_rng(7)
POINTS = RNG.normal(size=(6, 3))
SLOPE = np.array([1.0, -2.0, 2.0])
MATRIX = RNG.normal(size=(3, 3))


def test_a_linear_critic_is_judged_by_the_norm_over_features(x64):
    """Its gradient is (1, -2, 2) everywhere, of norm 3; the penalty is (3 - 1)^2."""
    found = gradient_penalty(lambda x: x @ jnp.asarray(SLOPE), jnp.asarray(POINTS))
    np.testing.assert_allclose(found, 4.0, rtol=1e-12)
    per_feature = np.mean((np.abs(SLOPE) - 1) ** 2)
    assert abs(float(found) - per_feature) > 1.0
    # And no norm over the batch, which would grow with the number of rows.
    twice = jnp.asarray(np.concatenate([POINTS, POINTS]))
    again = gradient_penalty(lambda x: x @ jnp.asarray(SLOPE), twice)
    np.testing.assert_allclose(again, 4.0, rtol=1e-12)


def test_a_critic_of_slope_one_pays_nothing(x64):
    unit = jnp.asarray(SLOPE / 3.0)
    found = gradient_penalty(lambda x: x @ unit, jnp.asarray(POINTS))
    np.testing.assert_allclose(found, 0.0, atol=1e-12)


@pytest.mark.parametrize("weight", [None, np.array([1.0, 0, 2, 0.5, 0, 1])])
def test_a_quadratic_critic(weight, x64):
    """C(x) = x'Ax has the gradient (A + A')x."""
    total, rows = 0.0, np.ones(6) if weight is None else weight
    for x, w in zip(POINTS, rows, strict=True):
        gradient = [
            sum((MATRIX[i, j] + MATRIX[j, i]) * x[j] for j in range(3))
            for i in range(3)
        ]
        total += w * (np.sqrt(sum(g**2 for g in gradient)) - 1) ** 2
    found = gradient_penalty(
        lambda x: jnp.sum((x @ jnp.asarray(MATRIX)) * x, axis=1),
        jnp.asarray(POINTS),
        weight=None if weight is None else jnp.asarray(weight),
    )
    np.testing.assert_allclose(found, total / sum(rows), rtol=1e-10)


def test_the_gradient_reaches_the_critics_weights_and_is_right(x64):
    def penalty(slope):
        return gradient_penalty(lambda x: x @ slope, jnp.asarray(POINTS))

    # d/dw (|w| - 1)^2 = 2 (|w| - 1) w / |w|
    np.testing.assert_allclose(
        jax.grad(penalty)(jnp.asarray(SLOPE)), 2 * (3 - 1) * SLOPE / 3, rtol=1e-10
    )


def test_a_flat_critic_has_a_finite_gradient():
    critic = make_discriminator((8,))
    params = jax.tree.map(jnp.zeros_like, critic.init(jax.random.key(0), 3))
    value, gradient = jax.value_and_grad(
        lambda p: gradient_penalty(lambda x: critic.apply(p, x), jnp.float32(POINTS))
    )(params)
    assert float(value) == 1.0
    assert all(bool(jnp.isfinite(g).all()) for g in jax.tree.leaves(gradient))


def test_points_are_both_domains_and_lie_between_pairs():
    source, target = jnp.zeros((4, 2)), jnp.ones((3, 2)) * jnp.array([[1.0, 2.0]])
    points, weight = critic_points(jax.random.key(0), source, target)
    assert weight is None
    np.testing.assert_array_equal(points[:4], source)
    np.testing.assert_array_equal(points[4:7], target)
    between = np.asarray(points[7:])
    assert between.shape == (3, 2)
    # One share per row, not one per feature.
    np.testing.assert_allclose(between[:, 1], 2 * between[:, 0], rtol=1e-6)
    assert 0 < between[:, 0].min() < between[:, 0].max() < 1
    assert len(set(between[:, 0].tolist())) == 3


def test_padding_on_either_side_takes_its_pair_out():
    points, weight = critic_points(
        jax.random.key(0),
        jnp.zeros((3, 2)),
        jnp.ones((3, 2)),
        weight_source=jnp.array([1.0, 0.0, 1.0]),
    )
    np.testing.assert_array_equal(weight, [1, 0, 1, 1, 1, 1, 1, 0, 1])
    assert points.shape == (9, 2)
