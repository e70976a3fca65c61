"""What lies in a user's data: counts, balance, gaps, distances, and the case."""

import itertools
from typing import Any, NamedTuple

import numpy as np

from da_zoo.advice.domains import Distance, measure, told_apart
from da_zoo.advice.inputs import standardised
from da_zoo.advice.rows import FEWEST_ROWS, Rows
from da_zoo.data.domain_data import DomainData
from da_zoo.data.encoders.choose import fit_encoder
from da_zoo.data.summaries import Summary, domains_of, summarise
from da_zoo.data.table import Table
from da_zoo.diagnostics import subsample

__all__ = ["Inspection", "Pair", "inspect_data"]

ROWS = 200
"""Of a domain, drawn for the distances."""
PERMUTATIONS = 59
MOST_PAIRS = 10
SIDE = 16
"""Distances of images are of so many pixels squared: larger ones say no more."""


class Pair(NamedTuple):
    """A source and a target, and how they relate."""

    source: str
    target: str
    distances: dict[str, Distance]
    """Of encoded rows, see :mod:`da_zoo.advice.domains`; {} where they are too few."""
    same_domain: bool | None
    """Whether no distance is beyond chance; None without distances."""
    label_sets: str
    """"closed" (the same classes), "partial" (the target lacks some), "open" (it has
    others too), "disjoint", "values" (a regression) or "unknown"."""
    case: int | None
    """1 one domain and task, 2 another task, 3 another domain, 4 both (Pan and Yang,
    2010); None where labels or distances are missing."""
    methods: tuple[str, ...]
    """Of the zoo, that need no target labels and are defined here."""


class Inspection(NamedTuple):
    """What :func:`inspect_data` finds."""

    summaries: tuple[Summary, ...]
    pairs: tuple[Pair, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Returns plain values."""
        return {
            "domains": [one._asdict() for one in self.summaries],
            "pairs": [
                pair._asdict()
                | {"distances": {k: d._asdict() for k, d in pair.distances.items()}}
                for pair in self.pairs
            ],
            "notes": list(self.notes),
        }


def inspect_data(
    source: DomainData, target: DomainData | None = None, *, seed: int = 0
) -> Inspection:
    """Describes the domains of one or two data sets, and how each pair relates.

    The encoder that the distances need is fitted on the source.

    Args:
        source: rows of one domain or several.
        target: rows of others; None compares the source's domains with each other.
        seed: of the rows that are drawn, and of permutations.

    Raises:
        ValueError: if both are not of one kind, or tables without a common column.

    Example:
        >>> from da_zoo.data.domain_data import make_domain_data
        >>> x = np.random.default_rng(0).normal(size=(40, 2))
        >>> a = make_domain_data("a", "features", x, ["no", "yes"] * 20)
        >>> b = make_domain_data("b", "features", x + 3.0, ["no", "yes"] * 20)
        >>> pair = inspect_data(a, b).pairs[0]
        >>> pair.label_sets, pair.case
        ('closed', 3)
    """
    if target is not None and source.kind != target.kind:
        raise ValueError(
            f"{source.name} holds {source.kind} and {target.name} {target.kind}; only "
            "data of one kind can be compared"
        )
    sides = [source] if target is None else [source, target]
    domains = domains_of(*sides)
    names = list(domains)
    notes = [note for one in sides for note in one.notes]
    if target is None:
        wanted = list(itertools.combinations(names, 2))
    else:
        first = len(source.domains)
        wanted = list(itertools.product(names[:first], names[first:]))
    if len(wanted) > MOST_PAIRS:
        notes.append(
            f"Of {len(wanted)} pairs of domains the first {MOST_PAIRS} are compared; "
            "choose domains to see others."
        )
    used = {name for pair in wanted[:MOST_PAIRS] for name in pair}
    encoded = _encoded(source, {n: domains[n] for n in names if n in used}, seed, notes)
    pairs = [_pair(a, b, domains, encoded, seed, notes) for a, b in wanted[:MOST_PAIRS]]
    summaries = tuple(summarise(name, one) for name, one in domains.items())
    return Inspection(summaries, tuple(pairs), tuple(dict.fromkeys(notes)))


def _encoded(
    source: DomainData, domains: dict[str, DomainData], seed: int, notes: list[str]
) -> dict[str, np.ndarray]:
    """A few rows of each domain as the encoder makes them, flat."""
    if not domains:
        return {}
    options: dict[str, Any] = {}
    if source.kind == "images":
        options["side"] = SIDE
    if isinstance(source.x, Table):
        shared = [
            name
            for name in source.x.names
            if all(name in one.x.names for one in domains.values())
        ]
        if not shared:
            raise ValueError(f"{' and '.join(domains)} have no column in common")
        if len(shared) < len(source.x.names):
            notes.append(f"Distances are of the common columns: {', '.join(shared)}.")
        options["columns"] = shared
    encoder = fit_encoder(source, **options)
    notes += getattr(encoder, "notes", ())
    found = {}
    for name, one in domains.items():
        rows = np.sort(subsample(one.rows, ROWS, seed))
        made = np.asarray(encoder.apply(one.take(rows).x))
        found[name] = made.reshape(len(made), -1)
    return found


def _pair(
    a: str,
    b: str,
    domains: dict[str, DomainData],
    encoded: dict[str, np.ndarray],
    seed: int,
    notes: list[str],
) -> Pair:
    from da_zoo.pipeline.cases import usable_methods

    distances: dict[str, Distance] = {}
    rows = [Rows(n, encoded[n], None, np.zeros(len(encoded[n]), bool)) for n in (a, b)]
    if min(len(one.x) for one in rows) < FEWEST_ROWS:
        notes.append(f"{a} and {b}: too few rows for distances ({FEWEST_ROWS} needed).")
    else:
        try:
            columns = standardised(*rows)
        except ValueError as error:
            notes.append(f"{a} and {b}: no distances, {error}.")
        else:
            distances = measure(*columns, seed=seed, permutations=PERMUTATIONS)
    label_sets = _label_sets(domains[a], domains[b])
    same = None if not distances else not told_apart(distances)
    case = None
    if same is not None and label_sets != "unknown":
        case = 1 + (label_sets == "disjoint") + 2 * (not same)
    methods = usable_methods(
        same_task=label_sets != "disjoint",
        track="U",
        label_sets=label_sets if label_sets in ("partial", "open") else "closed",
        continuous=label_sets == "values",
    )
    return Pair(a, b, distances, same, label_sets, case, tuple(methods))


def _label_sets(source: DomainData, target: DomainData) -> str:
    if not (source.labelled.any() and target.labelled.any()):
        return "unknown"
    if source.continuous or target.continuous:
        return "values" if source.continuous and target.continuous else "disjoint"
    known, wanted = (
        {one.classes[n] for n in np.unique(np.asarray(one.labels)[one.labelled])}
        for one in (source, target)
    )
    if known == wanted:
        return "closed"
    if wanted < known:
        return "partial"
    return "open" if wanted & known else "disjoint"
