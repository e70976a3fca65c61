import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo.losses import linear_mmd_squared, mmd, mmd_squared


@pytest.fixture(params=["one shot", "blocks"])
def path(request, monkeypatch):
    """Both ways of computing the value, at sizes that a test can derive by hand."""
    if request.param == "blocks":
        monkeypatch.setattr(mmd, "ONE_SHOT_PAIRS", 0)
        # Of 7 rows against 5 that makes blocks of 2, the last one not full.
        monkeypatch.setattr(mmd, "BLOCK_PAIRS", 10)
    return request.param


def samples(n=7, m=5, d=3, seed=0, shift=0.5):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.normal(size=(m, d)) + shift


def derived(x, y, bandwidths=None, estimator="u"):
    """MMD squared from its definition, pair by pair, in float64."""
    n, m = len(x), len(y)
    z = np.concatenate([x, y])
    mean_square = np.mean([np.sum((a - b) ** 2) for a in z for b in z])
    variances = (
        [mean_square * 2.0**k for k in (-3, -2, -1, 0, 1)]
        if bandwidths is None
        else [b**2 for b in bandwidths]
    )

    def k(a, b):
        return sum(np.exp(-np.sum((a - b) ** 2) / (2 * v)) for v in variances)

    cross = np.mean([k(a, b) for a in x for b in y])
    if estimator == "v":
        own = [np.mean([k(a, b) for a in s for b in s]) for s in (x, y)]
    else:
        own = [
            sum(k(s[i], s[j]) for i in range(c) for j in range(c) if i != j)
            / (c * (c - 1))
            for s, c in ((x, n), (y, m))
        ]
    return own[0] + own[1] - 2 * cross


@pytest.mark.parametrize("bandwidths", [None, (0.7, 2.0)])
@pytest.mark.parametrize("estimator", ["u", "v"])
def test_value(estimator, bandwidths, path):
    x, y = samples()
    ours = mmd_squared(
        jnp.float32(x), jnp.float32(y), bandwidths=bandwidths, estimator=estimator
    )
    np.testing.assert_allclose(ours, derived(x, y, bandwidths, estimator), rtol=2e-5)


def test_linear_time_value_with_given_bandwidth():
    x, y = samples(6, 7)

    def k(a, b):
        return np.exp(-np.sum((a - b) ** 2) / 2.0)

    expected = np.mean(
        [
            k(x[i], x[i + 1])
            + k(y[i], y[i + 1])
            - k(x[i], y[i + 1])
            - k(x[i + 1], y[i])
            for i in (0, 2, 4)
        ]
    )
    ours = mmd_squared(jnp.float32(x), jnp.float32(y), (1.0,), "linear")
    np.testing.assert_allclose(ours, expected, rtol=1e-5)


@pytest.mark.parametrize("estimator", ["u", "v", "linear"])
def test_gradient_against_finite_differences(x64, estimator, path):
    x, y = (jnp.asarray(s) for s in samples(6, 6))

    def loss(a):
        return mmd_squared(a, y, bandwidths=(1.5,), estimator=estimator)

    gradient = jax.grad(loss)(x)
    step = 1e-6
    for index in ((0, 0), (3, 2)):
        moved = x.at[index].add(step)
        back = x.at[index].add(-step)
        numeric = (loss(moved) - loss(back)) / (2 * step)
        np.testing.assert_allclose(gradient[index], numeric, rtol=1e-4, atol=1e-8)
    assert float(jnp.abs(gradient).max()) > 1e-3


def test_following_the_gradient_brings_the_samples_together(path):
    x, y = (jnp.float32(s) for s in samples(shift=2.0))
    gradient = jax.grad(mmd_squared)(x, y)
    before = jnp.linalg.norm(x.mean(0) - y.mean(0))
    after = jnp.linalg.norm((x - 0.5 * gradient).mean(0) - y.mean(0))
    assert after < before


def test_the_default_bandwidth_has_no_gradient(path):
    """With a detached median, stretching both samples together changes nothing."""
    x, y = (jnp.float32(s) for s in samples())

    def stretched(scale):
        return mmd_squared(scale * x, scale * y)

    # With the bandwidth's own gradient included the value is scale-free, slope 0.
    assert abs(float(jax.grad(stretched)(1.0))) > 1e-3
    np.testing.assert_allclose(stretched(1.0), stretched(3.0), rtol=1e-4)


def test_identical_samples_are_at_distance_zero_for_v_only():
    x = jnp.float32(samples()[0])
    assert abs(float(mmd_squared(x, x, estimator="v"))) < 1e-5
    assert float(mmd_squared(x, x, estimator="u")) < -0.1


def test_u_is_unbiased_under_the_null_and_v_is_not():
    keys = jax.random.split(jax.random.key(0), 400)

    def both(key):
        x, y = jax.random.normal(key, (2, 10, 3))
        return jnp.stack([mmd_squared(x, y, (1.0,), e) for e in ("u", "v")])

    values = np.asarray(jax.vmap(both)(keys))
    error = values.std(axis=0) / np.sqrt(len(values))
    assert abs(values[:, 0].mean()) < 4 * error[0]
    assert values[:, 1].mean() > 20 * error[1]


@pytest.mark.parametrize("estimator", ["u", "v"])
def test_symmetric_and_invariant_to_order_and_isometry(estimator):
    x, y = (jnp.float32(s) for s in samples())
    value = mmd_squared(x, y, estimator=estimator)
    np.testing.assert_allclose(mmd_squared(y, x, estimator=estimator), value, rtol=1e-4)
    np.testing.assert_allclose(
        mmd_squared(x[::-1], y, estimator=estimator), value, rtol=1e-4
    )
    rotation = jnp.linalg.qr(jax.random.normal(jax.random.key(1), (3, 3)))[0]
    turned = mmd_squared(x @ rotation + 4.0, y @ rotation + 4.0, estimator=estimator)
    np.testing.assert_allclose(turned, value, rtol=2e-3, atol=1e-4)


@pytest.mark.parametrize("estimator", ["u", "v", "linear"])
def test_padding_rows_change_nothing(estimator, path):
    x, y = (jnp.float32(s) for s in samples(6, 6))
    junk = jnp.full((2, 3), jnp.nan)
    weight = jnp.array([1.0] * 6 + [0.0] * 2)
    padded = mmd_squared(
        jnp.concatenate([x, junk]),
        jnp.concatenate([y, junk]),
        (1.0,),
        estimator,
        weight_source=weight,
        weight_target=weight,
    )
    plain = mmd_squared(x, y, (1.0,), estimator)
    np.testing.assert_allclose(padded, plain, rtol=1e-5)
    linear = linear_mmd_squared(jnp.concatenate([x, junk]), y, weight_source=weight)
    np.testing.assert_allclose(linear, linear_mmd_squared(x, y), rtol=1e-5)


@pytest.mark.parametrize("estimator", ["u", "v", "linear"])
@pytest.mark.parametrize(
    "features",
    [np.ones((1, 3)), np.ones((4, 3)), np.full((4, 3), 1e6), np.zeros((4, 1))],
    ids=["one row", "constant", "huge", "dead"],
)
def test_finite_where_it_is_hard(features, estimator, path):
    x = jnp.float32(features)
    value, gradient = jax.value_and_grad(mmd_squared)(x, x, None, estimator)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


def weighted(x, y, w_x, w_y, bandwidths, estimator):
    """MMD squared with row weights, from its definition, in float64."""
    z, w = np.concatenate([x, y]), np.concatenate([w_x, w_y])
    squared = np.sum((z[:, None] - z[None]) ** 2, axis=-1)
    mean_square = np.average(squared, weights=np.outer(w, w))
    variances = (
        mean_square * 2.0 ** np.arange(-3, 2)
        if bandwidths is None
        else np.square(bandwidths)
    )
    kernels = sum(np.exp(-squared / (2 * v)) for v in variances)
    pairs = np.outer(w, w)
    if estimator == "u":
        np.fill_diagonal(pairs, 0.0)
    n = len(x)
    own_x, own_y, cross = (
        np.average(kernels[part], weights=pairs[part])
        for part in (np.s_[:n, :n], np.s_[n:, n:], np.s_[:n, n:])
    )
    return own_x + own_y - 2 * cross


@pytest.mark.parametrize("bandwidths", [None, (0.7, 2.0)])
@pytest.mark.parametrize("estimator", ["u", "v"])
def test_weighted_value(estimator, bandwidths, path):
    x, y = samples()
    rng = np.random.default_rng(1)
    w_x, w_y = rng.uniform(0.2, 2.0, len(x)), rng.uniform(0.2, 2.0, len(y))
    ours = mmd_squared(
        jnp.float32(x),
        jnp.float32(y),
        bandwidths,
        estimator,
        weight_source=jnp.float32(w_x),
        weight_target=jnp.float32(w_y),
    )
    expected = weighted(x, y, w_x, w_y, bandwidths, estimator)
    np.testing.assert_allclose(ours, expected, rtol=2e-5)


@pytest.mark.parametrize("bandwidths", [None, (0.7, 2.0)])
@pytest.mark.parametrize("estimator", ["u", "v"])
def test_gradients_of_the_paths_agree(estimator, bandwidths, monkeypatch):
    x, y = (jnp.float32(s) for s in samples())
    weights = [jnp.linspace(0.5, 1.5, len(s)) for s in (x, y)]

    def loss(x, y, w_x, w_y):
        return mmd_squared(
            x, y, bandwidths, estimator, weight_source=w_x, weight_target=w_y
        )

    gradient = jax.grad(loss, argnums=(0, 1, 2, 3))
    if bandwidths is None:
        # The default bandwidth depends on the weights, but carries no gradient.
        gradient = jax.grad(loss, argnums=(0, 1))
    one_shot = gradient(x, y, *weights)
    monkeypatch.setattr(mmd, "ONE_SHOT_PAIRS", 0)
    monkeypatch.setattr(mmd, "BLOCK_PAIRS", 10)
    blocks = gradient(x, y, *weights)
    for ours, expected in zip(blocks, one_shot, strict=True):
        assert float(jnp.abs(expected).max()) > 1e-3
        np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-6)


def test_blocks_under_vmap_and_jit(path):
    x, y = (jnp.float32(s) for s in samples())
    stacked = jnp.stack([x, 2.0 * x, x - 1.0])
    batched = jax.jit(jax.vmap(jax.value_and_grad(mmd_squared), in_axes=(0, None)))
    values, gradients = batched(stacked, y)
    for one, value, gradient in zip(stacked, values, gradients, strict=True):
        alone, slope = jax.value_and_grad(mmd_squared)(one, y)
        np.testing.assert_allclose(value, alone, rtol=1e-5)
        np.testing.assert_allclose(gradient, slope, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("junk", [np.nan, 1e30])
@pytest.mark.parametrize("estimator", ["u", "v"])
def test_padding_rows_have_no_gradient(estimator, junk, path):
    x, y = (jnp.float32(s) for s in samples(6, 6))
    padded = jnp.concatenate([x, jnp.full((3, 3), junk)])
    weight = jnp.array([1.0] * 6 + [0.0] * 3)
    value, gradient = jax.value_and_grad(mmd_squared)(
        padded, y, None, estimator, weight_source=weight
    )
    alone, slope = jax.value_and_grad(mmd_squared)(x, y, None, estimator)
    np.testing.assert_allclose(value, alone, rtol=1e-5)
    np.testing.assert_allclose(gradient[:6], slope, rtol=1e-4, atol=1e-6)
    assert not gradient[6:].any()


def test_only_samples_beyond_a_batch_go_in_blocks(monkeypatch):
    class InBlocksError(Exception):
        pass

    def in_blocks(*_):
        raise InBlocksError

    monkeypatch.setattr(mmd, "_in_blocks", in_blocks)
    mmd_squared(jnp.ones((1024, 1)), jnp.ones((128, 1)))
    # One long side is enough: its own pairs are n^2.
    for n, m in ((1025, 2), (2, 1025)):
        with pytest.raises(InBlocksError):
            mmd_squared(jnp.ones((n, 1)), jnp.ones((m, 1)))


def test_large_samples_need_little_memory():
    sample = jax.ShapeDtypeStruct((4096, 64), jnp.float32)
    step = jax.jit(jax.value_and_grad(mmd_squared, argnums=(0, 1)))
    needed = step.lower(sample, sample).compile().memory_analysis()
    # One [4096, 4096] matrix is 64 MiB, and the one-shot path keeps 19 of them.
    assert needed.temp_size_in_bytes < 64 * 2**20


def test_linear_kernel_value():
    x, y = samples()
    expected = np.sum((x.mean(0) - y.mean(0)) ** 2)
    ours = linear_mmd_squared(jnp.float32(x), jnp.float32(y))
    np.testing.assert_allclose(ours, expected, rtol=1e-5)


def test_bad_arguments():
    x = jnp.ones((2, 2))
    with pytest.raises(ValueError, match="estimator 'biased'"):
        mmd_squared(x, x, estimator="biased")
    with pytest.raises(ValueError, match="positive and non-empty"):
        mmd_squared(x, x, bandwidths=())
    with pytest.raises(ValueError, match="positive and non-empty"):
        mmd_squared(x, x, bandwidths=(-1.0,))
