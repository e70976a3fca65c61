"""Runs dealt out to threads: the same results, callbacks in turn, errors told."""

import sys
import threading
import time

import jax
import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from da_zoo import ArrayData, fit, methods, network_by_name
from da_zoo.loop import NonFiniteLossError
from da_zoo.threads import one_at_a_time, one_blas_thread, side_by_side, worker_count


def train(workers, *, steps=40, learning_rate=0.01, **options):
    generator = np.random.default_rng(0)
    x = generator.normal(size=(64, 5)).astype(np.float32)
    y = generator.integers(0, 3, 64)
    network = network_by_name("mlp", hidden=(8,))
    recipe = methods.dann(network, classes=3, learning_rate=learning_rate)
    data = ArrayData((x, y), x + 1)
    key = jax.random.key(0)
    return fit(recipe, data, key, steps=steps, workers=workers, **options)


@pytest.mark.slow
@pytest.mark.parametrize("seeds_mode", ["vmap", "map", "sequential"])
def test_workers_change_neither_order_nor_values(seeds_mode):
    options = {"seeds": 3, "seeds_mode": seeds_mode}
    options["sweep"] = {"trade_off": [0.1, 1.0]}
    one, many = (train(workers, **options) for workers in (1, 4))
    assert one.axes == many.axes
    for a, b in zip(
        jax.tree.leaves(one.state.params),
        jax.tree.leaves(many.state.params),
        strict=True,
    ):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=1e-4)
    # Runs differ from one another by far more than that: none was mixed up.
    kernel = np.asarray(one.state.params["encoder"]["Dense_0"]["kernel"]).reshape(6, -1)
    gaps = np.abs(kernel[:, None] - kernel[None, :]).max(axis=2)
    assert gaps[~np.eye(6, dtype=bool)].min() > 1e-3


def test_width_is_what_a_thread_trains_together():
    assert train(1, seeds=6, steps=2).width == 6
    assert train(2, seeds=6, steps=2).width == 3
    assert train(16, seeds=6, steps=2).width == 1
    assert train(1, seeds=6, steps=2, seeds_mode="sequential").width == 1


def test_callbacks_come_one_at_a_time_and_for_every_step():
    inside, seen = threading.Lock(), []

    def on_metrics(phase, done, length, metrics):
        assert inside.acquire(blocking=False)
        seen.append((phase, done, length, metrics["task_loss"].shape))
        inside.release()

    train(2, seeds=4, steps=250, on_metrics=on_metrics)
    assert sorted(seen) == sorted(
        2 * [("adapt", 200, 250, (2, 200)), ("adapt", 250, 250, (2, 50))]
    )


def test_an_error_in_a_thread_reaches_the_caller():
    with pytest.raises(NonFiniteLossError, match="learning_rate"):
        train(2, seeds=4, steps=60, learning_rate=1e25)


def test_errors_stop_what_has_not_begun():
    begun = []

    def function(number):
        begun.append(number)
        raise KeyError(number)

    with pytest.raises(KeyError):
        side_by_side(function, list(range(200)), 2)
    assert len(begun) < 200


def test_the_first_error_ends_what_looks_for_it_and_is_told():
    ended, begun = threading.Event(), threading.Barrier(2)

    def function(number):
        begun.wait(10)
        if number == 1:
            raise KeyError(number)
        assert ended.wait(10)
        raise RuntimeError("given up")

    with pytest.raises(KeyError, match="1"):
        side_by_side(function, [0, 1], 2, ended)


def test_a_group_that_fails_ends_the_others_between_chunks():
    seen = []

    def on_metrics(phase, done, length, metrics):
        seen.append(done)
        time.sleep(0.05)

    sweep = [{"learning_rate": 0.01}, {"learning_rate": 1e30}]
    with pytest.raises(NonFiniteLossError, match="learning_rate"):
        train(2, steps=6000, sweep=sweep, on_metrics=on_metrics)
    assert len(seen) < 20  # of 30


def test_worker_count():
    assert worker_count(5) == 5
    assert worker_count(None) >= 1
    assert one_at_a_time(None) is None
    with pytest.raises(ValueError, match="workers must be at least 1, got 0"):
        train(0)


def blas_threads():
    return {
        library["num_threads"]
        for library in threadpool_info()
        if library["user_api"] == "blas"
    }


def test_the_limit_of_linear_algebra_stays_until_the_last_one_is_out():
    import scipy.linalg  # noqa: F401  (loads its own library)

    with threadpool_limits(2):
        before = blas_threads()
        first, second = one_blas_thread(), one_blas_thread()
        first.__enter__()
        second.__enter__()
        assert blas_threads() == {1}
        first.__exit__(None, None, None)  # not the order of their entering
        assert blas_threads() == {1}
        second.__exit__(None, None, None)
        assert blas_threads() == before


def test_a_benchmark_computes_with_one(tmp_path, monkeypatch):
    """Rows must not depend on who else computes beside them."""
    from da_zoo import bench
    from da_zoo.bench import run as module

    seen = []
    real = sys.modules[module.__module__].run_batch

    def watched(*arguments):
        seen.append(blas_threads())
        return real(*arguments)

    monkeypatch.setattr(sys.modules[module.__module__], "run_batch", watched)
    with threadpool_limits(2):
        bench.run(
            methods=["unadapted"],
            scenarios=["plain_to_over07"],
            seeds=1,
            tracks=["U"],
            out=tmp_path,
            progress=False,
        )
    assert seen == [{1}]
