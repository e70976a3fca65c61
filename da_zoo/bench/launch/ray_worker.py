"""What a Ray worker does: one batch a task, with a time limit of its own."""

import os
import threading
from typing import Any

from da_zoo.backend import share_devices
from da_zoo.bench.launch.job import Order, Task

__all__ = ["LATE", "perform"]

LATE = "late"
"""In place of rows: the time was up."""
GRACE = 1.0
"""Seconds until the process of a late batch ends: its answer leaves first."""

_spoiled = threading.Event()


def perform(order: Order, task: Task, timeout: float | None) -> Any:
    """Trains and scores a batch.

    A thread cannot be ended, so the process of a late batch ends, soon after it has
    said so; Ray begins anew elsewhere what it was sent meanwhile.

    Args:
        order: what the benchmark is.
        task: which batch.
        timeout: seconds from when its training begins; None means for ever.

    Returns:
        Its groups' rows, or :data:`LATE`.

    Example:
        >>> order = Order("embeded", (), None, (), ".", False, None, None)
        >>> perform(order, Task((), ()), 1.0)
        Traceback (most recent call last):
        ...
        ValueError: unknown suite 'embeded'...
    """
    if _spoiled.is_set():
        os._exit(1)
    share_devices()  # tasks may reserve parts of a GPU
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
        _spoiled.set()
        threading.Timer(GRACE, os._exit, (1,)).start()
        return LATE
    (result,) = outcome
    if isinstance(result, Exception):
        raise result
    return result
