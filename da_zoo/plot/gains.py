"""Gains over the baseline with their intervals, one group per case and track."""

from typing import TYPE_CHECKING

from da_zoo.bench.summary import Summary
from da_zoo.bench.wording import track_title
from da_zoo.interpret.figures import plain_text
from da_zoo.plot.results import Results, summaries_of
from da_zoo.plot.style import GREY, PALETTE, drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["gains"]

ROW = 0.155
"""Inches per method."""


def gains(
    results: Results,
    *,
    case: int | None = None,
    track: str | None = None,
    scenario: str | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draws each method's gain as a dot with its 95 % interval.

    Blue are gains whose interval is above 0, vermilion those below; hollow ones say
    nothing, for their interval holds 0 or one seed gives none.

    Args:
        results: see :data:`da_zoo.plot.Results`.
        case: 1 to 4; None draws all.
        track: "U" or "F"; None draws both.
        scenario: of this scenario; None averages over a case's scenarios.
        ax: to draw on; None makes a figure.

    Returns:
        The axes: points of accuracy across, methods down, the best of a group on top.

    Raises:
        ValueError: if there is no gain to draw.

    Example:
        >>> cell = {"case": 3, "scenario": "s", "track": "U", "label_fraction": None}
        >>> cell |= {"status": "ok", "configuration": 0, "macro_f1": 0.5}
        >>> runs = [("source_only", 0, 0.5), ("dann", 0, 0.6), ("source_only", 1, 0.5)]
        >>> rows = [
        ...     cell | {"method": method, "seed": seed, "accuracy": accuracy}
        ...     for method, seed, accuracy in [*runs, ("dann", 1, 0.7)]
        ... ]
        >>> [text.get_text() for text in gains(rows).get_yticklabels()]
        ['dann']
    """
    groups: dict[str, list[Summary]] = {}
    for s in summaries_of(results, by_scenario=scenario is not None):
        shown = (
            s.gain is not None
            and not s.baseline
            and not s.oracle
            and case in (None, s.case)
            and track in (None, s.track)
            and scenario in (None, s.scenario)
        )
        if shown:
            where = s.scenario or f"Case {s.case}"
            title = f"{where}, {track_title(s.track, s.label_fraction)}"
            groups.setdefault(title, []).append(s)
    if not groups:
        raise ValueError(
            "no gain to draw: no method has a baseline of the same scenario and seeds"
        )
    lines = sum(len(group) + 1 for group in groups.values())
    with drawing(ax, 0.55 + ROW * lines) as ax:
        ax.axvline(0.0, color=GREY, linewidth=0.8, zorder=0)
        place = 0
        names: list[tuple[int, str]] = []
        for title, group in groups.items():
            ax.annotate(
                plain_text(title),
                (0.0, place),
                (2, 0),
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
                va="center",
                fontweight="bold",
                fontsize="small",
                zorder=5,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8},
            )
            for number, s in enumerate(group, start=place + 1):
                _draw(ax, number, s)
                names.append((number, plain_text(s.method)))
            place += len(group) + 1
        ax.set_yticks(*zip(*names, strict=True))
        ax.set_ylim(place - 0.4, -0.6)
        ax.tick_params(axis="y", length=0)
        ax.set_xlabel("gain over the baseline, points")
    return ax


def _draw(ax: "Axes", place: int, summary: Summary) -> None:
    gain = summary.gain
    assert gain is not None
    sure = gain.above_zero or gain.below_zero
    colour = PALETTE[0] if gain.mean > 0 else PALETTE[1]
    if gain.low is not None and gain.high is not None:
        ax.plot([100 * gain.low, 100 * gain.high], [place, place], color=colour)
    ax.plot(
        [100 * gain.mean],
        [place],
        "o",
        color=colour,
        markerfacecolor=colour if sure else "white",
        label=plain_text(summary.method),
    )
