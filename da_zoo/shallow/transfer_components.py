"""The eigenproblem that TCA and JDA share."""

import numpy as np
import scipy.linalg
from jaxtyping import Float

__all__ = ["SCALINGS", "marginal_indicator", "transfer_components"]

SCALINGS = ("unit_norm", "unit_scatter")
SMALLEST = 1e-12
"""Directions with less than this share of the largest scatter are rounding errors."""


def marginal_indicator(sources: int, targets: int) -> Float[np.ndarray, "n 1"]:
    """The vector e of which ``e e^T`` is the MMD matrix of two samples.

    Args:
        sources: number of source rows, which come first.
        targets: number of target rows.

    Returns:
        1/sources, then -1/targets.

    Example:
        >>> marginal_indicator(2, 1).ravel().tolist()
        [0.5, 0.5, -1.0]
    """
    source, target = np.full(sources, 1.0 / sources), np.full(targets, -1.0 / targets)
    return np.concatenate([source, target])[:, None]


def transfer_components(
    features: Float[np.ndarray, "n p"],
    indicators: Float[np.ndarray, "n q"],
    *,
    components: int,
    regularisation: float,
    unit_discrepancy: bool,
    scaling: str,
) -> Float[np.ndarray, "p k"]:
    """Finds maps of large scatter and small mean discrepancy.

    Minimises ``tr(W^T (F^T M F + regularisation I) W)`` under ``W^T F^T H F W = I``,
    with the MMD matrix ``M = E E^T`` and the centring matrix H.

    Args:
        features: F, rows of both domains.
        indicators: E, one column for each pair of means to bring together.
        components: how many at most.
        regularisation: above 0.
        unit_discrepancy: divide M by its Frobenius norm.
        scaling: of :data:`SCALINGS`. "unit_scatter" is the constraint above; under
            "unit_norm" each column of W has norm 1, so that components along which the
            data vary more count for more in distances.

    Returns:
        W, the best direction first; fewer columns where the scatter has a lower rank.

    Example:
        >>> x = np.array([[0.0, 1.0], [1.0, 2.0], [0.0, -1.0], [1.0, -2.0]])
        >>> w = transfer_components(
        ...     x,
        ...     marginal_indicator(2, 2),
        ...     components=1,
        ...     regularisation=1e-6,
        ...     unit_discrepancy=False,
        ...     scaling="unit_scatter",
        ... )
        >>> np.abs(np.round(w, 3)).ravel().tolist()
        [1.0, 0.0]
    """
    width = features.shape[1]
    # M has rank q: no [n, n] matrix is needed, and its norm is that of E^T E.
    gaps = features.T @ indicators
    norm = np.linalg.norm(indicators.T @ indicators) if unit_discrepancy else 1.0
    penalty = gaps @ gaps.T / norm + regularisation * np.eye(width)
    centred = features - features.mean(axis=0)
    values, vectors = scipy.linalg.eigh(
        centred.T @ centred,
        penalty,
        subset_by_index=[max(0, width - components), width - 1],
    )
    values, vectors = values[::-1], vectors[:, ::-1]
    kept = values > SMALLEST * max(values[0], np.finfo(float).tiny)
    vectors = vectors[:, kept]
    if scaling == "unit_scatter":
        return vectors / np.sqrt(values[kept])
    return vectors / np.linalg.norm(vectors, axis=0)
