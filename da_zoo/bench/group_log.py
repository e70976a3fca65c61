"""What is logged of a row group once its rows are written."""

from collections.abc import Mapping, Sequence
from typing import Any

from da_zoo.bench.rows import BROKEN
from da_zoo.logs import log_event

__all__ = ["log_group"]

SECONDS = ("fit_seconds", "compile_seconds", "evaluation_seconds")


def log_group(rows: Sequence[Mapping[str, Any]], done: int, total: int) -> None:
    """Logs ``group_finished``; a failure is a warning, with its reason.

    Args:
        rows: of the group, one per seed.
        done: row groups that this call has run.
        total: row groups that it is to run.

    Example:
        >>> row = {"suite": "embedded", "scenario": "s", "method": "dann", "track": "U"}
        >>> log_group([row | {"seed": 0, "status": "ok", "fit_seconds": 1.5}], 1, 8)
    """
    first = rows[0]
    statuses = {row["status"] for row in rows}
    # One seed's failure is the group's news; else all say the same.
    status = next((one for one in BROKEN if one in statuses), first["status"])
    reasons = dict.fromkeys(row["reason"] for row in rows if row.get("reason"))
    seconds = sum(row.get(name) or 0.0 for row in rows for name in SECONDS)
    log_event(
        "group_finished",
        level="warning" if status in BROKEN else "info",
        **{
            name: first.get(name)
            for name in (
                "suite",
                "scenario",
                "method",
                "track",
                "label_fraction",
                "configuration",
                "group",
            )
        },
        seeds=[row["seed"] for row in rows],
        status=status,
        reason="; ".join(reasons) or None,
        seconds=round(seconds, 3),
        done=done,
        total=total,
    )
