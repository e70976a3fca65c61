"""What a user gives as inputs and labels, checked before anything is traced."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import PyTree
from scipy.sparse import issparse

from da_zoo.data.random_access import is_random_access

__all__ = ["check_features", "check_inputs", "check_labels", "plain_array"]

LARGEST_LABEL = 2**31 - 1
"""Labels become int32."""


def plain_array(name: str, x: Any) -> np.ndarray:
    """Takes what a user gives for an array, where nothing would be lost by that.

    Args:
        name: of the argument.
        x: an array, nested lists, a data frame.

    Raises:
        TypeError: for a sparse matrix, or an array with masked entries, whose mask
            NumPy would drop without a word.
        ValueError: for lists of different lengths.

    Example:
        >>> plain_array("X", [[1, 2], [3]])
        Traceback (most recent call last):
        ...
        ValueError: X is ragged: its rows have different lengths; pad or cut them
    """
    if issparse(x):
        raise TypeError(f"{name} is a sparse matrix; pass {name}.toarray()")
    if isinstance(x, np.ma.MaskedArray):
        if np.ma.is_masked(x):
            raise TypeError(
                f"{name} has masked entries; fill them, {name}.filled(value), or drop "
                "the rows"
            )
        return np.asarray(x.data)
    try:
        return np.asarray(x)
    except ValueError as error:
        if "inhomogeneous" in str(error):
            raise ValueError(
                f"{name} is ragged: its rows have different lengths; pad or cut them"
            ) from None
        raise ValueError(f"{name} is no array: {error}") from None


def check_features(name: str, x: Any) -> np.ndarray:
    """Checks inputs given by a user: uint8 and int32 stay, the rest becomes float32.

    Uint8 are pixels and int32 ids, of tokens say. Plain integers (NumPy's are int64)
    are numbers like others.

    Raises:
        TypeError: if ``x`` is not numeric.
        ValueError: if it is empty, has fewer than two axes, or holds NaN or infinity.

    Example:
        >>> check_features("X", [[1, 2]]).dtype
        dtype('float32')
        >>> check_features("X", np.int32([[1, 2]])).dtype
        dtype('int32')
    """
    array = plain_array(name, x)
    if array.dtype == object or array.dtype.kind not in "biuf":
        raise TypeError(
            f"{name} must be numeric, got dtype {array.dtype}; encode it first"
        )
    if array.ndim < 2:
        raise ValueError(
            f"{name} must have shape [n, ...] with at least two axes, got {array.shape}"
        )
    if array.shape[0] == 0:
        raise ValueError(f"{name} is empty (shape {array.shape}); it needs rows")
    if array.dtype in (np.uint8, np.int32):
        return array
    with np.errstate(over="ignore"):  # what float32 cannot hold is infinite below
        array = _float32(name, array)
    bad = ~np.isfinite(array.reshape(len(array), -1)).all(axis=1)
    if bad.any():
        raise ValueError(
            f"{name} has NaN or infinite values in {int(bad.sum())} rows, the first is "
            f"row {int(np.argmax(bad))}; impute or drop them"
        )
    return array


def _float32(name: str, array: np.ndarray) -> np.ndarray:
    try:
        return array.astype(np.float32)
    except MemoryError:
        raise ValueError(
            f"{name} of shape {array.shape} is {4 * array.size / 2**30:.1f} GiB as "
            "float32, for which memory has no room; write rows to disk, "
            "da_zoo.data.array_records, or take fewer"
        ) from None


def check_labels(name: str, y: Any, n: int) -> np.ndarray:
    """Checks labels: classes become int32 [n], continuous targets float32 [n, k].

    Raises:
        TypeError: if ``y`` is neither integers [n] nor floats [n, k].
        ValueError: if there is not one a row, or one is negative, NaN or infinite.

    Example:
        >>> check_labels("y", [0, 2], 2).dtype
        dtype('int32')
    """
    labels = plain_array(name, y)
    if labels.ndim == 2 and labels.dtype.kind == "f":
        return _check_values(name, labels, n)
    if labels.ndim != 1 or len(labels) != n:
        raise ValueError(
            f"{name} must have shape [{n}], one label a row, got {labels.shape}; "
            "continuous targets are floats [n, k]"
        )
    if labels.dtype.kind not in "biu":
        raise TypeError(
            f"{name} must be integers 0..classes-1, or for a regression floats of "
            f"shape [n, k] (y[:, None]); got {labels.dtype} {labels.shape}"
        )
    if labels.min() < 0:
        raise ValueError(f"{name} must be 0..classes-1, got {labels.min()}")
    if labels.max() > LARGEST_LABEL:
        raise ValueError(
            f"{name} must be 0..classes-1, got {labels.max()}; number the classes from "
            "0, np.unique(y, return_inverse=True)"
        )
    return labels.astype(np.int32)


def _check_values(name: str, values: np.ndarray, n: int) -> np.ndarray:
    """Checks continuous targets."""
    if len(values) != n or values.shape[1] == 0:
        raise ValueError(
            f"{name} must have shape [{n}, k], k numbers a row, got {values.shape}"
        )
    with np.errstate(over="ignore"):
        values = values.astype(np.float32)
    bad = ~np.isfinite(values).all(axis=1)
    if bad.any():
        raise ValueError(
            f"{name} have NaN or infinite values in {int(bad.sum())} rows, the first "
            f"is row {int(np.argmax(bad))}; drop those rows"
        )
    return values


def _check_rows(name: str, x: Any) -> Any:
    if not is_random_access(x):
        return check_features(name, x)
    if len(x.shape) < 2 or x.shape[0] == 0:
        raise ValueError(
            f"{name} must have shape [n, ...] with at least two axes and one row, got "
            f"{x.shape}"
        )
    return x


def check_inputs(name: str, x: Any) -> PyTree:
    """Checks inputs, or a dict of inputs, as :func:`check_features` does.

    Rows that are read on demand (:mod:`da_zoo.data.random_access`) stay where they are;
    whether they are finite is for those to check who write them.

    Raises:
        TypeError: if one is not numeric.
        ValueError: as for one input; if they are not of equal length.

    Example:
        >>> check_inputs("x", {"a": [[1.0]], "b": [[2.0, 3.0]]})["b"].shape
        (1, 2)
    """
    if not isinstance(x, Mapping):
        return _check_rows(name, x)
    pool = {key: _check_rows(f"{name}[{key!r}]", rows) for key, rows in x.items()}
    counts = {key: len(rows) for key, rows in pool.items()}
    if len(set(counts.values())) != 1:
        raise ValueError(f"{name} must be arrays of equal length, got {counts}")
    return pool
