"""SIGTERM and SIGINT end a training that keeps checkpoints in good order."""

import contextlib
import signal

import pytest

from da_zoo.checkpoint.keeper import Keeper
from da_zoo.checkpoint.scoring import Scorer
from da_zoo.stopping import TrainingStoppedError, stop_on_signals
from tests.checkpoint.small import assert_same_bits, train


def signalling(number, at, times=1):
    """A callback that raises a signal at a step."""

    def on_metrics(phase, done, length, metrics):
        if done == at:
            for _ in range(times):
                signal.raise_signal(number)

    return on_metrics


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_in_a_checkpoint_of_that_very_step(number, tmp_path):
    calm = train("source_only", seeds=2, workers=1)
    with pytest.raises(
        TrainingStoppedError, match=r"step 40 of 90.*goes on from"
    ) as told:
        train(
            "source_only",
            tmp_path / "run",
            every=40,
            seeds=2,
            workers=1,
            on_metrics=signalling(number, 40),
        )
    assert told.value.number == number
    done = []
    result = train(
        "source_only",
        tmp_path / "run",
        every=40,
        seeds=2,
        workers=1,
        on_metrics=lambda p, d, n, m: done.append(d),
    )
    assert done == [80, 90]
    assert_same_bits(calm.state, result.state)


def test_a_stop_between_checkpoints_keeps_where_it_was(tmp_path, monkeypatch):
    monkeypatch.setattr("da_zoo.feed.CHUNK", 30)
    with pytest.raises(TrainingStoppedError, match="step 60 of 90"):
        train(
            "source_only",
            tmp_path / "run",
            every=1000,
            on_metrics=signalling(signal.SIGTERM, 60),
        )
    done = []
    train(
        "source_only",
        tmp_path / "run",
        every=1000,
        on_metrics=lambda p, d, n, m: done.append(d),
    )
    assert done == [90]


@pytest.mark.parametrize(
    "score",
    [lambda step: -abs(step - 60), lambda step: float(step in (40, 80))],
    ids=["one that a signal brought", "equal ones"],
)
def test_a_stop_between_checkpoints_changes_no_best_one(score, tmp_path, monkeypatch):
    monkeypatch.setattr("da_zoo.feed.CHUNK", 20)
    monkeypatch.setattr(Scorer, "score", lambda *a: float(score(int(a[2].step))))
    options = {"every": 40, "keep": 2, "steps": 110, "best": "infomax"}
    calm = train("source_only", tmp_path / "calm", **options)
    for stop in (60, 100):
        with contextlib.suppress(TrainingStoppedError):
            train(
                "source_only",
                tmp_path / "run",
                on_metrics=signalling(signal.SIGTERM, stop),
                **options,
            )
    again = train("source_only", tmp_path / "run", **options)
    assert_same_bits(calm.best, again.best)


def test_a_signal_in_the_last_steps_is_not_lost(tmp_path):
    with pytest.raises(TrainingStoppedError, match="step 90 of 90"):
        train(
            "source_only",
            tmp_path / "run",
            on_metrics=signalling(signal.SIGTERM, 90),
        )
    seen = []
    train("source_only", tmp_path / "run", on_metrics=lambda *a: seen.append(a))
    assert not seen


def signalling_before(monkeypatch, name):
    """A signal comes as a keeper begins to do something, the first time."""
    real, times = getattr(Keeper, name), []

    def signalled(self, *args):
        times.append(name)
        if len(times) == 1:
            signal.raise_signal(signal.SIGTERM)
        return real(self, *args)

    monkeypatch.setattr(Keeper, name, signalled)


@pytest.mark.parametrize("moment", ["finish", "best"])
def test_a_signal_while_the_last_checkpoint_is_written_is_not_lost(
    moment, tmp_path, monkeypatch
):
    options = {"folder": tmp_path / "run", "steps": 20, "best": "infomax"}
    for _ in range(2):  # also where the call reads what is done
        with monkeypatch.context() as patch:
            signalling_before(patch, moment)
            with pytest.raises(TrainingStoppedError, match="after its last step"):
                train("source_only", **options)
    seen = []
    train("source_only", **options, on_metrics=lambda *a: seen.append(a))
    assert not seen


def test_two_interrupts_end_at_once(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(
            "source_only",
            tmp_path / "run",
            on_metrics=signalling(signal.SIGINT, 40, times=2),
        )


def test_handlers_are_given_back(tmp_path):
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    train("source_only", tmp_path / "run", steps=20)
    with pytest.raises(TrainingStoppedError):
        train(
            "source_only",
            tmp_path / "other",
            on_metrics=signalling(signal.SIGTERM, 20),
        )
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


def test_without_checkpoints_signals_are_left_alone():
    before = signal.getsignal(signal.SIGTERM)
    with stop_on_signals(False) as stop:
        assert signal.getsignal(signal.SIGTERM) is before
    assert not stop.asked()
