"""What is handed to a launcher: a batch of row groups, and how to find it elsewhere."""

from collections.abc import Callable
from typing import Any, NamedTuple

from da_zoo.bench.group import GroupKeys, GroupRows
from da_zoo.bench.group_metrics import MetricsTo
from da_zoo.bench.plan import Cell

__all__ = ["BatchJob", "Order", "Task", "Work"]


class Work(NamedTuple):
    """Groups to train together, and which groups of their scenario are there."""

    batch: list[tuple[Cell, GroupKeys]]
    done: set[str]


class Order(NamedTuple):
    """A benchmark in names and numbers: a worker rebuilds suite, data and cells."""

    suite: str
    """A shipped suite's name, or the absolute path of a TOML file."""
    choice: tuple[tuple[str, Any], ...]
    """Arguments of :func:`da_zoo.bench.workload.lay_out` by name."""
    data_dir: str | None
    plugins: tuple[str, ...]
    """Python paths of the user's own methods, imported where they are needed."""
    folder: str
    """Where the command was called: modules are looked for there first."""
    checkpoints: bool
    platforms: str | None
    """What ``--device`` chose."""
    cache: str | None
    """Folder of compiled programs."""
    metrics: MetricsTo | None = None
    """Folders for what is measured while training; a worker on another machine needs
    to see them, or keeps its metrics there."""
    log: tuple[str, str] | None = None
    """Format and level of the driver's, of :func:`da_zoo.logs.log_to_hand_on`."""


class Task(NamedTuple):
    """One batch of an order."""

    cells: tuple[int, ...]
    """Places in the order's plan."""
    groups: tuple[str, ...]
    """The keys that the driver has for them: a worker with other code or other data
    than the driver's must not answer."""
    done: tuple[str, ...] = ()
    """Those whose rows and metrics stay as they are."""


class BatchJob(NamedTuple):
    """One batch, for whoever runs it."""

    work: Work
    task: Task
    call: Callable[[], list[GroupRows]]
    """Runs it in this process."""
