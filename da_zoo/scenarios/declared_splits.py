"""Splits of declared domains: cut by class, encoded by the source's training rows."""

import functools
import json
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int, Num

from da_zoo.data.domain_data import DomainData
from da_zoo.data.encoders.base import Encoder
from da_zoo.data.encoders.choose import encoder_name, fit_encoder
from da_zoo.data.splits import Split
from da_zoo.data.table import Table
from da_zoo.scenarios.declared import DeclaredDomain, DeclaredTask
from da_zoo.scenarios.declared_data import SideRows, declared_parts, read_side
from da_zoo.scenarios.taxonomy import Scenario, Side

__all__ = ["DeclaredSplits", "cut_by_class", "declared_splits"]

Rows = Int[np.ndarray, " _"]
Parts = tuple[Rows, Rows, Rows]
"""Places of train, validation and test rows among a side's parts, joined."""


class DeclaredSplits(NamedTuple):
    """Six splits, and what is known of the files that they come from."""

    splits: list[Split]
    marks: tuple[str, ...]
    """Fingerprints of the files' rows."""
    notes: tuple[str, ...]
    """What readers and encoders left out."""


def cut_by_class(
    strata: Int[np.ndarray, " n"],
    shares: tuple[float, ...],
    draws: np.random.Generator,
) -> list[Rows]:
    """Cuts rows into shares and a rest, each class by itself.

    Args:
        strata: the class of each row.
        shares: in (0, 1), of all rows, under 1 together. Each takes at least one row of
            every class that has enough for all.
        draws: of the order.

    Returns:
        Row numbers of each share, then of the rest; ascending.

    Example:
        >>> parts = cut_by_class(
        ...     np.array([0, 0, 0, 0, 1, 1]), (0.25,), np.random.default_rng(0)
        ... )
        >>> [len(part) for part in parts]
        [2, 4]
    """
    found: list[list[Rows]] = [[] for _ in range(len(shares) + 1)]
    for stratum in np.unique(strata):
        own = draws.permutation(np.flatnonzero(strata == stratum))
        for place, (part, share) in enumerate(zip(found, shares, strict=False)):
            # Half up: np.round would take 2.5 rows as 2 and 3.5 as 4.
            count = max(1, int(np.floor(share * (strata == stratum).sum() + 0.5)))
            # A small class leaves a row for every part behind, training last of all.
            count = max(0, min(count, len(own) - (len(shares) - place)))
            part.append(own[:count])
            own = own[count:]
        found[-1].append(own)
    return [np.sort(np.concatenate(part)) for part in found]


def declared_splits(
    scenario: Scenario, seed: int, data_dir: str | Path | None
) -> DeclaredSplits:
    """Builds the six splits of a scenario over declared domains.

    Args:
        scenario: whose classes are known, see :func:`da_zoo.scenarios.resolve.resolve`.
        seed: of the splits.
        data_dir: folder of the files.

    Returns:
        Source train, validation and test, then the target's; the test rows of each side
        are its own. Two sides of one domain are halves of it, without a common row.
        Encoders, and the scale of values, come from the source's training rows.

    Raises:
        ValueError: if files are not what they should be, hold rows of other kinds or
            columns, or too few rows of a class.
    """
    sides = (scenario.source, scenario.target)
    read = [read_side(side, data_dir) for side in sides]
    kinds = [encoder_name(parts[0].data) for parts in read]
    if kinds[0] != kinds[1]:
        raise ValueError(
            f"scenario {scenario.name!r}: the source's rows are {kinds[0]} and the "
            f"target's {kinds[1]}; say with kind = ... what both are"
        )
    one = scenario.source.domain == scenario.target.domain
    _check_apart(scenario, read, one)
    cuts = [
        _cut(side, parts, seed, role, half if one else None)
        for side, parts, role, half in zip(
            sides, read, ("source", "target"), (0, 1), strict=True
        )
    ]
    training = read[0][0].data.take(cuts[0][0])
    domain = declared_parts(scenario.source)[0]
    encoder = _fitted(training, dict(domain.encoding), read[1][0].data)
    labels = [_labels(side, parts) for side, parts in zip(sides, read, strict=True)]
    if scenario.target.task.continuous:
        labels = _standardised(labels, cuts[0][0], scenario.name)
    notes = [note for parts in read for part in parts for note in part.notes]
    notes += getattr(encoder, "notes", ())
    if (strangers := getattr(encoder, "strangers", None)) is not None:
        # Of rows that training may see: what test rows hold is nobody's to tell.
        told = strangers(read[1][0].data.take(cuts[1][0]).x)
        notes += [f"{scenario.target.domain.pool}, {line}" for line in told]
    splits: list[Split] = []
    for parts, cut, own in zip(read, cuts, labels, strict=True):
        pool = _pool(parts, encoder)
        splits += [Split(pool, rows.astype(np.int32), own[rows]) for rows in cut]
    marks = tuple(part.data.fingerprint for parts in read for part in parts)
    return DeclaredSplits(splits, marks, tuple(dict.fromkeys(notes)))


def _check_apart(
    scenario: Scenario, read: list[tuple[SideRows, ...]], one: bool
) -> None:
    """Two names for the same rows would train on what is tested."""
    marks = [parts[0].data.fingerprint for parts in read]
    if not one and marks[0] == marks[1]:
        names = [side.domain.pool for side in (scenario.source, scenario.target)]
        raise ValueError(
            f"scenario {scenario.name!r}: domains {names[0]!r} and {names[1]!r} hold "
            "the same rows; give one of them another file, or name one on both sides: "
            "it is then split into two halves"
        )


def _strata(side: Side, part: SideRows) -> Int[np.ndarray, " n"]:
    task = declared_parts(side)[1]
    if task.continuous:
        return np.zeros(part.data.rows, np.int32)
    return task.numbers(list(part.names))


def _draws(seed: int, *names: str) -> np.random.Generator:
    return np.random.default_rng([seed, *(zlib.crc32(n.encode()) for n in names)])


def _cut(
    side: Side,
    parts: tuple[SideRows, ...],
    seed: int,
    role: str,
    half: int | None,
) -> Parts:
    domain, task = declared_parts(side)
    own = []
    for number, part in enumerate(parts):
        strata = _strata(side, part)
        rows = np.arange(len(strata))
        if half is not None:
            draws = _draws(seed, domain.pool, "halves", str(number))
            rows = cut_by_class(strata, (0.5,), draws)[half]
        own.append((rows, strata[rows]))
    _check_counts(domain, task, own)
    (rows, strata), *further = own
    draws = _draws(seed, domain.pool, role)
    if further:  # the set has test rows of its own
        val, train = cut_by_class(strata, (domain.validation,), draws)
        return rows[train], rows[val], parts[0].data.rows + further[0][0]
    shares = (float(domain.test), domain.validation)
    test, val, train = cut_by_class(strata, shares, draws)
    return rows[train], rows[val], rows[test]


def _check_counts(
    domain: DeclaredDomain, task: DeclaredTask, own: list[tuple[Rows, Rows]]
) -> None:
    least = 3 if len(own) == 1 else 2
    numbers, counts = np.unique(own[0][1], return_counts=True)
    for number, count in zip(numbers.tolist(), counts.tolist(), strict=True):
        if count < least:
            what = "labels" if task.continuous else f"class {task.class_name(number)!r}"
            raise ValueError(
                f"domain {domain.pool!r} has {count} rows of {what} to split, and each "
                f"of {least} splits needs one; merge the class with another, or leave "
                "it out with classes = [...] of the domain"
            )


def _labels(
    side: Side, parts: tuple[SideRows, ...]
) -> Int[np.ndarray, " n"] | Float[np.ndarray, "n 1"]:
    if side.task.continuous:
        values = [np.asarray(part.data.labels, np.float32) for part in parts]
        return np.concatenate(values)[:, None]
    return np.concatenate([_strata(side, part) for part in parts])


def _standardised(
    labels: list[Float[np.ndarray, "_ 1"]], train: Rows, name: str
) -> list[Float[np.ndarray, "_ 1"]]:
    middle, deviation = labels[0][train].mean(), labels[0][train].std()
    if deviation == 0:
        raise ValueError(f"scenario {name!r}: the source's values are constant")
    return [((own - middle) / deviation).astype(np.float32) for own in labels]


def _fitted(
    training: DomainData, options: dict[str, Any], other: DomainData
) -> Encoder:
    if isinstance(training.x, Table) and isinstance(other.x, Table):
        shared = [name for name in training.x.names if name in other.x.names]
        if not shared:
            raise ValueError(
                f"{training.name} and {other.name} have no column in common: "
                f"{list(training.x.names)} and {list(other.x.names)}"
            )
        options.setdefault("columns", shared)
    return fit_encoder(training, **options)


def _pool(parts: tuple[SideRows, ...], encoder: Encoder) -> Num[np.ndarray, "n ..."]:
    return _encoded(_Keyed(tuple(part.data for part in parts), encoder))


class _Keyed:
    """Rows and an encoder, equal to others by what they hold."""

    def __init__(self, parts: tuple[DomainData, ...], encoder: Encoder) -> None:
        self.parts, self.encoder = parts, encoder
        told = json.dumps(encoder.to_json(), sort_keys=True)
        self.key = (*(part.fingerprint for part in parts), told)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Keyed) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


@functools.lru_cache(maxsize=8)
def _encoded(keyed: _Keyed) -> Num[np.ndarray, "n ..."]:
    """One array for all seeds, where the encoder does not change with them."""
    made = [keyed.encoder.apply(part.x) for part in keyed.parts]
    return made[0] if len(made) == 1 else np.concatenate(made)
