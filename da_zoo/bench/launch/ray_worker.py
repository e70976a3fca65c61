"""What a Ray worker does: one batch a task, with a time limit of its own."""

import os
import threading
import time
from collections.abc import Iterator
from typing import Any

from da_zoo.backend import share_devices
from da_zoo.bench.launch.job import Order, Task
from da_zoo.bench.launch.worker_log import worker_log

__all__ = ["BEGAN", "LATE", "perform"]

BEGAN = "began"
"""Before anything else: the task waits for a worker no longer."""
LATE = "late"
"""In place of rows: the time was up."""
GRACE = 30.0
"""Seconds until a late batch ends its process, if the driver has not: it is gone."""


def perform(order: Order, task: Task, timeout: float | None) -> Iterator[Any]:
    """Trains and scores a batch.

    A thread cannot be ended, so a late batch ends with its process. Until then the
    task keeps it: Ray sends it no other one.

    Args:
        order: what the benchmark is.
        task: which batch.
        timeout: seconds from when its training begins; None means for ever.

    Yields:
        :data:`BEGAN`, then its groups' rows, or :data:`LATE`.

    Example:
        >>> order = Order("embeded", (), None, (), ".", False, None, None)
        >>> list(perform(order, Task((), ()), 1.0))
        Traceback (most recent call last):
        ...
        ValueError: unknown suite 'embeded'...
    """
    yield BEGAN
    share_devices()  # tasks may reserve parts of a GPU
    with worker_log(order):
        answer = _answer(order, task, timeout)
    yield answer
    if answer == LATE:
        time.sleep(GRACE)
        os._exit(1)


def _answer(order: Order, task: Task, timeout: float | None) -> Any:
    from da_zoo.bench.launch.workplace import workplace

    if timeout is None:
        return workplace(order).perform(task)
    began, done = threading.Event(), threading.Event()
    outcome: list[Any] = []

    def train() -> None:
        try:
            outcome.append(workplace(order).perform(task, on_begin=began.set))
        except Exception as error:
            outcome.append(error)
        finally:
            done.set()
            began.set()

    threading.Thread(target=train, name="row-group", daemon=True).start()
    began.wait()
    if not done.wait(timeout):
        return LATE
    (result,) = outcome
    if isinstance(result, Exception):
        raise result
    return result
