import jax
import numpy as np
import pytest

from da_zoo import ArrayData, fit, methods, network_by_name
from da_zoo.data.batches import gather
from da_zoo.feed import Feed, Seeds, resolve_pools
from da_zoo.testing import toy_data

NETWORK = network_by_name("mlp", hidden=(4,))


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

    monkeypatch.setattr("da_zoo.feed.jax.devices", lambda: [Small()])
    assert resolve_pools("auto", data) == "host"
