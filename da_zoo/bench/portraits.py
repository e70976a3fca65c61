"""What the report draws of a run: how well calibrated it is, how its features lie.

Small enough to be kept in a row, so that a report needs no data set. Target labels
colour the points; nothing is chosen by them.
"""

from typing import Any

import numpy as np
from jaxtyping import Float, Int

from da_zoo.bench.health import DomainFeatures
from da_zoo.diagnostics import subsample
from da_zoo.metrics import confidence_bins
from da_zoo.scenarios import ScenarioData

__all__ = ["POINTS", "embedding", "portrait", "reliability"]

POINTS = 80
"""Per domain in an embedding."""
GRID = 999
"""The larger side of an embedding, in whole units."""


def portrait(
    data: ScenarioData,
    logits: Float[np.ndarray, "n k"],
    features: DomainFeatures | None,
) -> dict[str, Any]:
    """Returns a run's drawable fields; none for a regression or an open set.

    Args:
        data: the scenario's splits.
        logits: of target-test rows.
        features: of :func:`da_zoo.bench.health.drawn_features`, to be projected, or
            None: one seed of a group is enough.
    """
    if data.continuous or data.open_set:
        return {}
    found: dict[str, Any] = {
        "reliability": reliability(logits, data.target_test.labels)
    }
    if features is not None:
        labels = (
            split.labels[subsample(len(split.rows))]
            for split in (data.source_test, data.target_test)
        )
        found["embedding"] = embedding(*features, *labels)
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
    count, confidence, right = confidence_bins(logits, labels)

    def means(totals: Float[np.ndarray, " bins"]) -> list[float | None]:
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
