"""Oracle against realistic: what choosing checkpoints by target-test labels would add.

The two are never mixed: what is ranked anywhere on the page is the filled dot, and the
ring is what the same runs would have been called by a paper that looks at the test set.
"""

from collections.abc import Sequence

from markupsafe import Markup

from da_zoo.bench.report.frame import Scale, linear, short, svg
from da_zoo.bench.report.section import Panel, Section, absent
from da_zoo.bench.report.selected import (
    baseline_of,
    covering,
    scenario_means,
    worded_scenarios,
)
from da_zoo.bench.rows import Row
from da_zoo.bench.wording import percent, points

__all__ = ["oracle_gap", "oracle_gaps"]

_LEFT, _RIGHT, _ROW, _TOP = 124, 336, 17, 22

_SECTION = Section(
    "oracle",
    "Oracle choice",
    "Realistic against oracle choice",
    "Filled: accuracy after the last step, as everywhere on this page. Ring: the best "
    "checkpoint of the same runs, chosen on target-test labels, not ranked. Many "
    "papers report the ring; without target labels it cannot be had. Number: the "
    "difference in points.",
)


def oracle_gaps(
    rows: Sequence[Row],
) -> tuple[list[str], list[tuple[str, float, float]], list[str]]:
    """Averages both accuracies over the same runs of track U in case 3.

    Args:
        rows: that are averaged (:func:`da_zoo.bench.report.selected.finished`).

    Returns:
        the scenarios; method, realistic and oracle accuracy, the highest realistic one
        first; and methods that lack a scenario.

    Example:
        >>> row = {"case": 3, "track": "U", "scenario": "s", "method": "dann"}
        >>> oracle_gaps([row | {"accuracy": 0.5, "accuracy_oracle": 0.75}])
        (['s'], [('dann', 0.5, 0.75)], [])
    """
    own = [
        row
        for row in rows
        if (row["case"], row["track"]) == (3, "U")
        and row.get("accuracy") is not None
        and row.get("accuracy_oracle") is not None
    ]
    baseline = baseline_of(own)
    scenarios, realistic, missing = covering(scenario_means(own, "accuracy"), baseline)
    _, oracle, _ = covering(scenario_means(own, "accuracy_oracle"), baseline)
    pairs = [(name, realistic[name], oracle[name]) for name in realistic]
    return scenarios, sorted(pairs, key=lambda p: (-p[1], p[0])), missing


def oracle_gap(rows: Sequence[Row]) -> Section:
    """Draws a dumbbell per method.

    Args:
        rows: that are averaged.

    Example:
        >>> oracle_gap([]).shown
        False
    """
    scenarios, pairs, missing = oracle_gaps(rows)
    if not pairs:
        return absent(_SECTION, "no run of case 3 without target labels stores both")
    note = f"track U, case 3, {worded_scenarios(scenarios)}"
    notes = [f"Not in all of these scenarios: {', '.join(missing)}."] if missing else []
    panel = Panel("Last step and oracle choice", _figure(pairs), note, track="U")
    return _SECTION._replace(panels=[panel], notes=notes)


def _figure(pairs: Sequence[tuple[str, float, float]]) -> Markup:
    values = [value for _, *both in pairs for value in both]
    scale = linear(values, least=0.1, low=0.0, high=1.0)
    bottom = _TOP + _ROW * len(pairs)
    parts = []
    for tick in scale.ticks:
        parts.append(
            Markup(
                '<path class="grid" d="M{0} {1}V{2}"/>'
                '<text class="tick" x="{0}" y="{3}">{4:g}</text>'
            ).format(_x(scale, tick), _TOP, bottom, bottom + 10, 100 * tick)
        )
    parts.append(
        Markup(
            '<text class="tick start" x="4" y="8">accuracy %</text>'
            '<text class="tick end" x="376" y="8">oracle − last step</text>'
        )
    )
    for number, (name, realistic, oracle) in enumerate(pairs):
        parts.append(
            Markup(
                "<g><title>{}: {} last step, {} oracle choice</title>"
                '<text class="end" x="{}" y="{y}">{}</text>'
                '<path class="link" d="M{} {y}H{}"/>'
                '<circle class="ring" cx="{}" cy="{y}" r="4"/>'
                '<circle class="full" cx="{}" cy="{y}" r="4"/>'
                '<text class="tick end" x="376" y="{y}">{}</text></g>'
            ).format(
                name,
                percent(realistic),
                percent(oracle),
                _LEFT - 10,
                short(name, 17),
                _x(scale, realistic),
                _x(scale, oracle),
                _x(scale, oracle),
                _x(scale, realistic),
                points(oracle - realistic),
                y=_TOP + _ROW * (number + 0.5),
            )
        )
    label = "Accuracy after the last step, and of the checkpoint chosen on test labels"
    return svg(parts, height=bottom + 22, label=label)


def _x(scale: Scale, value: float) -> float:
    return round(_LEFT + (_RIGHT - _LEFT) * scale.share(value), 1)
