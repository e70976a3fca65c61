"""Rows on demand: what counts as such, and that they stay where they are."""

import numpy as np
import pytest

from da_zoo import ArrayData
from da_zoo.data.arrays import in_memory, on_demand
from da_zoo.data.random_access import (
    JoinedPool,
    all_rows,
    fill_rows,
    is_random_access,
    joined_pools,
)
from da_zoo.data.streams import make_stream


class Rows:
    """The least that a pool can be."""

    def __init__(self, array):
        self.array, self.shape, self.dtype = array, array.shape, array.dtype
        self.nbytes, self.reads = array.nbytes, []

    def __len__(self):
        return len(self.array)

    def __getitem__(self, key):
        self.reads.append(len(key))
        return self.array[key]


ROWS = np.arange(40, dtype=np.float32).reshape(10, 4)


def test_what_is_read_on_demand():
    assert is_random_access(Rows(ROWS))
    assert is_random_access(JoinedPool([Rows(ROWS)]))
    for other in (ROWS, ROWS.tolist(), ROWS[0, 0], Rows(ROWS.astype(np.float64))):
        assert not is_random_access(other)


def test_a_stream_leaves_them_alone():
    pool = Rows(ROWS)
    stream = make_stream({"a": pool, "b": ROWS}, np.arange(10) % 2)
    assert stream.pool["a"] is pool and not pool.reads
    data = ArrayData(target=pool)
    assert on_demand(data) and not pool.reads
    assert not on_demand(ArrayData(target=ROWS))


@pytest.mark.parametrize("shape", [(10,), (0, 4)])
def test_shapes_are_checked_without_reading(shape):
    pool = Rows(np.zeros(shape, np.float32))
    with pytest.raises(ValueError, match="target inputs must have shape"):
        ArrayData(target=pool)
    assert not pool.reads


def test_domains_of_other_shapes_are_refused():
    pool = Rows(ROWS)
    with pytest.raises(ValueError, match="same shape"):
        ArrayData((pool, np.arange(10) % 2), Rows(np.zeros((5, 3), np.float32)))
    with pytest.raises(ValueError, match="one shape and type"):
        labels = np.arange(10) % 2
        ArrayData([(pool, labels), (Rows(ROWS.astype(np.int32)), labels)])


def test_large_reads_come_in_parts(monkeypatch):
    monkeypatch.setattr("da_zoo.data.random_access.READ_BYTES", 3 * 16)
    pool, out = Rows(ROWS), np.full((9, 4), -1, np.float32)
    rows = np.array([0, 2, 3, 5, 7, 8, 9])
    fill_rows(out, pool, rows)
    assert pool.reads == [3, 3, 1]
    np.testing.assert_array_equal(out[:7], ROWS[rows])
    assert (out[7:] == -1).all()
    np.testing.assert_array_equal(all_rows(pool), ROWS)


def test_a_pool_that_gives_something_else_is_named():
    pool = Rows(ROWS)
    pool.array = ROWS[:, :2]
    with pytest.raises(ValueError, match="Rows of float32"):
        all_rows(pool)


def test_joined_pools_are_one():
    joined = joined_pools([ROWS[:3], Rows(ROWS[3:4]), Rows(ROWS[4:])])
    assert (joined.shape, joined.nbytes, len(joined)) == ((10, 4), 160, 10)
    rows = np.array([9, 0, 3, 3, 2, 4])
    np.testing.assert_array_equal(joined[rows], ROWS[rows])
    assert isinstance(joined_pools([ROWS, ROWS]), np.ndarray)


def test_shared_pools_are_read_once():
    pool = Rows(ROWS)
    data = in_memory(ArrayData((pool, np.arange(10) % 2), pool))
    assert data.source.pool is data.target.pool
    assert pool.reads == [10]
