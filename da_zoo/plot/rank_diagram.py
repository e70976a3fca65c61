"""The critical-difference diagram: average ranks, and which differ at all."""

from typing import TYPE_CHECKING

from da_zoo.bench.leaderboard import Leaderboard, build_leaderboard
from da_zoo.bench.ranks import Ranks
from da_zoo.bench.standings import Standings
from da_zoo.bench.wording import track_title
from da_zoo.interpret.figures import plain_text
from da_zoo.plot.results import Results, runs_of
from da_zoo.plot.style import drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["rank_diagram"]

BAR, NAME = 0.09, 0.15
"""Inches per bar and per line of names."""


def rank_diagram(
    results: Results | Ranks,
    *,
    track: str | None = None,
    label_fraction: float | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draws average ranks, the best to the left, and bars over methods not told apart.

    Args:
        results: a leaderboard, its rows, or what
            :func:`da_zoo.bench.ranks.compare_ranks` returns.
        track: "U" or "F"; None takes the first there is.
        label_fraction: in track F; None takes the first.
        ax: to draw on; None makes a figure.

    Returns:
        The axes, whose x is the rank. Where ranks cannot be told apart the bars are
        missing and the reason stands under the title: fewer than 12 scenarios, fewer
        than 3 methods, or Friedman's test above 0.05.

    Raises:
        ValueError: if no track has a scenario with a baseline and an oracle.
        TypeError: for summaries, which have no runs any more.

    Example:
        >>> names = ("dann", "dan", "source_only")
        >>> ax = rank_diagram(Ranks(names, (1.2, 1.9, 2.9), 0.01, (names[:2],), ""))
        >>> [float(x) for x in ax.lines[-1].get_xdata()]
        [1.2, 1.9]

    References:
        Demšar, "Statistical Comparisons of Classifiers over Multiple Data Sets",
        JMLR 2006.
    """
    if isinstance(results, Ranks):
        ranks, title = results, "average rank"
    else:
        own = _standings(results, track, label_fraction)
        seen = track_title(own.track, own.label_fraction)
        ranks, title = (
            own.ranks,
            f"average rank, {len(own.scenarios)} scenarios, {seen}",
        )
    count = len(ranks.methods)
    half = -(-count // 2)
    height = 0.75 + BAR * len(ranks.cliques) + NAME * half
    with drawing(ax, height) as ax:
        from matplotlib.transforms import blended_transform_factory

        beside = blended_transform_factory(ax.transAxes, ax.transData)
        top = 0.06 + BAR * len(ranks.cliques)
        for number, (name, rank) in enumerate(
            zip(ranks.methods, ranks.ranks, strict=True)
        ):
            left = number < half
            # From the outside in, so that lines to the names do not cross.
            line = number if left else count - 1 - number
            y = top + NAME * (line + 0.6)
            end = 1.0 if left else float(max(count, 2))
            ax.plot([rank, rank, end], [0.0, y, y], color="#444444", linewidth=0.7)
            ax.text(
                -0.02 if left else 1.02,
                y,
                f"{plain_text(name)} {rank:.1f}",
                transform=beside,
                ha="right" if left else "left",
                va="center",
                fontsize=7.0,
            )
        place = dict(zip(ranks.methods, ranks.ranks, strict=True))
        for number, clique in enumerate(ranks.cliques):
            members = [place[name] for name in clique]
            y = BAR * (number + 0.9)
            ax.plot(
                [min(members), max(members)],
                [y, y],
                color="black",
                linewidth=3.0,
                solid_capstyle="round",
                label=plain_text(", ".join(clique)),
            )
        ax.set_xlim(1.0, max(count, 2))
        ax.set_ylim(top + NAME * half + 0.05, 0.0)
        ax.set_yticks([])
        ax.set_xticks(range(1, max(count, 2) + 1, 1 if count <= 12 else 5))
        ax.xaxis.tick_top()
        ax.spines[["left", "right", "bottom"]].set_visible(False)
        ax.spines["top"].set_visible(True)
        if ranks.reason:
            title += f"\nno bars: {ranks.reason}"
        ax.set_title(plain_text(title))
    return ax


def _standings(
    results: Results, track: str | None, label_fraction: float | None
) -> Standings:
    if not isinstance(results, Leaderboard):
        results = build_leaderboard(runs_of(results))
    for own in results.standings:
        if track in (None, own.track) and label_fraction in (None, own.label_fraction):
            return own
    raise ValueError(
        "no ranks to draw: no such track has a scenario with a baseline and an oracle "
        "(target_only on all labels) two points above it"
    )
