"""A chart of lines whose names stand at their ends, so that colour is not needed."""

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from da_zoo.bench.report.frame import Frame, Scale, short, spread, svg

__all__ = ["Line", "line_chart"]

_HEIGHT, _LABELS, _GAP = 250, 104, 12.5


class Line(NamedTuple):
    """One line."""

    name: str
    points: Sequence[tuple[float, float]]
    """In order of the first coordinate."""
    style: str
    """"c0" to "c7", "baseline" or "oracle"; a style class."""


def line_chart(
    lines: Sequence[Line],
    x: Scale,
    y: Scale,
    *,
    titles: tuple[str, str],
    label: str,
) -> Markup:
    """Draws lines over common axes.

    Args:
        lines: in the order of painting; the last is on top.
        x: scale that covers all points.
        y: scale that covers all points.
        titles: of the two axes.
        label: what a screen reader says of the figure.

    Example:
        >>> scale = Scale(0.0, 1.0, [0.0, 1.0])
        >>> chart = line_chart(
        ...     [Line("a", [(0.0, 0.0), (1.0, 1.0)], "c0")],
        ...     scale,
        ...     scale,
        ...     titles=("x", "y"),
        ...     label="a line",
        ... )
        >>> "<polyline" in chart
        True
    """
    frame = Frame(x, y, height=_HEIGHT, right=_LABELS)
    ends = [frame.y(line.points[-1][1]) for line in lines]
    labels = spread(ends, _GAP, float(frame.top), float(frame.bottom))
    parts = [frame.grid(*titles)]
    for line, end, place in zip(lines, ends, labels, strict=True):
        last = frame.x(line.points[-1][0])
        parts.append(
            Markup(
                '<g class="{}"><polyline class="line" points="{}"/>'
                '<path class="dot" d="{}"/><path class="lead" d="M{} {}L{} {}"/></g>'
                '<text class="start" x="{}" y="{}">{}</text>'
            ).format(
                line.style,
                " ".join(f"{frame.x(a):g},{frame.y(b):g}" for a, b in line.points),
                "".join(f"M{frame.x(a):g} {frame.y(b):g}h0" for a, b in line.points),
                last,
                end,
                frame.right + 9,
                place,
                frame.right + 12,
                place,
                short(line.name, 15),
            )
        )
    return svg(parts, height=_HEIGHT, label=label)
