"""What a row is: one run, a strict JSON object with the fields of PROTOCOL."""

from typing import Any

from da_zoo.bench.row_fields import FINAL_STATUSES, field_flaw
from da_zoo.json_files import depth_flaw

__all__ = [
    "BROKEN",
    "FINAL_STATUSES",
    "SCHEMA_VERSION",
    "Row",
    "cell_of",
    "last_complete",
    "row_flaw",
]

SCHEMA_VERSION = 1
"""Version of a row's fields; a folder of another version is refused."""

BROKEN = ("failed", "timeout")
"""Those of runs that were tried and have no result; they can be tried again."""

Row = dict[str, Any]
"""One run: the fields of a line of ``rows.jsonl``."""

_CELL_FIELDS = ("scenario", "track", "label_fraction", "method", "configuration")


def row_flaw(row: Any) -> str:
    """Says what is wrong with a row; "" where it can be used.

    Args:
        row: what a line of ``rows.jsonl`` holds.

    Example:
        >>> row_flaw([1, 2])
        'is no JSON object'
        >>> row_flaw({"schema_version": 7})
        'has schema_version 7, not 1'
    """
    if not isinstance(row, dict):
        return "is no JSON object"
    if row.get("schema_version") != SCHEMA_VERSION:
        version = row.get("schema_version")
        return f"has schema_version {version!r:.80}, not {SCHEMA_VERSION}"
    if flaw := depth_flaw(row):
        return f"has fields whose {flaw}"
    return field_flaw(row)


def cell_of(row: Row) -> tuple[Any, ...]:
    """Says what a run is one seed of.

    Returns:
        Scenario, track, label fraction, method and configuration.

    Example:
        >>> row = {"scenario": "s", "track": "U", "label_fraction": None}
        >>> cell_of(row | {"method": "dann", "configuration": 0, "seed": 3})
        ('s', 'U', None, 'dann', 0)
    """
    return tuple(row[field] for field in _CELL_FIELDS)


def last_complete(numbered: list[tuple[int, Row]]) -> list[Row]:
    """Keeps one writing of every group: the last complete one, if any is.

    Args:
        numbered: usable rows with their line numbers, in the order of the file. A
            missing number is a line that could not be used.

    Returns:
        the rows kept, in the order of the file. Of a group without a complete writing
        the last row of each seed is kept: good rows survive.

    Example:
        >>> torn = {"group": "a", "seed": 0, "group_rows": 2, "accuracy": 0.1}
        >>> whole = [torn | {"accuracy": 0.2}, torn | {"seed": 1}]
        >>> kept = last_complete([(1, torn), (3, whole[0]), (4, whole[1])])
        >>> kept == whole
        True
    """
    # A writing is a run of lines without a gap, of one group, no seed twice.
    writings: dict[str, list[list[tuple[int, Row]]]] = {}
    previous: list[tuple[int, Row]] = []
    for number, row in numbered:
        continues = (
            bool(previous)
            and previous[-1][0] == number - 1
            and previous[-1][1]["group"] == row["group"]
            and row["seed"] not in {other["seed"] for _, other in previous}
        )
        if not continues:
            previous = []
            writings.setdefault(row["group"], []).append(previous)
        previous.append((number, row))
    kept: list[tuple[int, Row]] = []
    for group in writings.values():
        complete = [w for w in group if len(w) == w[0][1].get("group_rows", len(w))]
        chosen = complete[-1] if complete else [line for w in group for line in w]
        kept += {row["seed"]: (number, row) for number, row in chosen}.values()
    return [row for _, row in sorted(kept, key=lambda line: line[0])]
