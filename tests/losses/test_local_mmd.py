import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo.losses import local_mmd_squared, mmd_squared

jit_local = jax.jit(local_mmd_squared, static_argnames="bandwidths")
jit_slopes = jax.jit(
    jax.value_and_grad(local_mmd_squared, argnums=(0, 2, 3)),
    static_argnames="bandwidths",
)


def problem(n=7, m=6, d=3, k=4, seed=0):
    rng = np.random.default_rng(seed)
    return (
        rng.normal(size=(n, d)),
        rng.integers(k, size=n),
        rng.normal(size=(m, d)) + 0.5,
        2.0 * rng.normal(size=(m, k)),
    )


def on_device(f_s, y, f_t, z):
    return jnp.float32(f_s), jnp.asarray(y), jnp.float32(f_t), jnp.float32(z)


def derived(f_s, y, f_t, z, bandwidths=None):
    """Class by class and pair by pair, in float64."""
    both = np.concatenate([f_s, f_t])
    mean_square = np.mean([np.sum((a - b) ** 2) for a in both for b in both])
    variances = (
        [mean_square * 2.0**k for k in (-3, -2, -1, 0, 1)]
        if bandwidths is None
        else [b**2 for b in bandwidths]
    )

    def k(a, b):
        return sum(np.exp(-np.sum((a - b) ** 2) / (2 * v)) for v in variances)

    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    terms = []
    for c in set(y.tolist()) & set(p.argmax(axis=1).tolist()):
        own = [f for f, label in zip(f_s, y, strict=True) if label == c]
        share = p[:, c] / p[:, c].sum()
        m = len(f_t)
        term = np.mean([k(a, b) for a in own for b in own])
        term += sum(
            share[i] * share[j] * k(f_t[i], f_t[j]) for i in range(m) for j in range(m)
        )
        term -= 2 * sum(
            share[j] * k(a, f_t[j]) / len(own) for a in own for j in range(m)
        )
        terms.append(term)
    return np.mean(terms) if terms else 0.0


@pytest.mark.parametrize("bandwidths", [None, (0.7, 2.0)])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_value(seed, bandwidths):
    arrays = problem(seed=seed)
    expected = derived(*arrays, bandwidths)
    assert expected > 0.01
    ours = jit_local(*on_device(*arrays), bandwidths=bandwidths)
    np.testing.assert_allclose(ours, expected, rtol=1e-4)


def test_classes_that_one_side_lacks_do_not_count():
    f_s, y, f_t, z = problem()
    y = np.array([0, 0, 1, 1, 2, 2, 2])  # no class 3
    z = 9.0 * np.eye(4)[[0, 0, 1, 1, 3, 3]]  # no class 2
    expected = derived(f_s, y, f_t, z)
    value, slopes = jit_slopes(*on_device(f_s, y, f_t, z))
    np.testing.assert_allclose(value, expected, rtol=1e-4)
    assert all(np.isfinite(slope).all() for slope in slopes)
    # Rows of the class that the target lacks have no pull (but via no bandwidth).
    assert not slopes[0][4:].any()
    assert slopes[0][:4].any()


def test_no_common_class_counts_zero():
    f_s, y, f_t, z = problem()
    z = 9.0 * np.eye(4)[np.full(6, 3)]
    value, slopes = jit_slopes(*on_device(f_s, np.zeros_like(y), f_t, z))
    assert float(value) == 0.0
    assert not any(slope.any() for slope in slopes)


def test_one_class_is_the_plain_distance():
    f_s, y, f_t, z = problem()
    z = 99.0 * np.eye(4)[np.zeros(6, int)]
    arrays = on_device(f_s, np.zeros_like(y), f_t, z)
    plain = mmd_squared(arrays[0], arrays[2], estimator="v")
    np.testing.assert_allclose(jit_local(*arrays), plain, rtol=1e-4)


def test_exchanged_classes_have_no_distance_to_the_plain_kind_and_one_to_ours():
    x = jnp.array([[0.0, 0.0], [0.1, 0.0], [3.0, 3.0], [3.1, 3.0]])
    y = jnp.array([0, 0, 1, 1])
    right, wrong = (9.0 * jnp.eye(2)[labels] for labels in (y, 1 - y))
    assert abs(float(mmd_squared(x, x, estimator="v"))) < 1e-5
    assert float(jit_local(x, y, x, right)) < 1e-3
    assert float(jit_local(x, y, x, wrong)) > 1.0


def test_gradient_against_finite_differences(x64):
    f_s, y, f_t, z = problem()
    arrays = tuple(jnp.asarray(a) for a in (f_s, y, f_t, z))
    slopes = jax.grad(local_mmd_squared, argnums=(0, 2))(*arrays, (0.7, 2.0))
    step = 1e-5
    for number, slope in ((0, slopes[0]), (2, slopes[1])):
        for index in ((0, 0), (3, 1)):
            ends = []
            for by in (step, -step):
                moved = [np.array(a) for a in (f_s, y, f_t, z)]
                moved[number][index] += by
                ends.append(derived(*moved, (0.7, 2.0)))
            numeric = (ends[0] - ends[1]) / (2 * step)
            np.testing.assert_allclose(slope[index], numeric, rtol=1e-5, atol=1e-9)


def test_predictions_and_bandwidth_are_detached():
    arrays = on_device(*problem())
    _, slopes = jit_slopes(*arrays)
    assert not slopes[2].any()
    assert float(jnp.abs(slopes[0]).max()) > 1e-3
    # With the default bandwidth the value does not change with the scale of features.
    f_s, y, f_t, z = arrays
    np.testing.assert_allclose(
        jit_local(3.0 * f_s, y, 3.0 * f_t, z), jit_local(*arrays), rtol=1e-4
    )


def test_following_the_gradient_brings_the_classes_together():
    f_s, y, f_t, z = on_device(*problem(12, 12))
    first = float(jit_local(f_s, y, f_t, z))
    for _ in range(60):
        _, (slope_s, slope_t, _) = jit_slopes(f_s, y, f_t, z)
        f_s, f_t = f_s - slope_s, f_t - slope_t
    assert float(jit_local(f_s, y, f_t, z)) < 0.3 * first


@pytest.mark.parametrize("junk", [np.nan, 1e30])
def test_padding_changes_nothing(junk):
    f_s, y, f_t, z = on_device(*problem())
    value, slopes = jit_slopes(f_s, y, f_t, z)
    padded, padded_slopes = jit_slopes(
        jnp.concatenate([f_s, jnp.full((2, 3), junk)]),
        jnp.concatenate([y, jnp.zeros(2, y.dtype)]),
        jnp.concatenate([f_t, jnp.full((3, 3), junk)]),
        jnp.concatenate([z, jnp.full((3, 4), junk)]),
        weight_source=jnp.array([1.0] * 7 + [0.0] * 2),
        weight_target=jnp.array([1.0] * 6 + [0.0] * 3),
    )
    np.testing.assert_allclose(padded, value, rtol=1e-5)
    for ours, alone in zip(padded_slopes, slopes, strict=True):
        np.testing.assert_allclose(ours[: len(alone)], alone, rtol=1e-4, atol=1e-6)
        assert not ours[len(alone) :].any()


def test_a_row_of_weight_two_is_that_row_twice():
    f_s, y, f_t, z = on_device(*problem())
    weight = jnp.array([2.0] + [1.0] * 6)
    twice = (jnp.concatenate([f_s[:1], f_s]), jnp.concatenate([y[:1], y]), f_t, z)
    np.testing.assert_allclose(
        jit_local(f_s, y, f_t, z, weight_source=weight), jit_local(*twice), rtol=1e-5
    )


def test_masked_classes_never_count():
    f_s, y, f_t, z = on_device(*problem())
    y = y % 3
    wide = jnp.concatenate([z[:, :3], jnp.full((6, 2), -1e9)], axis=1)
    np.testing.assert_allclose(
        jit_local(f_s, y, f_t, wide), jit_local(f_s, y, f_t, z[:, :3]), rtol=1e-6
    )


@pytest.mark.parametrize("scale", [0.0, 1e-12, 1e6])
def test_finite_where_it_is_hard(scale):
    f_s, y, f_t, z = on_device(*problem())
    value, slopes = jit_slopes(scale * f_s, y, scale * f_t, 1e4 * z)
    assert np.isfinite(value)
    assert all(np.isfinite(slope).all() for slope in slopes)


def test_bad_arguments():
    with pytest.raises(ValueError, match="positive and non-empty"):
        local_mmd_squared(*on_device(*problem()), ())
