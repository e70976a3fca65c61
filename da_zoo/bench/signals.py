"""SIGINT and SIGTERM in a benchmark: when to stop, and never within a write."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from da_zoo.logs.output import raw_line

__all__ = ["INTERRUPTED", "TERMINATED", "BenchStop", "BenchStopped"]

INTERRUPTED, TERMINATED = 128 + signal.SIGINT, 128 + signal.SIGTERM
"""Exit statuses, as shells give them."""


class BenchStopped(KeyboardInterrupt):
    """The user, or the system, has ended the benchmark; what is written is whole.

    Args:
        code: the exit status.
    """

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code

    def __str__(self) -> str:
        how = "terminated" if self.code == TERMINATED else "interrupted"
        return f"{how}; the same command continues"


class BenchStop:
    """What the signals of this process have asked for.

    The first SIGINT lets what is in flight end; a second one, or SIGTERM, raises
    :class:`BenchStopped` in the main thread, after a write that is under way.

    Example:
        >>> stop = BenchStop()
        >>> stop.asked()
        False
    """

    def __init__(self) -> None:
        self._asked = False
        self.in_flight: Callable[[], int] = lambda: 0
        """Set by who knows."""
        self._writing = False
        self._leave = 0

    def asked(self) -> bool:
        """Whether no new row groups are to be begun."""
        return self._asked

    def check(self) -> None:
        """Raises BenchStopped where an interrupted one has nothing in flight left."""
        if self._asked:
            raise BenchStopped(INTERRUPTED)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Holds back what would leave a file half written."""
        self._writing = True
        try:
            yield
        finally:
            self._writing = False
        if self._leave:
            raise BenchStopped(self._leave)

    @contextmanager
    def listening(self) -> Iterator["BenchStop"]:
        """Handles the two signals inside; elsewhere than in the main thread, nothing.

        Example:
            >>> with BenchStop().listening() as stop:
            ...     stop.check()
        """
        if threading.current_thread() is not threading.main_thread():
            yield self
            return
        before = {
            number: signal.signal(number, self._heard)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield self
        except KeyboardInterrupt as error:
            # Ray's compiled code turns what a handler raises into a plain interrupt.
            if self._leave and not isinstance(error, BenchStopped):
                raise BenchStopped(self._leave) from None
            raise
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _heard(self, number: int, frame: FrameType | None) -> None:
        flying = self.in_flight()
        if number == signal.SIGINT and not self._asked and flying:
            self._asked = True
            groups = "row group" if flying == 1 else "row groups"
            told = f"da-zoo: finishing {flying} {groups} in flight; once more to "
            line = raw_line("finishing", f"{told}leave at once", in_flight=flying)
            # Not print or log: the main thread may be in the middle of either.
            os.write(2, line)
            return
        self._leave = TERMINATED if number == signal.SIGTERM else INTERRUPTED
        if not self._writing:
            raise BenchStopped(self._leave)
