"""Linear CKA: how alike two representations of the same rows are."""

from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from da_zoo.transferability.arrays import check_features, check_rows

__all__ = ["cka"]

ROUNDING = 1e-12
"""Relative size below which variation is taken for rounding."""


def cka(
    *,
    first: Shaped[Any, "n ..."],
    second: Shaped[Any, "m ..."],
    debiased: bool = True,
) -> float:
    """Linear centred kernel alignment, by default debiased.

    With the rows of X and Y centred it is ``|Y'X|^2 / (|X'X| |Y'Y|)``, in Frobenius
    norms. That quotient grows with the number of features over rows, for unrelated
    features too; debiased, each of the three terms is an unbiased estimate of HSIC.

    Args:
        first: [n, p] features of some rows.
        second: [n, q] other features of the same rows, in the same order.
        debiased: False for the original, biased quotient.

    Returns:
        1 for features that agree up to rotation, common scale and shift; an invertible
        linear map in general changes it. Debiased about 0, of either sign and at least
        -1, for independent features; biased at least 0.

    Raises:
        TypeError: for features that are not numeric.
        ValueError: for unequal numbers of rows, fewer than four of them, NaN, infinity,
            or features without variation.

    Example:
        >>> x, y = np.random.default_rng(0).normal(size=(2, 200, 400))
        >>> round(cka(first=x, second=3.0 * x[:, ::-1] + 1.0), 6)
        1.0
        >>> abs(cka(first=x, second=y)) < 0.05
        True
        >>> cka(first=x, second=y, debiased=False) > 0.6
        True

    References:
        Kornblith et al., "Similarity of Neural Network Representations Revisited", ICML
        2019; Song et al., "Supervised Feature Selection via Dependence Estimation",
        ICML 2007 (unbiased HSIC); Nguyen, Raghu and Kornblith, "Do Wide and
        Deep Networks Learn the Same Things?", ICLR 2021 (their quotient).
    """
    x = check_features("first", first, least=4)
    y = check_features("second", second, least=4)
    check_rows(first=x, second=y)
    x, y = _standardised("first", x), _standardised("second", y)
    own = []
    for name, rows in (("first", x), ("second", y)):
        own.append(_hsic(rows, rows, debiased))
        # A single row that differs from all others: its diagonal term is all there is.
        if own[-1] <= ROUNDING * _hsic(rows, rows, False):
            raise ValueError(
                f"{name} varies in one row only, which leaves the debiased CKA "
                "undefined; pass more rows, or debiased=False"
            )
    return _hsic(x, y, debiased) / float(np.sqrt(own[0] * own[1]))


def _standardised(
    name: str, rows: Float[np.ndarray, "n d"]
) -> Float[np.ndarray, "n d"]:
    """Centred rows of Frobenius norm 1: CKA is free of scale, fourth powers are not."""
    centred = rows - rows.mean(axis=0)
    norm = np.linalg.norm(centred)
    if norm <= ROUNDING * np.linalg.norm(rows):
        raise ValueError(
            f"{name} is the same in every row; it has no similarity to anything"
        )
    return centred / norm


def _hsic(
    x: Float[np.ndarray, "n p"], y: Float[np.ndarray, "n q"], debiased: bool
) -> float:
    """HSIC of linear kernels of centred rows, up to a factor that cancels."""
    n = len(x)
    # |Y'X|^2 is also the inner product of two [n, n] Gram matrices: take the smaller.
    if n < max(x.shape[1], y.shape[1]):
        cross = np.sum((x @ x.T) * (y @ y.T))
    else:
        cross = np.sum((y.T @ x) ** 2)
    if not debiased:
        return float(cross)
    # Song et al. leave the Gram matrices' diagonals out. Rows of centred Gram matrices
    # sum to 0, so with diagonals k and m their three terms are cross - k.m,
    # sum(k) sum(m) / ((n - 1) (n - 2)) and -2 / (n - 2) k.m.
    k, m = np.sum(x**2, axis=1), np.sum(y**2, axis=1)
    means = k.sum() * m.sum() / ((n - 1) * (n - 2))
    return float(cross - n / (n - 2) * (k @ m) + means)
