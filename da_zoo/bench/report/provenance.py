"""Where the numbers come from: code, data, settings, commands and failures."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from da_zoo.bench.rows import BROKEN, Row

__all__ = ["provenance"]

_MOST_COMMANDS = 40
_MOST_FAILURES = 100
_MOST_FINGERPRINTS = 60
_LONGEST_REASON = 400


def provenance(rows: Sequence[Row]) -> dict[str, Any]:
    """Condenses what is stored beside the numbers.

    Args:
        rows: of a leaderboard.

    Returns:
        ``facts`` (name, distinct values), ``shared`` (hyper-parameters that all
        methods have in common), ``methods`` (name, its own ones), ``fingerprints``
        (scenario, seeds, hash), ``commands``, ``failures`` (rows), ``undefined``
        (reason, methods), and ``more`` (what was cut, by name).

    Example:
        >>> provenance([])["failures"]
        []
    """
    runs = [row for row in rows if row["status"] != "na"]
    shared, own = _hyperparameters(rows)
    fingerprints = _fingerprints(runs)
    commands = sorted({row["command"] for row in runs if row.get("command")})
    failures = [row for row in rows if row["status"] in BROKEN]
    return {
        "facts": _facts(runs),
        "shared": shared,
        "methods": own,
        "fingerprints": fingerprints[:_MOST_FINGERPRINTS],
        "commands": commands[:_MOST_COMMANDS],
        "failures": [
            row | {"reason": _cut(str(row.get("reason") or "no reason given"))}
            for row in failures[:_MOST_FAILURES]
        ],
        "undefined": _undefined(rows),
        "more": {
            "fingerprints": max(0, len(fingerprints) - _MOST_FINGERPRINTS),
            "commands": max(0, len(commands) - _MOST_COMMANDS),
            "failures": max(0, len(failures) - _MOST_FAILURES),
        },
    }


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_REASON else f"{text[:_LONGEST_REASON]}…"


def _worded(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, str | int):
        return str(value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {_worded(item)}" for name, item in value.items())
    return json.dumps(value)


def _distinct(rows: Iterable[Row], field: str) -> list[str]:
    return sorted({_worded(row[field]) for row in rows if row.get(field) is not None})


def _facts(runs: Sequence[Row]) -> list[tuple[str, list[str]]]:
    named = (
        ("suite", "Suite"),
        ("network", "Network"),
        ("parameters", "Parameters"),
        ("steps", "Steps"),
        ("group_width", "Runs trained together"),
        ("loop", "Loop"),
        ("device", "Device"),
        ("versions", "Versions"),
    )
    facts = [(title, _distinct(runs, field)) for field, title in named]
    return [(title, values) for title, values in facts if values]


def _hyperparameters(
    rows: Sequence[Row],
) -> tuple[list[tuple[str, str]], list[tuple[str, list[tuple[str, str]]]]]:
    """Splits the defaults' values into those of all methods and each one's own."""
    values: dict[str, dict[str, str]] = {}
    for row in rows:
        if row["configuration"] == 0 and row.get("hyperparameters"):
            values[row["method"]] = {
                name: _worded(value) for name, value in row["hyperparameters"].items()
            }
    common = (
        set.intersection(*(set(v.items()) for v in values.values()))
        if values
        else set()
    )
    if len(values) < 2:
        common = set()
    own = [
        (method, sorted(set(items.items()) - common))
        for method, items in sorted(values.items())
    ]
    return sorted(common), [(method, items) for method, items in own if items]


def _fingerprints(runs: Sequence[Row]) -> list[tuple[str, str, str]]:
    """Returns (scenario, seeds, first 12 digits), seeds with equal data together."""
    seeds: dict[tuple[str, str], set[int]] = {}
    for row in runs:
        if row.get("data_fingerprint"):
            key = (row["scenario"], str(row["data_fingerprint"])[:12])
            seeds.setdefault(key, set()).add(row["seed"])
    entries = [
        (scenario, ", ".join(map(str, sorted(own))), digits)
        for (scenario, digits), own in seeds.items()
    ]
    return sorted(entries)


def _undefined(rows: Sequence[Row]) -> list[tuple[str, list[str]]]:
    methods: dict[str, set[str]] = {}
    for row in rows:
        if row["status"] == "na":
            reason = str(row.get("reason") or "undefined")
            where = f"{row['method']} (case {row['case']}, track {row['track']})"
            methods.setdefault(reason, set()).add(where)
    return [(reason, sorted(own)) for reason, own in sorted(methods.items())]
