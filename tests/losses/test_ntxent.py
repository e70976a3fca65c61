"""NT-Xent against its formula in float64, and what it is where that is known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo.losses.ntxent import ntxent


def by_the_formula(first, second, temperature):
    """Chen et al. 2020, equation 1, pair by pair; the sum over both views."""
    z = np.concatenate([first, second]).astype(np.float64)
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    n = len(first)
    losses = []
    for i in range(2 * n):
        j = (i + n) % (2 * n)
        others = [z[i] @ z[k] / temperature for k in range(2 * n) if k != i]
        losses.append(np.log(np.sum(np.exp(others))) - z[i] @ z[j] / temperature)
    return 2 * np.mean(losses)


def rows(seed, n=6, d=4):
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


def test_equal_embeddings_cannot_be_told_apart():
    loss, _ = ntxent(jnp.ones((8, 5)), 3 * jnp.ones((8, 5)), temperature=0.3)
    assert float(loss) == pytest.approx(2 * np.log(15), abs=1e-5)
    assert float(loss) == pytest.approx(5.41610, abs=1e-5)


def test_orthogonal_pairs_that_agree():
    loss, accuracy = ntxent(jnp.eye(8), 2 * jnp.eye(8), temperature=0.5)
    assert float(loss) == pytest.approx(2.12576, abs=1e-5)
    assert float(accuracy) == 1.0


@pytest.mark.parametrize("temperature", [0.1, 0.5, 2.0])
def test_it_is_the_papers_formula(temperature):
    first, second = rows(0), rows(1)
    loss, _ = ntxent(jnp.asarray(first), jnp.asarray(second), temperature=temperature)
    want = by_the_formula(first, second, temperature)
    assert float(loss) == pytest.approx(want, rel=1e-5)


def test_padding_rows_are_nobodys_candidates_and_may_hold_nan():
    first, second = rows(0), rows(1)
    padded = [np.insert(v, [0, 3], np.nan, axis=0) for v in (first, second)]
    weight = jnp.array([0.0, 1, 1, 1, 0, 1, 1, 1])

    def loss(a, b):
        return ntxent(a, b, temperature=0.5, weight=weight)[0]

    value, gradients = jax.value_and_grad(loss, argnums=(0, 1))(
        *map(jnp.asarray, padded)
    )
    assert float(value) == pytest.approx(by_the_formula(first, second, 0.5), rel=1e-5)
    for gradient in gradients:
        assert bool(jnp.isfinite(gradient).all())
        assert not gradient[weight == 0].any()


def test_lengths_and_the_order_of_the_views_do_not_count():
    first, second = jnp.asarray(rows(0)), jnp.asarray(rows(1))
    value = ntxent(first, second)[0]
    np.testing.assert_allclose(ntxent(second, first)[0], value, rtol=1e-5)
    scaled = first * jnp.arange(1.0, 7.0)[:, None]
    np.testing.assert_allclose(ntxent(scaled, second)[0], value, rtol=1e-5)


def test_a_step_down_the_gradient_brings_views_together():
    first, second = jnp.asarray(rows(0)), jnp.asarray(rows(1))
    before, accuracy = ntxent(first, second, temperature=0.5)
    for _ in range(50):
        first = first - jax.grad(lambda a: ntxent(a, second, temperature=0.5)[0])(first)
    after, better = ntxent(first, second, temperature=0.5)
    assert float(after) < float(before) - 0.5
    assert float(better) > float(accuracy)


def test_one_row_and_only_padding_stay_finite():
    one = jnp.ones((1, 3))
    assert float(ntxent(one, one)[0]) == pytest.approx(0.0, abs=1e-5)
    loss, _ = ntxent(jnp.zeros((4, 3)), jnp.zeros((4, 3)), weight=jnp.zeros(4))
    assert float(loss) == 0.0
