"""Where methods stand over all scenarios of a track: gap closed, rank, improvement.

The **gap closed** in a scenario is the gain over the distance from the baseline to the
oracle (``target_only`` on all labels): 0 is the baseline, 1 the oracle. A scenario
whose distance, the bracket, is under two points would divide noise by noise: it is
listed and left out.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from da_zoo.bench.bootstrap import iqm_interval, probability_of_improvement
from da_zoo.bench.ranks import (
    Ranks,
    SignedRank,
    bayesian_signed_rank,
    compare_ranks,
)
from da_zoo.bench.row_combinations import metric_of
from da_zoo.bench.rows import Row
from da_zoo.bench.statistics import (
    Interval,
    WinTieLoss,
    negative_transfer_rate,
    win_tie_loss,
)
from da_zoo.bench.summary import comparable, is_oracle

__all__ = ["LEAST_BRACKET", "Standing", "Standings", "find_standings"]

LEAST_BRACKET = 0.02


class Standing(NamedTuple):
    """One method, over the scenarios of its track."""

    method: str
    gap_closed: Interval
    rank: float
    """Mean over scenarios, 1 the best, among the methods ranked."""
    improvement: Interval
    """Share of (scenario, seed) pairs above the baseline; an equal one is half."""
    negative_transfer_rate: float
    signed_rank: SignedRank
    """Posterior against the baseline, with half a point that does not matter."""
    against_baseline: WinTieLoss
    """Over scenario means, with a tie of half a point."""
    regret: float | None = None
    """Mean over runs of how far the last step is below the best look by target-test
    labels: what choosing better could have gained at most. Shown, never ranked."""
    seconds: float | None = None
    """Mean of a run's fitting and its share of compiling."""


class Standings(NamedTuple):
    """One track and label fraction."""

    track: str
    label_fraction: float | None
    baseline: str
    scenarios: tuple[str, ...]
    """That count."""
    methods: tuple[Standing, ...]
    """By gap closed, the baseline among them."""
    ranks: Ranks
    pairwise: dict[tuple[str, str], WinTieLoss]
    """First against second, over scenario means."""
    notes: tuple[str, ...]
    """Scenarios and methods that are left out, and why."""

    def to_json(self) -> dict[str, Any]:
        """Returns it as plain JSON; pairs are named "a over b"."""
        return {
            **self._asdict(),
            "methods": [
                {
                    name: value._asdict() if hasattr(value, "_asdict") else value
                    for name, value in one._asdict().items()
                }
                for one in self.methods
            ],
            "ranks": self.ranks._asdict(),
            "pairwise": {
                f"{a} over {b}": list(counts)
                for (a, b), counts in self.pairwise.items()
            },
        }


Scores = dict[str, dict[int, float]]
"""By scenario and seed."""


def find_standings(rows: Iterable[Row], *, seed: int = 0) -> list[Standings]:
    """Computes the standings of every track and label fraction.

    Args:
        rows: with gains, of configuration 0, as a leaderboard averages them. Those that
            are not ok, and regressions, whose errors have no common bracket, do not
            count.
        seed: of the bootstraps.

    Returns:
        One entry per track and label fraction in which there is a scenario to count;
        the oracle's own fraction has none, for it is what the others are held to.

    Example:
        >>> find_standings([])
        []
    """
    every = [row for row in rows if metric_of(row) != "rmse"]
    oracles: dict[str, list[Row]] = {}
    for row in every:
        if is_oracle(row) and row["status"] == "ok":
            oracles.setdefault(row["scenario"], []).append(row)
    tables: dict[tuple[str, float | None], list[Row]] = {}
    for row in every:
        if row["label_fraction"] != 1.0:
            tables.setdefault((row["track"], row["label_fraction"]), []).append(row)
    found = []
    for (track, fraction), own in sorted(
        tables.items(), key=lambda one: (one[0][0] != "U", one[0][1] or 0.0)
    ):
        standings = _standings(track, fraction, own, oracles, seed)
        if standings is not None:
            found.append(standings)
    return found


def _standings(
    track: str,
    fraction: float | None,
    rows: Sequence[Row],
    oracles: dict[str, list[Row]],
    seed: int,
) -> Standings | None:
    baseline = rows[0].get("against")
    scores: dict[str, Scores] = {}
    gains: dict[str, Scores] = {}
    ran: dict[str, list[Row]] = {}
    for row in rows:
        if row["status"] == "ok" and row.get("gain") is not None:
            place = (row["method"], row["scenario"], row["seed"])
            _put(scores, place, row[metric_of(row)])
            _put(gains, place, row["gain"])
            ran.setdefault(row["method"], []).append(row)
    if baseline not in scores:
        return None
    brackets, notes = {}, []
    for name, own in scores[baseline].items():
        if name not in oracles:
            notes.append(f"{name}: no oracle was run.")
            continue
        held = [row for row in ran[baseline] if row["scenario"] == name]
        fitting = [row for row in oracles[name] if _of_one_budget(row, held)]
        if not fitting:
            notes.append(f"{name}: no oracle of the same data, steps and network.")
            continue
        oracle = float(np.mean([row[metric_of(row)] for row in fitting]))
        bracket = oracle - float(np.mean(list(own.values())))
        if bracket < LEAST_BRACKET:
            notes.append(
                f"{name}: the oracle is {100 * bracket:+.1f} points from the baseline, "
                "under 2."
            )
        else:
            brackets[name] = bracket
    names = tuple(sorted(brackets))
    if not names:
        return None
    seeds = {name: set(scores[baseline][name]) for name in names}
    complete = [
        method
        for method, own in gains.items()
        if all(set(own.get(name, ())) == seeds[name] for name in names)
    ]
    if partly := sorted(set(gains) - set(complete)):
        notes.append(
            f"Not in all scenarios and seeds, and not ranked: {', '.join(partly)}."
        )
    means = np.array(
        [[_mean(scores[m][name]) for m in complete] for name in names], np.float64
    )
    ranks = compare_ranks(tuple(complete), means)
    place_of = dict(zip(ranks.methods, ranks.ranks, strict=True))
    standings = []
    for method in complete:
        own_gains = [list(gains[method][name].values()) for name in names]
        closed = [
            [gain / brackets[name] for gain in own]
            for name, own in zip(names, own_gains, strict=True)
        ]
        differences = np.array([_mean(gains[method][name]) for name in names])
        standings.append(
            Standing(
                method,
                iqm_interval(closed, seed=seed),
                place_of[method],
                probability_of_improvement(own_gains, seed=seed),
                negative_transfer_rate([g for own in own_gains for g in own]),
                bayesian_signed_rank(differences, seed=seed),
                win_tie_loss(differences.tolist(), [0.0] * len(names)),
                _regret([row for row in ran[method] if row["scenario"] in names]),
                _seconds([row for row in ran[method] if row["scenario"] in names]),
            )
        )
    pairwise = {
        (a, b): win_tie_loss(means[:, i].tolist(), means[:, j].tolist())
        for i, a in enumerate(complete)
        for j, b in enumerate(complete)
        if a != b
    }
    standings.sort(key=lambda one: (-one.gap_closed.mean, one.method))
    return Standings(
        track,
        fraction,
        str(baseline),
        names,
        tuple(standings),
        ranks,
        pairwise,
        tuple(notes),
    )


def _of_one_budget(oracle: Row, baselines: Sequence[Row]) -> bool:
    """Whether an oracle's run can be held against the baseline's."""
    same = [row for row in baselines if row["seed"] == oracle["seed"]]
    if same:
        return all(comparable(oracle, row) for row in same)
    # Another seed draws other data; budget and network must agree all the same.
    blind = {"data_fingerprint": None}
    return all(comparable(oracle | blind, row | blind) for row in baselines)


def _regret(rows: Sequence[Row]) -> float | None:
    lost = [
        row["accuracy_oracle"] - row["accuracy"]
        for row in rows
        if row.get("accuracy_oracle") is not None and row.get("accuracy") is not None
    ]
    return float(np.mean(lost)) if lost else None


def _seconds(rows: Sequence[Row]) -> float | None:
    spent = [
        row["fit_seconds"] + (row.get("compile_seconds") or 0.0)
        for row in rows
        if row.get("fit_seconds") is not None
    ]
    return float(np.mean(spent)) if spent else None


def _put(table: dict[str, Scores], place: tuple[str, str, int], value: float) -> None:
    method, scenario, seed = place
    table.setdefault(method, {}).setdefault(scenario, {})[seed] = float(value)


def _mean(values: dict[int, float]) -> float:
    return float(np.mean(list(values.values())))
