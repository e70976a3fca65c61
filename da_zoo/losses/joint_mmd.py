"""Joint maximum mean discrepancy: of several layers at once."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from da_zoo.losses.mmd import POWERS, squared_distances
from da_zoo.losses.weighting import (
    pair_mean,
    pair_weights,
    weighted_mean,
    without_padding,
)
from da_zoo.naming import choose

__all__ = ["ESTIMATORS", "joint_mmd_squared"]

ESTIMATORS = ("u", "v", "linear")


def _kernel(squared: Array, mean_square: Array, bandwidth: float | None) -> Array:
    if bandwidth is not None:
        return jnp.exp(-squared / (2.0 * bandwidth**2))
    total = jnp.zeros_like(squared)
    for power in POWERS:
        variance = 2.0**power * jnp.maximum(mean_square, 1e-12)
        total = total + jnp.exp(-squared / (2.0 * variance))
    return total


def joint_mmd_squared(
    source: Sequence[Float[Array, "n _"]],
    target: Sequence[Float[Array, "m _"]],
    bandwidths: Sequence[float | None],
    estimator: str = "u",
    *,
    weight_source: Float[Array, " n"] | None = None,
    weight_target: Float[Array, " m"] | None = None,
) -> Float[Array, ""]:
    """Squared MMD under the product, over layers, of Gaussian kernels.

    Args:
        source: activations of each layer.
        target: likewise.
        bandwidths: for each layer an absolute sigma, or None for the sum of five
            kernels of ``sigma^2 = 2^k mean d^2``, k = -3..1, under stop-gradient.
        estimator: "u" (unbiased, may be negative), "v" (biased, at least 0) or "linear"
            (disjoint pairs of the first min(n, m) rows, in O(n), unbiased and noisier).
        weight_source: [n] row weights, 0 = padding.
        weight_target: [m] row weights, 0 = padding.

    Raises:
        ValueError: for an unknown estimator, or numbers of layers that differ.

    Example:
        >>> layers = [jnp.eye(3), jnp.eye(3)]
        >>> value = joint_mmd_squared(layers, layers, [None, 0.92], estimator="v")
        >>> abs(float(value)) < 1e-5
        True

    References:
        Long et al., "Deep Transfer Learning with Joint Adaptation Networks", ICML 2017,
        equation 9; the linear estimator is their equation 10.
    """
    choose(dict.fromkeys(ESTIMATORS, 0), estimator, "estimator")
    if not len(source) == len(target) == len(bandwidths):
        raise ValueError(
            f"source, target and bandwidths must have one entry per layer, got "
            f"{len(source)}, {len(target)} and {len(bandwidths)}"
        )
    if estimator == "linear":
        return _linear_time(source, target, bandwidths, weight_source, weight_target)
    n, m = source[0].shape[0], target[0].shape[0]
    weight = None
    if weight_source is not None or weight_target is not None:
        w_s = jnp.ones(n) if weight_source is None else weight_source
        w_t = jnp.ones(m) if weight_target is None else weight_target
        weight = jnp.concatenate([w_s, w_t])
    pairs = pair_weights(weight, weight, (n + m, n + m))
    joint = jnp.ones((n + m, n + m))
    for a, b, bandwidth in zip(source, target, bandwidths, strict=True):
        rows = without_padding(jnp.concatenate([a, b]), weight)
        squared = squared_distances(rows, rows)
        # A bandwidth with a gradient lets the loss fall by stretching features.
        mean_square = jax.lax.stop_gradient(pair_mean(squared, pairs))
        joint = joint * _kernel(squared, mean_square, bandwidth)

    def own(weight: Array | None, size: int) -> Array:
        every = jnp.ones((size, size)) if weight is None else jnp.outer(weight, weight)
        return every * (1.0 - jnp.eye(size)) if estimator == "u" else every

    across = pair_weights(weight_source, weight_target, (n, m))
    return (
        pair_mean(joint[:n, :n], own(weight_source, n))
        + pair_mean(joint[n:, n:], own(weight_target, m))
        - 2.0 * pair_mean(joint[:n, n:], across)
    )


def _linear_time(
    source: Sequence[Array],
    target: Sequence[Array],
    bandwidths: Sequence[float | None],
    weight_source: Array | None,
    weight_target: Array | None,
) -> Float[Array, ""]:
    """Over quadruples of two rows a side, each row in one of them."""
    n, m = source[0].shape[0], target[0].shape[0]
    used = min(n, m) // 2 * 2
    w_s = jnp.ones(n) if weight_source is None else weight_source
    w_t = jnp.ones(m) if weight_target is None else weight_target
    if used == 0:
        return jnp.zeros(())
    weight = jnp.prod(
        jnp.stack([w[i:used:2] for w in (w_s, w_t) for i in (0, 1)]), axis=0
    )
    joint = [jnp.ones(used // 2)] * 4
    for a, b, bandwidth in zip(source, target, bandwidths, strict=True):
        s, t = without_padding(a, w_s), without_padding(b, w_t)
        s1, s2, t1, t2 = s[0:used:2], s[1:used:2], t[0:used:2], t[1:used:2]
        squared = [
            jnp.sum(jnp.square(x - y), axis=1)
            for x, y in ((s1, s2), (t1, t2), (s1, t2), (s2, t1))
        ]
        mean_square = pair_mean(jnp.stack(squared), jnp.stack([weight] * 4))
        mean_square = jax.lax.stop_gradient(mean_square)
        joint = [
            k * _kernel(d, mean_square, bandwidth)
            for k, d in zip(joint, squared, strict=True)
        ]
    k_ss, k_tt, k_st, k_ts = joint
    return weighted_mean(k_ss + k_tt - k_st - k_ts, weight)
