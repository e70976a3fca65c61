"""Maximum mean discrepancy between two samples of features."""

import functools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from da_zoo.losses.weighting import without_padding
from da_zoo.naming import choose

__all__ = ["linear_mmd_squared", "mmd_squared", "squared_distances"]

POWERS = range(-3, 2)
"""Kernel variances are 2^k times the mean squared distance (TLLib's five)."""

ONE_SHOT_PAIRS = 2**20
"""Larger samples (max(n, m)^2 pairs) go block by block; batches never do."""

BLOCK_PAIRS = 2**20
"""Pairs per block of rows: 4 MiB for each temporary in float32."""


def squared_distances(
    a: Float[Array, "n d"], b: Float[Array, "m d"]
) -> Float[Array, "n m"]:
    """Squared Euclidean distances; a matrix product, not an [n, m, d] tensor.

    Args:
        a: [n, d].
        b: [m, d].

    Returns:
        [n, m], never negative; rounding leaves about 1e-7 of the largest squared norm.

    Example:
        >>> float(squared_distances(jnp.zeros((1, 2)), jnp.array([[3.0, 4.0]]))[0, 0])
        25.0
    """
    # Centring leaves distances as they are and keeps the subtraction below accurate.
    centre = jax.lax.stop_gradient(jnp.mean(b, axis=0))[None, :]
    a, b = a - centre, b - centre
    cross = a @ b.T
    squares_a = jnp.sum(jnp.square(a), axis=1)[:, None]
    squares_b = jnp.sum(jnp.square(b), axis=1)[None, :]
    return jnp.maximum(squares_a + squares_b - 2.0 * cross, 0.0)


def gaussian_kernels(squared: Array, variances: Array) -> Array:
    """The sum of Gaussian kernels, one at a time: no tensor per kernel is kept."""
    total = jnp.zeros_like(squared)
    for i in range(variances.shape[0]):
        total = total + jnp.exp(-squared / (2.0 * variances[i]))
    return total


def kernel_variances(
    mean_square: Float[Array, ""], bandwidths: tuple[float, ...] | None
) -> Float[Array, " k"]:
    if bandwidths is not None:
        if len(bandwidths) == 0 or min(bandwidths) <= 0:
            raise ValueError(
                f"bandwidths must be positive and non-empty, got {bandwidths}"
            )
        return jnp.square(jnp.asarray(bandwidths, jnp.float32))
    # Detached: a bandwidth with a gradient lets the loss fall by stretching features.
    # Constant features have mean square 0: any positive width then gives kernel 1.
    positive = jnp.maximum(jax.lax.stop_gradient(mean_square), 1e-12)
    return positive * jnp.asarray([2.0**k for k in POWERS], jnp.float32)


def mmd_squared(
    features_source: Float[Array, "n d"],
    features_target: Float[Array, "m d"],
    bandwidths: tuple[float, ...] | None = None,
    estimator: str = "u",
    *,
    weight_source: Float[Array, " n"] | None = None,
    weight_target: Float[Array, " m"] | None = None,
) -> Float[Array, ""]:
    """Squared MMD under a sum of Gaussian kernels ``exp(-d^2 / (2 sigma^2))``.

    Args:
        features_source: [n, d].
        features_target: [m, d].
        bandwidths: absolute sigmas; None takes ``sigma^2 = 2^k mean d^2``, k = -3..1,
            the mean over all pairs of the joint sample, under stop-gradient.
        estimator: "u" is unbiased, so it may be negative, and needs two rows a side (a
            side with one counts 0 for its own pairs); "v" is biased, at least 0, and 0
            for identical samples; "linear" averages over disjoint pairs of the first
            min(n, m) rows, in O(n), unbiased and noisier.
        weight_source: [n] row weights, 0 = padding.
        weight_target: [m] row weights, 0 = padding.

    Returns:
        In squared kernel units, up to twice the number of kernels. Samples of over a
        thousand rows take O(n + m) memory, in the gradient too, for O(n m) time.

    Raises:
        ValueError: for an unknown estimator, or bandwidths that are not positive.

    Example:
        >>> x = jax.random.normal(jax.random.key(0), (8, 3))
        >>> abs(float(mmd_squared(x, x, estimator="v"))) < 1e-5
        True

    References:
        Gretton et al., "A Kernel Two-Sample Test", JMLR 2012, lemma 6 and equation 6;
        kernels as in Long et al., "Learning Transferable Features with Deep Adaptation
        Networks", ICML 2015.
    """
    choose(dict.fromkeys(("u", "v", "linear"), 0), estimator, "estimator")
    n, m = features_source.shape[0], features_target.shape[0]
    w_s = jnp.ones(n) if weight_source is None else weight_source
    w_t = jnp.ones(m) if weight_target is None else weight_target
    # A padding row may hold anything: zero it before it enters a product.
    f_s = without_padding(features_source, w_s)
    f_t = without_padding(features_target, w_t)
    if estimator == "linear":
        return _linear_time(f_s, f_t, w_s, w_t, bandwidths)
    if max(n, m) ** 2 > ONE_SHOT_PAIRS:
        return _in_blocks(f_s, f_t, w_s, w_t, bandwidths, estimator)
    d_ss, d_tt, d_st = (
        squared_distances(a, b) for a, b in ((f_s, f_s), (f_t, f_t), (f_s, f_t))
    )
    p_ss, p_tt, p_st = (
        a[:, None] * b[None, :] for a, b in ((w_s, w_s), (w_t, w_t), (w_s, w_t))
    )
    pairs = jnp.sum(p_ss) + jnp.sum(p_tt) + 2.0 * jnp.sum(p_st)
    summed = jnp.sum(p_ss * d_ss) + jnp.sum(p_tt * d_tt) + 2.0 * jnp.sum(p_st * d_st)
    variances = kernel_variances(summed / jnp.maximum(pairs, 1e-12), bandwidths)
    if estimator == "u":
        p_ss = p_ss * (1.0 - jnp.eye(n))
        p_tt = p_tt * (1.0 - jnp.eye(m))

    def mean(pair_weights: Array, squared: Array) -> Array:
        total = jnp.sum(pair_weights)
        value = jnp.sum(pair_weights * gaussian_kernels(squared, variances))
        return value / jnp.where(total > 0, total, 1.0)

    return mean(p_ss, d_ss) + mean(p_tt, d_tt) - 2.0 * mean(p_st, d_st)


def _in_blocks(
    f_s: Array,
    f_t: Array,
    w_s: Array,
    w_t: Array,
    bandwidths: tuple[float, ...] | None,
    estimator: str,
) -> Float[Array, ""]:
    """The same value, with no [n, m] matrix alive in either pass."""
    # The mean squared distance of all pairs is twice the joint variance: O(n d).
    joint = jax.lax.stop_gradient(jnp.concatenate([f_s, f_t]))
    weight = jnp.concatenate([w_s, w_t])
    count = jnp.maximum(jnp.sum(weight), 1e-12)
    centre = jnp.sum(weight[:, None] * joint, axis=0) / count
    squares = jnp.sum(jnp.square(joint - centre[None, :]), axis=1)
    variances = kernel_variances(2.0 * jnp.sum(weight * squares) / count, bandwidths)
    own = functools.partial(
        _mean_kernel, variances=variances, off_diagonal=estimator == "u"
    )
    cross = _mean_kernel(f_s, w_s, f_t, w_t, variances=variances)
    return own(f_s, w_s, f_s, w_s) + own(f_t, w_t, f_t, w_t) - 2.0 * cross


def _mean_kernel(
    a: Float[Array, "n d"],
    w_a: Float[Array, " n"],
    b: Float[Array, "m d"],
    w_b: Float[Array, " m"],
    *,
    variances: Float[Array, " k"],
    off_diagonal: bool = False,
) -> Float[Array, ""]:
    """Weighted mean of the kernels between rows, a block of rows of ``a`` at a time."""
    n, m = a.shape[0], b.shape[0]
    rows = max(1, min(n, BLOCK_PAIRS // max(m, 1)))
    blocks = -(-n // rows)
    missing = blocks * rows - n  # rows of weight 0 fill up the last block
    a = jnp.pad(a, ((0, missing), (0, 0))).reshape(blocks, rows, a.shape[1])
    w_a = jnp.pad(w_a, (0, missing)).reshape(blocks, rows)
    index = jnp.arange(blocks * rows).reshape(blocks, rows)

    # The backward pass computes a block's kernels again instead of keeping them.
    @functools.partial(jax.checkpoint, prevent_cse=False)
    def sums(block: tuple[Array, Array, Array]) -> tuple[Array, Array]:
        features, weight, row = block
        pair_weights = weight[:, None] * w_b[None, :]
        if off_diagonal:
            same = row[:, None] == jnp.arange(m)[None, :]
            pair_weights = jnp.where(same, 0.0, pair_weights)
        kernels = gaussian_kernels(squared_distances(features, b), variances)
        return jnp.sum(pair_weights * kernels), jnp.sum(pair_weights)

    values, totals = jax.lax.map(sums, (a, w_a, index))
    total = jnp.sum(totals)
    return jnp.sum(values) / jnp.where(total > 0, total, 1.0)


def _linear_time(
    f_s: Array, f_t: Array, w_s: Array, w_t: Array, bandwidths: tuple[float, ...] | None
) -> Float[Array, ""]:
    """Gretton et al. 2012, lemma 14: disjoint pairs (2i, 2i + 1)."""
    half = min(f_s.shape[0], f_t.shape[0]) // 2
    if half == 0:
        return 0.0 * (jnp.sum(f_s) + jnp.sum(f_t))

    def halves(rows: Array) -> tuple[Array, Array]:
        return rows[0 : 2 * half : 2], rows[1 : 2 * half : 2]

    (s1, s2), (t1, t2) = halves(f_s), halves(f_t)
    (a1, a2), (b1, b2) = halves(w_s), halves(w_t)
    weight = a1 * a2 * b1 * b2
    pairs = [
        jnp.sum(jnp.square(a - b), axis=1)
        for a, b in ((s1, s2), (t1, t2), (s1, t2), (s2, t1))
    ]
    total = jnp.sum(weight)
    safe = jnp.where(total > 0, total, 1.0)
    mean_square = jnp.sum(weight * sum(pairs)) / (4.0 * safe)
    variances = kernel_variances(mean_square, bandwidths)
    k_ss, k_tt, k_st, k_ts = (gaussian_kernels(pair, variances) for pair in pairs)
    return jnp.sum(weight * (k_ss + k_tt - k_st - k_ts)) / safe


def linear_mmd_squared(
    features_source: Float[Array, "n d"],
    features_target: Float[Array, "m d"],
    *,
    weight_source: Float[Array, " n"] | None = None,
    weight_target: Float[Array, " m"] | None = None,
) -> Float[Array, ""]:
    """Squared MMD under the linear kernel: the squared distance of the means.

    Args:
        features_source: [n, d].
        features_target: [m, d].
        weight_source: [n] row weights, 0 = padding.
        weight_target: [m] row weights, 0 = padding.

    Returns:
        At least 0; 0 iff the means coincide.

    Example:
        >>> float(linear_mmd_squared(jnp.zeros((2, 3)), jnp.ones((4, 3))))
        3.0

    References:
        Tzeng et al., "Deep Domain Confusion", 2014, equation 1.
    """

    def mean(rows: Array, weight: Array | None) -> Array:
        weight = jnp.ones(rows.shape[0]) if weight is None else weight
        column = weight[:, None]
        total = jnp.sum(weight)
        kept = jnp.where(column > 0, rows, 0.0)
        return jnp.sum(kept * column, axis=0) / jnp.where(total > 0, total, 1.0)

    gap = mean(features_source, weight_source) - mean(features_target, weight_target)
    return jnp.sum(jnp.square(gap))
