import threading

import jax
import numpy as np
import pytest

from da_zoo import ArrayData, fit, methods, network_by_name
from da_zoo.data.array_record_writer import write_array_records
from da_zoo.data.array_records import ArrayRecordPool
from da_zoo.data.batches import gather
from da_zoo.feed import CHUNK, Feed, Seeds, resolve_pools
from da_zoo.testing import toy_data

NETWORK = network_by_name("mlp", hidden=(4,))


class Slow:
    """Rows on demand that say when they are read."""

    def __init__(self, rows):
        self.rows, self.shape, self.dtype = rows, rows.shape, rows.dtype
        self.nbytes, self.asked = rows.nbytes, []

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, key):
        self.asked.append(np.array(key))
        return self.rows[key]


def pictures(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 4, 4, 3), np.uint8)


def feed_of(data, batch=4, **options):
    uses = frozenset(data.streams())
    options = {"pools": "host", **options}
    return Feed(data, uses, jax.random.key(1), Seeds(0), batch, **options)


def trained(data, recipe=None, **options):
    recipe = recipe or methods.deep_coral(NETWORK, classes=3, batch_norm="separate")
    options = {"steps": 230, "batch_size": 8, "seeds": 2, **options}
    return fit(recipe, data, jax.random.key(0), **options)


@pytest.mark.parametrize("mode", ["vmap", "sequential"])
def test_rows_sent_from_the_host_train_the_same(mode):
    data = toy_data()
    options = {"seeds_mode": mode, "loop": "scan", "workers": 1}
    there, sent = (
        trained(data, pools=pools, **options) for pools in ("device", "host")
    )
    for a, b in zip(
        jax.tree.leaves(there.state.params),
        jax.tree.leaves(sent.state.params),
        strict=True,
    ):
        np.testing.assert_allclose(a, b, atol=2e-5)
    np.testing.assert_allclose(
        there.history["adapt/task_loss"][..., :20],
        sent.history["adapt/task_loss"][..., :20],
        rtol=1e-5,
    )


def test_a_chunk_brings_its_own_rows_and_no_others(tmp_path):
    pool = np.lib.format.open_memmap(
        tmp_path / "x.npy", mode="w+", dtype=np.uint8, shape=(5000, 3)
    )
    pool[:] = np.arange(15000).reshape(5000, 3) % 251
    labels = np.arange(5000) % 4
    data = ArrayData((pool, labels))
    feed = Feed(
        data, frozenset({"source"}), jax.random.key(1), Seeds(0), batch=4, pools="host"
    )
    ((streams, indices),) = feed.chunks([(0, 200)])
    assert streams["source"].pool.shape == (800, 3)
    for step in (0, 7, 199):
        index = indices["source"][step]
        rows = gather(streams["source"], index)
        np.testing.assert_array_equal(rows.index, index)
        np.testing.assert_array_equal(rows.y, labels[index])
        np.testing.assert_allclose(rows.x, pool[np.asarray(index)] / 255, rtol=1e-6)


def test_chunks_come_in_order_and_an_error_ahead_is_raised():
    feed = Feed(
        toy_data(), frozenset({"source"}), jax.random.key(1), Seeds(0), 4, "host"
    )
    alone = [next(feed.chunks([b])) for b in [(0, 200), (200, 400), (400, 401)]]
    together = list(feed.chunks([(0, 200), (200, 400), (400, 401)]))
    for (_, a), (_, b) in zip(alone, together, strict=True):
        np.testing.assert_array_equal(a["source"], b["source"])

    def broken(bounds):
        raise OSError("the disk is gone")

    feed._chunk = broken
    with pytest.raises(OSError, match="disk"):
        list(feed.chunks([(0, 200)]))


def test_methods_that_read_everything_say_that_the_host_will_not_do():
    (first, second) = methods.shot(NETWORK, classes=3)[:2]
    with pytest.raises(ValueError, match='pools="device"'):
        trained(toy_data(), (first, second), pools="host")


def test_rows_on_disk_are_not_read_into_memory_by_surprise():
    source, target = toy_data().source, toy_data().target
    data = ArrayData((Slow(source.pool), source.labels[0]), Slow(target.pool))
    recipe = methods.shot(NETWORK, classes=3)[:2]
    with pytest.raises(ValueError, match="reads rows that are on disk into memory"):
        trained(data, recipe)
    assert not data.source.pool.asked
    trained(data, recipe, pools="device", steps=4)
    (asked,) = data.source.pool.asked  # once, however many phases there are
    np.testing.assert_array_equal(asked, np.arange(len(source.pool)))


@pytest.mark.parametrize(
    ("loop", "method"), [("scan", methods.deep_coral), ("python", methods.source_only)]
)
def test_rows_on_disk_train_the_same_to_the_last_bit(
    tmp_path, monkeypatch, loop, method
):
    source, target, labels = pictures(150), pictures(97, 1), np.arange(150) % 3
    write_array_records(tmp_path / "source", source, shard_bytes=2000)
    write_array_records(tmp_path / "target", target, shard_bytes=3000)
    options = {"steps": 205, "seeds": 1, "loop": loop}
    recipe = method(NETWORK, classes=3)
    there = trained(ArrayData((source, labels), target), recipe, **options)
    pools = [ArrayRecordPool(tmp_path / name) for name in ("source", "target")]
    data = ArrayData((pools[0], labels), pools[1])
    assert resolve_pools("auto", data) == "host"
    row = 48 * 8 * 2
    for limit in (2**27, 20 * row):  # chunks of 200 and of 16 steps
        monkeypatch.setattr("da_zoo.feed.CHUNK_BYTES", limit)
        streamed = trained(data, recipe, **options)
        for a, b in zip(
            jax.tree.leaves(there.state), jax.tree.leaves(streamed.state), strict=True
        ):
            if a.dtype == b.dtype and not jax.dtypes.issubdtype(
                a.dtype, jax.dtypes.prng_key
            ):
                np.testing.assert_array_equal(a, b)


def test_large_rows_make_short_chunks(monkeypatch):
    data = ArrayData(target=Slow(np.zeros((10, 1000), np.float32)))
    assert feed_of(data, batch=4).chunk == CHUNK
    for steps, expected in ((0.1, 1), (3, 3), (8, 8), (150, 144), (1000, CHUNK)):
        monkeypatch.setattr("da_zoo.feed.CHUNK_BYTES", int(steps * 4 * 4000))
        feed = feed_of(data, batch=4)
        assert feed.chunk == expected
        ((streams, indices),) = feed.chunks([(0, 1)])
        assert indices["target"].shape == (expected, 4)
        assert streams["target"].pool.shape[0] == min(10, expected * 4)
    assert feed_of(data, pools="device").chunk == CHUNK


def test_every_row_of_a_chunk_is_read_once():
    pool = Slow(np.arange(100, dtype=np.float32).reshape(50, 2))
    feed = feed_of(ArrayData(target=pool), batch=4)
    pool.asked.clear()
    ((streams, indices),) = feed.chunks([(0, 7)])  # 28 rows, and padding
    (asked,) = pool.asked
    assert len(asked) == len(np.unique(asked)) <= 29
    assert (np.diff(asked) > 0).all()
    for index in indices["target"][:7]:
        rows = gather(streams["target"], index)
        np.testing.assert_array_equal(rows.x, pool.rows[np.asarray(index)])


def test_the_next_chunk_is_read_while_one_trains():
    pool, began = Slow(np.zeros((5000, 2), np.float32)), threading.Event()
    feed = feed_of(ArrayData(target=pool))
    chunk = feed._chunk

    def watched(bounds):
        if bounds[0] == 200:
            began.set()
        return chunk(bounds)

    feed._chunk = watched
    chunks = feed.chunks([(0, 200), (200, 400)])
    next(chunks)  # and now it trains, and asks for nothing
    assert began.wait(timeout=20)
    chunks.close()


def test_several_sources_may_lie_in_several_places():
    parts = [pictures(20), pictures(11, 1)]
    labels = [np.arange(20) % 3, np.arange(11) % 3]
    recipe = methods.source_only(NETWORK, classes=3)
    memory, mixed = (
        trained(
            ArrayData(list(zip([make(parts[0]), parts[1]], labels, strict=True))),
            recipe,
            steps=5,
            seeds=1,
        )
        for make in (np.asarray, Slow)
    )
    np.testing.assert_array_equal(
        memory.history["source/task_loss"], mixed.history["source/task_loss"]
    )


def test_methods_that_read_everything_stay_on_the_device(monkeypatch):
    monkeypatch.setattr("da_zoo.loop.resolve_pools", lambda *_: "host")
    trained(toy_data(), methods.shot(NETWORK, classes=3)[:2], pools="auto")


def test_where_pools_lie(monkeypatch):
    data = toy_data()
    assert resolve_pools("auto", data) == "device"
    with pytest.raises(ValueError, match="pools"):
        resolve_pools("disk", data)

    class Small:
        def memory_stats(self):
            return {"bytes_limit": 1000}

    monkeypatch.setattr("da_zoo.feed.jax.local_devices", lambda: [Small()])
    assert resolve_pools("auto", data) == "host"
