"""What is drawn: results of a folder, of a leaderboard, or of its rows or summaries."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from da_zoo.bench.leaderboard import Leaderboard, build_leaderboard, current_rows
from da_zoo.bench.report.selected import finished
from da_zoo.bench.rows import Row
from da_zoo.bench.store import RowStore
from da_zoo.bench.summary import Summary, add_gains
from da_zoo.bench.wording import track_title

__all__ = [
    "Results",
    "load",
    "of_one_table",
    "rows_of",
    "rows_with",
    "runs_of",
    "scenario_title",
    "summaries_of",
]

Results = Leaderboard | Sequence[Row] | Sequence[Summary]
"""A leaderboard; its rows, or others as rows.jsonl has them; or its summaries."""


def load(folder: str | Path) -> Leaderboard:
    """Reads the leaderboard of a results folder, and writes nothing.

    Args:
        folder: what ``da-zoo bench --out`` wrote.

    Returns:
        The leaderboard, whose ``notes`` say what could not be read.

    Raises:
        ValueError: if the folder is not a benchmark's.

    Example:
        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> store = RowStore.open(folder)
        >>> load(folder).rows
        ()
    """
    rows, problems = RowStore.open(folder, create=False).read()
    return build_leaderboard(
        rows, [f"rows.jsonl, line {p.line}: {p.reason}" for p in problems]
    )


def runs_of(results: Results) -> list[Row]:
    """Returns all runs as they are.

    Args:
        results: not summaries, which have no runs any more.

    Raises:
        TypeError: for summaries.

    Example:
        >>> runs_of([{"method": "dann"}])
        [{'method': 'dann'}]
    """
    if isinstance(results, Leaderboard):
        return list(results.rows)
    rows = [one for one in results if not isinstance(one, Summary)]
    if len(rows) < len(results):
        raise TypeError("this plot needs runs: give it a leaderboard or its rows")
    return rows


def rows_of(results: Results) -> list[Row]:
    """Returns the finished runs of the default configuration, with their gains.

    Args:
        results: not summaries, which have no runs any more.

    Raises:
        TypeError: for summaries.

    Example:
        >>> cell = {"scenario": "s", "track": "U", "label_fraction": None, "seed": 0}
        >>> cell |= {"method": "source_only", "status": "ok", "configuration": 0}
        >>> rows_of([{**cell, "accuracy": 0.5}])[0]["gain"]
        0.0
    """
    rows = runs_of(results)
    if any("gain" not in row for row in rows):
        rows = add_gains(current_rows(rows)[0])
    return finished(rows)


def summaries_of(results: Results, *, by_scenario: bool) -> list[Summary]:
    """Returns averages over seeds, per scenario or per case.

    Args:
        results: of rows, all of the methods to be compared and their baselines.
        by_scenario: False gives the averages over a case's scenarios.

    Example:
        >>> summaries_of([], by_scenario=True)
        []
    """
    if not isinstance(results, Leaderboard):
        given = [one for one in results if isinstance(one, Summary)]
        if given:
            return [s for s in given if (s.scenario is not None) == by_scenario]
        results = build_leaderboard(runs_of(results))
    return list(results.scenarios if by_scenario else results.cases)


def rows_with(rows: Sequence[Row], field: str, **wanted: object) -> list[Row]:
    """Keeps the rows that have a field and are as wanted.

    Args:
        rows: of runs.
        field: that must not be null or absent.
        **wanted: fields by name with their value; a None asks nothing.

    Raises:
        ValueError: if no row is left, with the values there are.

    Example:
        >>> rows_with([{"curve": {}, "method": "dann"}], "curve", method="dan")
        Traceback (most recent call last):
        ...
        ValueError: no run with a curve is of method='dan'; there are: dann
    """
    having = [row for row in rows if row.get(field) is not None]
    if not having:
        raise ValueError(f"no run has a {field}: these results were made without it")
    for name, value in wanted.items():
        if value is None:
            continue
        kept = [row for row in having if row[name] == value]
        if not kept:
            there = ", ".join(sorted({str(row[name]) for row in having}))
            raise ValueError(
                f"no run with a {field} is of {name}={value!r}; there are: {there}"
            )
        having = kept
    return having


def of_one_table(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Keeps the runs of the first one's scenario, track and fraction, by method.

    Example:
        >>> row = {"track": "U", "label_fraction": None, "method": "dann"}
        >>> found = of_one_table([row | {"scenario": "s"}, row | {"scenario": "t"}])
        >>> [one["scenario"] for one in found["dann"]]
        ['s']
    """
    fields = ("scenario", "track", "label_fraction")
    methods: dict[str, list[Row]] = {}
    for row in rows:
        if all(row[field] == rows[0][field] for field in fields):
            methods.setdefault(row["method"], []).append(row)
    return methods


def scenario_title(names: Iterable[str], track: str, fraction: float | None) -> str:
    """Words where numbers are of: a scenario, or how many, and what was seen.

    Example:
        >>> scenario_title(["a", "b"], "U", None)
        '2 scenarios, no target labels'
    """
    own = sorted(set(names))
    where = own[0] if len(own) == 1 else f"{len(own)} scenarios"
    return f"{where}, {track_title(track, fraction)}"
