"""Both sides as a network takes them, by an encoder that saw training rows alone."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from da_zoo.data.domain_data import DomainData
from da_zoo.data.encoders.base import Encoder
from da_zoo.data.encoders.choose import fit_encoder
from da_zoo.data.splits import labelled_rows
from da_zoo.data.table import Table
from da_zoo.pipeline.sides import Sides

__all__ = ["Prepared", "prepare"]

VALIDATION = 0.15
FEWEST_VALIDATED = 20
"""Source rows from which on some are held out."""


class Prepared(NamedTuple):
    """Encoded rows of both sides, and which are for what."""

    encoder: Encoder
    source: np.ndarray
    target: np.ndarray
    train: np.ndarray
    validation: np.ndarray
    centre: float
    spread: float
    notes: tuple[str, ...]


def prepare(sides: Sides, seed: int, encoding: Mapping[str, Any]) -> Prepared:
    """Splits the source, fits the encoder on its training rows and encodes both sides.

    Args:
        sides: source and target.
        seed: of the split.
        encoding: options of the encoder.

    Raises:
        ValueError: if the sides have no column in common, rows of other shapes, or the
            source one value.

    Example:
        >>> from da_zoo.pipeline.sides import read_sides
        >>> x = np.arange(8.0)[:, None]
        >>> prepared = prepare(read_sides((x, list("abababab")), x), 0, {})
        >>> float(prepared.source.mean())
        0.0
    """
    source, target, notes = sides.source, sides.target, []
    options = dict(encoding)
    if isinstance(source.x, Table):
        shared = [name for name in source.x.names if name in target.x.names]
        for own, other in ((source, target), (target, source)):
            if alone := [n for n in own.x.names if n not in other.x.names]:
                notes.append(
                    f"Columns that {own.name} alone has are left out: "
                    f"{', '.join(alone)}."
                )
        if not shared:
            raise ValueError(
                f"{source.name} and {target.name} have no column in common: "
                f"{', '.join(source.x.names)}; {', '.join(target.x.names)}"
            )
        options.setdefault("columns", shared)
    train, validation = _split(source, seed)
    encoder = fit_encoder(source.take(train), **options)
    notes += [*getattr(encoder, "notes", ())]
    if isinstance(source.x, Table):
        notes += [f"{told}." for told in encoder.strangers(target.x)]  # type: ignore[attr-defined]
        notes += _gaps(source.x, target.x, encoder.needed)  # type: ignore[attr-defined]
    rows = [np.asarray(encoder.apply(side.x)) for side in (source, target)]
    if rows[0].shape[1:] != rows[1].shape[1:]:
        raise ValueError(
            f"rows of {source.name} have shape {rows[0].shape[1:]} and those of "
            f"{target.name} {rows[1].shape[1:]}; both must be measured alike"
        )
    centre, spread = 0.0, 1.0
    if source.continuous:
        values = np.asarray(source.labels, np.float64)[train]
        centre, spread = float(values.mean()), float(values.std())
        if spread == 0:
            raise ValueError(f"{source.name}: all its training rows have one value")
    return Prepared(
        encoder, rows[0], rows[1], train, validation, centre, spread, tuple(notes)
    )


def _gaps(source: Table, target: Table, names: tuple[str, ...]) -> list[str]:
    told = []
    for name in names:
        gone = [len(own.missing(name)) / len(own) for own in (source, target)]
        if gone[1] == 1.0:
            told.append(
                f"Column {name} has no value in the target: its rows get what the "
                "source has on average, which alone tells the domains apart; leave it "
                "out (drop) to compare."
            )
        elif abs(gone[0] - gone[1]) > 0.2:
            told.append(
                f"Column {name} lacks {100 * gone[0]:.0f} % of its values in the "
                "source "
                f"and {100 * gone[1]:.0f} % in the target."
            )
    return told


def _split(data: DomainData, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Training and validation rows of the source, stratified by class."""
    every = np.arange(data.rows)
    if data.rows < FEWEST_VALIDATED:
        return every, every[:0]
    labels = np.asarray(data.labels)
    strata = labels[:, None] if data.continuous else labels
    held = labelled_rows(strata, VALIDATION, seed=seed)
    # A class must not lose its only rows to the validation.
    if not data.continuous:
        counts = np.bincount(labels)
        held = held[counts[labels[held]] > 2]
    return np.setdiff1d(every, held), held
