"""Replication cards: a published number, ours, and what differs between the two."""

import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from da_zoo.bench.report.selected import baseline_of, mean
from da_zoo.bench.row_combinations import metric_of
from da_zoo.bench.rows import Row
from da_zoo.bench.statistics import Interval, mean_interval
from da_zoo.bench.wording import listed

__all__ = ["DIRECTIONS", "Card", "Comparison", "Replication", "replication"]

SUITE = "digits"

DIRECTIONS = {
    "mnist_to_usps": ("MNIST → USPS", ("mnist_to_usps",)),
    "usps_to_mnist": ("USPS → MNIST", ("usps_to_mnist",)),
    "both": ("MNIST ↔ USPS, mean of both", ("mnist_to_usps", "usps_to_mnist")),
    "mnist_to_mnistm": ("MNIST → MNIST-M", ("mnist_to_mnistm",)),
}
"""Title and scenarios of what papers report."""

_ALIKE = 0.03
"""Baselines farther apart than this are of different protocols."""


class Comparison(NamedTuple):
    """One published number beside ours; accuracies are shares."""

    direction: str
    source: str
    where: str
    """The file in which it was read."""
    protocol: str
    published: float
    published_baseline: float | None
    """The same source's own accuracy without adaptation."""
    ours: Interval
    our_baseline: float | None
    our_gain: Interval | None

    @property
    def published_gain(self) -> float | None:
        """Over the same source's baseline."""
        if self.published_baseline is None:
            return None
        return self.published - self.published_baseline

    @property
    def baselines_apart(self) -> float | None:
        """Our baseline minus theirs, where that is much."""
        if self.published_baseline is None or self.our_baseline is None:
            return None
        apart = self.our_baseline - self.published_baseline
        return apart if abs(apart) > _ALIKE else None


class Card(NamedTuple):
    """One method."""

    method: str
    comparisons: tuple[Comparison, ...]


class Replication(NamedTuple):
    """All cards, and what they have in common."""

    cards: tuple[Card, ...]
    protocol: str
    """Ours, in a sentence."""
    reason: str
    """Why there are no cards, or ""."""


def replication(rows: Sequence[Row]) -> Replication:
    """Compares the digit scenarios with published accuracies.

    Args:
        rows: that are averaged, with gains.

    Example:
        >>> replication([]).reason[:33]
        'no run of the suite `digits` with'
    """
    own = [
        row
        for row in rows
        if (row.get("suite"), row["track"]) == (SUITE, "U")
        and metric_of(row) == "accuracy"
    ]
    baseline = baseline_of(own)
    cards: dict[str, list[Comparison]] = {}
    for paper in _papers():
        for method, numbers in paper["methods"].items():
            for direction, percent in numbers.items():
                _, scenarios = DIRECTIONS[direction]
                ours = _interval(own, method, scenarios, "accuracy")
                if ours is None:
                    continue
                our_baseline = _interval(own, baseline, scenarios, "accuracy")
                theirs = paper["source_only"].get(direction)
                comparison = Comparison(
                    DIRECTIONS[direction][0],
                    paper["source"],
                    paper["where"],
                    paper["protocol"],
                    percent / 100,
                    None if theirs is None else theirs / 100,
                    ours,
                    our_baseline.mean if our_baseline else None,
                    _interval(own, method, scenarios, "gain"),
                )
                cards.setdefault(method, []).append(comparison)
    if not cards:
        reason = (
            f"no run of the suite `{SUITE}` without target labels has a published "
            "number to stand beside"
        )
        return Replication((), "", reason)
    found = [Card(name, tuple(of)) for name, of in sorted(cards.items())]
    return Replication(tuple(found), _protocol(own), "")


def _interval(
    rows: Sequence[Row], method: str | None, scenarios: Sequence[str], field: str
) -> Interval | None:
    """Averages a method's seeds that have all scenarios."""
    values: dict[int, dict[str, float]] = {}
    for row in rows:
        own = row["method"] == method and row["scenario"] in scenarios
        if own and row.get(field) is not None:
            values.setdefault(row["seed"], {})[row["scenario"]] = float(row[field])
    complete = [
        mean(found.values())
        for _, found in sorted(values.items())
        if len(found) == len(scenarios)
    ]
    return mean_interval(complete) if complete else None


def _protocol(rows: Sequence[Row]) -> str:
    networks = sorted({str(_network(row)) for row in rows} - {""})
    steps = sorted({row["steps"] for row in rows if row.get("steps")})
    seeds = len({row["seed"] for row in rows})
    parts = [listed(networks)] if networks else []
    if steps:
        parts.append(f"{listed([str(s) for s in steps])} steps")
    parts.append("1 seed" if seeds == 1 else f"{seeds} seeds")
    return f"Ours: {', '.join(parts)}, the last step, one setting for all scenarios."


def _network(row: Row) -> Any:
    network = row.get("network")
    return network.get("name", "") if isinstance(network, dict) else network or ""


@cache
def _papers() -> list[dict[str, Any]]:
    path = Path(__file__).with_name("replication.toml")
    papers: list[dict[str, Any]] = tomllib.loads(path.read_text("utf-8"))["papers"]
    return papers
