"""What the report draws of a run: how well calibrated it is, how its features lie.

Small enough to be kept in a row, so that a report needs no data set. Target labels
colour the points; nothing is chosen by them.
"""

from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy.special import softmax

from da_zoo.bench.health import drawn_features
from da_zoo.bench.scoring import run_state
from da_zoo.diagnostics import subsample
from da_zoo.loop import FitResult
from da_zoo.scenarios import ScenarioData

__all__ = ["BINS", "POINTS", "embedding", "portrait", "reliability"]

BINS = 15
"""Of confidence; those of the expected calibration error."""
POINTS = 80
"""Per domain in an embedding."""
GRID = 999
"""The larger side of an embedding, in whole units."""


def portrait(
    result: FitResult,
    at: tuple[int, ...],
    data: ScenarioData,
    logits: Float[np.ndarray, "n k"],
    *,
    features: bool,
) -> dict[str, Any]:
    """Returns a run's drawable fields; none for a regression or an open set.

    Args:
        result: of ``fit``.
        at: position of the run on the result's axes.
        data: the scenario's splits.
        logits: of target-test rows.
        features: whether to project them as well; one seed of a group is enough.
    """
    if data.continuous or data.open_set:
        return {}
    found: dict[str, Any] = {
        "reliability": reliability(logits, data.target_test.labels)
    }
    if features:
        state = run_state(result.state, at)
        sides, labels = [], []
        splits = {"source": data.source_test, "target": data.target_test}
        for domain, split in splits.items():
            own = drawn_features(result, state, split, domain)
            sides.append(own.reshape(len(own), -1))
            labels.append(split.labels[subsample(len(split.rows))])
        found["embedding"] = embedding(sides[0], sides[1], labels[0], labels[1])
    return found


def reliability(
    logits: Float[np.ndarray, "n k"], labels: Int[np.ndarray, " n"]
) -> dict[str, list[Any]]:
    """Counts rows, mean confidence and accuracy in bins of equal width.

    Args:
        logits: of the rows.
        labels: of the rows, 0..k-1.

    Returns:
        ``count``, ``confidence`` and ``accuracy``, a number per bin; the last two are
        None in an empty bin.

    Example:
        >>> found = reliability(np.array([[0.0, 9.0]]), np.array([1]))
        >>> found["count"][-1], found["accuracy"][-1]
        (1, 1.0)

    References:
        Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
    """
    p = softmax(np.asarray(logits, np.float64), axis=1)
    confidence, right = p.max(axis=1), p.argmax(axis=1) == labels
    # Open on the left, as in da_zoo.metrics.ece: confidence 1 belongs to the last.
    which = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    count = np.bincount(which, minlength=BINS)

    def means(values: np.ndarray) -> list[float | None]:
        totals = np.bincount(which, weights=values, minlength=BINS)
        return [
            round(float(t / n), 4) if n else None
            for t, n in zip(totals, count, strict=True)
        ]

    return {
        "count": count.tolist(),
        "confidence": means(confidence),
        "accuracy": means(right),
    }


def embedding(
    source: Float[np.ndarray, "n d"],
    target: Float[np.ndarray, "m d"],
    source_labels: Int[np.ndarray, " n"],
    target_labels: Int[np.ndarray, " m"],
) -> dict[str, list[Any]]:
    """Projects features of both domains onto their two main directions.

    Args:
        source: features of the source's rows.
        target: features of the target's rows, of the same width.
        source_labels: classes of the former.
        target_labels: classes of the latter.

    Returns:
        Up to :data:`POINTS` points of each domain as whole numbers 0..999, ``source``
        and ``target``, with ``source_labels`` and ``target_labels``. Both axes have
        one scale.

    Example:
        >>> x = np.eye(4)
        >>> found = embedding(x[:2], x[2:], np.arange(2), np.arange(2))
        >>> len(found["source"]), found["target_labels"]
        (2, [0, 1])

    References:
        Pearson, "On Lines and Planes of Closest Fit to Systems of Points in Space",
        1901.
    """
    own, others = subsample(len(source), POINTS), subsample(len(target), POINTS)
    both = np.concatenate([source[own], target[others]]).astype(np.float64)
    both -= both.mean(axis=0)
    u, scale, _ = np.linalg.svd(both, full_matrices=False)
    plane = np.zeros((len(both), 2))
    plane[:, : min(2, scale.size)] = (u * scale)[:, :2]
    # A sign is arbitrary: the farthest point lies on the positive side.
    farthest = plane[np.abs(plane).argmax(axis=0), [0, 1]]
    plane *= np.where(farthest < 0, -1.0, 1.0)
    span = max(float(np.ptp(plane, axis=0).max()), 1e-12)
    points = np.rint((plane - plane.min(axis=0)) / span * GRID).astype(int)
    return {
        "source": points[: len(own)].tolist(),
        "target": points[len(own) :].tolist(),
        "source_labels": source_labels[own].tolist(),
        "target_labels": target_labels[others].tolist(),
    }
