"""CORAL: the distance between covariance matrices."""

import jax.numpy as jnp
from jaxtyping import Array, Float

__all__ = ["coral", "covariance"]


def covariance(
    features: Float[Array, "n d"], weight: Float[Array, " n"] | None = None
) -> Float[Array, "d d"]:
    """Sample covariance with 1/(n - 1); zeros at n = 1.

    Args:
        features: [n, d].
        weight: [n] row weights, 0 = padding; n is then their sum.

    Example:
        >>> covariance(jnp.array([[0.0], [2.0]]))
        Array([[2.]], dtype=float32)
    """
    if weight is None:
        weight = jnp.ones(features.shape[0], features.dtype)
    count = jnp.sum(weight)
    column = weight[:, None]
    kept = jnp.where(column > 0, features, 0.0)
    mean = jnp.sum(kept * column, axis=0) / jnp.maximum(count, 1e-12)
    centred = jnp.where(column > 0, kept - mean[None, :], 0.0)
    return (centred * column).T @ centred / jnp.maximum(count - 1.0, 1.0)


def coral(
    features_source: Float[Array, "n d"],
    features_target: Float[Array, "m d"],
    *,
    weight_source: Float[Array, " n"] | None = None,
    weight_target: Float[Array, " m"] | None = None,
) -> Float[Array, ""]:
    """Squared Frobenius distance of covariances, over 4 d^2.

    Args:
        features_source: [n, d].
        features_target: [m, d].
        weight_source: [n] row weights, 0 = padding.
        weight_target: [m] row weights, 0 = padding.

    Returns:
        At least 0; 0 iff the covariances coincide, wherever the means are.

    Example:
        >>> x = jnp.array([[0.0, 1.0], [2.0, 0.0], [1.0, 5.0]])
        >>> float(coral(x, x + 7.0))
        0.0

    References:
        Sun and Saenko, "Deep CORAL", ECCV workshops 2016, equation 1.
    """
    # With n + m < d the norm follows from [n, n], [n, m] and [m, m] Gram matrices, 15
    # times as fast, but as a difference of large terms. Measured in float32 with 64
    # rows a side and d = 2048, against float64: at gap^2 / norm^2 = 3e-2, 3e-4 and 3e-6
    # its relative error is 2e-6, 8e-4 and 0.13, and below that it is noise of either
    # sign; subtracting entries first stays under 1e-6 down to 3e-8. So: the [d, d] gap.
    gap = covariance(features_source, weight_source) - covariance(
        features_target, weight_target
    )
    return jnp.sum(jnp.square(gap)) / (4.0 * features_source.shape[1] ** 2)
