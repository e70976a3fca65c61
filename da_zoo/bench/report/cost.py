"""Cost against gain: which methods nothing cheaper beats."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from markupsafe import Markup

from da_zoo.bench.report.frame import Frame, linear, logarithmic, spread, svg
from da_zoo.bench.report.section import Panel, Section, absent
from da_zoo.bench.report.selected import (
    baseline_of,
    covering,
    scenario_means,
    worded_scenarios,
)
from da_zoo.bench.rows import Row
from da_zoo.bench.wording import MINUS, listed, number, points

__all__ = ["Cost", "cost_and_gain", "costs", "frontier"]

_HEIGHT, _LETTER = 300, 5.8

_SECTION = Section(
    "cost",
    "Cost",
    "Cost against gain",
    "Seconds per run, compilation shared among the runs compiled together, against "
    "the gain without target labels in case 3. The line joins the methods that no "
    "method beats at the same cost or less. Seconds depend on the machine and on what "
    "else ran on it.",
)


class Cost(NamedTuple):
    """One method."""

    method: str
    seconds: float
    gain: float


def frontier(every: Sequence[Cost]) -> list[Cost]:
    """Keeps the methods that no other one dominates, the cheapest first.

    One dominates another where it costs no more and gains no less, and is better in
    one of both.

    Example:
        >>> some = [Cost("a", 1.0, 0.0), Cost("b", 2.0, 0.3), Cost("c", 3.0, 0.2)]
        >>> [one.method for one in frontier(some)]
        ['a', 'b']
    """
    kept: list[Cost] = []
    for one in sorted(every, key=lambda c: (c.seconds, -c.gain, c.method)):
        equal = bool(kept) and (one.seconds, one.gain) == kept[-1][1:]
        if not kept or one.gain > kept[-1].gain or equal:
            kept.append(one)
    return kept


def costs(rows: Sequence[Row]) -> tuple[list[str], list[Cost], list[str]]:
    """Averages seconds and gains over the scenarios of case 3 in track U.

    Args:
        rows: that are averaged, with gains. Stored seconds of compilation are a run's
            share already. Regressions do not count: their gain has another unit.

    Returns:
        the scenarios, the methods that ran in all of them, and those that did not.
    """
    own = []
    for row in rows:
        if (row["case"], row["track"]) != (3, "U") or row.get("metric") == "rmse":
            continue
        if row.get("gain") is not None and row.get("fit_seconds") is not None:
            seconds = row["fit_seconds"] + (row.get("compile_seconds") or 0.0)
            if seconds > 0:
                own.append({**row, "seconds": seconds})
    baseline = baseline_of(own)
    scenarios, gains, missing = covering(scenario_means(own, "gain"), baseline)
    _, seconds_of, _ = covering(scenario_means(own, "seconds"), baseline)
    found = [Cost(name, seconds_of[name], gains[name]) for name in sorted(gains)]
    return scenarios, found, missing


def cost_and_gain(rows: Sequence[Row]) -> Section:
    """Draws all methods, and names those of the frontier.

    Args:
        rows: that are averaged, with gains.

    Example:
        >>> cost_and_gain([]).shown
        False
    """
    scenarios, found, missing = costs(rows)
    if len(found) < 2:
        reason = "fewer than two methods ran in case 3 without target labels"
        return absent(_SECTION, reason)
    best = frontier(found)
    note = f"track U, case 3, {worded_scenarios(scenarios)}"
    notes = ["Not beaten at their cost: " + listed([_worded(c) for c in best]) + "."]
    if missing:
        notes.append(f"Not in all of these scenarios: {', '.join(missing)}.")
    panel = Panel("Gain over seconds per run", _figure(found, best), note, track="U")
    return _SECTION._replace(panels=[panel], notes=notes)


def _worded(one: Cost) -> str:
    return f"{one.method} ({number(one.seconds)} s, {points(one.gain)} points)"


def _points(gain: float) -> str:
    return f"{100 * gain:g}".replace("-", MINUS)


def _figure(found: Sequence[Cost], best: Sequence[Cost]) -> Markup:
    y = linear([*(one.gain for one in found), 0.0], least=0.05)._replace(text=_points)
    frame = Frame(logarithmic(one.seconds for one in found), y, height=_HEIGHT)
    where: Mapping[str, tuple[float, float]] = {
        one.method: (frame.x(one.seconds), frame.y(one.gain)) for one in found
    }
    parts = [
        frame.grid("seconds per run, logarithmic", "gain in points"),
        Markup('<path class="base" d="M{} {}H{}"/>').format(
            frame.left, frame.y(0.0), frame.right
        ),
    ]
    # A staircase: between two methods the cheaper one's gain is what can be had.
    steps = "".join(
        f"{'H' if i else 'M'}{where[one.method][0]:g}"
        f"{'V' if i else ' '}{where[one.method][1]:g}"
        for i, one in enumerate(best)
    )
    parts.append(Markup('<path class="front" d="{}H{}"/>').format(steps, frame.right))
    names = {one.method for one in best}
    for one in found:
        if one.method not in names:
            parts.append(_dot(one, "ring", where[one.method]))
    parts += [_dot(one, "full", where[one.method]) for one in best]
    labels = spread(
        [where[one.method][1] - 10 for one in best], 12.5, 14.0, frame.bottom - 8.0
    )
    for one, place in zip(best, labels, strict=True):
        x, dot = where[one.method]
        # Above and left of the frontier there is no dot; at the edge there is no room.
        left = x - _LETTER * len(one.method) - 6 > frame.left
        edge = x - 6 if left else x + (6 if abs(place - dot) < 9 else 2)
        if abs(place - dot) > 14:
            parts.append(
                Markup('<path class="lead" d="M{} {}L{} {}"/>').format(
                    x, dot, edge, place
                )
            )
        parts.append(
            Markup('<text class="{}" x="{}" y="{}">{}</text>').format(
                "end" if left else "start", round(edge, 1), place, one.method
            )
        )
    label = "Gain of each method over its seconds per run, with the Pareto frontier"
    return svg(parts, height=_HEIGHT, label=label)


def _dot(one: Cost, kind: str, place: tuple[float, float]) -> Markup:
    return Markup(
        '<circle class="{}" cx="{}" cy="{}" r="3.6"><title>{}</title></circle>'
    ).format(kind, *place, _worded(one))
