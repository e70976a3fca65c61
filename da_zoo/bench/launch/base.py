"""The launchers' one protocol."""

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from da_zoo.bench.group import GroupRows
from da_zoo.bench.launch.job import BatchJob

__all__ = ["TRIES", "Launcher"]

TRIES = 3
"""How often a batch is begun whose worker dies; then its rows say so."""


@runtime_checkable
class Launcher(Protocol):
    """Runs jobs, wherever: a context manager around :meth:`run`.

    Leaving it by an exception abandons what is in flight.
    """

    @property
    def in_flight(self) -> int:
        """How many row groups have been begun and not been yielded."""
        ...

    def run(
        self, jobs: Iterator[BatchJob]
    ) -> Iterator[tuple[BatchJob, list[GroupRows]]]:
        """Runs jobs and yields their rows as soon as may be, in any order.

        Every job that was drawn is yielded, with rows that say what went wrong if need
        be. Jobs are drawn as workers become free: few are in flight at any time,
        however many there are.
        """
        ...

    def __enter__(self) -> "Launcher": ...

    def __exit__(self, *ending: object) -> None: ...
