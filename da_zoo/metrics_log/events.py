"""Metrics as events of the log: now and then, how a long training is doing."""

import math
import sys
import time
from collections.abc import Mapping
from typing import Any

from da_zoo.logs import log_event
from da_zoo.metrics_log.writer import Values

__all__ = ["EVERY", "EventWriter"]

EVERY = 60.0
"""Seconds between two events, at least."""


class EventWriter:
    """Logs ``training_started`` and ``training_ended``, and between them ``training``.

    Args:
        every: seconds between two events.

    Example:
        >>> writer = EventWriter(every=0.0)
        >>> writer.start({"method": "dann", "steps": 1000})
        >>> writer.write("adapt", 200, {"task_loss": {0: 0.7, 1: 0.5}})
        >>> writer.close()
    """

    def __init__(self, every: float = EVERY) -> None:
        self._every = every
        self._run: dict[str, Any] = {}

    def start(self, run: Mapping[str, Any]) -> None:
        """Logs what is trained."""
        # Names of runs are for those who tell runs apart; this one tells means.
        self._run = {
            name: run[name] for name in ("method", "seed", "steps") if name in run
        }
        self._began = self._told = time.monotonic()
        log_event("training_started", **self._run)

    def write(self, phase: str, step: int, values: Values) -> None:
        """Logs a chunk, means over its runs, if the time has come."""
        now = time.monotonic()
        if now - self._told < self._every:
            return
        self._told = now
        means = {k: math.fsum(own.values()) / len(own) for k, own in values.items()}
        log_event(
            "training",
            phase=phase,
            step=step,
            metrics=means,
            seconds=self._seconds(),
            **self._run,
        )

    def close(self) -> None:
        """Logs the end, ``training_stopped`` where an exception is on its way."""
        event = "training_ended" if sys.exc_info()[0] is None else "training_stopped"
        log_event(event, seconds=self._seconds(), **self._run)

    def _seconds(self) -> float:
        return round(time.monotonic() - self._began, 3)
