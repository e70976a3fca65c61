"""The sliced Wasserstein distance against float64 NumPy and exact transport."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo.losses.wasserstein import sliced_wasserstein, unit_directions

RNG = np.random.default_rng(11)
X, Y = RNG.normal(size=(5, 3)), 1.5 * RNG.normal(size=(5, 3)) + 0.5
DIRECTIONS = RNG.normal(size=(3, 4))
DIRECTIONS /= np.linalg.norm(DIRECTIONS, axis=0)


def by_hand(x, y):
    """The cheapest of all 120 pairings, along each direction: no sorting."""
    total = 0.0
    for direction in DIRECTIONS.T:
        a, b = x @ direction, y @ direction
        costs = [
            np.mean((a - b[list(order)]) ** 2)
            for order in itertools.permutations(range(len(b)))
        ]
        total += min(costs)
    return total / DIRECTIONS.shape[1]


def ours(x=X, y=Y, **values):
    return sliced_wasserstein(
        jnp.asarray(x), jnp.asarray(y), jnp.asarray(DIRECTIONS), **values
    )


def test_value(x64):
    np.testing.assert_allclose(ours(), by_hand(X, Y), rtol=1e-10)


def test_the_order_of_rows_does_not_matter_and_a_shift_is_known(x64):
    np.testing.assert_allclose(ours(X, X[::-1]), 0.0, atol=1e-12)
    shift = np.array([1.0, -2.0, 0.5])
    expected = np.mean((shift @ DIRECTIONS) ** 2)
    np.testing.assert_allclose(ours(X, X + shift), expected, rtol=1e-10)


def test_the_gradient_is_that_of_finite_differences(x64):
    gradient = jax.grad(lambda x: ours(x))(jnp.asarray(X))
    for index in ((0, 0), (4, 2)):
        ends = [ours(jnp.asarray(X).at[index].add(h)) for h in (1e-6, -1e-6)]
        np.testing.assert_allclose(
            gradient[index], (ends[0] - ends[1]) / 2e-6, rtol=1e-5
        )
    assert float(ours(jnp.asarray(X) - 0.1 * gradient)) < float(ours())


@pytest.mark.parametrize("filler", [100.0, np.nan])
def test_padding_rows_change_nothing(filler, x64):
    x, y = (np.insert(z, 2, filler, axis=0) for z in (X, Y))
    kept = jnp.array([True, True, False, True, True, True])
    value, gradient = jax.value_and_grad(lambda z: ours(z, y, kept=kept))(
        jnp.asarray(x)
    )
    np.testing.assert_allclose(value, by_hand(X, Y), rtol=1e-10)
    expected = jax.grad(lambda z: ours(z))(jnp.asarray(X))
    np.testing.assert_allclose(gradient[kept], expected, rtol=1e-8, atol=1e-10)


def test_without_any_row_it_is_0_and_finite():
    value, gradient = jax.value_and_grad(
        lambda x: ours(x, np.float32(Y), kept=jnp.zeros(5, bool))
    )(jnp.float32(X))
    assert float(value) == 0.0
    assert bool(jnp.isfinite(gradient).all())


def test_directions_are_unit_uniform_and_leave_forbidden_dimensions_out():
    drawn = np.asarray(unit_directions(jax.random.key(0), 3, 4000))
    np.testing.assert_allclose(np.linalg.norm(drawn, axis=0), 1.0, rtol=1e-5)
    np.testing.assert_allclose(drawn @ drawn.T / 4000, np.eye(3) / 3, atol=0.03)
    allowed = jnp.array([True, True, False])
    flat = np.asarray(unit_directions(jax.random.key(0), 3, 50, allowed=allowed))
    np.testing.assert_array_equal(flat[2], 0.0)
    np.testing.assert_allclose(np.linalg.norm(flat, axis=0), 1.0, rtol=1e-5)
