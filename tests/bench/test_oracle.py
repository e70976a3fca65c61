import inspect
import time
from types import SimpleNamespace

import jax
import numpy as np

from da_zoo import methods, network_by_name
from da_zoo.bench.looks import Watch
from da_zoo.bench.oracle import Oracle
from da_zoo.bench.run import run
from da_zoo.bench.scoring import run_state
from da_zoo.data.arrays import ArrayData
from da_zoo.loop import fit


def test_the_best_counts_the_last_and_a_failed_run_has_none():
    oracle = Oracle([])
    oracle._found = {0: {100: 0.7}, 1: {100: 0.9, 200: 0.1}}
    assert oracle.best(0, 0.8) == 0.8
    assert oracle.best(1, 0.8) == 0.9
    assert oracle.best(1, None) is None


def show(watch, phase, done, member):
    phase = SimpleNamespace(name=phase, adapter=None)
    inspect.unwrap(Watch.look)(watch, phase, done, None, np.array([member]))


def test_looking_is_timed_without_its_compilation(monkeypatch):
    """The training's clock leaves compilation out as well: not twice."""

    def see(*_):
        time.sleep(0.1)
        jax.monitoring.record_event_duration_secs("/jax/core/compile/mine", 0.09)

    monkeypatch.setattr("da_zoo.bench.looks.run_state", lambda state, at: state)
    watch = Watch({"adapt": 1000}, [see])
    show(watch, "adapt", 1000, member=0)
    assert 0.005 < watch.seconds < 0.05


def test_observers_are_shown_each_run_when_its_time_has_come(monkeypatch):
    monkeypatch.setattr("da_zoo.bench.looks.run_state", lambda state, at: at)
    shown = []
    watch = Watch({"a": 100, "b": 50}, [lambda *told: shown.append(told[1:])])
    for phase, done in (("a", 10), ("a", 15), ("a", 100), ("b", 49), ("b", 50)):
        show(watch, phase, done, member=4)
    assert shown == [((0,), 4, step) for step in (10, 100, 149, 150)]


def test_rows_have_both_columns(tmp_path):
    result = run(
        "embedded",
        methods=["source_only", "adabn"],
        scenarios=["plain_to_rot30"],
        tracks=["U"],
        seeds=2,
        steps=400,
        out=tmp_path,
        progress=False,
    )
    rows = [row for row in result.leaderboard.rows if row["status"] == "ok"]
    assert len(rows) == 4
    gaps = [row["accuracy_oracle"] - row["accuracy"] for row in rows]
    assert min(gaps) >= 0.0
    # Training on upright digits alone gets worse on turned ones along the way.
    assert max(gaps) > 0.0
    assert np.mean([row["accuracy_oracle"] for row in rows]) < 0.9


def test_a_run_is_taken_whole_but_for_its_optimiser():
    recipe = methods.dann(network_by_name("mlp", hidden=(4,)), classes=2)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(16, 3)).astype(np.float32), np.arange(16) % 2
    result = fit(
        recipe,
        ArrayData((x, y), x),
        jax.random.key(0),
        steps=2,
        batch_size=4,
        seeds=2,
        sweep={"trade_off": [0.1, 1.0]},
    )
    taken = run_state(result.state, (1, 0))
    assert taken.opt_state == {}
    expected = jax.tree.map(lambda leaf: leaf[1, 0], result.state.params)
    jax.tree.map(np.testing.assert_array_equal, taken.params, expected)
    assert float(taken.hparams["trade_off"]) == 1.0
    assert jax.tree.leaves(result.state.opt_state)  # the result keeps its own
