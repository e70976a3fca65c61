"""The domain classification loss of adversarial methods."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from da_zoo.losses.weighting import weighted_mean

__all__ = ["domain_accuracy", "domain_adversarial"]


def domain_adversarial(
    logits_source: Float[Array, " n"],
    logits_target: Float[Array, " m"],
    *,
    weight_source: Float[Array, " n"] | None = None,
    weight_target: Float[Array, " m"] | None = None,
) -> Float[Array, ""]:
    """Half the sum of the domains' binary cross-entropies; the source is class 1.

    Args:
        logits_source: discriminator outputs [n] for source rows, before any sigmoid.
        logits_target: the same [m] for target rows.
        weight_source: [n] row weights, 0 = padding. A discriminator shares its weights
            between rows: zero padding before it, by
            :func:`da_zoo.losses.weighting.without_padding`.
        weight_target: [m] row weights, 0 = padding.

    Returns:
        Nats, at least 0; log 2 where the discriminator cannot tell.

    Example:
        >>> import jax.numpy as jnp
        >>> round(float(domain_adversarial(jnp.zeros(3), jnp.zeros(2))), 4)
        0.6931

    References:
        Ganin et al., "Domain-Adversarial Training of Neural Networks", JMLR 2016.
    """
    # softplus(-z) = -log sigmoid(z), finite for any z
    source = weighted_mean(jax.nn.softplus(-logits_source), weight_source)
    target = weighted_mean(jax.nn.softplus(logits_target), weight_target)
    return 0.5 * (source + target)


def domain_accuracy(
    logits_source: Float[Array, " n"],
    logits_target: Float[Array, " m"],
    *,
    weight_source: Float[Array, " n"] | None = None,
    weight_target: Float[Array, " m"] | None = None,
) -> Float[Array, ""]:
    """How often a discriminator is right, both domains counting the same.

    Args:
        logits_source: discriminator outputs [n] for source rows, before any sigmoid.
        logits_target: the same [m] for target rows.
        weight_source: [n] row weights, 0 = padding.
        weight_target: [m] row weights, 0 = padding.

    Returns:
        In [0, 1]; 0.5 is chance.

    Example:
        >>> import jax.numpy as jnp
        >>> float(domain_accuracy(jnp.ones(2), jnp.array([-1.0, 1.0])))
        0.75
    """
    source = (logits_source > 0).astype(jnp.float32)
    target = (logits_target <= 0).astype(jnp.float32)
    found = weighted_mean(source, weight_source) + weighted_mean(target, weight_target)
    return 0.5 * found
