"""Every run as a dot: what an average over seeds hides."""

from typing import TYPE_CHECKING

from da_zoo.bench.row_combinations import metric_of
from da_zoo.bench.summary import is_oracle
from da_zoo.bench.wording import METRIC_TITLES
from da_zoo.interpret.figures import plain_text
from da_zoo.plot.results import (
    Results,
    of_one_table,
    rows_of,
    rows_with,
    scenario_title,
)
from da_zoo.plot.style import GREY, drawing, marks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["seeds"]

ROW = 0.165


def seeds(
    results: Results,
    *,
    scenario: str | None = None,
    track: str | None = None,
    label_fraction: float | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draws the score of every seed as a dot, and a tick at their mean.

    Args:
        results: a leaderboard or its rows.
        scenario: None takes the first there is.
        track: "U" or "F"; None takes the first that the scenario has.
        label_fraction: in track F; None takes the first.
        ax: to draw on; None makes a figure.

    Returns:
        The axes: percent across, methods down by their mean; the dashed line is the
        baseline's. The title says what is drawn.

    Raises:
        ValueError: if no run is of what is asked for.

    Example:
        >>> cell = {"scenario": "s", "track": "U", "label_fraction": None}
        >>> cell |= {"method": "source_only", "status": "ok", "configuration": 0}
        >>> rows = [cell | {"seed": s, "accuracy": 0.5 + s / 10} for s in (0, 1)]
        >>> seeds(rows).lines[1].get_xdata().tolist()
        [50.0, 60.0]
    """
    rows = [
        row
        for row in rows_with(rows_of(results), "method", scenario=scenario)
        if row.get(metric_of(row)) is not None and not is_oracle(row)
    ]
    rows = rows_with(rows, "method", track=track, label_fraction=label_fraction)
    first = rows[0]
    methods = of_one_table(rows)
    metric = metric_of(first)
    found = {name: [100.0 * r[metric] for r in own] for name, own in methods.items()}
    down = 1 if metric == "rmse" else -1
    order = sorted(found, key=lambda name: down * sum(found[name]) / len(found[name]))
    with drawing(ax, 0.75 + ROW * len(order)) as ax:
        baseline = first["against"]
        if baseline in found:
            mean = sum(found[baseline]) / len(found[baseline])
            ax.axvline(mean, color=GREY, linestyle="--", linewidth=0.8, zorder=0)
        for place, name in enumerate(order):
            colour, marker = marks(found)[name]
            values = found[name]
            ax.plot(
                values,
                [place] * len(values),
                marker,
                color=colour,
                alpha=0.75,
                markeredgewidth=0.0,
                label=plain_text(name),
            )
            ax.plot([sum(values) / len(values)], [place], "|k", markersize=9.0)
        ax.set_yticks(range(len(order)), [plain_text(name) for name in order])
        ax.set_ylim(len(order) - 0.4, -0.6)
        ax.tick_params(axis="y", length=0)
        ax.set_xlabel(f"{METRIC_TITLES[metric]} of every seed, %")
        title = scenario_title(
            [first["scenario"]], first["track"], first["label_fraction"]
        )
        ax.set_title(plain_text(title))
    return ax
