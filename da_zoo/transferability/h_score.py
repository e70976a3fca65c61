"""H-score: how much of the features' variance lies between classes."""

from typing import Any

import numpy as np
from jaxtyping import Shaped
from sklearn.covariance import ledoit_wolf_shrinkage

from da_zoo.transferability.arrays import (
    check_classes,
    check_features,
    check_rows,
    column_space,
)

__all__ = ["h_score"]


def h_score(
    *,
    features: Shaped[Any, "n ..."],
    labels: Shaped[Any, "_ ..."],
    regularised: bool = False,
) -> float:
    """Trace of ``cov(f)^-1 cov(E[f | y])``, both covariances of all rows.

    Args:
        features: [n, d] of target rows.
        labels: int [n] target classes of the same rows.
        regularised: shrinks ``cov(f)`` to ``(1 - a) cov(f) + a (tr cov(f) / d) I`` and
            the other to ``(1 - a) cov(E[f | y])``, with the shrinkage a of Ledoit and
            Wolf. Use it whenever n is not many times d: with n <= d independent rows
            the plain score is C - 1 for ANY features, noise included. Its own weakness:
            features of nearly spherical covariance are shrunk all the way, a = 1, and
            score 0 whatever their classes. Do not whiten features for it.

    Returns:
        Between 0 (equal class means) and min(d, C - 1) for C classes (all variance lies
        between them). Plain, an invertible affine map changes nothing; regularised,
        only shifts, rotations and a common scale do not.

    Raises:
        TypeError: for labels that are not integers.
        ValueError: for unequal numbers of rows, fewer than two classes, NaN or
            infinity.

    Example:
        >>> labels = np.arange(40) % 4
        >>> round(h_score(features=np.eye(4)[labels], labels=labels), 6)
        3.0

    References:
        Bao et al., "An Information-Theoretic Approach to Transferability in Task
        Transfer Learning", ICIP 2019; Ibrahim, Ponomareva and Mazumder,
        "Newer is not always better: Rethinking transferability metrics, their
        peculiarities, stability and performance", ECML PKDD 2022. Both
        covariances divide by n here, so that the second score becomes the first as the
        shrinkage goes to 0; code that mixes 1/n and 1/(n - 1) differs by that factor.
    """
    f = check_features("features", features)
    classes = check_classes("labels", labels)
    check_rows(features=f, labels=classes)
    centred = f - f.mean(axis=0)
    # A constant feature leaves rounding of its mean behind, not exact zeros.
    rounding = np.abs(f).max(axis=0) * len(f) * np.finfo(np.float64).eps
    centred = np.where(np.abs(centred).max(axis=0) > rounding, centred, 0.0)
    # With f = U S V', cov(f)^-1 cancels S and V: the score is the squared length of
    # U's columns after averaging within classes. No inverse of tiny variances.
    basis, values = column_space(centred)
    one_hot = np.eye(classes.max() + 1)[classes]
    sums = one_hot.T @ basis
    between = np.sum(sums**2 / one_hot.sum(axis=0)[:, None], axis=0)
    if not regularised or not values.size:
        return float(between.sum())
    shrinkage = ledoit_wolf_shrinkage(centred, assume_centered=True)
    kept = (1.0 - shrinkage) * values**2
    added = shrinkage * np.sum(values**2) / f.shape[1]
    return float(np.sum(between * kept / (kept + added)))
