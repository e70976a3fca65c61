"""Losses per token or patch, of which only some count."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from da_zoo.losses.weighting import weighted_mean, without_padding

__all__ = ["masked_squared_error", "token_accuracy", "token_cross_entropy"]


def _mean(
    values: Float[Array, "n t"],
    counted: Bool[Array, "n t"],
    weight: Float[Array, " n"] | None,
) -> Float[Array, ""]:
    """Averages over all tokens that count; each weighs what its row weighs."""
    tokens = counted.astype(values.dtype)
    if weight is not None:
        tokens = tokens * weight[:, None]
    return weighted_mean(values.reshape(-1), tokens.reshape(-1))


def token_cross_entropy(
    logits: Float[Array, "n t v"],
    labels: Int[Array, "n t"],
    counted: Bool[Array, "n t"],
    *,
    weight: Float[Array, " n"] | None = None,
) -> Float[Array, ""]:
    """Mean negative log-likelihood of the tokens that count.

    Args:
        logits: [n, t, vocabulary].
        labels: [n, t], token ids.
        counted: [n, t]; no gradient goes to the logits of others.
        weight: [n] row weights, 0 = padding.

    Returns:
        Nats, at least 0; 0 where no token counts. Texts count by their tokens.

    Example:
        >>> counted = jnp.array([[True, False]])
        >>> loss = token_cross_entropy(
        ...     jnp.zeros((1, 2, 4)), jnp.array([[3, 0]]), counted
        ... )
        >>> round(float(loss), 4)
        1.3863
    """
    own = jnp.take_along_axis(logits, labels[:, :, None], axis=2)[:, :, 0]
    return _mean(jax.nn.logsumexp(logits, axis=2) - own, counted, weight)


def token_accuracy(
    logits: Float[Array, "n t v"],
    labels: Int[Array, "n t"],
    counted: Bool[Array, "n t"],
    *,
    weight: Float[Array, " n"] | None = None,
) -> Float[Array, ""]:
    """Share of the counted tokens whose label has the highest logit, in [0, 1].

    Args:
        logits: [n, t, vocabulary].
        labels: [n, t], token ids.
        counted: [n, t].
        weight: [n] row weights, 0 = padding.

    Example:
        >>> counted = jnp.array([[True, True]])
        >>> logits = jnp.array([[[1.0, 0.0], [1.0, 0.0]]])
        >>> float(token_accuracy(logits, jnp.array([[0, 1]]), counted))
        0.5
    """
    right = (jnp.argmax(logits, axis=2) == labels).astype(logits.dtype)
    return _mean(right, counted, weight)


def masked_squared_error(
    restored: Float[Array, "n t d"],
    patches: Float[Array, "n t d"],
    masked: Bool[Array, "n t"],
    *,
    weight: Float[Array, " n"] | None = None,
) -> Float[Array, ""]:
    """Mean squared error over the masked patches alone.

    Args:
        restored: [n, t, d]; no gradient goes to patches that are not masked.
        patches: what they should be.
        masked: [n, t].
        weight: [n] row weights, 0 = padding.

    Returns:
        In squared units of the patches, at least 0; 0 where none is masked.

    Example:
        >>> masked = jnp.array([[True, False]])
        >>> float(
        ...     masked_squared_error(
        ...         jnp.zeros((1, 2, 1)), jnp.array([[[2.0], [9.0]]]), masked
        ...     )
        ... )
        4.0
    """
    gap = without_padding(restored, weight) - without_padding(patches, weight)
    return _mean(jnp.mean(jnp.square(gap), axis=2), masked, weight)
