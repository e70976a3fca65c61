"""Distances of moments beyond the second."""

import jax.numpy as jnp
from jaxtyping import Array, Float

__all__ = ["central_moment_discrepancy", "higher_order_moments"]


def _norm(vector: Float[Array, " d"]) -> Float[Array, ""]:
    """Euclidean norm with gradient 0, not NaN, at 0."""
    square = jnp.sum(jnp.square(vector))
    return jnp.where(square > 0, jnp.sqrt(jnp.where(square > 0, square, 1.0)), 0.0)


def central_moment_discrepancy(
    features_source: Float[Array, "n d"],
    features_target: Float[Array, "m d"],
    moments: int = 5,
    span: float = 1.0,
) -> Float[Array, ""]:
    """Distances of means and of marginal central moments 2 to ``moments``, summed.

    Args:
        features_source: [n, d].
        features_target: [m, d].
        moments: how many, at least 1.
        span: length of the interval that holds the features; the k-th term is divided
            by ``span ** k``.

    Raises:
        ValueError: if ``moments`` is below 1 or ``span`` is not positive.

    Example:
        >>> x = jnp.array([[0.0], [1.0]])
        >>> float(central_moment_discrepancy(x, x + 2.0))
        2.0

    References:
        Zellinger et al., "Central Moment Discrepancy (CMD) for Domain-Invariant
        Representation Learning", ICLR 2017, equation 8.
    """
    if moments < 1:
        raise ValueError(f"moments must be at least 1, got {moments}")
    if span <= 0:
        raise ValueError(f"span must be positive, got {span}")
    means = [jnp.mean(f, axis=0) for f in (features_source, features_target)]
    total = _norm(means[0] - means[1]) / span
    centred_source = features_source - means[0][None, :]
    centred_target = features_target - means[1][None, :]
    for order in range(2, moments + 1):
        gap = jnp.mean(centred_source**order, axis=0) - jnp.mean(
            centred_target**order, axis=0
        )
        total = total + _norm(gap) / span**order
    return total


def higher_order_moments(
    features_source: Float[Array, "n d"],
    features_target: Float[Array, "m d"],
    order: int = 3,
) -> Float[Array, ""]:
    """Squared distance of mean ``order``-fold tensor powers, over ``d ** order``.

    ``<x^(p), y^(p)> = <x, y>^p``, so the d^p entries are never formed: this is the
    squared MMD of a polynomial kernel, in O(n m d).

    Args:
        features_source: [n, d].
        features_target: [m, d].
        order: p, at least 1; 1 matches means, 2 uncentred second moments.

    Returns:
        At least 0.

    Raises:
        ValueError: if ``order`` is below 1.

    Example:
        >>> x = jnp.array([[1.0, 0.0]])
        >>> float(higher_order_moments(x, -x, order=3))
        0.5

    References:
        Chen et al., "HoMM: Higher-order Moment Matching for Unsupervised Domain
        Adaptation", AAAI 2020, equations 4 and 9.
    """
    if order < 1:
        raise ValueError(f"order must be at least 1, got {order}")
    source, target = features_source, features_target
    # The scale goes in before the power, which large features would overflow.
    scale = 1.0 / source.shape[1]

    def mean(a: Array, b: Array) -> Array:
        return jnp.mean((scale * (a @ b.T)) ** order)

    distance = mean(source, source) + mean(target, target) - 2 * mean(source, target)
    return jnp.maximum(distance, 0.0)
