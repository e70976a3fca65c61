"""From rows to summaries: gains over the baseline, and means over seeds.

The **gain** of a run is its accuracy (or what its row's ``metric`` says: balanced
accuracy where classes are skewed) minus that of the same-seed, same-scenario baseline:
``source_only`` in track U, ``target_only`` (from scratch) on the same labelled rows in
track F. Where shallow methods are alone, it is their ``unadapted``: the same classifier
without them. For a regression it is the baseline's RMSE minus the run's, so that more
is better there too. Failed and undefined runs enter no average.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from da_zoo.bench.row_combinations import metric_of
from da_zoo.bench.rows import Row
from da_zoo.bench.statistics import (
    Interval,
    mean_interval,
    negative_transfer_rate,
    paired_difference,
)

__all__ = [
    "BASELINES",
    "DETAILS",
    "ORACLE",
    "Summary",
    "add_gains",
    "comparable",
    "is_oracle",
    "summarise",
]

BASELINES = {"U": "source_only", "F": "target_only"}
"""What a method has to beat, by track."""
SHALLOW_BASELINE = "unadapted"
"""In track U, where no run of the other one is."""

_SIGNS = {"accuracy": 1.0, "balanced_accuracy": 1.0, "macro_f1": 1.0, "rmse": -1.0}
"""Whether more of a metric is better."""

DETAILS = {
    "accuracy": "macro_f1",
    "balanced_accuracy": "accuracy",
    "macro_f1": "accuracy",
    "rmse": "r2",
}
"""What tables show beside the metric that they rank by."""

ORACLE = "target_only"
"""The method whose run on all target labels is the oracle row."""


class Summary(NamedTuple):
    """One method in one table: averages over seeds, with 95 % intervals."""

    case: int
    scenario: str | None
    """None: the average over the case's scenarios, taken within each seed first."""
    track: str
    label_fraction: float | None
    method: str
    accuracy: Interval | None
    macro_f1: Interval | None
    gain: Interval | None
    """Paired over seeds; None where the baseline has no matching run."""
    negative_transfer_rate: float | None
    """Share of (scenario, seed) runs with a gain below -0.005."""
    fit_seconds: float | None
    compile_seconds: float | None
    seeds: int
    """How many seeds the averages are over."""
    scenarios: int
    """How many scenarios the averages are over."""
    planned: int
    """In how many scenarios the method is defined; more than ``scenarios`` where all
    of one's runs failed, and then the average is not comparable."""
    statuses: dict[str, int]
    """Runs by status, so that what is left out of the averages is seen."""
    reason: str
    """Why runs are missing: of the first run that is not ok."""
    best: bool | None
    """In the leading group: its paired interval to the highest mean includes 0.
    None where one seed, or a missing scenario, forbids the comparison."""
    metric: str = "accuracy"
    """What the table ranks by: "accuracy", or what the rows say instead."""
    rmse: Interval | None = None
    """Of a regression, in standard deviations of the source's target."""
    r2: Interval | None = None
    balanced_accuracy: Interval | None = None
    against: str = ""
    """The method that gains are measured from."""
    majority_accuracy: float | None = None
    """Of always answering the target-test rows' commonest class."""
    budget: str = ""
    """Steps and network of its runs: an oracle of another is held against nobody."""

    @property
    def score(self) -> Interval | None:
        """The metric that the table ranks by."""
        found: Interval | None = getattr(self, self.metric)
        return found

    @property
    def detail(self) -> Interval | None:
        """What is shown beside it, see :data:`DETAILS`."""
        found: Interval | None = getattr(self, DETAILS[self.metric])
        return found

    @property
    def merit(self) -> float:
        """The mean score, signed so that more is better; it must be there."""
        if self.score is None:
            raise ValueError(f"{self.method} has no score")
        return _SIGNS[self.metric] * self.score.mean

    @property
    def baseline(self) -> bool:
        """Whether this is the row that gains are measured from."""
        return self.method == self.against

    @property
    def oracle(self) -> bool:
        """Whether this is the supervised bound: trained on all target labels."""
        return self.method == ORACLE and self.label_fraction == 1.0

    def to_json(self) -> dict[str, Any]:
        """Returns it as plain JSON, intervals as {mean, low, high, n}."""
        plain = self._asdict()
        for name in ("accuracy", "balanced_accuracy", "macro_f1", "gain", "rmse", "r2"):
            interval = plain[name]
            plain[name] = interval._asdict() if interval else None
        return plain | {"baseline": self.baseline, "oracle": self.oracle}


def is_oracle(row: Row) -> bool:
    """Says whether a run is of the oracle: ``target_only`` on all target labels.

    Example:
        >>> is_oracle({"method": "target_only", "label_fraction": 1.0})
        True
    """
    return row["method"] == ORACLE and row["label_fraction"] == 1.0


def comparable(row: Row, other: Row) -> bool:
    """Says whether two runs differ in their method alone: same data, budget, network.

    A shallow method trains no network in no steps: it has nothing that could differ.

    Example:
        >>> comparable({"steps": 100}, {"steps": 1000})
        False
    """
    shallow = row.get("steps") is None or other.get("steps") is None
    budget = () if shallow else ("steps", "network")
    return all(row.get(f) == other.get(f) for f in ("data_fingerprint", *budget))


def add_gains(rows: Iterable[Row]) -> list[Row]:
    """Adds ``gain`` to each row: how much better it is than its baseline.

    Args:
        rows: one per run.

    Returns:
        copies with ``against``, the baseline's name, and ``gain``, a difference of
        accuracies in [-1, 1] or of RMSEs: 0 for the baseline itself; None where either
        run is not ok, or the two differ in data, steps or network, which would make
        the difference one of budgets.

    Example:
        >>> cell = {"scenario": "s", "track": "U", "label_fraction": None, "seed": 0}
        >>> cell |= {"status": "ok", "configuration": 0}
        >>> base = {**cell, "method": "source_only", "accuracy": 0.5}
        >>> rows = add_gains([base, {**cell, "method": "dann", "accuracy": 0.75}])
        >>> [row["gain"] for row in rows]
        [0.0, 0.25]
    """
    rows = list(rows)
    against = dict(BASELINES)
    there = {row["method"] for row in rows if row["track"] == "U"}
    if against["U"] not in there and SHALLOW_BASELINE in there:
        against["U"] = SHALLOW_BASELINE
    baselines = {
        _pair(row): row
        for row in rows
        if row["method"] == against[row["track"]] and row["configuration"] == 0
    }
    return [
        row
        | {
            "against": against[row["track"]],
            "gain": _gain(row, baselines.get(_pair(row))),
        }
        for row in rows
    ]


def summarise(rows: Sequence[Row], *, by_scenario: bool) -> list[Summary]:
    """Averages rows per table: (case, track, label fraction), one entry per method.

    Args:
        rows: with gains, at most one per method, scenario, track, fraction and seed.
        by_scenario: True makes one table per scenario; False averages a case's
            scenarios within each seed first, so that the interval is over seeds.

    Returns:
        tables in order, each from the highest gain (or accuracy) down, n/a last.
    """
    tables: dict[tuple[Any, ...], dict[str, list[Row]]] = {}
    for row in rows:
        scope = row["scenario"] if by_scenario else None
        place = (row["case"], scope, row["track"], row["label_fraction"])
        table = (*place, metric_of(row))
        tables.setdefault(table, {}).setdefault(row["method"], []).append(row)
    result: list[Summary] = []
    for table in sorted(tables, key=_table_order):
        methods = tables[table]
        summaries = [_summary(table, name, own) for name, own in methods.items()]
        summaries = _mark_best(summaries, methods)
        result += sorted(summaries, key=_rank)
    return result


def _pair(row: Row) -> tuple[Any, ...]:
    return row["scenario"], row["track"], row["label_fraction"], row["seed"]


def _gain(row: Row, baseline: Row | None) -> float | None:
    if baseline is None or row["status"] != "ok" or baseline["status"] != "ok":
        return None
    if not comparable(row, baseline):
        return None
    metric = metric_of(row)
    if metric_of(baseline) != metric:
        return None
    if row.get(metric) is None or baseline.get(metric) is None:
        return None
    return float(_SIGNS[metric] * (row[metric] - baseline[metric]))


def _table_order(table: tuple[Any, ...]) -> tuple[Any, ...]:
    case, scenario, track, fraction, metric = table
    return case, metric, scenario or "", track != "U", fraction or 0.0


def _rank(summary: Summary) -> tuple[Any, ...]:
    if summary.score is None:
        return 3, 0.0, summary.method
    if summary.scenarios < summary.planned:
        return 2, -summary.merit, summary.method
    # A missing gain must not sink the method: all of a table lack it together.
    value = summary.gain.mean if summary.gain else summary.merit
    return summary.gain is None, -value, summary.method


def _per_seed(rows: Sequence[Row], field: str) -> dict[int, float]:
    """Averages a field over scenarios, for the seeds that have all of them."""
    scenarios = {row["scenario"] for row in rows if row["status"] == "ok"}
    values: dict[int, dict[str, float]] = {}
    for row in rows:
        if row["status"] == "ok" and row.get(field) is not None:
            values.setdefault(row["seed"], {})[row["scenario"]] = row[field]
    return {
        seed: sum(own.values()) / len(own)
        for seed, own in sorted(values.items())
        if set(own) == scenarios
    }


def _interval(rows: Sequence[Row], field: str) -> Interval | None:
    values = list(_per_seed(rows, field).values())
    return mean_interval(values) if values else None


def _mean(rows: Sequence[Row], field: str) -> float | None:
    values = [row[field] for row in rows if row.get(field) is not None]
    return sum(values) / len(values) if values else None


def _summary(table: tuple[Any, ...], method: str, rows: Sequence[Row]) -> Summary:
    case, scenario, track, fraction, metric = table
    ok = [row for row in rows if row["status"] == "ok"]
    gains = [row["gain"] for row in ok if row["gain"] is not None]
    statuses: dict[str, int] = {}
    for row in rows:
        statuses[row["status"]] = statuses.get(row["status"], 0) + 1
    reasons = [row.get("reason") for row in rows if row["status"] != "ok"]
    against = rows[0].get("against") or BASELINES[track]
    is_baseline = method == against
    return Summary(
        case=case,
        scenario=scenario,
        track=track,
        label_fraction=fraction,
        method=method,
        accuracy=_interval(rows, "accuracy"),
        macro_f1=_interval(rows, "macro_f1"),
        gain=_interval(rows, "gain"),
        negative_transfer_rate=(
            negative_transfer_rate(gains) if gains and not is_baseline else None
        ),
        fit_seconds=_mean(ok, "fit_seconds"),
        compile_seconds=_mean(ok, "compile_seconds"),
        seeds=len(_per_seed(rows, metric)),
        scenarios=len({row["scenario"] for row in ok}),
        planned=len({row["scenario"] for row in rows if row["status"] != "na"}),
        statuses=statuses,
        reason=next((reason for reason in reasons if reason), ""),
        best=None,
        metric=metric,
        rmse=_interval(rows, "rmse"),
        r2=_interval(rows, "r2"),
        balanced_accuracy=_interval(rows, "balanced_accuracy"),
        against=against,
        majority_accuracy=_mean(ok, "majority_accuracy"),
        budget="; ".join(sorted({f"{r.get('steps')} {r.get('network')}" for r in ok})),
    )


def _mark_best(
    summaries: list[Summary], methods: dict[str, list[Row]]
) -> list[Summary]:
    """Marks all methods that seeds cannot tell from the highest mean."""
    scored = [s for s in summaries if s.score is not None]
    if not scored:
        return summaries
    # An average over fewer scenarios is one over easier or harder ones.
    complete = max(s.scenarios for s in scored)
    rivals = [s for s in scored if s.scenarios == complete]
    # What has no gain where others have one is of another budget, data or network.
    if any(s.gain is not None for s in rivals):
        rivals = [s for s in rivals if s.gain is not None or s.oracle]
    if len(rivals) < 2:
        return summaries
    top = max(rivals, key=lambda s: (s.merit, s.seeds))
    sign = _SIGNS[top.metric]
    highest = _per_seed(methods[top.method], top.metric)
    marked = []
    for summary in summaries:
        best = None
        if summary in rivals:
            own = _per_seed(methods[summary.method], top.metric)
            seeds = sorted(set(own) & set(highest))
            if len(seeds) > 1:
                difference = paired_difference(
                    [sign * highest[s] for s in seeds], [sign * own[s] for s in seeds]
                )
                best = summary is top or not difference.above_zero
        marked.append(summary._replace(best=best))
    return marked
