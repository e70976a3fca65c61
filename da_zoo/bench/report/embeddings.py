"""Features before and after adaptation: colour is the class, the marker the domain."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup

from da_zoo.bench.report.frame import short, svg
from da_zoo.bench.report.section import Panel, Section, absent
from da_zoo.bench.report.selected import numbers, ranked_methods
from da_zoo.bench.rows import Row
from da_zoo.bench.summary import Summary

__all__ = ["Embedding", "embeddings", "read_embedding"]

_MOST_SCENARIOS = 4
_MOST_POINTS = 200
"""Per domain and figure; more are neither seen nor small."""
_COLOURS = 8
_SIDE, _TOP, _LARGEST = 180, 22, 999

_SECTION = Section(
    "features",
    "Features",
    "Features before and after",
    "The first two principal components of the features of test rows, one seed, "
    "without target labels in case 3. Colour: the class. Dot: source; cross: target. "
    "Target labels colour the picture and served nothing else. Each square has axes "
    "of its own.",
)


class Embedding(NamedTuple):
    """Places of both domains' rows, from 0 to 999, and their classes."""

    source: Sequence[tuple[float, float]]
    target: Sequence[tuple[float, float]]
    source_labels: Sequence[int]
    target_labels: Sequence[int]


def read_embedding(stored: Any) -> Embedding | None:
    """Reads a row's field ``embedding``; None where it is not one.

    Example:
        >>> read_embedding({"source": [[1, 2]], "target": []})
        >>> stored = {"source": [[0, 9]], "target": [[5, 5]]}
        >>> stored |= {"source_labels": [1], "target_labels": [0]}
        >>> read_embedding(stored).source
        [(0.0, 9.0)]
    """
    if not isinstance(stored, Mapping):
        return None
    places, labels = [], []
    for domain in ("source", "target"):
        points = stored.get(domain)
        own = stored.get(f"{domain}_labels")
        if not isinstance(points, list) or not isinstance(own, list):
            return None
        pairs = [numbers(p, low=0.0, high=float(_LARGEST)) for p in points]
        found = [(p[0], p[1]) for p in pairs if p is not None and len(p) == 2]
        if not found or len(found) != len(points) or len(own) != len(points):
            return None
        if any(type(label) is not int for label in own):
            return None
        places.append(found)
        labels.append(own)
    return Embedding(places[0], places[1], labels[0], labels[1])


def embeddings(rows: Sequence[Row], scenarios: Sequence[Summary]) -> Section:
    """Draws the baseline's features beside those of each scenario's best method.

    Args:
        rows: that are averaged.
        scenarios: summaries per scenario.

    Example:
        >>> embeddings([], []).reason
        'no run of case 3 without target labels stores its features'
    """
    stored: dict[tuple[str, str], tuple[int, Embedding]] = {}
    baselines = {}
    for row in rows:
        if (row["case"], row["track"]) != (3, "U"):
            continue
        found = read_embedding(row.get("embedding"))
        place = (row["scenario"], row["method"])
        if found and (place not in stored or row["seed"] < stored[place][0]):
            stored[place] = row["seed"], found
            baselines[row["scenario"]] = row.get("against")
    panels = []
    for scenario, methods in ranked_methods(scenarios, 3, "U").items():
        before = stored.get((scenario, str(baselines.get(scenario))))
        best = next((name for name in methods if (scenario, name) in stored), None)
        if before is None or best is None:
            continue
        after = stored[scenario, best]
        pair = [
            (f"before: {baselines[scenario]}", before[1]),
            (f"after: {best}", after[1]),
        ]
        label = f"Features on {scenario}, before and after {best}"
        panels.append(Panel(scenario, _figure(pair, label), "", "Case 3", "U"))
    if not panels:
        reason = "no run of case 3 without target labels stores its features"
        return absent(_SECTION, reason)
    notes = ["After: the method of the highest gain there that stores features."]
    if len(panels) > _MOST_SCENARIOS:
        notes.append(
            f"Shown are the first {_MOST_SCENARIOS} of {len(panels)} scenarios."
        )
    return _SECTION._replace(panels=panels[:_MOST_SCENARIOS], notes=notes)


def _figure(pair: Sequence[tuple[str, Embedding]], label: str) -> Markup:
    classes = sorted({c for _, e in pair for c in (*e.source_labels, *e.target_labels)})
    parts = []
    for number, (title, embedding) in enumerate(pair):
        left = number * (_SIDE + 16) + 2
        parts.append(
            Markup(
                '<text class="start" x="{}" y="10">{}</text>'
                '<rect class="box" x="{}" y="{}" width="{s}" height="{s}"/>'
            ).format(left, short(title, 30), left, _TOP, s=_SIDE)
        )
        for position, one in enumerate(classes):
            parts.append(_marks(embedding, one, position, left))
    return svg(parts, height=_TOP + _SIDE + 6, label=label)


def _marks(embedding: Embedding, label: int, position: int, left: int) -> Markup:
    """One path for all marks of a class and a domain: a tenth of circles' size."""
    dots = "".join(
        f"M{x:g} {y:g}h0"
        for x, y in _places(embedding.source, embedding.source_labels, label, left)
    )
    # The ninth class and later ones: the same colours, hollow dots and upright crosses.
    again = position >= _COLOURS
    arms = "h-5m2.5-2.5v5" if again else "l-4-4m0 4l4-4"
    shift = (2.5, 0.0) if again else (2.0, 2.0)
    crosses = "".join(
        f"M{x + shift[0]:.4g} {y + shift[1]:.4g}{arms}"
        for x, y in _places(embedding.target, embedding.target_labels, label, left)
    )
    parts = []
    if dots:
        parts.append(Markup('<path class="dot" d="{}"/>').format(dots))
        if again:
            parts.append(Markup('<path class="hole" d="{}"/>').format(dots))
    if crosses:
        parts.append(Markup('<path class="cross" d="{}"/>').format(crosses))
    return Markup('<g class="c{}"><title>class {}</title>{}</g>').format(
        position % _COLOURS, label, Markup("").join(parts)
    )


def _places(
    points: Sequence[tuple[float, float]],
    labels: Sequence[int],
    label: int,
    left: int,
) -> Iterable[tuple[float, float]]:
    step = -(-len(points) // _MOST_POINTS)
    scale = (_SIDE - 8) / _LARGEST
    for (x, y), own in zip(points[::step], labels[::step], strict=True):
        if own == label:
            yield (
                round(left + 4 + scale * x, 1),
                round(_TOP + 4 + scale * (_LARGEST - y), 1),
            )
