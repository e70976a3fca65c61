"""Reference rows beside a user's own: shown together, never copied.

Reference rows are those of another folder, such as the published ones. They appear in
the scenarios that the user's rows are of, so that averages are over the same ones.
"""

from collections.abc import Iterable
from typing import Any

from da_zoo.bench.rows import Row, cell_of

__all__ = ["ORIGIN", "add_reference"]

ORIGIN = "reference"
"""What the field ``origin`` of a reference row says; a user's own says ""."""


def add_reference(
    own: Iterable[Row], reference: Iterable[Row]
) -> tuple[list[Row], list[str]]:
    """Puts reference rows beside a user's.

    Where both have a cell (scenario, track, label fraction, method, configuration) the
    user's counts. Whether a gain over a baseline of the other folder means anything is
    left to :func:`da_zoo.bench.summary.add_gains`: it asks for equal data and steps.

    Args:
        own: the user's rows.
        reference: rows of the other folder.

    Returns:
        Copies with ``origin``, the reference's first; and notes of how many rows came
        from where.

    Example:
        >>> cell = {"track": "U", "label_fraction": None, "configuration": 0}
        >>> cell |= {"status": "ok", "seed": 0, "steps": 100}
        >>> mine = [{**cell, "scenario": "s", "method": "dann"}]
        >>> theirs = [*mine, {**cell, "scenario": "s", "method": "dan"}]
        >>> rows, notes = add_reference(mine, theirs)
        >>> [(row["method"], row["origin"]) for row in rows]
        [('dan', 'reference'), ('dann', '')]
    """
    mine = [row | {"origin": ""} for row in own]
    cells = {cell_of(row) for row in mine}
    scenarios = {row["scenario"] for row in mine}
    theirs, twice, elsewhere = [], 0, 0
    for row in reference:
        if row["scenario"] not in scenarios:
            elsewhere += 1
        elif cell_of(row) in cells:
            twice += 1
        else:
            theirs.append(row | {"origin": ORIGIN})
    notes = [f"{len(mine)} rows are this folder's, {len(theirs)} the reference's."]
    if own_names := sorted({row["method"] for row in mine}):
        notes[0] += f" This folder's methods: {', '.join(own_names)}."
    if twice:
        notes.append(
            f"{twice} rows of the reference are of cells that this folder has too; "
            "this folder's count."
        )
    if elsewhere:
        notes.append(
            f"{elsewhere} rows of the reference are of scenarios that this folder has "
            "no rows of, and are left out."
        )
    if differing := _differing(mine, theirs):
        notes.append(
            "The reference was run on other data, in other steps or by another network "
            f"than this folder in {', '.join(differing)}: compare there with care; no "
            "gain is measured from the other's baseline."
        )
    return [*theirs, *mine], notes


def _differing(mine: list[Row], theirs: list[Row]) -> list[str]:
    """Names scenarios in which runs of a seed had other data or steps."""
    seen: dict[tuple[str, int], set[tuple[Any, ...]]] = {}
    for row in mine:
        if row["status"] == "ok" and row.get("steps") is not None:
            place = (row["scenario"], row["seed"])
            seen.setdefault(place, set()).add(_budget(row))
    return sorted(
        {
            row["scenario"]
            for row in theirs
            if row["status"] == "ok"
            and row.get("steps") is not None
            and (places := seen.get((row["scenario"], row["seed"])))
            and _budget(row) not in places
        }
    )


def _budget(row: Row) -> tuple[Any, ...]:
    return row.get("data_fingerprint"), row["steps"], repr(row.get("network"))
