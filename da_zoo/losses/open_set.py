"""Binary cross-entropy on the probability of the unknown class."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from da_zoo.losses.weighting import weighted_mean

__all__ = ["unknown_cross_entropy", "unknown_log_odds"]


def unknown_log_odds(
    logits: Float[Array, "n k"], unknown: int | Float[Array, ""]
) -> Float[Array, " n"]:
    """Log odds of the unknown class against all others together.

    Args:
        logits: [n, k]; masked classes (-1e9) have no part in it.
        unknown: column of the unknown class; may be traced.

    Returns:
        [n], finite: ``log p - log(1 - p)`` without forming p.

    Example:
        >>> round(float(unknown_log_odds(jnp.zeros((1, 3)), 2)[0]), 4)
        -0.6931
    """
    own = (jnp.arange(logits.shape[1]) == unknown)[None, :]
    others = jax.nn.logsumexp(jnp.where(own, -1e9, logits), axis=1)
    return jnp.sum(jnp.where(own, logits, 0.0), axis=1) - others


def unknown_cross_entropy(
    logits: Float[Array, "n k"],
    unknown: int | Float[Array, ""],
    *,
    target: float = 0.5,
    weight: Float[Array, " n"] | None = None,
) -> Float[Array, ""]:
    """Mean of ``-t log p - (1 - t) log(1 - p)``, p the unknown class's probability.

    Args:
        logits: [n, k] of target rows.
        unknown: column of the unknown class.
        target: t, in (0, 1).
        weight: [n] row weights, 0 = padding.

    Returns:
        Nats; at t = 0.5 at least log 2, where p is 0.5 on every row.

    Raises:
        ValueError: if ``target`` is out of range.

    Example:
        >>> round(float(unknown_cross_entropy(jnp.zeros((2, 2)), 1)), 4)
        0.6931

    References:
        Saito et al., "Open Set Domain Adaptation by Backpropagation", ECCV 2018,
        equation 3.
    """
    if not 0 < target < 1:
        raise ValueError(f"target must be in (0, 1), got {target}")
    odds = unknown_log_odds(logits, unknown)
    # softplus(-z) = -log sigmoid(z), finite for any z
    loss = target * jax.nn.softplus(-odds) + (1.0 - target) * jax.nn.softplus(odds)
    return weighted_mean(loss, weight)
