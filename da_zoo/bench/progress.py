"""What a benchmark says as it runs: a bar in a terminal, an event a minute in a log."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from da_zoo.logs import draws_bars, log_event

__all__ = ["EVERY", "bench_progress"]

EVERY = 60.0
"""Seconds between two lines of a log."""


class _Progress(Protocol):
    done: int
    total: int

    def expect(self, total: int) -> None: ...

    def advance(self, name: str, count: int) -> None: ...


class _Bar:
    def __init__(self, bar: Progress) -> None:
        self.bar, self.task = bar, bar.add_task("starting", total=None)
        self.done, self.total = 0, 0

    def expect(self, total: int) -> None:
        self.total = total
        self.bar.update(self.task, total=total)

    def advance(self, name: str, count: int) -> None:
        self.done += count
        self.bar.update(self.task, description=name)
        self.bar.advance(self.task, count)


class _Log:
    def __init__(self) -> None:
        self.done, self.total = 0, 0
        self.start = self.told = time.monotonic()

    def expect(self, total: int) -> None:
        self.total = total

    def advance(self, name: str, count: int) -> None:
        self.done += count
        now = time.monotonic()
        if count and (now - self.told >= EVERY or self.done == self.total):
            self.told = now
            passed = now - self.start
            left = passed / self.done * (self.total - self.done)
            log_event(
                "progress",
                f"{self.done} of {self.total} row groups, {_clock(passed)} passed, "
                f"about {_clock(left)} left; last {name}",
                done=self.done,
                total=self.total,
                seconds=round(passed, 1),
                seconds_left=round(left, 1),
                last=name,
            )


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


@contextmanager
def bench_progress(console: Console, shown: bool) -> Iterator[_Progress]:
    """Tells how far a benchmark is.

    Args:
        console: where a bar is drawn, if it is a terminal and the log is not JSON;
            else events are logged.
        shown: nothing is told if not.

    Yields:
        Takes ``expect(total)`` (row groups, may fall) and ``advance(name, count)``;
        has ``done`` and ``total``.

    Example:
        >>> with bench_progress(Console(), False) as told:
        ...     told.expect(2)
        ...     told.advance("plain_to_over07: dann", 1)
    """
    drawn = draws_bars() and (console.is_terminal or console.is_jupyter)
    if shown and not drawn:
        yield _Log()
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns, console=console, disable=not shown, speed_estimate_period=600
    ) as bar:
        yield _Bar(bar)
