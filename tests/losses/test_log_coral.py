import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import logm

from da_zoo.losses import log_coral, symmetric_log

jit_distance = jax.jit(log_coral)
jit_slopes = jax.jit(jax.value_and_grad(log_coral, argnums=(0, 1)))


def samples(n=20, m=15, d=4, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), 2.0 * rng.normal(size=(m, d)) @ np.triu(
        np.ones((d, d))
    ) + 1.0


def derived(x, y, regularisation):
    """By Schur decomposition, in float64."""
    cs, ct = np.cov(x.T), np.cov(y.T)
    d = x.shape[1]
    ridge = regularisation * np.mean([np.diag(cs).mean(), np.diag(ct).mean()])
    gap = logm(cs + ridge * np.eye(d)) - logm(ct + ridge * np.eye(d))
    return np.trace(gap @ gap) / (4 * d * d)


@pytest.mark.parametrize("regularisation", [1e-3, 0.1])
@pytest.mark.parametrize("n", [20, 3])
def test_value(n, regularisation):
    x, y = samples(n=n)  # at 3 rows of 4 features a covariance is singular
    ours = jit_distance(jnp.float32(x), jnp.float32(y), regularisation=regularisation)
    np.testing.assert_allclose(ours, derived(x, y, regularisation), rtol=1e-3)


def test_the_logarithm_of_a_matrix():
    root = np.random.default_rng(0).normal(size=(5, 5))
    matrix = root @ root.T + 0.1 * np.eye(5)
    np.testing.assert_allclose(
        symmetric_log(jnp.float32(matrix)), logm(matrix), rtol=1e-3, atol=1e-4
    )


@pytest.mark.parametrize(
    "values",
    [
        (0.5, 1.0, 2.0, 4.0),
        (1.0, 1.0, 1.0, 1.0),
        (2.0, 2.0, 0.5, 0.5),
        (1.0, 1.0 + 1e-9, 1e-2, 1e2),
    ],
    ids=["apart", "all equal", "pairs", "near and far"],
)
def test_the_derivative_of_the_logarithm(x64, values):
    """Against differences of SciPy's logarithm, where eigenvalues coincide too."""
    rng = np.random.default_rng(0)
    q, _ = np.linalg.qr(rng.normal(size=(4, 4)))
    matrix = (q * np.array(values)) @ q.T
    direction, weights = rng.normal(size=(4, 4)), rng.normal(size=(4, 4))
    direction = direction + direction.T
    slope = jax.grad(lambda a: jnp.sum(symmetric_log(a) * weights))(jnp.asarray(matrix))
    step = 1e-7 * min(values)
    numeric = np.sum(
        (logm(matrix + step * direction) - logm(matrix - step * direction)) * weights
    ) / (2 * step)
    np.testing.assert_allclose(
        np.sum(np.asarray(slope) * direction), numeric, rtol=1e-5
    )


@pytest.mark.parametrize("ratio", [1.0, 1.0 + 1e-6, 1.01, 2.9, 3.1, 1e3, 1e6])
def test_divided_differences_in_float32(ratio):
    # Diagonal matrices: an off-diagonal cotangent meets one divided difference.
    a, b = np.float32(ratio), np.float32(1.0)
    matrix = jnp.diag(jnp.array([a, b]))
    slope = jax.grad(lambda m: symmetric_log(m)[0, 1] + symmetric_log(m)[1, 0])(matrix)
    a, b = float(a), float(b)
    expected = 1.0 if a == b else np.log1p((a - b) / b) / (a - b)
    np.testing.assert_allclose(slope[0, 1], expected, rtol=1e-5)


def test_gradient_against_finite_differences(x64):
    x, y = samples()
    slopes = jax.grad(log_coral, argnums=(0, 1))(jnp.asarray(x), jnp.asarray(y))
    # The ridge is detached: hold it where it is.
    d = x.shape[1]
    ridge = 1e-2 * 0.5 * (np.trace(np.cov(x.T)) + np.trace(np.cov(y.T))) / d

    def held(x, y):
        gap = logm(np.cov(x.T) + ridge * np.eye(d)) - logm(
            np.cov(y.T) + ridge * np.eye(d)
        )
        return np.trace(gap @ gap) / (4 * d * d)

    step = 1e-6
    for index in ((0, 0), (7, 3)):
        by = np.zeros_like(x)
        by[index] = step
        numeric = (held(x + by, y) - held(x - by, y)) / (2 * step)
        np.testing.assert_allclose(slopes[0][index], numeric, rtol=1e-4, atol=1e-9)
        by = np.zeros_like(y)
        by[index] = step
        numeric = (held(x, y + by) - held(x, y - by)) / (2 * step)
        np.testing.assert_allclose(slopes[1][index], numeric, rtol=1e-4, atol=1e-9)


def test_invariances():
    x, y = (jnp.float32(s) for s in samples())
    value = jit_distance(x, y)
    assert float(value) > 0.01
    np.testing.assert_allclose(jit_distance(y, x), value, rtol=1e-4)
    np.testing.assert_allclose(jit_distance(x + 9.0, y - 5.0), value, rtol=1e-3)
    np.testing.assert_allclose(jit_distance(100.0 * x, 100.0 * y), value, rtol=1e-3)
    turn = jnp.linalg.qr(jax.random.normal(jax.random.key(0), (4, 4)))[0]
    np.testing.assert_allclose(jit_distance(x @ turn, y @ turn), value, rtol=1e-3)
    assert float(jit_distance(x, x)) == 0.0


def test_following_the_gradient_lowers_the_distance():
    x, y = (jnp.float32(s) for s in samples())
    first = float(jit_distance(x, y))
    for _ in range(50):
        _, (slope, _) = jit_slopes(x, y)
        x = x - 20.0 * slope
    assert float(jit_distance(x, y)) < 0.3 * first


@pytest.mark.parametrize(
    "features",
    [
        np.ones((1, 3)),
        np.ones((4, 3)),
        np.zeros((4, 3)),
        1e6 * np.eye(3),
        np.eye(3),
        np.outer(np.arange(4.0), np.ones(3)),
    ],
    ids=["one row", "constant", "dead", "huge", "equal eigenvalues", "rank one"],
)
def test_finite_where_it_is_hard(features):
    hard = jnp.float32(features)
    easy = jax.random.normal(jax.random.key(0), (6, 3))
    for pair in ((hard, hard), (hard, easy), (easy, hard)):
        value, slopes = jit_slopes(*pair)
        assert np.isfinite(value)
        assert all(np.isfinite(slope).all() for slope in slopes)


@pytest.mark.parametrize("junk", [np.nan, 1e30])
def test_padding_changes_nothing(junk):
    x, y = (jnp.float32(s) for s in samples())
    longer = jnp.concatenate([x, jnp.full((2, 4), junk)])
    weight = jnp.array([1.0] * 20 + [0.0] * 2)
    value, slopes = jit_slopes(longer, y, weight_source=weight)
    alone, alone_slopes = jit_slopes(x, y)
    np.testing.assert_allclose(value, alone, rtol=1e-4)
    np.testing.assert_allclose(slopes[0][:20], alone_slopes[0], rtol=1e-3, atol=1e-6)
    assert not slopes[0][20:].any()


def test_float32_gradients_at_the_default_ridge():
    """Fewer rows than features, where the ridge alone keeps the logarithm finite."""
    rng = np.random.default_rng(0)
    x = np.maximum(rng.normal(size=(64, 256)), 0)
    y = np.maximum(1.5 * rng.normal(size=(64, 256)) + 0.3, 0)
    single = jax.grad(log_coral)(jnp.float32(x), jnp.float32(y))
    with jax.enable_x64(True):
        double = jax.grad(log_coral)(jnp.asarray(x), jnp.asarray(y))
    gap = np.linalg.norm(np.asarray(single) - np.asarray(double))
    assert gap < 1e-4 * np.linalg.norm(double)


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"regularisation must be positive, got 0.0"):
        log_coral(jnp.ones((2, 2)), jnp.ones((2, 2)), regularisation=0.0)
