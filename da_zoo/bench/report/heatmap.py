"""The heatmap: gain of every method in every scenario, as a table with colours.

A table rather than a drawing: it scrolls on a phone, prints, and reads aloud.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from da_zoo.bench.rows import BROKEN
from da_zoo.bench.statistics import TIE
from da_zoo.bench.summary import Summary
from da_zoo.bench.tables import row_note
from da_zoo.bench.wording import (
    CASE_TITLES,
    DETAIL_TITLES,
    METRIC_TITLES,
    percent,
    points,
    points_interval,
)

__all__ = ["Cell", "colour_limit", "heatmap"]

_SMALLEST_LIMIT, _LARGEST_LIMIT = 0.05, 0.5


class Cell(NamedTuple):
    """One coloured cell."""

    kind: str
    """"pos", "neg", "na", "failed" or "none"; a style class."""
    text: str
    title: str = ""
    strength: float = 0.0
    """Of the colour, from 0 to 1."""
    sure: bool = False
    """Whether the interval of the gain excludes 0."""
    partly: bool = False
    """Whether some of its runs failed."""


def colour_limit(gains: Iterable[float]) -> float:
    """Chooses the gain at which the colour is full.

    Args:
        gains: in [-1, 1].

    Returns:
        the 90 % quantile of their sizes, a multiple of 5 points from 5 to 50: a few
        extremes must not pale all others.

    Example:
        >>> colour_limit([0.01, -0.02, 0.21])
        0.25
    """
    sizes = sorted(map(abs, gains))
    if not sizes:
        return _SMALLEST_LIMIT
    quantile = sizes[math.ceil(0.9 * len(sizes)) - 1]
    limit = math.ceil(round(quantile / 0.05, 6)) * 0.05
    return round(min(max(limit, _SMALLEST_LIMIT), _LARGEST_LIMIT), 2)


def heatmap(scenarios: Sequence[Summary]) -> dict[str, Any]:
    """Lays out the heatmap for the template.

    Args:
        scenarios: summaries per scenario.

    Returns:
        ``cases`` and ``scenarios`` (headings with the number of columns they span),
        ``columns`` (short track names), ``rows`` (method and its cells), ``baseline``
        and ``oracle`` (accuracies or RMSEs per column), ``majority`` (accuracies of
        the commonest class; empty where there are none), ``metric`` and ``detail``
        (what the numbers are), ``limit`` (gain of full colour) and ``legend`` (cells of
        the colour scale).
    """
    cells: dict[tuple[Any, ...], dict[str, Summary]] = {}
    for s in scenarios:
        place = (s.case, s.scenario, s.track, s.label_fraction)
        cells.setdefault(place, {})[s.method] = s
    oracles = {s.scenario: s for s in scenarios if s.oracle and s.score}
    columns = [
        place
        for place, methods in cells.items()
        if any(set(s.statuses) != {"na"} and not s.oracle for s in methods.values())
    ]
    baseline = [
        next((s for s in cells[c].values() if s.baseline), None) for c in columns
    ]
    gains = [
        s.gain.mean
        for c in columns
        for s in cells[c].values()
        if s.gain is not None and not s.baseline
    ]
    limit = colour_limit(gains)
    # Baselines have a row of their own, of accuracies: their gain is 0 everywhere.
    adapting = {s.method for s in scenarios} - {s.against for s in scenarios}
    ordered = sorted(adapting, key=lambda name: (-_mean_gain(name, scenarios), name))
    rows = [
        {"method": name, "cells": [_cell(cells[c].get(name), limit) for c in columns]}
        for name in ordered
    ]
    return {
        "cases": _spans([(c[0], CASE_TITLES.get(c[0], "")) for c in columns]),
        "scenarios": _spans([c[1] for c in columns]),
        "columns": ["none" if c[2] == "U" else f"{100 * c[3]:g} %" for c in columns],
        "starts": [i == 0 or c[0] != columns[i - 1][0] for i, c in enumerate(columns)],
        "rows": rows,
        "baseline": [_score(s) for s in baseline],
        "majority": _majority(columns, cells),
        "oracle": [_score(oracles.get(c[1])) for c in columns] if oracles else [],
        "metric": _titles(METRIC_TITLES, scenarios),
        "detail": _titles(DETAIL_TITLES, scenarios),
        "limit": limit,
        "legend": [_shade(f * limit, limit) for f in (-1, -0.5, -0.2, 0, 0.2, 0.5, 1)],
    }


def _majority(
    columns: Sequence[Any], cells: dict[tuple[Any, ...], dict[str, Summary]]
) -> list[str]:
    """The lowest rung per column; of what is scored by accuracy alone."""
    found = [
        next(
            (
                percent(s.majority_accuracy)
                for s in cells[column].values()
                if s.majority_accuracy is not None and s.metric == "accuracy"
            ),
            "–",
        )
        for column in columns
    ]
    return found if set(found) - {"–"} else []


def _titles(titles: dict[str, str], scenarios: Sequence[Summary]) -> str:
    """Names what the numbers of all scenarios are, of which some may be regressions."""
    shown = sorted({s.metric for s in scenarios}) or ["accuracy"]
    return " or ".join(f"{titles[metric]} %" for metric in shown)


def _mean_gain(method: str, scenarios: Sequence[Summary]) -> float:
    gains = [s.gain.mean for s in scenarios if s.method == method and s.gain]
    return sum(gains) / len(gains) if gains else -math.inf


def _spans(headings: list[Any]) -> list[tuple[Any, int]]:
    spans: list[tuple[Any, int]] = []
    for heading in headings:
        if spans and spans[-1][0] == heading:
            spans[-1] = (heading, spans[-1][1] + 1)
        else:
            spans.append((heading, 1))
    return spans


def _shade(gain: float, limit: float) -> Cell:
    """Colours a gain: its sign chooses the hue, its size the strength."""
    # The root lets small effects be seen; half a point and less stays uncoloured.
    strength = min(1.0, abs(gain) / limit) ** 0.6 if abs(gain) > TIE else 0.0
    return Cell("pos" if gain > 0 else "neg", points(gain), "", round(strength, 2))


def _cell(summary: Summary | None, limit: float) -> Cell:
    if summary is None:
        return Cell("none", "", "not run")
    title, note = f"{summary.method} on {summary.scenario}: ", row_note(summary)
    if summary.score is None:
        kind = "na" if set(summary.statuses) == {"na"} else "failed"
        return Cell(kind, "n/a" if kind == "na" else "failed", title + note)
    if summary.gain is None:
        score = f"{METRIC_TITLES[summary.metric]} {percent(summary.score.mean)} %"
        return Cell("none", "–", f"{title}{score}, no baseline")
    title += f"{points_interval(summary.gain)} points, {summary.gain.n} seeds"
    return _shade(summary.gain.mean, limit)._replace(
        title=f"{title}; {note}" if note else title,
        sure=summary.gain.above_zero or summary.gain.below_zero,
        partly=not set(BROKEN).isdisjoint(summary.statuses),
    )


def _score(summary: Summary | None) -> str:
    if summary is None or summary.score is None:
        return "–"
    return percent(summary.score.mean)
