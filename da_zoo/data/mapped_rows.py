"""Memory-mapped rows that another process can open, in place of a copy of them."""

import math
import mmap
from typing import Any

import numpy as np
from jaxtyping import Shaped

__all__ = ["MappedRows", "portable"]


class MappedRows:
    """Rows of a file, opened where they are read; pickled, it is a file's name.

    Args:
        path: of the file.
        dtype: of the rows.
        shape: [n, ...].
        offset: of the first row in the file, in bytes.

    Example:
        >>> MappedRows("x.npy", np.dtype(np.uint8), (2, 3), 128).nbytes
        6
    """

    def __init__(
        self, path: str, dtype: np.dtype, shape: tuple[int, ...], offset: int
    ) -> None:
        self.path, self.dtype, self.shape, self.offset = path, dtype, shape, offset
        self.nbytes = math.prod(shape) * dtype.itemsize
        self._rows: np.ndarray | None = None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_rows": None}

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> Shaped[np.ndarray, "..."]:
        if self._rows is None:
            self._rows = np.memmap(self.path, self.dtype, "r", self.offset, self.shape)
        return np.asarray(self._rows[rows])


def portable(pool: Any) -> Any:
    """Returns what to send to another process for a pool: a map's name, not its rows.

    Args:
        pool: an array, which may be a view of a :class:`numpy.memmap`, or rows that are
            read on demand.

    Example:
        >>> rows = np.ones((2, 3))
        >>> portable(rows) is rows
        True
    """
    if not isinstance(pool, np.ndarray) or not pool.flags.c_contiguous:
        return pool
    owner: Any = pool
    found = None
    while isinstance(owner, np.ndarray):
        # NumPy keeps an offset only for the array that opened the file.
        found = owner if isinstance(owner, np.memmap) else found
        owner = owner.base
    if found is None or found.filename is None or not isinstance(owner, mmap.mmap):
        return pool
    if found.mode == "c":  # what was changed in memory is not in the file
        return pool
    begin = np.frombuffer(owner, np.uint8).ctypes.data
    page = found.offset - found.offset % mmap.ALLOCATIONGRANULARITY
    place = page + pool.ctypes.data - begin
    return MappedRows(str(found.filename), pool.dtype, pool.shape, place)
