"""Wall time of a block, with what XLA took to compile kept apart."""

import threading
import time
from collections import deque
from typing import Any

import jax.monitoring

__all__ = ["Clock"]

_compiling = threading.local()

MOST_EVENTS = 10_000
"""Kept of each thread, for the events that contain them: far more than one contains,
and a thread of a long benchmark has millions."""


def _count_compilation(event: str, duration_secs: float, **_: Any) -> None:
    """Adds an event, in place of those it contains: traces are nested."""
    if not event.startswith("/jax/core/compile/"):
        return
    start = time.perf_counter() - duration_secs
    if not hasattr(_compiling, "events"):
        _compiling.events, _compiling.seconds = deque(maxlen=MOST_EVENTS), 0.0
    events: deque[tuple[float, float]] = _compiling.events
    while events and events[-1][0] >= start:
        _compiling.seconds -= events.pop()[1]
    events.append((start, duration_secs))
    _compiling.seconds += duration_secs


jax.monitoring.register_event_duration_secs_listener(_count_compilation)


class Clock:
    """Wall seconds of a block in this thread, compilation apart."""

    def __enter__(self) -> "Clock":
        self._began = time.perf_counter()
        self._compiled = getattr(_compiling, "seconds", 0.0)
        return self

    def __exit__(self, *_: object) -> None:
        self.compiling = getattr(_compiling, "seconds", 0.0) - self._compiled
        wall = time.perf_counter() - self._began
        self.running = max(0.0, wall - self.compiling)
