"""Ends a training in good order when the system or the user asks for it."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import jax
import numpy as np

__all__ = ["Stop", "TrainingStoppedError", "refuse_to_go_on", "stop_on_signals"]


class TrainingStoppedError(RuntimeError):
    """Training was asked to stop, and did so after a checkpoint; call it again."""

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message)
        self.number = number
        """Of the signal; 128 more is what a command ends with."""


class Stop:
    """Whether a stop was asked for.

    Example:
        >>> stop = Stop()
        >>> stop.asked()
        0
        >>> stop.number = signal.SIGTERM
        >>> stop.asked() == signal.SIGTERM
        True
    """

    def __init__(self) -> None:
        self.number = 0

    def asked(self) -> int:
        """Returns the signal's number, 0 for none; the same in all processes."""
        if jax.process_count() == 1:
            return self.number
        from jax.experimental import multihost_utils

        every = multihost_utils.process_allgather(np.int32(self.number))
        return int(np.max(every))


@contextmanager
def stop_on_signals(active: bool) -> Iterator[Stop]:
    """Turns the first SIGTERM or SIGINT into a wish to stop.

    A second SIGINT interrupts at once. Signals are left as they are outside the main
    thread, where Python cannot set them.

    Args:
        active: whether to do anything.

    Example:
        >>> with stop_on_signals(True) as stop:
        ...     signal.raise_signal(signal.SIGTERM)
        >>> stop.asked() == signal.SIGTERM
        True
    """
    stop = Stop()
    if not active or threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def ask(number: int, frame: FrameType | None) -> None:
        del frame
        if stop.number and number == signal.SIGINT:
            raise KeyboardInterrupt
        stop.number = number

    before = {n: signal.signal(n, ask) for n in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def refuse_to_go_on(stop: Stop, name: str, folder: object) -> None:
    """Ends a training that is done, where a stop was asked for as it ended.

    What its caller does next is not to begin.

    Args:
        stop: of :func:`stop_on_signals`.
        name: of what was trained.
        folder: of its checkpoints.

    Raises:
        TrainingStoppedError: if a stop was asked for.

    Example:
        >>> refuse_to_go_on(Stop(), "dann", "run")
    """
    if number := stop.asked():
        raise TrainingStoppedError(
            f"{name}: stopped by signal {number} after its last step; the same call or "
            f"command goes on from the checkpoint in '{folder}'",
            number,
        )
