"""Joint maximum mean discrepancy: of several layers at once."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from da_zoo.losses.mmd import POWERS, squared_distances
from da_zoo.naming import choose

__all__ = ["joint_mmd_squared"]


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
) -> Float[Array, ""]:
    """Squared MMD under the product, over layers, of Gaussian kernels.

    Args:
        source: activations of each layer.
        target: likewise.
        bandwidths: for each layer an absolute sigma, or None for the sum of five
            kernels of ``sigma^2 = 2^k mean d^2``, k = -3..1, under stop-gradient.
        estimator: "u" (unbiased, may be negative) or "v" (biased, at least 0).

    Raises:
        ValueError: for an unknown estimator, or numbers of layers that differ.

    Example:
        >>> layers = [jnp.eye(3), jnp.eye(3)]
        >>> value = joint_mmd_squared(layers, layers, [None, 0.92], estimator="v")
        >>> abs(float(value)) < 1e-5
        True

    References:
        Long et al., "Deep Transfer Learning with Joint Adaptation Networks", ICML 2017,
        equation 9.
    """
    choose(dict.fromkeys(("u", "v"), 0), estimator, "estimator")
    if not len(source) == len(target) == len(bandwidths):
        raise ValueError(
            f"source, target and bandwidths must have one entry per layer, got "
            f"{len(source)}, {len(target)} and {len(bandwidths)}"
        )
    n, m = source[0].shape[0], target[0].shape[0]
    joint = jnp.ones((n + m, n + m))
    for a, b, bandwidth in zip(source, target, bandwidths, strict=True):
        rows = jnp.concatenate([a, b])
        squared = squared_distances(rows, rows)
        joint = joint * _kernel(squared, _detached_mean(squared), bandwidth)
    own_source, own_target = jnp.ones((n, n)), jnp.ones((m, m))
    if estimator == "u":
        own_source, own_target = own_source - jnp.eye(n), own_target - jnp.eye(m)

    def mean(kernel: Array, pairs: Array) -> Array:
        return jnp.sum(kernel * pairs) / jnp.maximum(jnp.sum(pairs), 1.0)

    return (
        mean(joint[:n, :n], own_source)
        + mean(joint[n:, n:], own_target)
        - 2.0 * jnp.mean(joint[:n, n:])
    )


def _detached_mean(squared: Array) -> Array:
    """A bandwidth with a gradient lets the loss fall by stretching features."""
    return jax.lax.stop_gradient(jnp.mean(squared))
