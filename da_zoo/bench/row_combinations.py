"""What fields of a row need of each other: the report takes it for granted."""

from collections.abc import Mapping
from typing import Any

__all__ = ["combination_flaw", "metric_of"]


def metric_of(row: Mapping[str, Any]) -> str:
    """Says which field of a run is ranked: "accuracy", where its row says nothing.

    Example:
        >>> metric_of({"accuracy": 0.5}), metric_of({"metric": "rmse"})
        ('accuracy', 'rmse')
    """
    return row.get("metric") or "accuracy"


def combination_flaw(row: Mapping[str, Any]) -> str:
    """Says which field another one calls for; "" where none is missing.

    Args:
        row: whose fields are of the right type, each by itself.

    Example:
        >>> combination_flaw({"track": "U", "status": "ok", "metric": "rmse"})
        "is ok and has no number in field 'rmse', its metric"
        >>> combination_flaw({"track": "F", "status": "na"})
        "is of track F and has no share in field 'label_fraction'"
    """
    if row["track"] == "F" and row.get("label_fraction") is None:
        return "is of track F and has no share in field 'label_fraction'"
    if row["status"] == "ok" and row.get(metric := metric_of(row)) is None:
        return f"is ok and has no number in field {metric!r}, its metric"
    return ""
