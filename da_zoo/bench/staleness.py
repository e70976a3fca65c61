"""Rows of an older method source: the code that made them is no longer the present one.

A row's ``source`` is the hash of its method's file and of all that it imports. Rows
without one, and of methods that are not registered here, are not judged.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from da_zoo.bench.fingerprint import source_hash
from da_zoo.bench.rows import Row, cell_of
from da_zoo.json_files import strict_json
from da_zoo.methods import METHODS

__all__ = ["count_stale", "is_stale", "matching_stale", "stale_note"]


def _present(method: str) -> str | None:
    """The hash of a method's present source; None where it is not registered."""
    if method in METHODS:
        return source_hash(METHODS[method].factory.__module__)
    # Shallow methods take a second to import, and few folders hold any.
    from da_zoo.shallow import SHALLOW

    if method in SHALLOW:
        return source_hash(SHALLOW[method].factory.__module__)
    return None


def is_stale(row: Row) -> bool:
    """Says whether a row was made by another source of its method than the present.

    Args:
        row: one run; without ``source`` it is not judged.

    Example:
        >>> is_stale({"method": "dann", "source": "0"}), is_stale({"method": "dann"})
        (True, False)
    """
    source = row.get("source")
    if not source:
        return False
    return _present(row["method"]) not in (None, source)


def count_stale(rows: Iterable[Row]) -> dict[str, int]:
    """Counts stale rows by method, in alphabetical order.

    Args:
        rows: of a folder.

    Example:
        >>> count_stale([{"method": "dann", "source": "0"}, {"method": "dan"}])
        {'dann': 1}
    """
    found = Counter(row["method"] for row in rows if is_stale(row))
    return dict(sorted(found.items()))


def stale_note(counts: Mapping[str, int], *, dropped: bool = False) -> str:
    """Words what is stale; "" where nothing is.

    Args:
        counts: of :func:`count_stale`.
        dropped: whether the rows are left out.

    Example:
        >>> stale_note({"dann": 5}, dropped=True)
        '5 rows are of an older source of their method and are left out: dann (5).'
    """
    if not counts:
        return ""
    total = sum(counts.values())
    many = "rows are" if total > 1 else "row is"
    named = ", ".join(f"{method} ({count})" for method, count in counts.items())
    fate = (
        " and are left out"
        if dropped
        else "; --stale drop leaves them out, running them again replaces them"
    )
    return f"{total} {many} of an older source of their method{fate}: {named}."


def matching_stale(
    wanted: list[Row], fingerprints: Mapping[int, str], steps: int, rows: Iterable[Row]
) -> bool:
    """Says whether a cell has a whole group of an older source that did not fail.

    Args:
        wanted: the cell's rows without results, one per seed.
        fingerprints: of its data, by seed.
        steps: of training that are asked for.
        rows: stale ones of the folder.

    Returns:
        True where rows of one group agree with all of ``wanted`` in suite, scenario,
        track, label fraction, method, configuration, values, network, data and steps.
    """
    seeds = {row["seed"]: row for row in wanted}
    groups: dict[str, set[int]] = {}
    sizes: dict[str, int] = {}
    for row in rows:
        own = seeds.get(row["seed"])
        if own is None or not _same_cell(own, row, fingerprints, steps):
            continue
        groups.setdefault(row["group"], set()).add(row["seed"])
        sizes[row["group"]] = row.get("group_rows", len(seeds))
    return any(
        found == set(seeds) and sizes[group] == len(seeds)
        for group, found in groups.items()
    )


def _same_cell(
    wanted: Row, row: Row, fingerprints: Mapping[int, str], steps: int
) -> bool:
    if wanted["suite"] != row.get("suite") or cell_of(wanted) != cell_of(row):
        return False
    if row["status"] not in ("ok", "na"):
        return False
    values: dict[str, Any] = strict_json(wanted["hyperparameters"])
    there = row.get("hyperparameters") or {}
    # A shallow method's row also tells the values that were left at their defaults.
    shallow = row["status"] == "ok" and row.get("steps") is None
    if any(name not in there or there[name] != v for name, v in values.items()):
        return False
    if not shallow and set(there) != set(values):
        return False
    if row["status"] == "na":
        return True
    if row.get("data_fingerprint") != fingerprints[row["seed"]]:
        return False
    # What trains in no steps has no network of the suite's either.
    network = strict_json(wanted["network"])
    return row.get("steps") is None or (row["steps"], row["network"]) == (
        steps,
        network,
    )
