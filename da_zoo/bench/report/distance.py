"""Gain against the distance of the domains: is there more to gain farther apart?"""

import statistics
from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup
from scipy import stats

from da_zoo.bench.report.frame import Frame, linear, svg
from da_zoo.bench.report.section import Heading, Panel, Section, Table, absent
from da_zoo.bench.report.selected import mean
from da_zoo.bench.rows import Row
from da_zoo.bench.summary import Summary
from da_zoo.bench.wording import MINUS, points

__all__ = ["Distant", "gain_by_distance", "gains_by_distance"]

_HEIGHT = 290
_LEAST_FOR_CORRELATION = 5

_SECTION = Section(
    "distance",
    "Distance",
    "Gain against domain distance",
    "Each column is a scenario without target labels: the best (filled), the median "
    "(bar) and the worst method (ring), over the distance of source and target in the "
    "features of the unadapted network. Proxy A-distance: 0, the domains cannot be "
    "told apart; 2, never mistaken.",
)


class Distant(NamedTuple):
    """One scenario."""

    scenario: str
    case: int
    distance: float
    """Proxy A-distance of the baseline's features, mean over seeds, in [0, 2]."""
    gains: tuple[tuple[float, str], ...]
    """Mean gain and method, the lowest first."""

    @property
    def median(self) -> float:
        """The typical method's gain."""
        return statistics.median(gain for gain, _ in self.gains)


def gains_by_distance(
    rows: Sequence[Row], scenarios: Sequence[Summary]
) -> list[Distant]:
    """Pairs the gains of each scenario of cases 1 and 3 with its distance.

    Args:
        rows: that are averaged; the distance is of the baseline's runs.
        scenarios: summaries per scenario.

    Returns:
        the nearest scenario first.
    """
    distances: dict[str, list[float]] = {}
    for row in rows:
        if row["track"] == "U" and row["method"] == row.get("against"):
            found = (row.get("diagnostics") or {}).get("proxy_a_distance")
            if found is not None:
                distances.setdefault(row["scenario"], []).append(float(found))
    gains: dict[tuple[str, int], list[tuple[float, str]]] = {}
    for s in scenarios:
        if s.track != "U" or s.case not in (1, 3) or s.metric == "rmse":
            continue
        if s.gain is not None and not s.baseline and s.scenario in distances:
            gains.setdefault((s.scenario, s.case), []).append((s.gain.mean, s.method))
    pairs = [
        Distant(scenario, case, mean(distances[scenario]), tuple(sorted(own)))
        for (scenario, case), own in gains.items()
    ]
    return sorted(pairs, key=lambda one: (one.distance, one.scenario))


def gain_by_distance(rows: Sequence[Row], scenarios: Sequence[Summary]) -> Section:
    """Draws the gains over the distances, and tables them.

    Args:
        rows: that are averaged.
        scenarios: summaries per scenario.

    Example:
        >>> gain_by_distance([], []).shown
        False
    """
    found = gains_by_distance(rows, scenarios)
    if len(found) < 2:
        reason = "fewer than two scenarios have both a gain and a proxy A-distance"
        return absent(_SECTION, reason)
    note = "Numbers name the scenarios of the table."
    if len(found) >= _LEAST_FOR_CORRELATION:
        distances = [one.distance for one in found]
        medians = [one.median for one in found]
        if len(set(distances)) > 1 and len(set(medians)) > 1:
            rho = float(stats.spearmanr(distances, medians).statistic)
            worded = f"{rho:.2f}".replace("-", MINUS)
            note += (
                f" Spearman's correlation of distance and median gain: {worded} over "
                f"{len(found)} scenarios."
            )
    panel = Panel("Gain over proxy A-distance", _figure(found), note, track="U")
    return _SECTION._replace(panels=[panel], tables=[_table(found)])


def _figure(found: Sequence[Distant]) -> Markup:
    distances = [one.distance for one in found]
    gains = [gain for one in found for gain, _ in one.gains]
    x = linear(distances, least=0.2, low=0.0, high=2.0)
    y = linear([*gains, 0.0], least=0.05)._replace(text=_points)
    # Room for the numbers above the best gain and for rings at the edge.
    frame = Frame(x, y, height=_HEIGHT)
    parts = [
        frame.grid("proxy A-distance of the unadapted features", "gain in points"),
        Markup('<path class="base" d="M{} {}H{}"/>').format(
            frame.left, frame.y(0.0), frame.right
        ),
    ]
    taken = [
        (frame.x(one.distance), frame.y(gain))
        for one in found
        for gain, _ in (one.gains[0], one.gains[-1])
    ]
    for number, one in enumerate(found, start=1):
        (worst, worst_name), (best, best_name) = one.gains[0], one.gains[-1]
        place = frame.x(one.distance)
        above = frame.y(best) - 10.0
        while any(abs(a - place) < 13 and abs(b - above) < 9 for a, b in taken):
            above -= 10
        taken.append((place, above))
        parts.append(
            Markup(
                "<g><title>{}: {} {}, median {}, {} {}</title>"
                '<path class="link" d="M{x} {}V{}"/>'
                '<path class="mean" d="M{} {}h10"/>'
                '<circle class="ring low" cx="{x}" cy="{}" r="3.6"/>'
                '<circle class="full" cx="{x}" cy="{}" r="3.6"/>'
                '<text x="{x}" y="{}">{}</text></g>'
            ).format(
                one.scenario,
                best_name,
                points(best),
                points(one.median),
                worst_name,
                points(worst),
                frame.y(worst),
                frame.y(best),
                round(place - 5, 1),
                frame.y(one.median),
                frame.y(worst),
                frame.y(best),
                above,
                number,
                x=place,
            )
        )
    label = "Best, median and worst gain of each scenario over its domain distance"
    return svg(parts, height=_HEIGHT, label=label)


def _points(gain: float) -> str:
    return f"{100 * gain:g}".replace("-", MINUS)


def _table(found: Sequence[Distant]) -> Table:
    headings = (
        Heading("Scenario", True),
        Heading("Number"),
        Heading("Case"),
        Heading("Distance", hint="proxy A-distance of the baseline's features"),
        Heading("Best", hint="gain in points"),
        Heading("Method", True),
        Heading("Median", hint="gain in points"),
        Heading("Worst", hint="gain in points"),
        Heading("Method", True),
    )
    rows = [
        [
            one.scenario,
            f"{number}",
            f"{one.case}",
            f"{one.distance:.2f}",
            points(one.gains[-1][0]),
            one.gains[-1][1],
            points(one.median),
            points(one.gains[0][0]),
            one.gains[0][1],
        ]
        for number, one in enumerate(found, start=1)
    ]
    return Table("Gain and domain distance by scenario", headings, rows)
