"""What each field of a row may hold: rows come from anyone's folder, and are averaged.

A field that is not named here is kept as it is, whatever it holds.
"""

import re
from collections.abc import Mapping
from typing import Any

from da_zoo.bench.row_combinations import combination_flaw

__all__ = ["FINAL_STATUSES", "cut_reason", "field_flaw"]

FINAL_STATUSES = ("ok", "failed", "timeout", "na")
"""What a run can end as; ``na``: the method is undefined in that cell."""

LONGEST = 100_000
"""Characters of a text; ours are names, hashes, commands and reasons."""
LONGEST_REASON = 10_000
"""Characters of a reason that we write: some compilers' errors hold a whole program."""
LARGEST = 1e100
"""Of a number: squares of such, and their sums, stay finite."""
LARGEST_WHOLE = 2**53
"""Of an integer: floats hold it exactly."""
KEY = re.compile(r"[0-9a-f]{1,64}")
"""A group's: files have it as their name."""
ROUNDING = 1e-6
"""By which a mean of shares may lie outside [0, 1]."""

_TEXT, _WHOLE, _NUMBER, _SHARE, _OBJECT, _TEXTS, _FLAG = (
    *("text", "integer", "number", "share in [0, 1]", "JSON object", "list of texts"),
    "true or false",
)
_NEEDED: dict[str, str] = {
    **dict.fromkeys(("group", "scenario", "track", "method", "status"), _TEXT),
    **dict.fromkeys(("case", "configuration", "seed"), _WHOLE),
}
_OPTIONAL: dict[str, str] = {
    **dict.fromkeys(
        (
            *("suite", "role", "reason", "metric", "label_sets", "key", "source"),
            *("loop", "device", "data_fingerprint", "command", "protocol"),
        ),
        _TEXT,
    ),
    **dict.fromkeys(
        ("sources", "labelled_count", "steps", "parameters", "group_rows"), _WHOLE
    ),
    **dict.fromkeys(
        (
            *("nll", "brier", "ece", "rmse", "r2", "source_rmse", "group_width"),
            *("fit_seconds", "compile_seconds", "evaluation_seconds"),
        ),
        _NUMBER,
    ),
    **dict.fromkeys(
        (
            *("accuracy", "balanced_accuracy", "macro_f1", "accuracy_oracle"),
            *("source_accuracy", "majority_accuracy", "label_fraction"),
            *("os", "os_star", "unknown_accuracy", "hos"),
        ),
        _SHARE,
    ),
    **dict.fromkeys(
        (
            *("hyperparameters", "versions", "diagnostics", "curve", "reliability"),
            "embedding",
        ),
        _OBJECT,
    ),
    "warnings": _TEXTS,
    "collapsed": _FLAG,
}
"""May be null or missing."""
_CHOICES: dict[str, tuple[Any, ...]] = {
    "status": FINAL_STATUSES,
    "track": ("U", "F"),
    "case": (1, 2, 3, 4),
    "metric": ("accuracy", "balanced_accuracy", "macro_f1", "rmse", "", None),
    "label_sets": ("closed", "partial", "open", "", None),
}
_LEAST = {
    "label_fraction": 1e-9,
    "sources": 1,
    "steps": 0,
    "group_rows": 1,
    "labelled_count": 0,
}
_LEAST |= dict.fromkeys(("rmse", "fit_seconds", "compile_seconds"), 0)


def field_flaw(row: Mapping[str, Any]) -> str:
    """Says which field holds what it may not; "" where all can be used.

    Args:
        row: a JSON object.

    Example:
        >>> field_flaw({"group": 3})
        "has no text in field 'group'"
        >>> cell = {"group": "a", "scenario": "s", "track": "U", "method": "dann"}
        >>> cell |= {"status": "ok", "case": 3, "configuration": 0, "seed": 0}
        >>> field_flaw(cell | {"accuracy": 7})
        "has no share in [0, 1] in field 'accuracy'"
        >>> field_flaw(cell | {"track": "X"})
        "has track 'X', none of U, F"
        >>> field_flaw(cell)
        "is ok and has no number in field 'accuracy', its metric"
    """
    for name, kind in _NEEDED.items():
        if not _fits(row.get(name), kind):
            return f"has no {kind} in field {name!r}"
    if not KEY.fullmatch(row["group"]):
        return f"has group {row['group']!r:.80}, no hexadecimal key"
    # Missing where rows are not read from their own file; then nothing is compared.
    if "group_rows" in row and row["group_rows"] is None:
        return "has no integer in field 'group_rows'"
    for name, kind in _OPTIONAL.items():
        value = row.get(name)
        if value is not None and not _fits(value, kind):
            return f"has no {kind} in field {name!r}"
    distance = (row.get("diagnostics") or {}).get("proxy_a_distance")
    if distance is not None and not _fits(distance, _NUMBER):  # figures are of it
        return "has no number in proxy_a_distance of field 'diagnostics'"
    for name, known in _CHOICES.items():
        if row.get(name) not in known:  # of the right type: it was looked at above
            told = ", ".join(str(one) for one in known if one)
            return f"has {name} {row.get(name)!r:.80}, none of {told}"
    for name, least in _LEAST.items():
        value = row.get(name)
        if value is not None and value < least:
            return f"has {name} {value!r}, under {least}"
    return combination_flaw(row)


def cut_reason(reason: str) -> str:
    """Cuts what went wrong to what a row may hold, and says so.

    Args:
        reason: an error's text, say.

    Returns:
        Its beginning and its end, where it is longer than :data:`LONGEST_REASON`.

    Example:
        >>> cut_reason("no such luck")
        'no such luck'
        >>> cut_reason("a" * 9_000 + "b" * 9_000)[8_990:9_040]
        'aaaaaaaaaa ... (8000 characters are left out) ... '
    """
    if (over := len(reason) - LONGEST_REASON) <= 0:
        return reason
    last = LONGEST_REASON // 10
    first = LONGEST_REASON - last
    return f"{reason[:first]} ... ({over} characters are left out) ... {reason[-last:]}"


def _fits(value: Any, kind: str) -> bool:
    # True and False are numbers to Python, but not here.
    if kind == _TEXT:
        return isinstance(value, str) and len(value) <= LONGEST
    if kind == _WHOLE:
        return type(value) is int and abs(value) <= LARGEST_WHOLE
    if kind == _NUMBER:
        return type(value) in (int, float) and abs(value) <= LARGEST
    if kind == _SHARE:
        return type(value) in (int, float) and -ROUNDING <= value <= 1 + ROUNDING
    if kind == _OBJECT:
        return isinstance(value, dict)
    if kind == _TEXTS:
        return isinstance(value, list) and all(isinstance(v, str) for v in value)
    return isinstance(value, bool)
