"""Which runs the figures are drawn from, and averages that may be compared.

A figure that averages over scenarios compares methods only where all of them ran: a
mean over other scenarios is one over easier or harder ones.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from da_zoo.bench.rows import Row, cell_of
from da_zoo.bench.summary import Summary
from da_zoo.bench.wording import listed

__all__ = [
    "baseline_of",
    "covering",
    "finished",
    "mean",
    "numbers",
    "ranked_methods",
    "scenario_means",
    "worded_scenarios",
]


def mean(values: Iterable[float]) -> float:
    """Averages at least one number.

    Example:
        >>> mean([1.0, 2.0])
        1.5
    """
    every = list(values)
    return sum(every) / len(every)


def finished(rows: Iterable[Row]) -> list[Row]:
    """Keeps the runs that tables average: finished, of the defaults, in whole groups.

    Example:
        >>> row = {"scenario": "s", "track": "U", "label_fraction": None, "method": "m"}
        >>> row |= {"configuration": 0, "seed": 0}
        >>> len(finished([row | {"status": "ok"}, row | {"status": "failed"}]))
        1
    """
    every = list(rows)
    count = Counter(map(cell_of, every))
    return [
        row
        for row in every
        if row["status"] == "ok"
        and row["configuration"] == 0
        and count[cell_of(row)] >= row.get("group_rows", 0)
    ]


def scenario_means(rows: Iterable[Row], field: str) -> dict[str, dict[str, float]]:
    """Averages a field over seeds: by method, then by scenario.

    Example:
        >>> rows = [{"method": "m", "scenario": "s", "x": x} for x in (1.0, 3.0, None)]
        >>> scenario_means(rows, "x")
        {'m': {'s': 2.0}}
    """
    values: dict[str, dict[str, list[float]]] = {}
    for row in rows:
        if row.get(field) is not None:
            own = values.setdefault(row["method"], {})
            own.setdefault(row["scenario"], []).append(float(row[field]))
    return {
        method: {scenario: mean(found) for scenario, found in own.items()}
        for method, own in values.items()
    }


def covering(
    means: Mapping[str, Mapping[str, float]], baseline: str | None
) -> tuple[list[str], dict[str, float], list[str]]:
    """Averages over scenarios the methods that have all of them.

    Args:
        means: by method and scenario.
        baseline: the method whose scenarios count; where it has none, all do. A
            scenario that less than half of the methods ran in does not: for its sake
            most methods would have no mean.

    Returns:
        the scenarios, the mean of each method that has them all, and the other methods.

    Example:
        >>> covering({"a": {"s": 1.0, "t": 2.0}, "b": {"s": 5.0}}, "a")
        (['s', 't'], {'a': 1.5}, ['b'])
    """
    own = means.get(baseline or "") or {s for of in means.values() for s in of}
    popular = [
        s for s in own if 2 * sum(s in of for of in means.values()) >= len(means)
    ]
    scenarios = sorted(popular or own)
    complete = {
        method: mean(found[s] for s in scenarios)
        for method, found in means.items()
        if set(scenarios) <= set(found)
    }
    return scenarios, complete, sorted(set(means) - set(complete))


def worded_scenarios(names: Sequence[str]) -> str:
    """Says what an average is over: names a few scenarios, and counts many.

    Example:
        >>> worded_scenarios(["a", "b"]), worded_scenarios(["a"] * 9)
        ('mean of a and b', 'mean of 9 scenarios')
    """
    if len(names) == 1:
        return f"on {names[0]}"
    return f"mean of {listed(names) if len(names) <= 5 else f'{len(names)} scenarios'}"


def baseline_of(rows: Iterable[Row]) -> str | None:
    """Names the method that gains are measured from, if the rows say it."""
    return next((row["against"] for row in rows if row.get("against")), None)


def ranked_methods(
    scenarios: Iterable[Summary], case: int, track: str
) -> dict[str, list[str]]:
    """Lists, by scenario, the adapting methods with a gain, the highest first.

    Args:
        scenarios: summaries per scenario, in a leaderboard's order.
        case: of the scenarios.
        track: of the methods.
    """
    found: dict[str, list[Summary]] = {}
    for s in scenarios:
        if (s.case, s.track) != (case, track) or s.oracle or s.baseline:
            continue
        if s.gain is not None and s.scenarios == s.planned:
            found.setdefault(str(s.scenario), []).append(s)
    return {
        name: [
            s.method
            for s in sorted(own, key=lambda s: (-s.gain.mean, s.method))  # type: ignore[union-attr]
        ]
        for name, own in sorted(found.items())
    }


def numbers(values: Any, *, low: float, high: float) -> list[float] | None:
    """Reads a stored list of numbers; None where it is not one within the limits.

    Example:
        >>> numbers([0, 0.5], low=0.0, high=1.0), numbers([2], low=0.0, high=1.0)
        ([0.0, 0.5], None)
    """
    if not isinstance(values, Sequence) or isinstance(values, str) or not values:
        return None
    for value in values:
        if type(value) not in (int, float) or not low <= value <= high:
            return None
    return [float(value) for value in values]
