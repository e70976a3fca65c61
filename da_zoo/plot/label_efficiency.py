"""Accuracy over the share of target labels: what transfer saves in labels."""

from typing import TYPE_CHECKING

from da_zoo.bench.row_combinations import metric_of
from da_zoo.bench.rows import Row
from da_zoo.bench.statistics import Interval
from da_zoo.bench.summary import BASELINES, is_oracle, summarise
from da_zoo.bench.wording import METRIC_TITLES
from da_zoo.interpret.figures import plain_text
from da_zoo.plot.results import Results, rows_of, rows_with
from da_zoo.plot.style import GREY, drawing, legend, marks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["label_efficiency"]


def label_efficiency(
    results: Results, *, scenario: str | None = None, ax: "Axes | None" = None
) -> "Axes":
    """Draws each method's score over the label fraction, with bands of 95 %.

    Args:
        results: a leaderboard or its rows; of track F count those of every fraction.
        scenario: None takes the first there is.
        ax: to draw on; None makes a figure.

    Returns:
        The axes: share of labels across, logarithmic; percent up. Grey is training from
        scratch, whose point at 100 % is the oracle; the dotted line is the source
        alone, without any target label.

    Raises:
        ValueError: if there is no run with target labels.

    Example:
        >>> cell = {"scenario": "s", "case": 3, "track": "F", "configuration": 0}
        >>> cell |= {"method": "target_only", "status": "ok", "seed": 0}
        >>> rows = [
        ...     cell | {"label_fraction": q, "accuracy": a}
        ...     for q, a in ((0.01, 0.5), (0.1, 0.8))
        ... ]
        >>> label_efficiency(rows).lines[0].get_xdata().tolist()
        [1.0, 10.0]
    """
    every = rows_with(rows_of(results), "method", scenario=scenario)
    labelled = rows_with(every, "label_fraction")
    first = labelled[0]
    metric = metric_of(first)
    own = [
        row
        for row in every
        if row["scenario"] == first["scenario"] and metric_of(row) == metric
    ]
    curves: dict[str, list[tuple[float, Interval]]] = {}
    bound: Interval | None = None
    for s in summarise(own, by_scenario=True):
        if s.score is None:
            continue
        if s.label_fraction is not None:
            point = (100.0 * s.label_fraction, s.score)
            curves.setdefault(s.method, []).append(point)
        elif s.method == BASELINES["U"]:
            bound = s.score
    with drawing(ax, 3.0) as ax:
        for name in sorted(curves, key=lambda name: (name != BASELINES["F"], name)):
            _curve(ax, name, sorted(curves[name]), marks(curves)[name])
        if bound is not None:
            ax.axhline(
                100.0 * bound.mean,
                color=GREY,
                linestyle=":",
                label="source_only, no target label",
            )
        ax.set_xscale("log")
        shown = sorted({x for points in curves.values() for x, _ in points})
        ax.set_xticks(shown, [f"{x:g}" for x in shown])
        ax.minorticks_off()
        ax.set_xlabel("share of the target's labels, %")
        ax.set_ylabel(f"{METRIC_TITLES[metric]}, %")
        ax.set_title(plain_text(first["scenario"]))
        _name_oracle(ax, own)
        legend(ax, columns=2)
    return ax


def _curve(
    ax: "Axes", name: str, points: list[tuple[float, Interval]], mark: tuple[str, str]
) -> None:
    colour, marker = mark
    x = [fraction for fraction, _ in points]
    ax.plot(
        x,
        [100.0 * score.mean for _, score in points],
        color=colour,
        marker=marker,
        label=plain_text(name),
    )
    ends = [
        (fraction, 100.0 * score.low, 100.0 * score.high)
        for fraction, score in points
        if score.low is not None and score.high is not None
    ]
    if ends:
        where, low, high = zip(*ends, strict=True)
        ax.fill_between(where, low, high, color=colour, alpha=0.15, linewidth=0)


def _name_oracle(ax: "Axes", rows: list[Row]) -> None:
    found = [100.0 * row[metric_of(row)] for row in rows if is_oracle(row)]
    if found:
        ax.annotate(
            "oracle",
            (100.0, sum(found) / len(found)),
            (0, 5),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=7.0,
            color="#555555",
        )
