"""``SparseRows``: a CSR matrix that counts its rows, as every table of rows does."""

from typing import Any

import numpy as np
from scipy.sparse import csr_array, issparse

__all__ = ["SparseRows", "sparse_rows"]


class SparseRows(csr_array):
    """SciPy's CSR array with a length; ``rows[numbers]`` takes some of them.

    Example:
        >>> rows = sparse_rows(np.eye(3))
        >>> len(rows[np.array([2, 0])])
        2
    """

    def __len__(self) -> int:
        return int(self.shape[0])


def sparse_rows(matrix: Any) -> SparseRows:
    """Makes float32 rows of a matrix: sorted columns, none twice, no stored zeros.

    Args:
        matrix: a sparse matrix of any format, or a dense one [n, d].

    Raises:
        ValueError: if it is not [n, d], its parts contradict each other, or it holds
            NaN or infinity.

    Example:
        >>> sparse_rows(np.array([[0, 2], [0, 0]])).nnz
        1
    """
    if issparse(matrix) and hasattr(matrix, "check_format"):
        # Before any work on it: broken indices of a stranger's file read anywhere.
        matrix.check_format(full_check=True)
    if matrix.ndim != 2 or matrix.dtype.kind not in "biuf":
        raise ValueError(
            f"rows must be numbers [n, d], got {matrix.dtype} {matrix.shape}"
        )
    rows = SparseRows(matrix, dtype=np.float32, copy=True)
    rows.sum_duplicates()
    rows.eliminate_zeros()
    if not np.isfinite(rows.data).all():
        raise ValueError("rows hold NaN or infinite values")
    return rows
