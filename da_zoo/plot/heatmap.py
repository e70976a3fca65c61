"""Gains of all methods in all scenarios, as colours with their numbers."""

from typing import TYPE_CHECKING, Any

import numpy as np

from da_zoo.bench.report.heatmap import colour_limit
from da_zoo.bench.rows import BROKEN
from da_zoo.bench.summary import Summary
from da_zoo.bench.wording import points
from da_zoo.interpret.figures import plain_text
from da_zoo.plot.results import Results, summaries_of
from da_zoo.plot.style import COLUMN, PALETTE, drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["heatmap"]

CELL = (0.34, 0.19)
"""Inches, so that a number fits."""
_MISSING = "#e4e4e4"


def heatmap(
    results: Results, *, track: str | None = None, ax: "Axes | None" = None
) -> "Axes":
    """Draws method × scenario: blue where a method gains, vermilion where it loses.

    Args:
        results: see :data:`da_zoo.plot.Results`.
        track: "U" or "F"; None draws both.
        ax: to draw on; None makes a figure, one column wide unless there are more than
            six scenarios.

    Returns:
        The axes, whose image holds the gains in points, masked where there is none.
        Bold: the interval excludes 0. Grey: not applicable or not run; hatched: failed.

    Raises:
        ValueError: if there is no gain to draw.

    Example:
        >>> cell = {"case": 3, "scenario": "s", "track": "U", "label_fraction": None}
        >>> cell |= {"status": "ok", "configuration": 0, "seed": 0, "macro_f1": 0.5}
        >>> base = {**cell, "method": "source_only", "accuracy": 0.5}
        >>> ax = heatmap([base, {**cell, "method": "dann", "accuracy": 0.75}])
        >>> ax.images[0].get_array().tolist()
        [[25.0]]
    """
    cells: dict[tuple[Any, ...], dict[str, Summary]] = {}
    for s in summaries_of(results, by_scenario=True):
        if not s.baseline and not s.oracle and track in (None, s.track):
            place = (s.case, s.scenario, s.track, s.label_fraction)
            cells.setdefault(place, {})[s.method] = s
    columns = [
        place
        for place, own in cells.items()
        if any(set(s.statuses) != {"na"} for s in own.values())
    ]
    sizes = [s.gain.mean for c in columns for s in cells[c].values() if s.gain]
    if not sizes:
        raise ValueError(
            "no gain to draw: no method has a baseline of the same scenario and seeds"
        )
    methods = _ordered(cells, columns)
    values = np.ma.masked_all((len(methods), len(columns)))
    for j, column in enumerate(columns):
        for i, method in enumerate(methods):
            one = cells[column].get(method)
            if one is not None and one.gain is not None:
                values[i, j] = 100.0 * one.gain.mean
    limit = 100.0 * colour_limit(sizes)
    width = max(COLUMN, 1.15 + CELL[0] * len(columns))
    with drawing(ax, 1.35 + CELL[1] * len(methods), width) as ax:
        _image(ax, values, limit)
        for j, column in enumerate(columns):
            for i, method in enumerate(methods):
                _write(ax, (i, j), cells[column].get(method))
        titles = [_column_title(column) for column in columns]
        ax.set_xticks(range(len(columns)), titles, rotation=45, ha="right")
        ax.set_yticks(range(len(methods)), [plain_text(name) for name in methods])
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
        ax.set_title("gain over the baseline, points")
    return ax


def _ordered(
    cells: dict[tuple[Any, ...], dict[str, Summary]], columns: list[tuple[Any, ...]]
) -> list[str]:
    """Methods by their mean gain, the best first; those without any left out."""
    found: dict[str, list[float]] = {}
    for column in columns:
        for method, s in cells[column].items():
            if set(s.statuses) != {"na"}:
                own = found.setdefault(method, [])
                own += [s.gain.mean] if s.gain else []
    return sorted(found, key=lambda m: (-np.mean(found[m]) if found[m] else np.inf, m))


def _column_title(column: tuple[Any, ...]) -> str:
    _, scenario, track, fraction = column
    seen = "" if track == "U" else f" ({100 * fraction:g} %)"
    return plain_text(f"{scenario}{seen}")


def _image(ax: "Axes", values: np.ndarray, limit: float) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    colours = LinearSegmentedColormap.from_list(
        "gain", [PALETTE[1], "#ffffff", PALETTE[0]]
    )
    shown = colours.with_extremes(bad=_MISSING)
    ax.imshow(values, cmap=shown, vmin=-limit, vmax=limit, aspect="auto")


def _write(ax: "Axes", place: tuple[int, int], summary: Summary | None) -> None:
    i, j = place
    if summary is not None and summary.gain is not None:
        gain = summary.gain
        text = points(gain.mean)
        sure = gain.above_zero or gain.below_zero
        weight = "bold" if sure else "normal"
        image = ax.images[0]
        colour = _readable(*image.cmap(image.norm(np.array([100.0 * gain.mean]))))
    else:
        failed = summary is not None and not set(BROKEN).isdisjoint(summary.statuses)
        text, colour, weight = ("failed" if failed else "–"), "#555555", "normal"
        if failed:
            from matplotlib.patches import Rectangle

            corner = (j - 0.5, i - 0.5)
            ax.add_patch(
                Rectangle(corner, 1, 1, fill=False, hatch="////", edgecolor="#bbbbbb")
            )
    ax.text(
        j,
        i,
        text,
        ha="center",
        va="center",
        color=colour,
        fontweight=weight,
        fontsize=5.8,
    )


def _readable(ground: Any) -> str:
    """Black or white, whichever has more contrast on a colour (WCAG 2.1)."""
    linear = [
        c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in ground[:3]
    ]
    luminance = float(np.dot((0.2126, 0.7152, 0.0722), linear))
    return "black" if (luminance + 0.05) ** 2 > 0.05 * 1.05 else "white"
