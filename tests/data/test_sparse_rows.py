import numpy as np
import pytest
from scipy.sparse import coo_matrix, csc_array, csr_array, csr_matrix, issparse

from da_zoo.data.sparse_rows import SparseRows, sparse_rows

DENSE = np.array([[0, 2, 0], [1, 0, 3], [0, 0, 0]], np.float32)


@pytest.mark.parametrize("make", [np.asarray, csr_matrix, csr_array, coo_matrix])
def test_rows_of_any_format_have_a_length_and_can_be_taken(make):
    rows = sparse_rows(make(DENSE))
    assert issparse(rows) and len(rows) == 3 and rows.dtype == np.float32
    some = rows[np.array([1, 1, 0])]
    assert isinstance(some, SparseRows) and len(some) == 3
    np.testing.assert_array_equal(some.toarray(), DENSE[[1, 1, 0]])
    np.testing.assert_array_equal(
        rows[np.array([True, False, True])].toarray()[0], [0, 2, 0]
    )


def test_entries_that_are_there_twice_add_up_and_zeros_go():
    matrix = csr_array(
        (np.array([1.0, 2.0, 0.0]), np.array([2, 2, 0]), np.array([0, 3])), (1, 3)
    )
    rows = sparse_rows(matrix)
    assert rows.nnz == 1 and rows.toarray().tolist() == [[0, 0, 3]]
    assert matrix.nnz == 3  # its owner's matrix is as it was


@pytest.mark.parametrize("make", [csr_array, csc_array])
def test_broken_matrices_are_refused(make):
    broken = make(DENSE)
    broken.indices = np.array([1, 0, 7], broken.indices.dtype)
    with pytest.raises(ValueError, match="indices must be < 3"):
        sparse_rows(broken)


def test_what_are_no_counts_is_refused():
    with pytest.raises(ValueError, match="NaN or infinite"):
        sparse_rows(csr_array(np.array([[np.inf]])))
    with pytest.raises(ValueError, match=r"must be numbers \[n, d\]"):
        sparse_rows(np.array([["a"]]))
    with pytest.raises(ValueError, match=r"must be numbers \[n, d\]"):
        sparse_rows(np.ones(3))
