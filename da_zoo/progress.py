"""A progress bar for ``fit``, fed once per chunk."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from da_zoo.logs import CONSOLE
from da_zoo.phases import OnMetrics

__all__ = ["training_bar"]


@contextmanager
def training_bar(
    name: str, total: int, on_metrics: OnMetrics | None = None
) -> Iterator[OnMetrics]:
    """Draws a bar on stderr; yields the callback that moves it.

    Args:
        name: of the method.
        total: steps of all phases (of all seeds, where they run one by one).
        on_metrics: another callback, called first.

    Example:
        >>> with training_bar("dann", 10) as tell:
        ...     tell("adapt", 10, 10, {"task_loss": np.zeros(10)})
    """
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("steps, left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[loss]}"),
        console=CONSOLE,
        transient=True,
    )
    last: dict[str, int] = {"done": 0}
    with bar:
        task = bar.add_task(name, total=total, loss="")

        def tell(
            phase: str, done: int, length: int, metrics: dict[str, np.ndarray]
        ) -> None:
            if on_metrics is not None:
                on_metrics(phase, done, length, metrics)
            # A phase counts from its own start, so a smaller number is a new one.
            moved = done - last["done"] if done > last["done"] else done
            last["done"] = done if done < length else 0
            values = metrics.get("task_loss")
            text = "" if values is None else f"loss {np.mean(values[..., -1]):.3f}"
            bar.update(task, advance=moved, description=f"{name}: {phase}", loss=text)

        yield tell
