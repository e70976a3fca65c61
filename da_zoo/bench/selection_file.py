"""``selection.json``: how criteria that need no target labels choose, if it is there.

The report shows it and nothing else depends on it, so a damaged file costs its table
and a note, never the page.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from da_zoo.bench.rows import Row
from da_zoo.json_files import digest, read_json, strict_json
from da_zoo.whole_files import write_whole

__all__ = [
    "CRITERION_FIELDS",
    "SCHEMA_VERSION",
    "SELECTION_FILE",
    "digest_of",
    "load_selection",
    "save_selection",
]

SELECTION_FILE = "selection.json"

CRITERION_FIELDS = (
    "runs",
    "accuracy",
    "regret_mean",
    "regret_p95",
    "regret_max",
    "below_source_only",
    "collapsed_rejected",
    "rank_correlation",
)
"""Numbers of a criterion; each may be null or missing."""

SCHEMA_VERSION = 1


def digest_of(rows: Iterable[Row]) -> str:
    """Hashes which row groups there are: criteria judged on others are out of date.

    Args:
        rows: the current ones of a folder.

    Example:
        >>> digest_of([{"group": "a"}]) == digest_of([{"group": "a"}, {"group": "a"}])
        True
    """
    return digest(sorted({row["group"] for row in rows}))


def load_selection(folder: str | Path) -> tuple[dict[str, Any] | None, str]:
    """Reads the criteria's results beside a benchmark's rows.

    Args:
        folder: of a benchmark.

    Returns:
        what the file holds and ""; None and "" where there is no file; None and what
        is wrong where it cannot be used.

    Example:
        >>> import tempfile
        >>> load_selection(tempfile.mkdtemp())
        (None, '')
    """
    path = Path(folder) / SELECTION_FILE
    if not path.exists():
        return None, ""
    try:
        content = read_json(path)
    except (OSError, ValueError) as error:
        return None, f"{SELECTION_FILE} is not JSON and is left out: {error}"
    if flaw := _flaw(content):
        return None, f"{SELECTION_FILE} {flaw} and is left out"
    return content, ""


def save_selection(content: Mapping[str, Any], folder: str | Path) -> Path:
    """Writes the criteria's results beside a benchmark's rows, whole or not at all.

    Args:
        content: what the file is to hold; non-finite numbers become null.
        folder: of a benchmark.

    Returns:
        The file.

    Example:
        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> path = save_selection({"schema_version": 1, "tables": []}, folder)
        >>> load_selection(folder)
        ({'schema_version': 1, 'tables': []}, '')
    """
    path = Path(folder) / SELECTION_FILE
    text = json.dumps(strict_json(content), allow_nan=False, indent=1)
    write_whole(path, text + "\n")
    return path


def _flaw(content: Any) -> str:
    """Says what is wrong; "" where the page can show it."""
    if not isinstance(content, dict):
        return "is no JSON object"
    if content.get("schema_version") != SCHEMA_VERSION:
        version = content.get("schema_version")
        return f"has schema_version {version!r}, not {SCHEMA_VERSION}"
    tables = content.get("tables")
    if not isinstance(tables, list):
        return "has no list of tables"
    for table in tables:
        if not isinstance(table, dict):
            return "has a table that is no JSON object"
        for name in ("scenarios", "methods"):
            if not isinstance(table.get(name) or [], list):
                return f"has a table whose {name} are no list"
        criteria = table.get("criteria")
        if not isinstance(criteria, list):
            return "has a table without a list of criteria"
        for one in criteria:
            if not isinstance(one, dict) or not isinstance(one.get("criterion"), str):
                return "has a criterion without a name"
            for name in CRITERION_FIELDS:
                # True and False are numbers to Python, but not here.
                if type(one.get(name)) not in (int, float, type(None)):
                    return f"has a {name} of {one['criterion']} that is no number"
    return _tuned_flaw(content.get("tuned"))


def _tuned_flaw(lines: Any) -> str:
    if not isinstance(lines or [], list):
        return "has something else than a list of tuned configurations"
    for line in lines or ():
        if not isinstance(line, dict) or not isinstance(line.get("criterion"), str):
            return "has tuned configurations without a criterion"
        for name in ("accuracy", "default", "gain"):
            interval = line.get(name)
            if not isinstance(interval, dict):
                return f"has tuned configurations without {name}"
            for end in ("mean", "low", "high"):
                allowed = (int, float) if end == "mean" else (int, float, type(None))
                if type(interval.get(end)) not in allowed:
                    return f"has tuned configurations whose {name} is no interval"
    return ""
