"""What the numbers say, in sentences: a claim only where an interval excludes 0."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

from da_zoo.bench.statistics import TIE, Interval
from da_zoo.bench.summary import Summary
from da_zoo.bench.wording import (
    METRIC_TITLES,
    listed,
    percent,
    points,
    points_interval,
    track_title,
)

__all__ = ["Verdict", "find_verdicts"]

PLACEBO_BAND = 0.015
"""In case 1 there is no shift to remove: effects up to 1.5 points pass as none."""

SMALLEST_BRACKET = 0.02
"""Below 2 points between baseline and oracle, a share of the gap says nothing."""


MOST_NAMED = 6
"""Methods that a sentence about harm names; the tables have the others."""


class Verdict(NamedTuple):
    """One sentence or two about one table; names are in `backticks`."""

    case: int
    track: str
    label_fraction: float | None
    kind: str
    """"gain", "loss", "placebo" or "open" (nothing can be claimed)."""
    text: str


Table = tuple[int, str, float | None, str]
"""(case, track, label fraction, metric): what one verdict is about."""

Gained = tuple[Summary, Interval]
"""A summary that has a gain, and that gain."""


def find_verdicts(
    cases: Sequence[Summary], scenarios: Sequence[Summary]
) -> tuple[Verdict, ...]:
    """Words the verdicts of every case and track.

    Args:
        cases: summaries per case (scenarios averaged within seeds).
        scenarios: summaries per scenario.

    Returns:
        per table: who leads, or that nobody does; then each scenario in which methods
        are below the baseline. In case 1 without target labels, the placebo instead.
    """
    verdicts: list[Verdict] = []
    for table, members in itertools.groupby(cases, _table):
        scored = [s for s in members if s.score is not None]
        if not any(_adapts(s) for s in scored):
            continue
        gained = _gained(scored)
        own = _gained([s for s in scenarios if _table(s) == table])
        oracle = next(
            (
                s
                for s in cases
                if (s.case, s.metric) == (table[0], table[3]) and s.oracle
            ),
            None,
        )
        if all(gain.low is None for _, gain in gained):
            text = _too_few(table, _baseline(scored[0]), gained)
            verdicts.append(Verdict(*table[:3], "open", text))
        elif table[:2] == (1, "U"):
            verdicts.append(_placebo(table, gained))
        else:
            verdicts.append(_leaders(table, scored, own, oracle))
            verdicts += _losses(table, own)
    return tuple(verdicts)


def _table(summary: Summary) -> Table:
    return summary.case, summary.track, summary.label_fraction, summary.metric


def _adapts(summary: Summary) -> bool:
    return not summary.baseline and not summary.oracle


def _gained(summaries: Sequence[Summary]) -> list[Gained]:
    return [(s, s.gain) for s in summaries if s.gain is not None and _adapts(s)]


def _name(summary: Summary) -> str:
    return f"`{summary.method}`"


def _with_numbers(gained: Sequence[Gained]) -> list[str]:
    return [f"{_name(s)} {points_interval(gain)}" for s, gain in gained]


def _largest(gained: list[Gained]) -> str:
    """Names the largest moves with their numbers, and counts the others."""
    gained = sorted(gained, key=lambda pair: -abs(pair[1].mean))
    rest = len(gained) - MOST_NAMED
    if rest < 2:
        return listed(_with_numbers(gained))
    return listed([*_with_numbers(gained[:MOST_NAMED]), f"{rest} more"])


def _baseline(summary: Summary) -> str:
    scratch = " (from scratch)" if summary.track == "F" else ""
    return f"`{summary.against}`{scratch}"


def _too_few(table: Table, against: str, gained: list[Gained]) -> str:
    title = track_title(*table[1:3])
    if not gained:
        return (
            f"With {title} there is no run of {against} to compare with, so "
            "no gain is computed."
        )
    top, gain = max(gained, key=lambda pair: pair[1].mean)
    return (
        f"One seed has no interval, so nothing is claimed; the highest gain with "
        f"{title} is {_name(top)} {points(gain.mean)}."
    )


def _placebo(table: Table, gained: list[Gained]) -> Verdict:
    """Case 1: source and target are alike, so any loss is the method's own cost."""
    outside = [(s, gain) for s, gain in gained if abs(gain.mean) > PLACEBO_BAND]
    sure = [(s, gain) for s, gain in outside if gain.above_zero or gain.below_zero]
    text = "Placebo: there is no shift to remove, and "
    if not outside:
        largest = max(gained, key=lambda pair: abs(pair[1].mean))
        metric = METRIC_TITLES[table[3]]
        text += f"no method moves {metric} by more than 1.5 points "
        text += f"(largest: {_with_numbers([largest])[0]})."
        return Verdict(*table[:3], "placebo", text)
    if sure:
        text += f"still {_largest(sure)} against {_baseline(sure[0][0])}: "
        text += "what adapting itself does."
        return Verdict(*table[:3], "loss", text)
    text += f"{listed(_with_numbers(outside))} cannot be told from 0: too few seeds."
    return Verdict(*table[:3], "open", text)


def _leaders(
    table: Table, scored: list[Summary], own: list[Gained], oracle: Summary | None
) -> Verdict:
    title = track_title(*table[1:3])
    title = title[0].upper() + title[1:]
    against = _baseline(scored[0])
    leaders = [s for s in scored if s.best]
    # In the leading group, and above the baseline for sure: a mean that varies much is
    # told from no other, nor from 0.
    gained = [(s, gain) for s, gain in _gained(leaders) if gain.above_zero]
    averaged = max(s.scenarios for s in scored) > 1
    if not gained or any(s.baseline for s in leaders):
        # The highest mean may vary much, and a lower one be sure.
        sure = [(s, gain) for s, gain in _gained(scored) if gain.above_zero]
        what = f"only {_largest(sure)}" if sure else "no method"
        verb = "are" if len(sure) > 1 else "is"
        text = f"{title}: {what} {verb} detectably above {against}"
        text += " on average." if averaged else "."
        kind = "gain" if sure else "open"
        return Verdict(*table[:3], kind, text + _breakdown(own))
    if len(gained) == 1:
        leader, gain = gained[0]
        text = f"{title}: {_name(leader)} leads with {points_interval(gain)}"
    else:
        means = sorted(gain.mean for _, gain in gained)
        text = f"{title}: {listed([_name(s) for s, _ in gained])} lead, tied, with "
        text += f"{points(means[0])} to {points(means[-1])}"
    text += f" points over {against}"
    if averaged:
        text += f" on average over {gained[0][0].scenarios} scenarios"
    text += _gap_closed(scored, max(gain.mean for _, gain in gained), oracle) + "."
    return Verdict(*table[:3], "gain", text + _breakdown(own))


def _gap_closed(scored: list[Summary], gain: float, oracle: Summary | None) -> str:
    baseline = next((s for s in scored if s.baseline), None)
    if baseline is None or baseline.score is None or baseline.oracle:
        return ""
    if oracle is None or oracle.score is None or oracle.budget != baseline.budget:
        return ""
    bracket = oracle.merit - baseline.merit
    if oracle.scenarios != baseline.scenarios or bracket < SMALLEST_BRACKET:
        return ""
    return (
        f", {100 * gain / bracket:.0f} % of the way to the oracle "
        f"({percent(oracle.score.mean)} %)"
    )


def _by_scenario(own: list[Gained]) -> list[tuple[str | None, list[Gained]]]:
    groups = itertools.groupby(own, lambda pair: pair[0].scenario)
    return [(scenario, list(members)) for scenario, members in groups]


def _breakdown(own: list[Gained]) -> str:
    """Says in which scenarios methods are above the baseline, as counts."""
    counts = [
        (f"`{scenario}`", sum(gain.above_zero for _, gain in pairs), len(pairs))
        for scenario, pairs in _by_scenario(own)
    ]
    if len(counts) < 2:
        return ""
    if len(counts) > 4:
        wins, total = sum(c[1] for c in counts), sum(c[2] for c in counts)
        return f" Detectably above it in {wins} of {total} scenario × method pairs."
    worded = [f"{wins or 'none'} of {n} on {name}" for name, wins, n in counts]
    return f" Detectably above it: {listed(worded)}."


def _losses(table: Table, own: list[Gained]) -> list[Verdict]:
    """Names every scenario in which methods end below the baseline."""
    verdicts = []
    for scenario, pairs in _by_scenario(own):
        losers = [(s, g) for s, g in pairs if g.below_zero and g.mean < -TIE]
        if not losers:
            continue
        verb = "is" if len(losers) == 1 else "are"
        who = f"{len(losers)} of {len(pairs)} methods {verb}"
        if len(losers) == len(pairs) > 1:
            who = "every adaptation method is"
        text = f"Negative transfer with {track_title(*table[1:3])}: in `{scenario}` "
        text += f"{who} below {_baseline(losers[0][0])}: {_largest(losers)}."
        verdicts.append(Verdict(*table[:3], "loss", text))
    return verdicts
