"""The critical-difference diagram: methods on a line of ranks, bars over equals."""

from markupsafe import Markup

from da_zoo.bench.ranks import Ranks

__all__ = ["rank_diagram"]

WIDTH, SIDE, TOP, ROW = 720, 190, 34, 17


def rank_diagram(ranks: Ranks) -> Markup:
    """Draws average ranks, best to the left, and a bar over methods not told apart.

    Args:
        ranks: of :func:`da_zoo.bench.ranks.compare_ranks`.

    Returns:
        An ``<svg>`` without fixed colours; empty where there is nothing to tell apart,
        which ``ranks.reason`` says.

    Example:
        >>> rank_diagram(Ranks(("a",), (1.0,), None, (), "too few"))
        Markup('')

    References:
        Demšar, "Statistical Comparisons of Classifiers over Multiple Data Sets",
        JMLR 2006.
    """
    if ranks.reason:
        return Markup("")
    count = len(ranks.methods)
    plot = WIDTH - 2 * SIDE

    def x(rank: int | float) -> float:
        return round(SIDE + plot * (rank - 1) / max(count - 1, 1), 1)

    place = dict(zip(ranks.methods, ranks.ranks, strict=True))
    bars_end = TOP + 10 + 7 * len(ranks.cliques)
    parts = [Markup('<path class="axis" d="M{} {}H{}"/>').format(x(1), TOP, x(count))]
    step = 1 if count <= 12 else 5
    for tick in range(1, count + 1, step):
        parts.append(
            Markup(
                '<path class="grid" d="M{0} {1}v-5"/>'
                '<text class="tick" x="{0}" y="{2}">{3}</text>'
            ).format(x(tick), TOP, TOP - 9, tick)
        )
    for number, clique in enumerate(ranks.cliques):
        own = [place[name] for name in clique]
        y = TOP + 8 + 7 * number
        parts.append(
            Markup(
                '<path class="clique" d="M{} {}H{}"><title>{}</title></path>'
            ).format(x(min(own)) - 3, y, x(max(own)) + 3, ", ".join(clique))
        )
    half = -(-count // 2)
    for number, (name, rank) in enumerate(zip(ranks.methods, ranks.ranks, strict=True)):
        left = number < half
        # From the middle outwards, so that lines to the names do not cross.
        row = number if left else count - 1 - number
        y = bars_end + ROW * (row + 1)
        edge = SIDE - 8 if left else WIDTH - SIDE + 8
        parts.append(
            Markup(
                '<path class="leader" d="M{0} {1}V{2}H{3}"/>'
                '<text class="{4}" x="{5}" y="{6}">{7} <tspan>{8:.2f}</tspan></text>'
            ).format(
                x(rank),
                TOP,
                y,
                edge,
                "end" if left else "start",
                edge - 4 if left else edge + 4,
                y + 4,
                name,
                rank,
            )
        )
    height = bars_end + ROW * (half + 1)
    return Markup(
        '<svg class="ranks" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>'
    ).format(
        WIDTH,
        height,
        "Average ranks: "
        + ", ".join(
            f"{n} {r:.2f}" for n, r in zip(ranks.methods, ranks.ranks, strict=True)
        ),
        Markup("").join(parts),
    )
