"""Learning from a model's own predictions: pseudo-labels, alignment, consistency."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from da_zoo.losses.weighting import weighted_mean

__all__ = [
    "align_distribution",
    "consistency",
    "mean_prediction",
    "pseudo_label_loss",
    "pseudo_labels",
]


def pseudo_labels(
    probabilities: Float[Array, "n k"], threshold: float | Float[Array, ""] = 0.0
) -> tuple[Int[Array, " n"], Float[Array, " n"]]:
    """Takes the likeliest class of each row, and says which rows are sure enough.

    Args:
        probabilities: [n, k]; no gradient flows through what is returned.
        threshold: the least probability that counts, in [0, 1].

    Returns:
        Labels [n], and 1 [n] where the largest probability is at least ``threshold``,
        0 elsewhere.

    Example:
        >>> labels, kept = pseudo_labels(jnp.array([[0.1, 0.9], [0.6, 0.4]]), 0.7)
        >>> labels.tolist(), kept.tolist()
        ([1, 0], [1.0, 0.0])
    """
    probabilities = jax.lax.stop_gradient(probabilities)
    kept = jnp.max(probabilities, axis=1) >= threshold
    return jnp.argmax(probabilities, axis=1), kept.astype(probabilities.dtype)


def pseudo_label_loss(
    logits: Float[Array, "n k"],
    labels: Int[Array, " n"],
    kept: Float[Array, " n"],
    *,
    weight: Float[Array, " n"] | None = None,
) -> Float[Array, ""]:
    """Cross-entropy with the kept pseudo-labels, over the number of ALL rows.

    Rows below the threshold count as zeros, so the term grows with the share of rows
    that are sure; a mean over the kept rows would let one row have a batch's weight.

    Args:
        logits: [n, k].
        labels: [n].
        kept: [n], 0 or 1.
        weight: [n]; 0 marks padding, which does not count as a row.

    Example:
        >>> loss = pseudo_label_loss(
        ...     jnp.zeros((2, 2)), jnp.array([0, 1]), jnp.array([1.0, 0.0])
        ... )
        >>> round(float(loss), 4)  # half of log 2
        0.3466

    References:
        Sohn et al., "FixMatch", NeurIPS 2020, equation 4.
    """
    log_p = jax.nn.log_softmax(logits, axis=1)
    picked = jnp.take_along_axis(log_p, labels[:, None], axis=1)[:, 0]
    return weighted_mean(jnp.where(kept > 0, -picked * kept, 0.0), weight)


def mean_prediction(
    probabilities: Float[Array, "n k"], weight: Float[Array, " n"] | None = None
) -> Float[Array, " k"]:
    """Average of predictions over rows; no gradient flows through it.

    Args:
        probabilities: [n, k].
        weight: [n]; 0 marks padding.

    Example:
        >>> mean_prediction(jnp.array([[1.0, 0.0], [0.5, 0.5]]))
        Array([0.75, 0.25], dtype=float32)
    """
    fixed = jax.lax.stop_gradient(probabilities)
    return jax.vmap(lambda column: weighted_mean(column, weight), in_axes=1)(fixed)


def align_distribution(
    probabilities: Float[Array, "n k"],
    wanted: Float[Array, " k"],
    current: Float[Array, " k"],
    *,
    eps: float = 1e-6,
) -> Float[Array, "n k"]:
    """Rescales predictions by ``wanted / current``, and normalises each row again.

    Args:
        probabilities: [n, k].
        wanted: how often each class should be predicted.
        current: how often it is.
        eps: added to both, for classes that are never predicted.

    Example:
        >>> aligned = align_distribution(
        ...     jnp.array([[0.5, 0.5]]), jnp.array([0.8, 0.2]), jnp.array([0.5, 0.5])
        ... )
        >>> aligned.round(3)
        Array([[0.8, 0.2]], dtype=float32)

    References:
        Berthelot et al., "AdaMatch", ICLR 2022, section 3.3.
    """
    scaled = probabilities * ((wanted + eps) / (current + eps))[None, :]
    return scaled / jnp.sum(scaled, axis=1, keepdims=True)


def consistency(
    logits: Float[Array, "n k"],
    teacher: Float[Array, "n k"],
    threshold: float | Float[Array, ""] = 0.0,
    *,
    weight: Float[Array, " n"] | None = None,
) -> Float[Array, ""]:
    """Mean squared difference of two softmaxes, the second one under stop-gradient.

    Args:
        logits: [n, k], the student's.
        teacher: [n, k].
        threshold: rows of which the teacher's largest probability is smaller count as
            zeros.
        weight: [n]; 0 marks padding.

    Returns:
        Averaged over rows and over the classes that are not masked: 0 to 2/k.

    Example:
        >>> pair = jnp.array([[100.0, 0.0]]), jnp.array([[0.0, 100.0]])
        >>> float(consistency(*pair))
        1.0

    References:
        Tarvainen and Valpola, "Mean teachers are better role models", NeurIPS 2017;
        threshold: French et al., "Self-ensembling for visual domain adaptation", ICLR
        2018, section 3.2.
    """
    p = jax.nn.softmax(logits, axis=1)
    q = jax.lax.stop_gradient(jax.nn.softmax(teacher, axis=1))
    classes = jnp.maximum(jnp.sum(logits > -1e8, axis=1), 1)
    squared = jnp.sum(jnp.square(p - q), axis=1) / classes
    kept = jnp.max(q, axis=1) >= threshold
    return weighted_mean(jnp.where(kept, squared, 0.0), weight)
