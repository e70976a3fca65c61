"""Batches by their step: those of ``fit``, whoever asks and in what order."""

import pickle

import jax
import numpy as np
import pytest

from da_zoo import ArrayData
from da_zoo.data.arrays import select_seeds
from da_zoo.data.batches import gather_batch
from da_zoo.data.mapped_rows import MappedRows, portable
from da_zoo.data.step_source import ORDER_STEPS, StepSource
from da_zoo.feed import Feed, Seeds

RNG = np.random.default_rng(0)
SOURCES = [
    (RNG.integers(0, 256, (count, 2, 2, 3), np.uint8), np.arange(count) % 3)
    for count in (13, 7)
]
TARGET = RNG.integers(0, 256, (9, 2, 2, 3), np.uint8)
DATA = ArrayData(SOURCES, TARGET, (TARGET[:4], np.float32([[0], [1], [2], [3]])))
KEY = jax.random.key(5)
WORDS = tuple(int(word) for word in jax.random.key_data(KEY))


def test_every_field_is_what_a_program_gathers():
    uses = frozenset(DATA.streams())
    feed = Feed(DATA, uses, KEY, Seeds(0), batch=6, pools="device")
    source = StepSource(DATA, WORDS, 6)
    for start in (0, 200):
        ((streams, indices),) = feed.chunks([(start, start + 90)])
        for step in (0, 57, 89):
            here = {name: index[step] for name, index in indices.items()}
            expected = gather_batch(streams, here)
            for name, rows in source[start + step].items():
                own = getattr(expected, name)
                assert own.weight is None and rows.weight is None
                np.testing.assert_allclose(rows.x / 255, own.x, rtol=1e-6)
                for field in ("y", "labelled", "index", "domain"):
                    mine, theirs = getattr(rows, field), getattr(own, field)
                    np.testing.assert_array_equal(mine, theirs)
                    assert mine.dtype == theirs.dtype


def test_the_order_of_asking_does_not_matter():
    steps = [0, 3 * ORDER_STEPS, 1, 9 * ORDER_STEPS + 2, 5, 0]
    source = StepSource(DATA, WORDS, 4)
    for step in steps:
        fresh = pickle.loads(pickle.dumps(source))[step]
        for name, rows in source[step].items():
            np.testing.assert_array_equal(rows.index, fresh[name].index)
    assert len(source._orders) <= 6


def test_hosts_share_a_batch_out():
    whole = StepSource(DATA, WORDS, 6)[11]["target"]
    parts = [StepSource(DATA, WORDS, 6, shard=(i, 3))[11]["target"] for i in range(3)]
    np.testing.assert_array_equal(np.concatenate([p.index for p in parts]), whole.index)
    np.testing.assert_array_equal(np.concatenate([p.x for p in parts]), whole.x)


def test_marks_tell_orders_apart():
    def mark(words=WORDS, batch=6, data=DATA, **options):
        return StepSource(data, words, batch, **options).mark

    other = ArrayData(target=TARGET[:8])
    marks = [
        mark(),
        mark(words=(1, 2)),
        mark(batch=8),
        mark(shard=(0, 2)),
        mark(shard=(1, 2)),
        mark(uses=["target"]),
        mark(data=other),
        mark(data=ArrayData(SOURCES, TARGET, balanced=False), uses=["source"]),
        mark(uses=["source"]),
    ]
    assert len(set(marks)) == len(marks) and mark() == marks[0]


def test_what_cannot_be_read():
    for options, message in (
        ({"uses": ["validation"]}, "uses must name"),
        ({"uses": []}, "uses must name"),
        ({"shard": (0, 4)}, "multiple of the shards"),
        ({"shard": (2, 2)}, "multiple of the shards"),
    ):
        with pytest.raises(ValueError, match=message):
            StepSource(DATA, WORDS, 6, **options)
    stream = DATA.target._replace(rows=np.zeros((2, 9), np.int32))
    with pytest.raises(ValueError, match="2 seeds' rows"):
        StepSource(ArrayData(target=stream), WORDS, 6)
    one = select_seeds(ArrayData(target=stream), np.array([1]))
    assert StepSource(one, WORDS, 6)[0]["target"].index.shape == (6,)


def test_memory_maps_travel_as_names(tmp_path):
    path, rows = tmp_path / "x.npy", np.arange(300, dtype=np.float32).reshape(100, 3)
    np.save(path, rows)
    opened = np.load(path, mmap_mode="r", allow_pickle=False)
    for view in (opened, np.asarray(opened), opened[40:], np.asarray(opened[7:])[2:9]):
        moved = portable(view)
        assert isinstance(moved, MappedRows)
        sent = pickle.dumps(moved)
        assert len(sent) < 500
        again = pickle.loads(sent)
        np.testing.assert_array_equal(again[np.arange(len(again))], view)
        assert pickle.loads(pickle.dumps(again)).shape == view.shape
    for other in (rows, opened[:, 1:], rows[2:]):
        assert portable(other) is other
    source = StepSource(ArrayData(target=opened), WORDS, 4)
    assert len(pickle.dumps(source.moved(portable))) < 3000
    np.testing.assert_array_equal(
        source.moved(portable)[3]["target"].x, source[3]["target"].x
    )
