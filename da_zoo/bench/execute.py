"""Runs a batch of row groups, each failure a row, and keeps what comes of it."""

import gc
import shlex
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from da_zoo.bench.freed_memory import give_back
from da_zoo.bench.group import (
    GroupKeys,
    GroupRows,
    group_keys,
    na_rows,
    run_groups,
)
from da_zoo.bench.group_metrics import MetricsTo, group_metrics
from da_zoo.bench.plan import Cell
from da_zoo.bench.plugins import path_of
from da_zoo.bench.shallow import run_shallow, shallow_keys
from da_zoo.bench.store import RowStore
from da_zoo.registry import MethodSpec, ShallowSpec
from da_zoo.scenarios import ScenarioData, Suite

__all__ = ["command_of", "keep_group", "keys_of", "run_batch", "without_result"]


class _Runner(NamedTuple):
    """How groups of one kind of method are hashed and run."""

    keys: Callable[..., GroupKeys]
    run: Callable[..., list[GroupRows]]
    shares: bool
    """Whether runs share a program, so that fewer of them take less memory."""


RUNNERS: dict[type, _Runner] = {
    MethodSpec: _Runner(group_keys, run_groups, True),
    ShallowSpec: _Runner(shallow_keys, run_shallow, False),
}
"""By the kind of a method's registry entry."""


def keys_of(
    cell: Cell, suite: Suite, data: dict[int, ScenarioData], steps: int, count: int
) -> GroupKeys:
    """Hashes a cell's group and rows, as the runner of its kind of method does."""
    return RUNNERS[type(cell.method)].keys(cell, suite, data, steps, count)


def run_batch(
    batch: list[tuple[Cell, GroupKeys]],
    suite: Suite,
    data: dict[int, ScenarioData],
    steps: int,
    checkpoints: bool,
    metrics: MetricsTo | None = None,
    done: Collection[str] = (),
) -> list[GroupRows]:
    """Runs groups together; whatever goes wrong becomes their rows' reason.

    What runs out of memory is tried again with half as many runs sharing a program,
    down to one; its rows say so. Groups that are ``done`` train along, and their
    metrics stay as they are.
    """
    cells, keys = [list(part) for part in zip(*batch, strict=True)]
    if cells[0].undefined:
        return without_result(batch, suite, "na", cells[0].undefined)
    runner = RUNNERS[type(cells[0].method)]
    together = len(cells) * len(cells[0].seeds)
    narrower: dict[str, int] = {}
    while True:
        try:
            groups = runner.run(
                cells,
                suite,
                data,
                keys,
                steps=steps,
                checkpoints=checkpoints,
                writers=group_metrics(cells, keys, metrics, done),
                **narrower,
            )
            return [_warned(group) for group in groups] if narrower else groups
        except Exception as error:  # one group's failure never ends the benchmark
            reason = f"{type(error).__name__}: {error}"
            short = _lacks_memory(error)
        finally:
            give_back()
        # Not above: there the error's frames still hold what filled the memory.
        if not (short and runner.shares and together > 1):
            return without_result(batch, suite, "failed", reason)
        together = -(-together // 2)
        narrower = {"most_at_once": together}
        gc.collect()


def _lacks_memory(error: Exception) -> bool:
    """Whether it was the host's or the device's memory; XLA has no type for it."""
    return isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error)


def _warned(group: GroupRows) -> GroupRows:
    rows = [
        row | {"warnings": [*row.get("warnings", ()), "memory"]} for row in group[0]
    ]
    return group._replace(rows=rows)


def without_result(
    batch: list[tuple[Cell, GroupKeys]], suite: Suite, status: str, reason: str
) -> list[GroupRows]:
    """Rows that say why there is nothing to say."""
    return [GroupRows(na_rows(c, suite, k, status, reason), {}, {}) for c, k in batch]


def keep_group(
    group: GroupRows, command: str, store: RowStore, checkpoints: bool
) -> None:
    """Writes a group: its arrays first, so that complete rows have theirs."""
    name = group.rows[0]["group"]
    if group.logits:
        store.save_logits(name, group.logits)
    if checkpoints:  # also where there are none: they were asked for
        store.save_checkpoints(name, group.checkpoints)
    else:  # those of an earlier try are not of these rows
        store.remove_checkpoints(name)
    store.append_group([row | {"command": command} for row in group.rows])


def command_of(cell: Cell, suite: Suite, budget: str, steps: int, data: Any) -> str:
    """The command line that makes this row again."""
    words = [
        "da-zoo",
        "bench",
        "--suite",
        suite.origin or suite.name,
        "--budget",
        budget,
    ]
    words += ["--scenarios", cell.scenario.name]
    words += (
        ["--method", path]
        if (path := path_of(cell.method.name))
        else ["--methods", cell.method.name]
    )
    words += [
        "--tracks",
        cell.track,
        "--seeds",
        str(len(cell.seeds)),
        "--steps",
        str(steps),
    ]
    if cell.seeds[0]:
        words += ["--first-seed", str(cell.seeds[0])]
    if cell.label_fraction is not None:
        words += ["--label-fractions", f"{cell.label_fraction!r}"]
    if precision := suite.defaults.get("precision"):
        words += ["--precision", precision]
    if data is not None:
        words += ["--data", "DIR"]
    return shlex.join(words)
