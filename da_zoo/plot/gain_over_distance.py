"""Gain over the distance of the domains: do methods help where there is a shift?"""

from typing import TYPE_CHECKING

from da_zoo.bench.row_combinations import metric_of
from da_zoo.bench.summary import BASELINES, is_oracle
from da_zoo.interpret.figures import plain_text
from da_zoo.plot.results import Results, rows_of
from da_zoo.plot.style import GREY, drawing, legend, marks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["gain_over_distance"]


def gain_over_distance(
    results: Results, *, track: str = "U", ax: "Axes | None" = None
) -> "Axes":
    """Draws a dot per method and scenario: gain over the proxy A-distance.

    Args:
        results: a leaderboard or its rows.
        track: of the gains, "U" or "F", the latter averaged over label fractions; the
            distance is always that of ``source_only``.
        ax: to draw on; None makes a figure.

    Returns:
        The axes: the distance of both domains' features under ``source_only`` across, 0
        (alike) to 2 (told apart without error); mean gain in points up. Regressions,
        whose gains are of another unit, are left out.

    Raises:
        ValueError: if no scenario has both.

    Example:
        >>> cell = {"scenario": "s", "track": "U", "label_fraction": None, "seed": 0}
        >>> cell |= {"status": "ok", "configuration": 0}
        >>> far = {"method": "source_only", "diagnostics": {"proxy_a_distance": 1.5}}
        >>> rows = [
        ...     cell | far | {"accuracy": 0.5},
        ...     cell | {"method": "dann", "accuracy": 0.75},
        ... ]
        >>> line = gain_over_distance(rows).lines[-1]
        >>> line.get_xdata().tolist(), line.get_ydata().tolist()
        ([1.5], [25.0])

    References:
        Ben-David et al., "Analysis of Representations for Domain Adaptation", 2006.
    """
    distances: dict[str, list[float]] = {}
    gains: dict[str, dict[str, list[float]]] = {}
    for row in rows_of(results):
        distance = (row.get("diagnostics") or {}).get("proxy_a_distance")
        if row["method"] == BASELINES["U"] and distance is not None:
            distances.setdefault(row["scenario"], []).append(distance)
        shown = (
            row["track"] == track
            and row["gain"] is not None
            and row["method"] != row["against"]
            and metric_of(row) != "rmse"
            and not is_oracle(row)
        )
        if shown:
            own = gains.setdefault(row["method"], {})
            own.setdefault(row["scenario"], []).append(100.0 * row["gain"])
    points = {
        method: sorted(
            (_mean(distances[name]), _mean(values))
            for name, values in own.items()
            if name in distances
        )
        for method, own in gains.items()
    }
    points = {method: own for method, own in points.items() if own}
    if not points:
        raise ValueError(
            f"no scenario has a gain in track {track} and a proxy_a_distance among the "
            "diagnostics of source_only"
        )
    with drawing(ax, 2.9) as ax:
        ax.axhline(0.0, color=GREY, linewidth=0.8, zorder=0)
        for name, mark in marks(points).items():
            ax.plot(
                *zip(*points[name], strict=True),
                mark.marker,
                color=mark.colour,
                alpha=0.85,
                markeredgewidth=0.0,
                label=plain_text(name),
            )
        ax.set_xlabel("proxy A-distance of the domains under source_only")
        ax.set_ylabel("gain, points")
        legend(ax, columns=3)
    return ax


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
