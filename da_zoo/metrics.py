"""Scores of a classifier or of a regression, in float64 on the host."""

import numpy as np
from jaxtyping import Float, Int
from scipy.special import log_softmax

__all__ = [
    "accuracy",
    "balanced_accuracy",
    "brier",
    "collapsed",
    "confidence_bins",
    "ece",
    "evaluate",
    "macro_f1",
    "nll",
    "r2",
    "rmse",
]

Logits = Float[np.ndarray, "n k"]
Labels = Int[np.ndarray, " n"]


def accuracy(logits: Logits, labels: Labels) -> float:
    """Share of rows whose largest logit is the label's, in [0, 1].

    Example:
        >>> accuracy(np.eye(2), np.array([0, 0]))
        0.5
    """
    return float(np.mean(np.argmax(logits, axis=1) == labels))


def balanced_accuracy(logits: Logits, labels: Labels) -> float:
    """Mean recall over the classes that occur in ``labels``, in [0, 1].

    Example:
        >>> balanced_accuracy(np.array([[1.0, 0], [1, 0], [1, 0]]), np.array([0, 0, 1]))
        0.5
    """
    predicted = np.argmax(logits, axis=1)
    present = np.unique(labels)
    return float(np.mean([np.mean(predicted[labels == c] == c) for c in present]))


def macro_f1(logits: Logits, labels: Labels) -> float:
    """Mean F1 over the classes that occur in labels or predictions, in [0, 1].

    Example:
        >>> macro_f1(np.eye(2), np.array([0, 1]))
        1.0
    """
    predicted = np.argmax(logits, axis=1)
    scores = []
    for c in np.union1d(labels, predicted):
        hits = np.sum((predicted == c) & (labels == c))
        scores.append(2.0 * hits / (np.sum(predicted == c) + np.sum(labels == c)))
    return float(np.mean(scores))


def nll(logits: Logits, labels: Labels) -> float:
    """Mean negative log-likelihood in nats, at least 0.

    Example:
        >>> round(nll(np.zeros((1, 2)), np.array([1])), 4)
        0.6931
    """
    log_p = log_softmax(np.asarray(logits, np.float64), axis=1)
    return float(-np.mean(log_p[np.arange(len(labels)), labels]))


def brier(logits: Logits, labels: Labels) -> float:
    """Mean squared distance of the probabilities from the one-hot label, in [0, 2].

    Example:
        >>> brier(np.zeros((1, 2)), np.array([1]))
        0.5
    """
    p = np.exp(log_softmax(np.asarray(logits, np.float64), axis=1))
    return float(np.mean(np.sum((p - np.eye(p.shape[1])[labels]) ** 2, axis=1)))


def confidence_bins(
    logits: Logits, labels: Labels, *, bins: int = 15
) -> tuple[
    Int[np.ndarray, " bins"], Float[np.ndarray, " bins"], Float[np.ndarray, " bins"]
]:
    """Sorts rows into equal-width bins of confidence.

    Args:
        logits: of the rows.
        labels: of the rows.
        bins: how many; open on the left, so that confidence 1 belongs to the last.

    Returns:
        Rows per bin, the sum of their confidences and how many of them are right.

    Raises:
        ValueError: if there are no bins.

    Example:
        >>> count, _, right = confidence_bins(np.array([[0.0, 9.0]]), np.array([1]))
        >>> int(count[-1]), float(right[-1])
        (1, 1.0)
    """
    if bins < 1:
        raise ValueError(f"bins must be at least 1, got {bins}")
    p = np.exp(log_softmax(np.asarray(logits, np.float64), axis=1))
    confidence = p.max(axis=1)
    which = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    count, total, right = (
        np.bincount(which, weights=weights, minlength=bins)
        for weights in (None, confidence, np.argmax(p, axis=1) == labels)
    )
    return count, total, right


def ece(logits: Logits, labels: Labels, *, bins: int = 15) -> float:
    """Expected calibration error over equal-width bins of confidence, in [0, 1].

    Raises:
        ValueError: if there are no bins.

    Example:
        >>> ece(np.array([[0.0, 0.0]]), np.array([0]))
        0.5

    References:
        Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
    """
    _, confidence, right = confidence_bins(logits, labels, bins=bins)
    return float(np.abs(right - confidence).sum() / len(labels))


def evaluate(logits: Logits, labels: Labels, *, classes: int) -> dict[str, float]:
    """Computes every score.

    Args:
        logits: [n, k].
        labels: [n], 0..classes-1.
        classes: number of classes k.

    Returns:
        accuracy, balanced_accuracy, macro_f1, nll, brier, ece.

    Raises:
        ValueError: for no rows, other shapes, or labels out of range.

    Example:
        >>> evaluate(np.eye(2), np.array([0, 1]), classes=2)["accuracy"]
        1.0
    """
    logits, labels = np.asarray(logits, np.float64), np.asarray(labels)
    if len(labels) == 0 or logits.shape != (len(labels), classes):
        raise ValueError(
            f"logits must be [{len(labels)}, {classes}] with at least one row, got "
            f"{logits.shape}"
        )
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(
            f"labels must be 0..{classes - 1}, got {labels.min()}..{labels.max()}"
        )
    scores = (accuracy, balanced_accuracy, macro_f1, nll, brier, ece)
    return {score.__name__: score(logits, labels) for score in scores}


Values = Float[np.ndarray, "n k"]


def _same_shape(predicted: Values, values: Values) -> tuple[np.ndarray, np.ndarray]:
    predicted, values = np.asarray(predicted, np.float64), np.asarray(values)
    if predicted.shape != values.shape or values.ndim != 2 or len(values) == 0:
        raise ValueError(
            f"predicted and values must have one shape [n, k] with at least one row, "
            f"got {predicted.shape} and {values.shape}"
        )
    return predicted, values.astype(np.float64)


def rmse(predicted: Values, values: Values) -> float:
    """Root of the mean squared error over rows and outputs, at least 0.

    Raises:
        ValueError: for no rows, or shapes that differ.

    Example:
        >>> rmse(np.array([[1.0], [1.0]]), np.array([[0.0], [2.0]]))
        1.0
    """
    predicted, values = _same_shape(predicted, values)
    return float(np.sqrt(np.mean((predicted - values) ** 2)))


def r2(predicted: Values, values: Values) -> float:
    """Share of the values' variance that is explained, at most 1; mean over outputs.

    It is 0 for a constant guess of the rows' own mean, and below for worse ones; NaN
    where an output does not vary.

    Raises:
        ValueError: for no rows, or shapes that differ.

    Example:
        >>> r2(np.array([[1.0], [1.0]]), np.array([[0.0], [2.0]]))
        0.0
    """
    predicted, values = _same_shape(predicted, values)
    left = np.sum((predicted - values) ** 2, axis=0)
    whole = np.sum((values - values.mean(axis=0)) ** 2, axis=0)
    if not whole.all():
        return float("nan")
    return float(np.mean(1.0 - left / whole))


def _entropy(counts: np.ndarray) -> float:
    p = counts[counts > 0] / counts.sum()
    return float(-np.sum(p * np.log(p)))


def collapsed(
    predicted: Labels, source_labels: Int[np.ndarray, " m"], classes: int
) -> bool:
    """Says whether predictions have fallen onto few classes.

    That is: their class entropy is under half that of the source-train labels, or one
    class has more than the larger of 90 % and the source majority plus 10 points.

    Args:
        predicted: labels given to target rows, 0..classes-1.
        source_labels: labels of the source-train rows.
        classes: number of classes.

    Example:
        >>> collapsed(np.zeros(10, int), np.arange(10), 10)
        True
    """
    given = np.bincount(predicted, minlength=classes)
    known = np.bincount(source_labels, minlength=classes)
    majority = known.max() / known.sum()
    return bool(
        _entropy(given) < 0.5 * _entropy(known)
        or given.max() / given.sum() > max(0.9, majority + 0.1)
    )
