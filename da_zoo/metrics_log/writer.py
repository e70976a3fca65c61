"""What a writer of metrics is, several at once, and one that fails."""

import contextlib
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from da_zoo.logs import warn_event

__all__ = ["MetricsWriter", "Values", "names_of_runs", "together"]

Values = Mapping[str, Mapping[int, float]]
"""metric -> {run: mean over a chunk of steps}. Runs are numbered as ``fit`` numbers
them; a training of one run has run 0. A mean may be NaN or infinite."""


@runtime_checkable
class MetricsWriter(Protocol):
    """Takes the metrics of trainings, one after another.

    It is called from one thread at a time, but not always from the same one. What it
    raises ends no training: it is reported once, and the writer is not called again.
    """

    def start(self, run: Mapping[str, Any]) -> None:
        """Begins a training.

        Args:
            run: what it is, strict JSON but for tuples; ``runs``, if it is there,
                maps the numbers of runs to their names.
        """
        ...

    def write(self, phase: str, step: int, values: Values) -> None:
        """Takes a chunk of steps.

        Args:
            phase: its name.
            step: steps of the phase that are done.
            values: means over the chunk, by metric and run.
        """
        ...

    def close(self) -> None:
        """Ends a training; another ``start`` may follow."""
        ...


def names_of_runs(run: Mapping[str, Any]) -> dict[int, str]:
    """Reads the names of runs from a description; those without are called by number.

    Example:
        >>> names_of_runs({"method": "dann", "runs": {0: "seed_3"}})
        {0: 'seed_3'}
    """
    return {int(number): str(name) for number, name in run.get("runs", {}).items()}


class _Guarded:
    def __init__(self, writer: MetricsWriter) -> None:
        self._writer, self._works = writer, True

    def _call(self, name: str, *args: Any) -> None:
        if not self._works:
            return
        try:
            getattr(self._writer, name)(*args)
        except Exception as error:
            self._works = False
            with contextlib.suppress(Exception):  # what it holds open, if it can
                self._writer.close()
            who = type(self._writer).__name__
            warn_event(
                "metrics_writer_failed",
                f"{who} failed and is switched off, training goes on: "
                f"{type(error).__name__}: {error}",
                writer=who,
                error=f"{type(error).__name__}: {error}",
            )

    def start(self, run: Mapping[str, Any]) -> None:
        self._call("start", run)

    def write(self, phase: str, step: int, values: Values) -> None:
        self._call("write", phase, step, values)

    def close(self) -> None:
        self._call("close")


class _Together:
    def __init__(self, writers: tuple[MetricsWriter, ...]) -> None:
        self._writers = tuple(map(_Guarded, writers))

    def start(self, run: Mapping[str, Any]) -> None:
        for writer in self._writers:
            writer.start(run)

    def write(self, phase: str, step: int, values: Values) -> None:
        for writer in self._writers:
            writer.write(phase, step, values)

    def close(self) -> None:
        for writer in self._writers:
            writer.close()


def together(*writers: Any) -> MetricsWriter:
    """Makes one writer of several; one that fails is switched off, the others go on.

    Args:
        *writers: called in this order.

    Raises:
        TypeError: for something that is no writer.

    Example:
        >>> from da_zoo.metrics_log import EventWriter
        >>> both = together(EventWriter(), EventWriter())
        >>> both.start({"method": "dann"})
        >>> both.write("adapt", 200, {"task_loss": {0: 0.7}})
        >>> both.close()
    """
    for writer in writers:
        for name in ("start", "write", "close"):
            if not callable(getattr(writer, name, None)):
                raise TypeError(
                    f"a MetricsWriter has start, write and close; "
                    f"{type(writer).__name__} has no {name}"
                )
    return _Together(writers)
