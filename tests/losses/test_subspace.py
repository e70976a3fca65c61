import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import subspace_angles

from da_zoo.losses import subspace_distance
from da_zoo.losses.subspace import safe_svd


def samples(n=4, d=9, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) + 0.5, 2.0 * rng.normal(size=(n, d))


def distance(x, y, **options):
    return subspace_distance(jnp.asarray(x), jnp.asarray(y), **options)[0]


def test_sum_of_sines_of_principal_angles():
    x, y = samples()
    expected = np.sin(subspace_angles(x.T, y.T)).sum()
    np.testing.assert_allclose(
        distance(np.float32(x), np.float32(y)), expected, rtol=1e-5
    )


def test_the_strongest_directions_alone():
    x, y = samples(n=20, d=6)
    bases = [np.linalg.svd(s, full_matrices=False)[2][:2].T for s in (x, y)]
    expected = np.sin(subspace_angles(*bases)).sum()
    ours = distance(np.float32(x), np.float32(y), directions=2)
    np.testing.assert_allclose(ours, expected, rtol=1e-5)


def test_base_mismatch_as_in_the_paper():
    x, y = samples()
    u_s, u_t = (np.linalg.svd(s.T, full_matrices=False)[0] for s in (x, y))
    p_s, _, p_t = np.linalg.svd(u_s.T @ u_t)
    total = sum(
        (abs(p_s[i, j]) - abs(p_t.T[i, j])) ** 2 for i in range(4) for j in range(4)
    )
    ours = subspace_distance(jnp.float32(x), jnp.float32(y))[1]
    np.testing.assert_allclose(ours, np.sqrt(total), rtol=1e-4)


def test_a_batch_that_spans_everything_still_tells_domains_apart():
    """The authors' form is 0 for n >= d, whatever the data, and has no gradient."""
    x, y = (np.float32(s) for s in samples(n=16, d=6))
    assert float(distance(x, y)) > 0.1
    assert float(jnp.abs(jax.grad(distance)(jnp.asarray(x), y)).max()) > 1e-3


def test_blind_to_scale_order_and_rotation_of_rows():
    x, y = (np.float32(s) for s in samples())
    reference = float(distance(x, y))
    np.testing.assert_allclose(distance(7.0 * x, y[::-1]), reference, rtol=1e-5)
    np.testing.assert_allclose(distance(y, x), reference, rtol=1e-5)
    np.testing.assert_allclose(distance(x, 3.0 * x[::-1]), 0.0, atol=1e-5)


def test_small_angles_are_exact_in_float32():
    """sqrt(1 - cosine^2) gives 0 or 3.5e-4 here."""
    angle = 1e-4
    x = np.float32([[1.0, 0.0, 0.0]])
    y = np.float32([[np.cos(angle), np.sin(angle), 0.0]])
    np.testing.assert_allclose(distance(x, y), angle, rtol=1e-3)


@pytest.mark.parametrize("part", [0, 1])
def test_gradient_against_finite_differences(part, x64):
    x, y = (jnp.asarray(s) for s in samples())

    def value(x):
        return subspace_distance(x, y)[part]

    gradient = jax.grad(value)(x)
    step = 1e-6
    for index in ((0, 0), (2, 5)):
        numeric = (value(x.at[index].add(step)) - value(x.at[index].add(-step))) / (
            2 * step
        )
        np.testing.assert_allclose(gradient[index], numeric, rtol=1e-3, atol=1e-6)
    assert float(jnp.abs(gradient).max()) > 1e-3
    assert float(value(x - 1e-3 * gradient)) < float(value(x))


def rank_deficient():
    x, y = samples()
    repeated = x[[0, 0, 1, 1]]
    dead = np.where(np.arange(9) < 2, y, 0.0)  # two live features
    orthonormal = np.eye(9)[:4]  # every singular value ties
    return {
        "repeated": (repeated, y),
        "dead features": (x, dead),
        "both": (repeated, dead),
        "ties": (orthonormal, y),
        "equal": (x, x),
        "zeros": (np.zeros_like(x), y),
        "all zeros": (np.zeros_like(x), np.zeros_like(y)),
        "constant": (np.ones_like(x), np.ones_like(y)),
    }


@pytest.mark.parametrize("name", rank_deficient())
def test_finite_values_and_gradients_for_degenerate_batches(name):
    x, y = (jnp.float32(s) for s in rank_deficient()[name])

    def total(x, y):
        return sum(subspace_distance(x, y))

    value, gradients = jax.jit(jax.value_and_grad(total, argnums=(0, 1)))(x, y)
    assert np.isfinite(value)
    for gradient in gradients:
        assert np.isfinite(gradient).all()


@pytest.mark.parametrize("name", ["repeated", "dead features", "both"])
def test_directions_that_a_batch_lacks_are_left_out(name):
    x, y = rank_deficient()[name]
    spans = []
    for rows in (x, y):
        rank = np.linalg.matrix_rank(rows)
        spans.append(np.linalg.svd(rows)[2][:rank].T)
    expected = np.sin(subspace_angles(*spans)).sum()
    np.testing.assert_allclose(
        distance(np.float32(x), np.float32(y)), expected, rtol=1e-4
    )


def test_padding_rows_change_nothing():
    x, y = (jnp.float32(s) for s in samples())
    padded = jnp.concatenate([x, jnp.full((3, 9), jnp.nan)])
    weight = jnp.array([1.0] * 4 + [0.0] * 3)
    ours = distance(padded, y, weight_source=weight, directions=4)
    np.testing.assert_allclose(ours, distance(x, y), rtol=1e-5)


def test_safe_svd_differentiates_as_jax_does_where_that_is_defined(x64):
    matrix = jnp.asarray(np.random.default_rng(1).normal(size=(5, 3)))
    mix = np.random.default_rng(2).normal(size=(5, 3))

    def value(svd, a):
        u, s, vt = svd(a)
        # Squares: the signs of singular vectors are arbitrary.
        return jnp.sum(mix * u**2) + jnp.sum(s * mix[0]) + jnp.sum(mix[:3] * vt**2)

    def plain(a):
        return jnp.linalg.svd(a, full_matrices=False)

    ours = jax.grad(lambda a: value(safe_svd, a))(matrix)
    theirs = jax.grad(lambda a: value(plain, a))(matrix)
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


def test_directions_out_of_range():
    x, y = samples()
    with pytest.raises(ValueError, match="directions must be at least 1, got 0"):
        distance(x, y, directions=0)
