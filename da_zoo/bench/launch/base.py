"""The launchers' one protocol."""

from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol, runtime_checkable

from da_zoo.bench.group import GroupRows
from da_zoo.bench.launch.job import BatchJob

__all__ = ["TRIES", "Launcher", "Try"]

TRIES = 3
"""How often a batch is begun whose worker dies; then its rows say so."""


class Try(NamedTuple):
    """A job, and how often it has been begun."""

    job: BatchJob
    number: int


@runtime_checkable
class Launcher(Protocol):
    """Runs jobs, wherever: a context manager around :meth:`run`.

    Leaving it by an exception abandons what is in flight.
    """

    @property
    def in_flight(self) -> int:
        """How many row groups have been begun and are not kept yet.

        A result counts until the next one is asked for: its caller may still write it.
        Signal handlers read this, so it waits for nothing.
        """
        ...

    def run(
        self, jobs: Iterator[BatchJob], asked: Callable[[], bool] = lambda: False
    ) -> Iterator[tuple[BatchJob, list[GroupRows]]]:
        """Runs jobs and yields their rows as soon as may be, in any order.

        Every job that was begun is yielded, with rows that say what went wrong if need
        be. Jobs are drawn as workers become free: few are in flight at any time,
        however many there are.

        Args:
            jobs: drawn one by one.
            asked: whether the user wants an end: what was drawn and has not been begun
                is then dropped.
        """
        ...

    def __enter__(self) -> "Launcher": ...

    def __exit__(self, *ending: object) -> None: ...
