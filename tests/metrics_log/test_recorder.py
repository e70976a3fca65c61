"""What fit says reaches writers: means, by run, whatever fails."""

import logging

import jax
import numpy as np
import pytest

import da_zoo
from da_zoo.metrics_log import recording, together
from tests.metrics_log.memory import Failing, Memory

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(48, 4)).astype(np.float32), np.arange(48) % 2
DATA = da_zoo.ArrayData((X, Y), X + 1.0)


def recipe():
    network = da_zoo.network_by_name("mlp", hidden=(4,))
    return da_zoo.methods.fine_tuning(network, classes=2)


def few():
    return da_zoo.ArrayData((X, Y), target_labelled=(X[:8], Y[:8]))


def fit(recorder, **options):
    return da_zoo.fit(
        recipe(), few(), jax.random.key(0), steps=10, on_metrics=recorder, **options
    )


def test_a_chunks_mean_is_written_for_each_phase():
    memory = Memory()
    with recording(memory, {"method": "fine_tuning"}) as recorder:
        result = fit(recorder)
    assert memory.calls[0] == ("start", {"method": "fine_tuning"})
    assert memory.calls[-1] == ("close",)
    assert [(phase, step) for phase, step, _ in memory.chunks()] == [
        ("source", 6),
        ("tune", 4),
    ]
    for phase, _, values in memory.chunks():
        for metric, own in values.items():
            history = result.history[f"{phase}/{metric}"]
            assert own == {0: pytest.approx(float(history.mean()), rel=1e-6)}
        assert "task_loss" in values


def test_steps_left_out_are_not_in_a_mean():
    memory, nan = Memory(), np.nan
    with recording(memory, {}) as recorder:
        recorder(
            "adapt",
            4,
            4,
            {
                "loss": np.array([[1, nan, 3, nan], [nan] * 4, [1, 2, 3, 6]]),
                "skipped": np.array([[0, 1, 0, 1], [1] * 4, [0] * 4], float),
            },
        )
        recorder("adapt", 8, 8, {"loss": np.array([1.0, nan])})
    (_, _, values), (_, _, unskipped) = memory.chunks()
    assert values["loss"] == pytest.approx({0: 2.0, 1: nan, 2: 3.0}, nan_ok=True)
    assert values["skipped"] == {0: 0.5, 1: 1.0, 2: 0.0}
    assert np.isnan(unskipped["loss"][0])


@pytest.mark.parametrize(
    "how",
    [
        {"workers": 1},
        {"workers": 2},  # groups of runs, a thread each
        {"workers": 2, "seeds_mode": "sequential", "loop": "python"},
    ],
)
def test_runs_keep_their_numbers_however_they_are_trained(how):
    memory, shown = Memory(), []
    with recording(memory, {}) as recorder:
        on_state = recorder.by_run(lambda *args: shown.append(args[3].tolist()))
        result = fit(
            recorder,
            on_state=on_state,
            seeds=2,
            sweep={"learning_rate": [0.5, 0.001]},
            **how,
        )
    assert sorted(run for runs in shown for run in runs) == [0, 0, 1, 1, 2, 2, 3, 3]
    flat = result.history["tune/task_loss"].reshape(4, -1).mean(-1)
    found = {}
    for phase, _, values in memory.chunks():
        if phase == "tune":
            found |= values["task_loss"]
    assert sorted(found) == [0, 1, 2, 3]
    np.testing.assert_allclose([found[n] for n in range(4)], flat, rtol=1e-6)
    assert len(set(flat.round(7))) == 4  # else numbers could be swapped unseen


def test_a_phase_without_metrics_writes_nothing():
    memory = Memory()
    with recording(memory, {}) as recorder:
        recorder("statistics", 5, 5, {})
        recorder("adapt", 5, 5, {"loss": np.array([1.0, np.nan])})
    ((phase, _, values),) = memory.chunks()
    assert phase == "adapt"
    assert np.isnan(values["loss"][0])


@pytest.mark.parametrize("where", ["start", "write", "close"])
def test_a_writer_that_fails_is_told_of_once_and_training_goes_on(where, monkeypatch):
    # Nobody listens to the log, as in a script; pytest does, from here on.
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    bad, good = Failing(where), Memory()
    with (
        pytest.warns(
            RuntimeWarning, match=r"Failing failed.*the server is gone"
        ) as got,
        recording([bad, good], {}) as recorder,
    ):
        result = fit(recorder)
    assert len(got) == 1
    assert result.finite
    assert len(good.chunks()) == 2
    assert good.calls[-1] == ("close",)
    # Switched off: nothing but an attempt to close what it holds open.
    failed_at = [call[0] for call in bad.calls].index(where)
    assert [call[0] for call in bad.calls[failed_at + 1 :]] == ["close"]


def test_with_a_listening_log_a_failure_is_an_event(caplog):
    with caplog.at_level("WARNING", logger="da_zoo"), recording(Failing("start"), {}):
        pass
    (record,) = caplog.records
    assert record.event == "metrics_writer_failed"
    assert record.fields == {
        "writer": "Failing",
        "error": "OSError: the server is gone",
    }


def test_an_interrupt_is_no_failure_and_closes():
    class Interrupted(Memory):
        def write(self, phase, step, values):
            raise KeyboardInterrupt

    memory = Interrupted()
    with pytest.raises(KeyboardInterrupt), recording(memory, {}) as recorder:
        fit(recorder)
    assert memory.calls[-1] == ("close",)


def test_of_several_processes_the_first_writes(monkeypatch):
    monkeypatch.setattr(jax.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(jax, "process_index", lambda: 1)
    memory = Memory()
    with recording(memory, {}) as recorder:
        recorder("adapt", 1, 1, {"loss": np.ones(1)})
    assert memory.calls == []


def test_what_is_no_writer_is_refused():
    with pytest.raises(TypeError, match="dict has no start"):
        together({})
