"""The margin disparity of two classifiers, for min-max adaptation."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from da_zoo.losses.classification import cross_entropy
from da_zoo.losses.weighting import weighted_mean

__all__ = ["log_complement", "margin_disparity"]


def log_complement(
    logits: Float[Array, "n k"], labels: Int[Array, " n"]
) -> Float[Array, " n"]:
    """Returns ``log(1 - p[label])`` of each row's softmax p, without forming 1 - p.

    It is the log-sum-exp of the other classes less that of all: as exact where p is 1
    to rounding as elsewhere, and with gradients between -1 and 1.

    Args:
        logits: [n, k], two classes or more that are not masked (-1e9).
        labels: [n], one class per row.

    Returns:
        [n], at most 0.

    Example:
        >>> log_complement(jnp.zeros((1, 2)), jnp.array([0])).round(4)
        Array([-0.6931], dtype=float32)
        >>> log_complement(jnp.array([[500.0, 0.0]]), jnp.array([0]))
        Array([-500.], dtype=float32)
    """
    chosen = jnp.arange(logits.shape[1])[None, :] == labels[:, None]
    others = jnp.where(chosen, -jnp.inf, logits)
    return jax.nn.logsumexp(others, axis=1) - jax.nn.logsumexp(logits, axis=1)


def margin_disparity(
    adversary_source: Float[Array, "n k"],
    labels_source: Int[Array, " n"],
    adversary_target: Float[Array, "m k"],
    labels_target: Int[Array, " m"],
    gamma: float | Float[Array, ""] = 4.0,
    *,
    weight_source: Float[Array, " n"] | None = None,
    weight_target: Float[Array, " m"] | None = None,
) -> Float[Array, ""]:
    """What the adversarial classifier minimises: agree on source rows, not on target's.

    ``gamma * E_s[-log p'[l]] + E_t[-log(1 - p'[l])]``, with p' the adversary's softmax
    and l the main classifier's own predictions. The encoder is to maximise it.

    Args:
        adversary_source: the adversary's logits [n, k] for source rows.
        labels_source: [n], the main classifier's predicted classes there.
        adversary_target: the same [m, k] for target rows.
        labels_target: [m].
        gamma: the margin factor, exp of the margin; above 0.
        weight_source: [n] row weights, 0 = padding.
        weight_target: [m] row weights, 0 = padding.

    Returns:
        Nats, at least 0.

    Example:
        >>> z = jnp.zeros((3, 2))
        >>> labels = jnp.array([0, 1, 1])
        >>> margin_disparity(z, labels, z, labels, 4.0).round(4)
        Array(3.4657, dtype=float32)

    References:
        Zhang et al., "Bridging Theory and Algorithm for Domain Adaptation", ICML 2019,
        equations 28 to 30.
    """
    agree = cross_entropy(adversary_source, labels_source, weight=weight_source)
    differ = weighted_mean(
        -log_complement(adversary_target, labels_target), weight_target
    )
    return gamma * agree + differ
