"""What a benchmark measured in a situation: gains over the baseline, by method."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from da_zoo.bench.leaderboard import build_leaderboard
from da_zoo.bench.rows import Row, row_flaw
from da_zoo.bench.statistics import Interval
from da_zoo.bench.store import RowStore
from da_zoo.json_files import digest, read_json

__all__ = ["Evidence", "Measured", "evidence_for", "read_rows"]


class Measured(NamedTuple):
    """One method in the situation."""

    method: str
    gain: Interval
    """Over the baseline, paired over seeds; shares of rows, or RMSE saved."""
    negative_transfer_rate: float | None
    """Share of runs that ended below the baseline by over half a point."""
    scenarios: int
    seeds: int


class Evidence(NamedTuple):
    """All methods that a benchmark has in one situation, best gain first."""

    case: int
    track: str
    label_fraction: float | None
    baseline: str
    scenarios: tuple[str, ...]
    measured: tuple[Measured, ...]


def read_rows(folder: str | Path) -> list[Row]:
    """Reads the rows of a benchmark folder, or those of its leaderboard alone.

    Args:
        folder: that ``da-zoo bench --out`` wrote, or one with a ``leaderboard.json``.

    Raises:
        ValueError: if it holds neither, or something else.

    Example:
        >>> read_rows("nowhere")
        Traceback (most recent call last):
        ValueError: evidence 'nowhere' is no folder; name one that da-zoo bench wrote
    """
    path = Path(folder)
    if not path.is_dir():
        raise ValueError(
            f"evidence {str(folder)!r} is no folder; name one that da-zoo bench wrote"
        )
    if (path / "manifest.json").is_file():
        return RowStore.open(path, create=False).read()[0]
    board = path / "leaderboard.json"
    if not board.is_file():
        raise ValueError(
            f"evidence {str(folder)!r} has neither rows.jsonl nor leaderboard.json; "
            "name a folder that da-zoo bench wrote"
        )
    try:
        content = read_json(board, most_bytes=2**30)
        version = content["schema_version"]
        rows = [row | {"schema_version": version} for row in content["rows"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{board} is no leaderboard of da-zoo ({type(error).__name__}: {error})"
        ) from None
    # A leaderboard leaves out which rows were written together; the cell says as much.
    fields = ("scenario", "track", "label_fraction", "method", "configuration")
    rows = [row | {"group": digest([row.get(f) for f in fields])} for row in rows]
    if flaw := next(filter(None, map(row_flaw, rows)), ""):
        raise ValueError(f"{board}: a row {flaw}")
    return rows


def evidence_for(
    rows: Iterable[Row],
    *,
    case: int,
    label_fraction: float | None = None,
    label_sets: str = "closed",
    continuous: bool = False,
) -> Evidence | None:
    """Picks what was measured in a situation.

    Args:
        rows: of :func:`read_rows`.
        case: 1 to 4.
        label_fraction: share of target rows with a label; None for no labels. The
            nearest share that was measured counts.
        label_sets: "closed", "partial" or "open".
        continuous: whether the target is a number.

    Returns:
        None where nothing of the kind was measured.

    Example:
        >>> evidence_for([], case=3) is None
        True
    """
    track = "U" if label_fraction is None else "F"
    own = [
        row
        for row in rows
        if (row["case"], row["track"]) == (case, track)
        and (row.get("label_sets") or "closed") == label_sets
        and (row.get("metric") == "rmse") == continuous
    ]
    fraction = None
    if label_fraction is not None:
        shares = {row["label_fraction"] for row in own if row["label_fraction"]}
        # All labels are the oracle's, with no method beside it, as a rule.
        compared = {
            row["label_fraction"] for row in own if row["method"] != "target_only"
        }
        shares = shares & compared or shares
        if not shares:
            return None
        wanted = math.log(max(label_fraction, 1e-9))
        fraction = min(shares, key=lambda share: abs(math.log(share) - wanted))
        own = [row for row in own if row["label_fraction"] == fraction]
    board = build_leaderboard(own)
    measured = [
        Measured(s.method, s.gain, s.negative_transfer_rate, s.scenarios, s.seeds)
        for s in board.cases
        if s.gain is not None and not s.baseline and s.scenarios == s.planned
    ]
    if not measured:
        return None
    baseline = next((s.method for s in board.cases if s.baseline), "")
    scenarios = {row["scenario"] for row in own if row["status"] == "ok"}
    measured.sort(key=lambda m: -m.gain.mean)
    return Evidence(
        case, track, fraction, baseline, tuple(sorted(scenarios)), tuple(measured)
    )
