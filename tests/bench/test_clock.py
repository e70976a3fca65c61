"""Compilation is kept apart, once, however its events are nested and many."""

import threading

import pytest

from da_zoo.bench import clock

EVENT = "/jax/core/compile/backend_compile_duration"


@pytest.fixture
def events(monkeypatch):
    """Events of a thread of its own, by their ends on a made-up clock."""
    monkeypatch.setattr(clock, "_compiling", threading.local())

    def happen(start, end, name=EVENT):
        monkeypatch.setattr(clock.time, "perf_counter", lambda: end)
        clock._count_compilation(name, end - start)

    return happen


def test_an_event_takes_the_place_of_those_it_contains(events):
    events(1.0, 2.0)
    events(2.0, 4.0)
    events(10.0, 11.0)
    assert clock._compiling.seconds == pytest.approx(4.0)
    events(0.5, 12.0)  # all three happened within it
    assert clock._compiling.seconds == pytest.approx(11.5)
    events(13.0, 14.0, "/jax/other")
    assert clock._compiling.seconds == pytest.approx(11.5)


def test_a_thread_of_a_long_benchmark_keeps_no_endless_list(events):
    for second in range(clock.MOST_EVENTS + 500):
        events(second, second + 0.25)
    assert len(clock._compiling.events) == clock.MOST_EVENTS
    assert clock._compiling.seconds == pytest.approx(0.25 * (clock.MOST_EVENTS + 500))
