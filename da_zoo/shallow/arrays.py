"""Checks of the arrays that shallow methods are handed; all of them become float64."""

from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

__all__ = [
    "check_domain",
    "check_labels",
    "check_matrix",
    "check_pair",
    "check_positive",
    "check_square",
]

MOST_ROWS = 20_000
"""A float64 matrix of this many rows and columns takes 3.2 GB."""


def check_matrix(
    name: str, x: Any, columns: int | None = None
) -> Float[np.ndarray, "n d"]:
    """Returns finite float64 features [n, d].

    Args:
        name: of the argument, for messages.
        x: anything that NumPy turns into numbers.
        columns: how many are expected; None takes any.

    Raises:
        TypeError: if ``x`` is not numeric.
        ValueError: for another number of axes or columns, no rows, NaN or infinity.

    Example:
        >>> check_matrix("X", np.eye(2, dtype=np.uint8)).dtype
        dtype('float64')
    """
    array = np.asarray(x)
    if array.dtype.kind not in "biuf":
        raise TypeError(
            f"{name} must be numeric, got dtype {array.dtype}; encode it first"
        )
    if array.ndim != 2:
        raise ValueError(
            f"{name} must have shape [n, d], got {array.shape}; flatten each row"
        )
    if 0 in array.shape:
        raise ValueError(f"{name} is empty (shape {array.shape}); it needs rows")
    if columns is not None and array.shape[1] != columns:
        raise ValueError(
            f"{name} must have {columns} columns as in fit, got {array.shape[1]}"
        )
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds NaN or infinity; impute or drop those rows")
    return array


def check_pair(
    X: Any, X_target: Any
) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, "m d"]]:
    """Returns source and target features of the same columns, float64.

    Raises:
        TypeError: if either is missing or not numeric.
        ValueError: for shapes that do not fit, fewer than two rows, NaN or infinity.

    Example:
        >>> [x.shape for x in check_pair(np.eye(3), np.ones((2, 3)))]
        [(3, 3), (2, 3)]
    """
    if X_target is None:
        raise TypeError("X_target is None; pass the target's rows as X_target=")
    source, target = check_matrix("X", X), check_matrix("X_target", X_target)
    if source.shape[1] != target.shape[1]:
        raise ValueError(
            f"X and X_target must have the same columns, got {source.shape[1]} and "
            f"{target.shape[1]}"
        )
    for name, rows in (("X", source), ("X_target", target)):
        if len(rows) < 2:
            raise ValueError(f"{name} has one row; a distribution needs at least two")
    return source, target


def check_labels(y: Any, rows: int) -> Shaped[np.ndarray, " n"]:
    """Returns labels [n] of any type.

    Raises:
        TypeError: if they are missing.
        ValueError: for another shape.

    Example:
        >>> check_labels(["a", "b"], 2).tolist()
        ['a', 'b']
    """
    if y is None:
        raise TypeError("y is None; this method needs the source's labels")
    labels = np.asarray(y)
    if labels.shape != (rows,):
        raise ValueError(
            f"y must have shape ({rows},), one label a row, got {labels.shape}"
        )
    return labels


def check_domain(domain: str) -> None:
    """Checks the name of a domain.

    Raises:
        ValueError: for anything but "source" and "target".

    Example:
        >>> check_domain("target")
    """
    if domain not in ("source", "target"):
        raise ValueError(f"domain must be 'source' or 'target', got {domain!r}")


def check_positive(**values: Any) -> None:
    """Checks that numbers are above 0.

    Raises:
        ValueError: naming the first that is not.

    Example:
        >>> check_positive(regularisation=1.0)
    """
    for name, value in values.items():
        if not value > 0:
            raise ValueError(f"{name} must be positive, got {value}")


def check_square(rows: int, what: str) -> None:
    """Refuses matrices [rows, rows] that would not fit into memory.

    Raises:
        ValueError: for more rows than :data:`MOST_ROWS`.

    Example:
        >>> check_square(100, "a kernel")
    """
    if rows > MOST_ROWS:
        raise ValueError(
            f"{what} of {rows} rows and as many columns takes "
            f"{rows * rows * 8 / 1e9:.0f} GB; pass at most {MOST_ROWS} rows"
        )
