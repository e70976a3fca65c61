"""Confidence against accuracy: whether probabilities mean what they say."""

from typing import TYPE_CHECKING

from da_zoo.bench.report.reliability import pool_bins
from da_zoo.interpret.figures import plain_text
from da_zoo.plot.results import (
    Results,
    of_one_table,
    rows_of,
    rows_with,
    scenario_title,
)
from da_zoo.plot.style import GREY, drawing, legend, marks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["reliability"]


def reliability(
    results: Results,
    *,
    scenario: str | None = None,
    track: str | None = None,
    label_fraction: float | None = None,
    method: str | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draws accuracy over confidence in bins, the rows of all seeds put together.

    Args:
        results: a leaderboard or its rows, with ``reliability``: ``count``,
            ``confidence`` and ``accuracy`` of equal bins, null where a bin is empty.
        scenario: None takes the first there is.
        track: "U" or "F"; None takes the first.
        label_fraction: in track F; None takes the first.
        method: None draws all.
        ax: to draw on; None makes a figure.

    Returns:
        The axes, both in percent. On the diagonal a model is right as often as it
        expects; below it is overconfident. The size of a dot is its share of rows.

    Raises:
        ValueError: if no run has such bins.

    Example:
        >>> cell = {"scenario": "s", "track": "U", "label_fraction": None, "seed": 0}
        >>> cell |= {"method": "dann", "status": "ok", "configuration": 0}
        >>> bins = {
        ...     "count": [0, 8],
        ...     "confidence": [None, 0.75],
        ...     "accuracy": [None, 0.5],
        ... }
        >>> ax = reliability([cell | {"reliability": bins, "accuracy": 0.5}])
        >>> ax.lines[-1].get_xdata().tolist(), ax.lines[-1].get_ydata().tolist()
        ([75.0], [50.0])

    References:
        Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
    """
    rows = rows_with(
        rows_of(results),
        "reliability",
        scenario=scenario,
        track=track,
        label_fraction=label_fraction,
        method=method,
    )
    first = rows[0]
    methods = of_one_table(rows)
    with drawing(ax, 3.6) as ax:
        ax.plot([0, 100], [0, 100], color=GREY, linewidth=0.8, linestyle="--")
        for name, (colour, marker) in marks(methods).items():
            bins = pool_bins(row["reliability"] for row in methods[name])
            confidence = [100.0 * one.confidence for one in bins]
            accuracy = [100.0 * one.accuracy for one in bins]
            every = sum(one.rows for one in bins)
            ax.scatter(
                confidence,
                accuracy,
                s=[4.0 + 60.0 * one.rows / every for one in bins],
                marker=marker,
                color=colour,
                alpha=0.8,
                linewidths=0.0,
            )
            ax.plot(
                confidence,
                accuracy,
                color=colour,
                marker=marker,
                markersize=2.0,
                label=plain_text(name),
            )
        ax.set_xlim(0, 100)
        ax.set_ylim(0, 100)
        ax.set_aspect("equal")
        ax.set_xlabel("confidence, %")
        ax.set_ylabel("accuracy, %")
        seen = (first["track"], first["label_fraction"])
        ax.set_title(plain_text(scenario_title([first["scenario"]], *seen)))
        legend(ax, columns=3)
    return ax
