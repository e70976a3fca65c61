"""What choosing checkpoints by target-test labels would add; it ranks nothing."""

from typing import TYPE_CHECKING

from da_zoo.bench.rows import Row
from da_zoo.interpret.figures import plain_text
from da_zoo.plot.results import Results, rows_of, rows_with, scenario_title
from da_zoo.plot.style import GREY, PALETTE, drawing, legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["dumbbell"]

ROW = 0.165


def dumbbell(
    results: Results,
    *,
    track: str | None = None,
    scenario: str | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draws each method's accuracy beside that of its best checkpoint in hindsight.

    Args:
        results: a leaderboard or its rows, with ``accuracy_oracle``.
        track: "U" or "F"; None takes the first there is.
        scenario: None averages over all scenarios of the track and its first label
            fraction, for the methods that ran in all of them.
        ax: to draw on; None makes a figure.

    Returns:
        The axes: a filled dot for the accuracy at the last step, a hollow one for the
        best checkpoint by target-test labels, which no method is ranked by.

    Raises:
        ValueError: if no run has both.

    Example:
        >>> cell = {"scenario": "s", "track": "U", "label_fraction": None, "seed": 0}
        >>> cell |= {"method": "dann", "status": "ok", "configuration": 0}
        >>> ax = dumbbell([cell | {"accuracy": 0.5, "accuracy_oracle": 0.75}])
        >>> ax.lines[0].get_xdata().tolist()
        [50.0, 75.0]
    """
    rows = rows_with(
        rows_of(results), "accuracy_oracle", track=track, scenario=scenario
    )
    first = rows[0]
    table = (first["track"], first["label_fraction"])
    rows = [row for row in rows if (row["track"], row["label_fraction"]) == table]
    names = {row["scenario"] for row in rows}
    methods: dict[str, list[Row]] = {}
    for row in rows:
        methods.setdefault(row["method"], []).append(row)
    ends = {
        method: (_mean(own, "accuracy"), _mean(own, "accuracy_oracle"))
        for method, own in methods.items()
        if {row["scenario"] for row in own} == names
    }
    if not ends:
        raise ValueError("no method ran in all scenarios: name one with scenario=")
    order = sorted(ends, key=lambda name: (-ends[name][0], name))
    with drawing(ax, 1.15 + ROW * len(order)) as ax:
        for place, name in enumerate(order):
            ax.plot(
                ends[name],
                [place, place],
                color=GREY,
                linewidth=1.6,
                zorder=1,
                label=f"_{plain_text(name)}",
            )
        places = range(len(order))
        ax.plot(
            [ends[name][0] for name in order],
            places,
            "o",
            color=PALETTE[0],
            label="at the last step",
        )
        ax.plot(
            [ends[name][1] for name in order],
            places,
            "o",
            color=PALETTE[1],
            markerfacecolor="white",
            label="best checkpoint by target-test labels (not ranked)",
            zorder=1.5,
        )
        ax.set_yticks(places, [plain_text(name) for name in order])
        ax.set_ylim(len(order) - 0.4, -0.6)
        ax.tick_params(axis="y", length=0)
        ax.set_xlabel("accuracy, %")
        ax.set_title(plain_text(scenario_title(names, *table)))
        legend(ax)
    return ax


def _mean(rows: list[Row], field: str) -> float:
    """Mean in percent, scenarios alike, whatever their number of seeds."""
    scenarios: dict[str, list[float]] = {}
    for row in rows:
        scenarios.setdefault(row["scenario"], []).append(100.0 * row[field])
    means = [sum(own) / len(own) for own in scenarios.values()]
    return sum(means) / len(means)
