"""Label efficiency: accuracy over the share of target labels, against two bounds.

The area under accuracy over the logarithm of the share, divided by its width, is the
mean accuracy when each doubling of the labels counts the same.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from da_zoo.bench.report.frame import Scale, linear
from da_zoo.bench.report.lines import Line, line_chart
from da_zoo.bench.report.section import Heading, Panel, Section, Table, absent
from da_zoo.bench.report.selected import mean
from da_zoo.bench.row_combinations import metric_of
from da_zoo.bench.rows import Row
from da_zoo.bench.summary import ORACLE
from da_zoo.bench.wording import METRIC_TITLES, percent, points

__all__ = ["Curves", "label_area", "label_curves", "label_efficiency"]

_MOST_LINES = 6
_MOST_PANELS = 24
_MOST_COLUMNS = 8

Curve = dict[float, float]
"""Mean score over seeds, by label fraction."""

_SECTION = Section(
    "labels",
    "Labels",
    "What labels buy",
    "Score over the share of target labels, mean over seeds. Dashed: from scratch on "
    "the same labels. Dotted: the oracle, from scratch on all of them.",
)


class Curves(NamedTuple):
    """One scenario."""

    case: int
    scenario: str
    metric: str
    methods: Mapping[str, Curve]
    """That use the source, at two shares or more."""
    scratch: Curve
    """`target_only` at each share."""


def label_area(curve: Mapping[float, float], shares: Sequence[float]) -> float | None:
    """Averages a curve over the logarithm of its shares, by trapezoids.

    Args:
        curve: score by share.
        shares: at least two, that the area is over.

    Returns:
        None where the curve lacks one of the shares.

    Example:
        >>> round(label_area({0.01: 0.0, 0.1: 0.5, 1.0: 1.0}, [0.01, 0.1, 1.0]), 3)
        0.5
    """
    ordered = sorted(shares)
    if not set(ordered) <= set(curve):
        return None
    area = sum(
        math.log(b / a) * (curve[a] + curve[b]) / 2
        for a, b in itertools.pairwise(ordered)
    )
    return area / math.log(ordered[-1] / ordered[0])


def label_curves(rows: Sequence[Row]) -> list[Curves]:
    """Collects the curves of each scenario in which two shares were run.

    Args:
        rows: that are averaged. Regressions are left out: their errors fall.
    """
    values: dict[tuple[int, str, str], dict[str, dict[float, list[float]]]] = {}
    for row in rows:
        metric = metric_of(row)
        if row["track"] == "F" and row["label_fraction"] and metric != "rmse":
            place = (row["case"], row["scenario"], metric)
            own = values.setdefault(place, {}).setdefault(row["method"], {})
            own.setdefault(float(row["label_fraction"]), []).append(float(row[metric]))
    found = []
    for (case, scenario, metric), methods in sorted(values.items()):
        curves = {
            name: {share: mean(v) for share, v in sorted(own.items())}
            for name, own in sorted(methods.items())
        }
        scratch = curves.pop(ORACLE, {})
        curves = {name: own for name, own in curves.items() if len(own) > 1}
        if curves:
            found.append(Curves(case, scenario, metric, curves, scratch))
    return found


def label_efficiency(rows: Sequence[Row]) -> Section:
    """Draws the curves of the best methods, and tables the areas of all.

    Args:
        rows: that are averaged.

    Example:
        >>> label_efficiency([]).reason
        'no method was run at two shares of target labels or more'
    """
    every = label_curves(rows)
    if not every:
        reason = "no method was run at two shares of target labels or more"
        return absent(_SECTION, reason)
    areas = [_areas(one) for one in every]
    own: dict[str, list[float]] = {}
    for found in areas:
        for name in found.keys() - {ORACLE}:
            own.setdefault(name, []).append(found[name])
    # Methods of all scenarios first: a mean over fewer is one over easier ones.
    order = sorted(own, key=lambda n: (-len(own[n]), -mean(own[n]), n))
    chosen = order[:_MOST_LINES]
    notes = []
    if len(order) > len(chosen):
        notes.append(
            f"Drawn are the {len(chosen)} methods with the largest area over all "
            f"scenarios, of {len(order)}; the table has all."
        )
    if len(every) > _MOST_PANELS:
        notes.append(f"Drawn are {_MOST_PANELS} of {len(every)} scenarios.")
    return _SECTION._replace(
        panels=[
            panel
            for one in every[:_MOST_PANELS]
            if (panel := _panel(one, chosen)) is not None
        ],
        tables=[_table(every, areas, order)] if order else [],
        notes=notes,
    )


def _areas(one: Curves) -> dict[str, float]:
    """Areas over the shares at which any method was run, scratch among them."""
    shares = sorted({share for own in one.methods.values() for share in own})
    found = {
        name: label_area(own, shares)
        for name, own in {**one.methods, ORACLE: one.scratch}.items()
    }
    return {name: area for name, area in found.items() if area is not None}


def _panel(one: Curves, chosen: Sequence[str]) -> Panel | None:
    """A scenario's figure; None where none of the methods drawn was run in it."""
    lines = []
    shares = {share for own in one.methods.values() for share in own}
    if len(one.scratch) > 1:
        shares |= set(one.scratch)
        lines.append(Line("from scratch", list(one.scratch.items()), "baseline"))
    ticks = sorted(shares)
    if (oracle := one.scratch.get(1.0)) is not None:
        ends = [(ticks[0], oracle), (ticks[-1], oracle)]
        lines.append(Line("oracle", ends, "oracle"))
    for number, name in enumerate(chosen):
        if name in one.methods:
            points_ = list(one.methods[name].items())
            lines.append(Line(name, points_, f"c{number}"))
    scores = [score for line in lines for _, score in line.points]
    if not scores:
        return None
    title = METRIC_TITLES[one.metric]
    x = Scale(ticks[0], ticks[-1], ticks, True, _percent)
    figure = line_chart(
        lines,
        x,
        linear(scores, least=0.1, low=0.0, high=1.0)._replace(text=_percent),
        titles=("% of the target labels, logarithmic", f"{title} %"),
        label=f"{title} over the share of target labels on {one.scenario}",
    )
    return Panel(one.scenario, figure, "", f"Case {one.case}", "F")


def _percent(share: float) -> str:
    return f"{100 * share:g}"


def _table(
    every: Sequence[Curves], areas: Sequence[Mapping[str, float]], order: Sequence[str]
) -> Table:
    shown = range(len(every)) if len(every) <= _MOST_COLUMNS else range(0)
    rows = []
    for name in order:
        own = [area[name] for area in areas if name in area]
        above = [a[name] - a[ORACLE] for a in areas if name in a and ORACLE in a]
        rows.append(
            [
                name,
                percent(mean(own)),
                points(mean(above)) if above else "–",
                f"{len(own)}",
                *(percent(areas[i].get(name)) for i in shown),
            ]
        )
    headings = [
        Heading("Method", True),
        Heading("Area %", hint="mean score over the logarithm of the share of labels"),
        Heading("Over scratch", hint="points above the area from scratch"),
        Heading("Scenarios"),
        *(Heading(every[i].scenario) for i in shown),
    ]
    return Table("Area under score over log share of labels", headings, rows)
