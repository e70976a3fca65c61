"""Rejecting what is in no known class, and scoring it. On the host, in float64."""

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import log_softmax

__all__ = ["THRESHOLD", "open_set_scores", "with_unknown"]

THRESHOLD = 0.5
"""A prediction less probable than this is "unknown"; fixed before any result."""


def with_unknown(
    logits: Float[np.ndarray, "n k"], threshold: float = THRESHOLD
) -> Float[np.ndarray, "n l"]:
    """Adds a last column that wins where no class reaches the threshold.

    That is how a method without an unknown class answers in an open set. The column
    is a decision, not a probability: log losses of the result mean nothing.

    Args:
        logits: [n, k] of the known classes.
        threshold: on the largest softmax probability, in (0, 1).

    Returns:
        [n, k + 1]: log probabilities, and log(threshold) as the last column.

    Raises:
        ValueError: if the threshold is out of range.

    Example:
        >>> with_unknown(np.array([[0.0, 0.1, 0.0], [0.0, 9.0, 0.0]])).argmax(axis=1)
        array([3, 1])
    """
    if not 0 < threshold < 1:
        raise ValueError(f"threshold must be in (0, 1), got {threshold}")
    log_p = log_softmax(np.asarray(logits, np.float64), axis=1)
    # A tie goes to the first column: at the threshold itself the class stands.
    return np.concatenate([log_p, np.full((len(log_p), 1), np.log(threshold))], axis=1)


def open_set_scores(
    predicted: Int[np.ndarray, " n"], labels: Int[np.ndarray, " n"], known: int
) -> dict[str, float | None]:
    """Scores predictions over known classes and the unknown one.

    Args:
        predicted: [n], 0..known; ``known`` means unknown.
        labels: [n], likewise.
        known: number of known classes.

    Returns:
        ``os_star``: mean recall over the known classes that occur.
        ``unknown_accuracy``: recall of the unknown. ``os``: mean recall over all of
        them together. ``hos``: the harmonic mean of ``os_star`` and
        ``unknown_accuracy``. None where there are no such rows.

    Example:
        >>> scores = open_set_scores(np.array([0, 1, 1]), np.array([0, 1, 2]), 2)
        >>> scores["os_star"], scores["unknown_accuracy"], scores["hos"]
        (1.0, 0.0, 0.0)

    References:
        os, os_star: Saito et al., "Open Set Domain Adaptation by Backpropagation", ECCV
        2018; hos: Bucci et al., "On the Effectiveness of Image Rotation for Open Set
        Domain Adaptation", ECCV 2020.
    """

    def recall(chosen: Bool[np.ndarray, " n"]) -> float:
        return float(np.mean(predicted[chosen] == labels[chosen]))

    present = np.unique(labels)
    recalls = {int(c): recall(labels == c) for c in present}
    rejected = recalls.get(known)
    of_known = [value for c, value in recalls.items() if c != known]
    star = float(np.mean(of_known)) if of_known else None
    both = None
    if star is not None and rejected is not None:
        total = star + rejected
        both = 2 * star * rejected / total if total > 0 else 0.0
    return {
        "os": float(np.mean(list(recalls.values()))) if recalls else None,
        "os_star": star,
        "unknown_accuracy": rejected,
        "hos": both,
    }
