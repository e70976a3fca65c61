"""Accuracy over training, seed by seed."""

from typing import TYPE_CHECKING

import numpy as np

from da_zoo.bench.rows import Row
from da_zoo.interpret.figures import plain_text
from da_zoo.plot.results import (
    Results,
    of_one_table,
    rows_of,
    rows_with,
    scenario_title,
)
from da_zoo.plot.style import drawing, legend, marks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["learning_curves"]


def learning_curves(
    results: Results,
    *,
    scenario: str | None = None,
    track: str | None = None,
    label_fraction: float | None = None,
    most: int = 8,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draws target accuracy over steps: every seed thin, the mean of them thick.

    Args:
        results: a leaderboard or its rows, with ``curve``: ``{"step": [...],
            "accuracy": [...]}``. A null accuracy is a gap.
        scenario: None takes the first there is.
        track: "U" or "F"; None takes the first.
        label_fraction: in track F; None takes the first.
        most: methods drawn, those that end highest and the baseline.
        ax: to draw on; None makes a figure.

    Returns:
        The axes: steps across, accuracy in percent up. A mean is drawn where a method's
        seeds have the same steps.

    Raises:
        ValueError: if no run has a curve.

    Example:
        >>> cell = {"scenario": "s", "track": "U", "label_fraction": None, "seed": 0}
        >>> cell |= {"method": "dann", "status": "ok", "configuration": 0}
        >>> curve = {"step": [10, 20], "accuracy": [0.25, 0.75]}
        >>> ax = learning_curves([cell | {"curve": curve, "accuracy": 0.75}])
        >>> ax.lines[-1].get_ydata().tolist()
        [25.0, 75.0]
    """
    rows = rows_with(
        rows_of(results),
        "curve",
        scenario=scenario,
        track=track,
        label_fraction=label_fraction,
    )
    first = rows[0]
    methods = of_one_table(rows)
    methods = _highest(methods, most)
    with drawing(ax, 3.0) as ax:
        for name, (colour, marker) in marks(methods).items():
            steps = [tuple(row["curve"]["step"]) for row in methods[name]]
            values = [_percent(row) for row in methods[name]]
            for x, y in zip(steps, values, strict=True):
                ax.plot(x, y, color=colour, alpha=0.3, linewidth=0.6)
            if len(set(steps)) == 1:
                ax.plot(
                    steps[0],
                    np.mean(values, axis=0),
                    color=colour,
                    marker=marker,
                    markersize=3.0,
                    linewidth=1.4,
                    label=plain_text(name),
                )
            else:  # a name all the same
                ax.plot([], [], color=colour, marker=marker, label=plain_text(name))
        ax.set_xlabel("step")
        ax.set_ylabel("accuracy on the target, %")
        ax.set_title(plain_text(scenario_title([first["scenario"]], *_seen(first))))
        legend(ax, columns=3)
    return ax


def _highest(methods: dict[str, list[Row]], most: int) -> dict[str, list[Row]]:
    """Keeps the methods that end highest, and the one that gains are measured from."""

    def order(name: str) -> tuple[bool, float]:
        ends = [row["accuracy"] for row in methods[name]]
        baseline = methods[name][0].get("against") == name
        return not baseline, -float(np.mean(ends))

    kept = set(sorted(methods, key=order)[: max(most, 1)])
    return {name: own for name, own in methods.items() if name in kept}


def _seen(row: Row) -> tuple[str, float | None]:
    return row["track"], row["label_fraction"]


def _percent(row: Row) -> np.ndarray:
    values = [np.nan if a is None else a for a in row["curve"]["accuracy"]]
    return 100.0 * np.asarray(values, np.float64)
