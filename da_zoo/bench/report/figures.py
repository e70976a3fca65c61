"""The report's drawings, as inline SVG without fixed colours: the page styles them.

All text passes through ``Markup.format`` or ``escape``, so names cannot inject markup.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from markupsafe import Markup

from da_zoo.bench.statistics import Interval
from da_zoo.bench.wording import percent, points_interval

__all__ = ["DotRow", "dot_panel", "gain_bar", "ticks"]

_BAR_WIDTH, _BAR_HEIGHT, _BAR_MARGIN = 132, 18, 6
_PANEL_WIDTH, _LABEL_WIDTH, _ROW_HEIGHT, _TOP = 380, 118, 17, 6
_LABEL_END = _LABEL_WIDTH - 8
_FINEST = 1e-9
"""Steps of an axis, as a share of what stands on it: floats hold 16 digits."""


class DotRow(NamedTuple):
    """One method of a dot panel."""

    method: str
    scores: Mapping[int, float]
    """Accuracies in [0, 1] or RMSEs, by seed; empty where every run failed."""
    kind: str = ""
    """"baseline", "oracle" or ""; a style class."""
    note: str = ""
    """What to write in place of dots."""


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Chooses round numbers that cover a range.

    Args:
        low: of the data.
        high: of the data, not below ``low``.
        most: at most so many steps.

    Returns:
        Two or more, also where rounding leaves nothing between ``low`` and ``high``:
        errors of a regression that went astray can be as large as one likes.

    Example:
        >>> ticks(0.31, 0.97)
        [0.2, 0.4, 0.6, 0.8, 1.0]
    """
    rough = max((high - low) / most, _FINEST * max(abs(low), abs(high)))
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(k * step, 10) for k in range(first, max(last, first + 1) + 1)]


def gain_bar(interval: Interval, low: float, high: float) -> Markup:
    """Draws a gain as a dot with its interval on a line through zero.

    Args:
        interval: of the gain.
        low: left end of the scale, at most 0; the same in a whole table.
        high: right end, at least 0.

    Returns:
        an ``<svg>`` of class ``up``, ``down`` or ``flat`` (interval includes 0).
    """
    span = max(high - low, 1e-9)

    def x(value: float) -> float:
        room = _BAR_WIDTH - 2 * _BAR_MARGIN
        return round(_BAR_MARGIN + room * (value - low) / span, 1)

    kind = "up" if interval.above_zero else "down" if interval.below_zero else "flat"
    middle = _BAR_HEIGHT / 2
    whisker = Markup("")
    if interval.low is not None and interval.high is not None:
        whisker = Markup('<path class="w" d="M{} {}H{}"/>').format(
            x(interval.low), middle, x(interval.high)
        )
    return Markup(
        '<svg class="bar {}" viewBox="0 0 {} {}" role="img" aria-label="{} points">'
        '<path class="zero" d="M{} 0V{}"/>{}<circle cx="{}" cy="{}" r="3.6"/></svg>'
    ).format(
        kind,
        _BAR_WIDTH,
        _BAR_HEIGHT,
        points_interval(interval),
        x(0.0),
        _BAR_HEIGHT,
        whisker,
        x(interval.mean),
        middle,
    )


def dot_panel(rows: Sequence[DotRow], *, label: str) -> Markup:
    """Draws every seed as a dot: methods down, scores across, a tick at the mean.

    Args:
        rows: in the order to draw.
        label: what a screen reader says of the figure.

    Returns:
        an ``<svg>``; empty where no row has a dot.
    """
    values = [value for row in rows for value in row.scores.values()]
    if not values:
        return Markup("")
    # At least ten points wide, so that noise does not look like an effect.
    middle, half = (min(values) + max(values)) / 2, (max(values) - min(values)) / 2
    half = max(half, 0.05)
    most = max(1.0, *values)  # accuracies end at 1, errors of a regression do not
    axis = ticks(max(0.0, middle - half), min(most, middle + half), 5)
    low, high = axis[0], axis[-1]
    plot_width = _PANEL_WIDTH - _LABEL_WIDTH - 14
    bottom = _TOP + _ROW_HEIGHT * len(rows)

    def x(value: float) -> float:
        return round(_LABEL_WIDTH + plot_width * (value - low) / (high - low), 1)

    parts = []
    for tick in axis:
        parts.append(
            Markup(
                '<path class="grid" d="M{0} {1}V{2}"/>'
                '<text class="tick" x="{0}" y="{3}">{4:g}</text>'
            ).format(x(tick), _TOP, bottom, bottom + 10, 100 * tick)
        )
    for row in rows:
        if row.kind == "baseline" and row.scores:
            mean = sum(row.scores.values()) / len(row.scores)
            parts.append(
                Markup('<path class="base" d="M{} {}V{}"/>').format(
                    x(mean), _TOP, bottom
                )
            )
    for number, row in enumerate(rows):
        y = _TOP + _ROW_HEIGHT * (number + 0.5)
        parts.append(_dot_row(row, y, x))
    return Markup(
        '<svg class="dots" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>'
    ).format(_PANEL_WIDTH, bottom + 20, label, Markup("").join(parts))


def _dot_row(row: DotRow, y: float, x: Callable[[float], float]) -> Markup:
    name = row.method if len(row.method) <= 18 else f"{row.method[:17]}…"
    kind = Markup(' class="{}"').format(row.kind) if row.kind else ""
    content = Markup("<text>{}</text>").format(name)
    if row.scores:
        values = list(row.scores.values())
        # One path for all dots of a row: a tenth of the size of circles. A page with
        # thousands of runs has to stay small, so the origin is the end of the label.
        content += Markup(
            '<title>seeds {}</title><path class="dot" d="{}"/>'
            '<path class="mean" d="{}"/>'
        ).format(
            ", ".join(f"{s}: {percent(v)}" for s, v in row.scores.items()),
            "".join(f"M{x(value) - _LABEL_END:.4g} 0h0" for value in values),
            f"M{x(sum(values) / len(values)) - _LABEL_END:.4g}-5v10",
        )
    else:
        content += Markup('<text class="note" x="12">{}</text>').format(row.note)
    return Markup('<g{} transform="translate({} {:g})">{}</g>').format(
        kind, _LABEL_END, y, content
    )
