"""Pools that are read row by row, so that a data set need not fit into memory.

A pool is what a stream's rows are numbers of. Besides arrays it may be anything that
knows its shape and type and gives rows for row numbers: an open HDF5 data set, or
:class:`da_zoo.data.array_records.ArrayRecordPool`.
"""

import math
from collections.abc import Sequence
from typing import Any, Protocol

import jax
import numpy as np
from jaxtyping import Int, Shaped

__all__ = [
    "READ_BYTES",
    "TYPES",
    "JoinedPool",
    "RandomAccess",
    "all_rows",
    "fill_rows",
    "is_random_access",
    "joined_pools",
    "row_bytes",
]

TYPES = (np.dtype(np.uint8), np.dtype(np.float32), np.dtype(np.int32))
"""What rows of a pool may be: pixels, numbers, ids."""
READ_BYTES = 16 * 2**20
"""Read at once, at most: records and the array made of them are both in memory."""


class RandomAccess(Protocol):
    """Rows read when they are asked for."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of rows, then the shape of each."""
        ...

    @property
    def dtype(self) -> np.dtype:
        """One of :data:`TYPES`."""
        ...

    @property
    def nbytes(self) -> int:
        """Size of all rows as an array."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any, /) -> Any:
        """Returns [k, ...] for ascending row numbers int [k]."""
        ...


def is_random_access(x: Any) -> bool:
    """Says whether inputs are to be left where they are and read by row numbers.

    So is what has a shape, a size, a type of :data:`TYPES` and rows, and is no array of
    NumPy's or JAX's. Anything else is turned into an array.

    Example:
        >>> is_random_access(np.zeros((3, 2), np.float32))
        False
    """
    if isinstance(x, (np.ndarray, np.generic, jax.Array)):
        return False
    described = isinstance(getattr(x, "shape", None), tuple) and hasattr(x, "nbytes")
    kind = getattr(x, "dtype", None)
    readable = hasattr(x, "__getitem__") and hasattr(x, "__len__")
    return described and readable and isinstance(kind, np.dtype) and kind in TYPES


def row_bytes(pool: Any) -> int:
    """Returns the size of one row of an array or pool.

    Example:
        >>> row_bytes(np.zeros((3, 4, 4, 3), np.uint8))
        48
    """
    return math.prod(pool.shape[1:]) * pool.dtype.itemsize


def fill_rows(
    out: Shaped[np.ndarray, "m ..."], pool: Any, rows: Int[np.ndarray, " k"]
) -> None:
    """Reads rows of an array or pool into the first k of ``out``, a part at a time.

    Args:
        out: at least as long as ``rows``.
        pool: an array, or a :class:`RandomAccess`.
        rows: ascending row numbers.

    Raises:
        ValueError: if the pool gives another shape or type than it said.

    Example:
        >>> out = np.zeros((3, 1), np.float32)
        >>> fill_rows(out, np.float32([[1], [2], [3]]), np.array([0, 2]))
        >>> out[:, 0].tolist()
        [1.0, 3.0, 0.0]
    """
    part = max(1, READ_BYTES // max(1, row_bytes(pool)))
    for start in range(0, len(rows), part):
        wanted = rows[start : start + part]
        given = np.asarray(pool[wanted])
        if given.shape != (len(wanted), *out.shape[1:]) or given.dtype != out.dtype:
            raise ValueError(
                f"{type(pool).__name__} of {pool.dtype} {pool.shape} gave "
                f"{given.dtype} {given.shape} for {len(wanted)} rows"
            )
        out[start : start + len(wanted)] = given


def all_rows(pool: Any) -> Shaped[np.ndarray, "n ..."]:
    """Returns the array that a pool is: itself, or all of its rows, read.

    Example:
        >>> all_rows(np.ones((2, 1))).shape
        (2, 1)
    """
    if not is_random_access(pool):
        return pool
    out = np.empty(pool.shape, pool.dtype)
    fill_rows(out, pool, np.arange(len(out)))
    return out


class JoinedPool:
    """Pools one after another, as one: the rows of several sources.

    Args:
        parts: arrays or pools of rows of one shape and type.

    Example:
        >>> pool = JoinedPool([np.float32([[1], [2]]), np.float32([[3]])])
        >>> pool[np.array([2, 0])][:, 0].tolist()
        [3.0, 1.0]
    """

    def __init__(self, parts: Sequence[Any]) -> None:
        self.parts = tuple(parts)
        self.dtype = np.dtype(parts[0].dtype)
        self._ends = np.cumsum([len(part) for part in parts])
        self.shape = (int(self._ends[-1]), *parts[0].shape[1:])
        self.ndim = len(self.shape)
        self.nbytes = self.shape[0] * row_bytes(parts[0])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Int[np.ndarray, " k"]) -> Shaped[np.ndarray, "k ..."]:
        rows = np.asarray(rows)
        out = np.empty((len(rows), *self.shape[1:]), self.dtype)
        owner = np.searchsorted(self._ends, rows, side="right")
        for number, part in enumerate(self.parts):
            own = np.flatnonzero(owner == number)
            if len(own):
                first = self._ends[number] - len(part)
                out[own] = np.asarray(part[rows[own] - first])
        return out


def joined_pools(pools: Sequence[Any]) -> Any:
    """Returns one pool of several: an array where all are, else a JoinedPool.

    Example:
        >>> joined_pools([np.ones((2, 1)), np.ones((1, 1))]).shape
        (3, 1)
    """
    if any(is_random_access(pool) for pool in pools):
        return JoinedPool(pools)
    return np.concatenate(pools)
