"""Learning curves: target accuracy while training, watched and used for nothing."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from da_zoo.bench.report.frame import linear
from da_zoo.bench.report.lines import Line, line_chart
from da_zoo.bench.report.section import Panel, Section, absent
from da_zoo.bench.report.selected import mean, numbers, ranked_methods
from da_zoo.bench.rows import Row
from da_zoo.bench.summary import Summary

__all__ = ["learning_curves", "mean_curve"]

_MOST_METHODS = 5
_MOST_PANELS = 24

_SECTION = Section(
    "curves",
    "Curves",
    "Learning curves",
    "Accuracy on the target's test rows during training, mean over seeds, in case 3 "
    "without target labels. Nothing was chosen by it: the tables rank the last step. "
    "Dashed: the baseline.",
)


def mean_curve(curves: Sequence[Any]) -> list[tuple[float, float]]:
    """Averages the stored curves of several seeds.

    Args:
        curves: fields ``curve`` of rows: ``{"step": [...], "accuracy": [...]}``. What
            is no such curve, or lacks a step that another one has, does not count.

    Returns:
        step and accuracy, at the steps that all curves share.

    Example:
        >>> one = {"step": [10, 20], "accuracy": [0.5, 0.75]}
        >>> mean_curve([one, {"step": [10, 20], "accuracy": [0.7, 0.85]}, None])
        [(10.0, 0.6), (20.0, 0.8)]
    """
    found: list[Mapping[float, float]] = []
    for curve in curves:
        if not isinstance(curve, Mapping):
            continue
        steps = numbers(curve.get("step"), low=0.0, high=math.inf)
        scores = numbers(curve.get("accuracy"), low=0.0, high=1.0)
        if steps and scores and len(steps) == len(scores) and math.isfinite(steps[-1]):
            found.append(dict(zip(steps, scores, strict=True)))
    if not found:
        return []
    shared = set.intersection(*(set(one) for one in found))
    return [(step, mean(one[step] for one in found)) for step in sorted(shared)]


def learning_curves(rows: Sequence[Row], scenarios: Sequence[Summary]) -> Section:
    """Draws the best methods and the baseline, a panel per scenario.

    Args:
        rows: that are averaged.
        scenarios: summaries per scenario.

    Example:
        >>> learning_curves([], []).reason
        'no run of case 3 without target labels stores its curve'
    """
    stored: dict[str, dict[str, list[Any]]] = {}
    baselines = {}
    for row in rows:
        if (row["case"], row["track"]) == (3, "U") and row.get("curve"):
            own = stored.setdefault(row["scenario"], {})
            own.setdefault(row["method"], []).append(row["curve"])
            baselines[row["scenario"]] = row.get("against")
    curves = {
        scenario: {
            method: curve
            for method, found in own.items()
            if len(curve := mean_curve(found)) > 1
        }
        for scenario, own in sorted(stored.items())
    }
    chosen = _best(curves, ranked_methods(scenarios, 3, "U"), scenarios)
    panels = []
    for scenario, methods in curves.items():
        lines = [
            Line(name, methods[name], "baseline")
            for name in [baselines[scenario]]
            if name in methods
        ]
        lines += [
            Line(name, methods[name], f"c{number}")
            for number, name in enumerate(chosen)
            if name in methods
        ]
        if lines:
            panels.append(_panel(scenario, lines))
    if not panels:
        reason = "no run of case 3 without target labels stores its curve"
        return absent(_SECTION, reason)
    notes = []
    if chosen:
        notes.append(
            "Drawn are the methods with the highest mean gain over these scenarios; "
            "scales differ between panels."
        )
    if len(panels) > _MOST_PANELS:
        notes.append(f"Drawn are {_MOST_PANELS} of {len(panels)} scenarios.")
    return _SECTION._replace(panels=panels[:_MOST_PANELS], notes=notes)


def _best(
    curves: Mapping[str, Mapping[str, Any]],
    ranked: Mapping[str, Sequence[str]],
    scenarios: Sequence[Summary],
) -> list[str]:
    """The same methods in every panel, so that a colour means one method."""
    gains: dict[str, list[float]] = {}
    for s in scenarios:
        name = str(s.scenario)
        case = (s.case, s.track) == (3, "U")
        there = s.method in ranked.get(name, ()) and s.method in curves.get(name, ())
        if s.gain and case and there:
            gains.setdefault(s.method, []).append(s.gain.mean)
    order = sorted(gains, key=lambda m: (-len(gains[m]), -mean(gains[m]), m))
    return order[:_MOST_METHODS]


def _panel(scenario: str, lines: Sequence[Line]) -> Panel:
    steps = [step for line in lines for step, _ in line.points]
    scores = [score for line in lines for _, score in line.points]
    figure = line_chart(
        lines,
        linear([0.0, max(steps)], least=1.0, most=4),
        linear(scores, least=0.1, low=0.0, high=1.0)._replace(text=_percent),
        titles=("training step", "accuracy %"),
        label=f"Accuracy over training steps on {scenario}",
    )
    return Panel(scenario, figure, "", "Case 3", "U")


def _percent(share: float) -> str:
    return f"{100 * share:g}"
