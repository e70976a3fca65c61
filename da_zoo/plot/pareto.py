"""Cost against gain, and the methods that no other beats in both."""

from typing import TYPE_CHECKING

from da_zoo.bench.report.cost import Cost, frontier
from da_zoo.bench.row_combinations import metric_of
from da_zoo.bench.summary import Summary, summarise
from da_zoo.interpret.figures import plain_text
from da_zoo.plot.results import Results, rows_of, rows_with, scenario_title
from da_zoo.plot.style import GREY, drawing, marks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["pareto"]

COSTS = {
    "fit_seconds": "seconds of training per run",
    "compile_seconds": "seconds of compilation per run",
}


def pareto(
    results: Results,
    *,
    track: str | None = None,
    label_fraction: float | None = None,
    cost: str = "fit_seconds",
    ax: "Axes | None" = None,
) -> "Axes":
    """Draws each method's gain over what it costs.

    Args:
        results: a leaderboard or its rows, all made on one device.
        track: "U" or "F"; None takes the first with a gain.
        label_fraction: in track F; None takes the first.
        cost: "fit_seconds" or "compile_seconds", the mean over runs.
        ax: to draw on; None makes a figure.

    Returns:
        The axes: cost across, logarithmic; gain in points up, averaged over scenarios
        within each seed, with its 95 % interval. The line joins the methods that no
        cheaper one equals. Methods that lack a scenario, and regressions, are left out.

    Raises:
        ValueError: for another cost, or if there is no gain to draw.

    Example:
        >>> cell = {"scenario": "s", "track": "U", "label_fraction": None, "seed": 0}
        >>> cell |= {"status": "ok", "configuration": 0, "fit_seconds": 2.0}
        >>> base = {**cell, "method": "source_only", "accuracy": 0.5}
        >>> ax = pareto([base, {**cell, "method": "dann", "accuracy": 0.75}])
        >>> ax.lines[2].get_label(), ax.lines[2].get_ydata().tolist()
        ('dann', [25.0])
    """
    if cost not in COSTS:
        raise ValueError(f"cost must be one of {sorted(COSTS)}, got {cost!r}")
    rows = [row for row in rows_of(results) if metric_of(row) != "rmse"]
    rows = rows_with(rows, "gain", track=track, label_fraction=label_fraction)
    first = next((row for row in rows if row["method"] != row["against"]), rows[0])
    table = (first["track"], first["label_fraction"])
    rows = [row for row in rows if (row["track"], row["label_fraction"]) == table]
    # One table of all cases, whatever each of its scenarios is ranked by: gains only.
    whole = [row | {"case": 0, "metric": "accuracy"} for row in rows]
    found = [s for s in summarise(whole, by_scenario=False) if _cost(s, cost) > 0]
    most = max((s.scenarios for s in found), default=0)
    found = [s for s in found if s.scenarios == most and s.gain is not None]
    if not found:
        raise ValueError(f"no method has both a gain and {cost}")
    styles = marks(s.method for s in found)
    with drawing(ax, 2.6) as ax:
        from matplotlib.ticker import LogLocator, NullFormatter

        ax.axhline(0.0, color=GREY, linewidth=0.8, zorder=0)
        front = frontier([Cost(s.method, _cost(s, cost), _gain(s)) for s in found])
        ax.plot(
            [one.seconds for one in front],
            [one.gain for one in front],
            color=GREY,
            drawstyle="steps-post",
            linewidth=0.9,
            zorder=1,
            label="_front",
        )
        for s in found:
            _point(ax, s, cost, *styles[s.method])
        ax.set_xscale("log")
        # Costs span a decade at most, which powers of ten alone would not name.
        ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        ax.xaxis.set_major_formatter("{x:g}")
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.margins(x=0.25)
        ax.set_xlabel(COSTS[cost])
        ax.set_ylabel("gain, points")
        names = {row["scenario"] for row in rows}
        ax.set_title(plain_text(scenario_title(names, *table)))
    return ax


def _cost(summary: Summary, cost: str) -> float:
    found: float | None = getattr(summary, cost)
    return found or 0.0


def _gain(summary: Summary) -> float:
    assert summary.gain is not None
    return 100.0 * summary.gain.mean


def _point(ax: "Axes", summary: Summary, cost: str, colour: str, marker: str) -> None:
    gain, at = summary.gain, _cost(summary, cost)
    assert gain is not None
    if gain.low is not None and gain.high is not None:
        ax.vlines(
            at, 100 * gain.low, 100 * gain.high, color=colour, alpha=0.5, linewidth=1.0
        )
    ax.plot([at], [100 * gain.mean], marker, color=colour, label=summary.method)
    ax.annotate(
        plain_text(summary.method),
        (at, 100 * gain.mean),
        (5, 3),
        textcoords="offset points",
        fontsize=6.5,
    )
