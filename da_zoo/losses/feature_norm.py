"""Stepwise growth of feature norms."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from da_zoo.losses.weighting import weighted_mean, without_padding

__all__ = ["stepwise_feature_norm"]


def stepwise_feature_norm(
    features: Float[Array, "n d"],
    step: float | Float[Array, ""] = 1.0,
    *,
    weight: Float[Array, " n"] | None = None,
) -> Float[Array, ""]:
    """Asks every norm to be ``step`` larger than it is now.

    Its value is always ``step ** 2``; what it does is its gradient, a pull of constant
    length outwards.

    Args:
        features: [n, d]; rows of zeros stay where they are.
        step: how much larger.
        weight: [n] row weights, 0 = padding; all 0 gives 0.

    Example:
        >>> gradient = jax.grad(stepwise_feature_norm)(jnp.array([[3.0, 4.0]]))
        >>> [round(float(g), 2) for g in gradient[0]]
        [-1.2, -1.6]

    References:
        Xu et al., "Larger Norm More Transferable: An Adaptive Feature Norm Approach for
        Unsupervised Domain Adaptation", ICCV 2019, equation 7.
    """
    features = without_padding(features, weight)
    squares = jnp.sum(jnp.square(features), axis=1)
    # The root has no gradient at 0, where dead units put whole rows.
    norms = jnp.where(squares > 0, jnp.sqrt(jnp.where(squares > 0, squares, 1.0)), 0.0)
    growth = norms - jax.lax.stop_gradient(norms)
    return weighted_mean(jnp.square(growth - step), weight)
