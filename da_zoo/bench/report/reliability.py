"""Reliability: whether predictions are right as often as they claim to be."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup

from da_zoo.bench.report.frame import short, svg
from da_zoo.bench.report.section import Panel, Section, absent
from da_zoo.bench.report.selected import ranked_methods
from da_zoo.bench.rows import Row
from da_zoo.bench.summary import Summary
from da_zoo.bench.wording import percent

__all__ = ["Bin", "calibration_error", "pool_bins", "reliability"]

_SIDE, _TOP, _LEFT, _GAP = 148, 22, 32, 40
_MOST_PANELS = 24

_SECTION = Section(
    "reliability",
    "Calibration",
    "Reliability",
    "Accuracy over confidence on the target's test rows, without target labels in "
    "case 3, pooled over seeds. On the diagonal a prediction of 80 % is right in 80 "
    "%; below it the network is too sure. The area of a dot is the share of rows. "
    "ECE: the mean distance from the diagonal.",
)


class Bin(NamedTuple):
    """Rows whose confidence is alike."""

    rows: int
    confidence: float
    accuracy: float


def pool_bins(stored: Iterable[Any]) -> list[Bin]:
    """Adds up the bins of several runs; empty ones are left out.

    Args:
        stored: fields ``reliability`` of rows: lists of ``count``, ``confidence`` and
            ``accuracy`` of one length, null in empty bins. What is none does not count.

    Example:
        >>> one = {"count": [0, 2], "confidence": [None, 0.9], "accuracy": [None, 0.5]}
        >>> two = {"count": [0, 2], "confidence": [None, 0.7], "accuracy": [None, 1.0]}
        >>> pool_bins([one, two, None])
        [Bin(rows=4, confidence=0.8, accuracy=0.75)]
    """
    sums: dict[int, tuple[int, float, float]] = {}
    for one in stored:
        if not isinstance(one, Mapping):
            continue
        counts, sure, right = (
            values if isinstance(values := one.get(name), list) else []
            for name in ("count", "confidence", "accuracy")
        )
        if not len(counts) == len(sure) == len(right):
            continue
        for i, (n, c, a) in enumerate(zip(counts, sure, right, strict=True)):
            if type(n) is int and n > 0 and _is_share(c) and _is_share(a):
                count, confidence, accuracy = sums.get(i, (0, 0.0, 0.0))
                sums[i] = count + n, confidence + n * c, accuracy + n * a
    return [Bin(n, c / n, a / n) for _, (n, c, a) in sorted(sums.items())]


def calibration_error(bins: Sequence[Bin]) -> float:
    """Computes the expected calibration error of at least one bin.

    Example:
        >>> calibration_error([Bin(3, 0.9, 0.5), Bin(1, 0.5, 0.5)])
        0.3

    References:
        Guo et al., "On calibration of modern neural networks", ICML 2017.
    """
    total = sum(one.rows for one in bins)
    apart = sum(one.rows * abs(one.accuracy - one.confidence) for one in bins)
    return round(apart / total, 12)


def reliability(rows: Sequence[Row], scenarios: Sequence[Summary]) -> Section:
    """Draws the baseline beside the best method of each scenario.

    Args:
        rows: that are averaged.
        scenarios: summaries per scenario.

    Example:
        >>> reliability([], []).reason
        'no run of case 3 without target labels stores its reliability'
    """
    stored: dict[tuple[str, str], list[Any]] = {}
    baselines = {}
    for row in rows:
        if (row["case"], row["track"]) == (3, "U") and row.get("reliability"):
            place = (row["scenario"], row["method"])
            stored.setdefault(place, []).append(row["reliability"])
            baselines[row["scenario"]] = row.get("against")
    pooled = {place: pool_bins(own) for place, own in stored.items()}
    panels = []
    for scenario, methods in ranked_methods(scenarios, 3, "U").items():
        baseline = str(baselines.get(scenario))
        best = next((name for name in methods if pooled.get((scenario, name))), None)
        if best is None or not pooled.get((scenario, baseline)):
            continue
        pair = [(name, pooled[scenario, name]) for name in (baseline, best)]
        note = "ECE in %: " + ", ".join(
            f"{name} {percent(calibration_error(bins))}" for name, bins in pair
        )
        panels.append(Panel(scenario, _figure(pair, scenario), note, "Case 3", "U"))
    if not panels:
        reason = "no run of case 3 without target labels stores its reliability"
        return absent(_SECTION, reason)
    notes = ["Right: the method of the highest gain there."]
    if len(panels) > _MOST_PANELS:
        notes.append(f"Shown are {_MOST_PANELS} of {len(panels)} scenarios.")
    return _SECTION._replace(panels=panels[:_MOST_PANELS], notes=notes)


def _is_share(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value <= 1


def _figure(pair: Sequence[tuple[str, Sequence[Bin]]], scenario: str) -> Markup:
    parts = []
    bottom = _TOP + _SIDE
    for number, (name, bins) in enumerate(pair):
        left = _LEFT + number * (_SIDE + _GAP)
        parts.append(
            Markup('<text class="start" x="{}" y="10">{}</text>').format(
                left, short(name, 24)
            )
        )
        for tick in (0.0, 0.5, 1.0):
            x, y = left + _SIDE * tick, bottom - _SIDE * tick
            parts.append(
                Markup(
                    '<path class="grid" d="M{x:g} {}V{b}M{} {y:g}h{}"/>'
                    '<text class="tick" x="{x:g}" y="{}">{t:g}</text>'
                    '<text class="tick end" x="{}" y="{y:g}">{t:g}</text>'
                ).format(
                    _TOP, left, _SIDE, bottom + 10, left - 5,
                    x=x, y=y, b=bottom, t=100 * tick,
                )
            )  # fmt: skip
        parts.append(
            Markup('<path class="base" d="M{} {}L{} {}"/>').format(
                left, bottom, left + _SIDE, _TOP
            )
        )
        total = sum(one.rows for one in bins)
        places = [
            (left + _SIDE * one.confidence, bottom - _SIDE * one.accuracy)
            for one in bins
        ]
        kind = "baseline" if number == 0 else "c0"
        parts.append(
            Markup('<g class="{}"><polyline class="line" points="{}"/>{}</g>').format(
                kind,
                " ".join(f"{x:.4g},{y:.4g}" for x, y in places),
                Markup("").join(
                    Markup(
                        '<circle class="bin" cx="{:.4g}" cy="{:.4g}" r="{:.2g}">'
                        "<title>{} rows</title></circle>"
                    ).format(x, y, 1.5 + 8 * math.sqrt(one.rows / total), one.rows)
                    for one, (x, y) in zip(bins, places, strict=True)
                ),
            )
        )
    parts.append(
        Markup(
            '<text class="tick" x="{}" y="{}">confidence % across, accuracy % up</text>'
        ).format(190, bottom + 26)
    )
    names = " and ".join(name for name, _ in pair)
    label = f"Accuracy over confidence on {scenario}: {names}"
    return svg(parts, height=bottom + 36, label=label)
