"""What a benchmark will cost: row groups to run, and about how many seconds.

Seconds are recorded ones, of rows that are there: of the same method and scenario
where there are any, else of the method elsewhere, else the median of all. Without rows
a rough figure stands in, :data:`SECONDS_PER_STEP` and :data:`SECONDS_PER_GROUP`.
"""

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from da_zoo.bench.plan import Cell
from da_zoo.bench.rows import Row, cell_of
from da_zoo.registry import ShallowSpec

__all__ = [
    "SECONDS_PER_GROUP",
    "SECONDS_PER_STEP",
    "Estimate",
    "Planned",
    "estimate",
    "expected_cost",
    "kind_of",
]

SECONDS_PER_STEP = 2e-4
"""Of one run, beside :data:`SECONDS_PER_GROUP`: 47 methods of the embedded suite,
2 465 runs of 1000 steps in 493 groups, took 29 minutes on two cores. Larger networks
and inputs cost more, and a first row in ``--out`` says how much."""
SECONDS_PER_GROUP = 2.5
"""To compile, diagnose and score."""

BASES = {
    "same": "rows of the same method and scenario",
    "method": "rows of the same method elsewhere",
    "median": "the median of other methods' rows",
    "default": "a rough default for the embedded suite's network",
}
"""What a group's seconds can rest on, the best first."""


class Planned(NamedTuple):
    """A row group of the plan."""

    cell: Cell
    there: bool
    """Whether its rows are in the folder, so that it will not run."""


class Estimate(NamedTuple):
    """What a call would run; see :func:`estimate`."""

    planned: tuple[Planned, ...]
    seconds: float
    """Of one worker: two side by side take somewhat less."""
    bases: dict[str, int]
    """How many of the groups to run rest on which of :data:`BASES`."""

    def to_line(self) -> str:
        """Returns it in one line."""
        # n/a rows are written in no time.
        left = [p for p in self.planned if not p.there and not p.cell.undefined]
        timed = ", ".join(f"{BASES[name]} ({n})" for name, n in self.bases.items())
        told = f"{len(left)} of {len(self.planned)} row groups to run"
        if not self.bases:
            return told
        return f"{told}, about {duration(self.seconds)} by {timed}"

    def to_text(self) -> str:
        """Returns a table by scenario and kind of method, and the line under it."""
        cells: dict[tuple[str, str], list[Planned]] = {}
        for one in self.planned:
            place = (one.cell.scenario.name, kind_of(one.cell))
            cells.setdefault(place, []).append(one)
        width = max([8, *(len(scenario) for scenario, _ in cells)])
        head = f"{'scenario':<{width}}  {'methods':<9} {'groups':>6} {'rows':>6}"
        lines = [f"{head} {'there':>6} {'n/a':>6}"]
        for (scenario, kind), own in cells.items():
            rows = sum(len(one.cell.seeds) for one in own)
            there = sum(one.there for one in own)
            undefined = sum(bool(one.cell.undefined) for one in own)
            lines.append(
                f"{scenario:<{width}}  {kind:<9} {len(own):>6} {rows:>6} "
                f"{there:>6} {undefined:>6}"
            )
        return "\n".join([*lines, "", self.to_line() + "."])


def kind_of(cell: Cell) -> str:
    """Says whether a cell's method is shallow, a baseline, or adapts a network."""
    if isinstance(cell.method, ShallowSpec):
        return "shallow"
    return "baseline" if cell.method.baseline else "deep"


def duration(seconds: float) -> str:
    """Words a time.

    Example:
        >>> duration(42.3), duration(600.0), duration(7500.0)
        ('42 s', '10 min', '2 h 5 min')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def estimate(planned: Sequence[Planned], rows: Iterable[Row], steps: int) -> Estimate:
    """Estimates what the groups that are not there will take.

    Args:
        planned: every group of the plan.
        rows: recorded ones, of any run in the folder.
        steps: of training; recorded seconds of fitting are scaled to them.

    Example:
        >>> estimate([], [], 1000).to_line()
        '0 of 0 row groups to run'
    """
    by_place: dict[tuple[str, str], list[float]] = {}
    by_method: dict[str, list[float]] = {}
    for row in rows:
        if row["status"] == "ok" and row.get("fit_seconds") is not None:
            seconds = _seconds(row, steps)
            place = (row["method"], row["scenario"])
            by_place.setdefault(place, []).append(seconds)
            by_method.setdefault(row["method"], []).append(seconds)
    every = [seconds for own in by_method.values() for seconds in own]
    median = statistics.median(every) if every else 0.0
    bases: Counter[str] = Counter()
    total = 0.0
    for cell, there in planned:
        if there or cell.undefined:  # n/a rows take no time
            continue
        name = cell.method.name
        runs = len(cell.seeds)
        if own := by_place.get((name, cell.scenario.name)):
            basis, seconds = "same", runs * statistics.fmean(own)
        elif own := by_method.get(name):
            basis, seconds = "method", runs * statistics.fmean(own)
        elif every:
            basis, seconds = "median", runs * median
        else:
            basis = "default"
            seconds = SECONDS_PER_GROUP + SECONDS_PER_STEP * steps * runs
        bases[basis] += 1
        total += seconds
    ordered = {name: bases[name] for name in BASES if bases[name]}
    return Estimate(tuple(planned), total, ordered)


def expected_cost(
    cells: Iterable[Cell],
    rows: Sequence[Row],
    steps: int,
    retry: Sequence[str] = (),
) -> str:
    """Words the cost of a run in a line; "" where no row says anything of it.

    Which groups are there is told by their cells, for their keys need all data: those
    of an older source count as there.

    Args:
        cells: the plan.
        rows: of the folder.
        steps: of training.
        retry: statuses that are run again.

    Example:
        >>> expected_cost([], [], 1000)
        ''
    """
    there = {
        (*cell_of(row), row["seed"])
        for row in rows
        if row["status"] not in retry and row.get("steps") in (None, steps)
    }
    planned = []
    for cell in cells:
        place = (cell.scenario.name, cell.track, cell.label_fraction, cell.method.name)
        runs = {(*place, cell.configuration, seed) for seed in cell.seeds}
        planned.append(Planned(cell, runs <= there))
    found = estimate(planned, rows, steps)
    known = found.bases and "default" not in found.bases
    return found.to_line() if known else ""


def _seconds(row: Row, steps: int) -> float:
    """Recorded seconds of a run, as if it had trained for ``steps``."""
    scale = steps / row["steps"] if row.get("steps") else 1.0
    others = (row.get("compile_seconds"), row.get("evaluation_seconds"))
    return float(row["fit_seconds"] * scale + sum(s or 0.0 for s in others))
