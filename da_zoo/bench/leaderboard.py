"""The leaderboard: rows with gains, summaries, verdicts, and the files they go to."""

import csv
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from da_zoo.bench.health import WARNINGS, Warned, count_warnings
from da_zoo.bench.latex import latex_tables
from da_zoo.bench.rows import BROKEN, SCHEMA_VERSION, Row, cell_of
from da_zoo.bench.standings import Standings, find_standings
from da_zoo.bench.summary import Summary, add_gains, is_oracle, summarise
from da_zoo.bench.tables import markdown_tables, text_tables
from da_zoo.bench.verdicts import Verdict, find_verdicts
from da_zoo.csv_cells import plain_cell
from da_zoo.json_files import strict_json
from da_zoo.whole_files import whole_file, write_whole

__all__ = ["FIELDS", "Leaderboard", "build_leaderboard", "current_rows"]

FIELDS = (
    "scenario",
    "case",
    "label_sets",
    "sources",
    "role",
    "track",
    "label_fraction",
    "labelled_count",
    "method",
    "configuration",
    "seed",
    "status",
    "reason",
    "metric",
    "accuracy",
    "balanced_accuracy",
    "macro_f1",
    "gain",
    "nll",
    "brier",
    "ece",
    "os",
    "os_star",
    "unknown_accuracy",
    "hos",
    "rmse",
    "r2",
    "source_rmse",
    "accuracy_oracle",
    "source_accuracy",
    "majority_accuracy",
    "collapsed",
    "warnings",
    "fit_seconds",
    "compile_seconds",
    "evaluation_seconds",
    "steps",
    "parameters",
    "suite",
    "device",
    "data_fingerprint",
    "key",
)
"""What ``leaderboard.json`` and ``.csv`` say of a run; the rest is in rows.jsonl."""


class Leaderboard(NamedTuple):
    """All that the tables and the report show; see :func:`build_leaderboard`."""

    rows: tuple[Row, ...]
    """Every run with its ``gain``, in order of case, scenario, track and method."""
    cases: tuple[Summary, ...]
    """Per case, track and label fraction: scenarios averaged within each seed."""
    scenarios: tuple[Summary, ...]
    """Per scenario, track and label fraction."""
    verdicts: tuple[Verdict, ...]
    notes: tuple[str, ...]
    """What is left out of the averages, and why."""
    warnings: tuple[Warned, ...] = ()
    """Runs to distrust, by method and scenario; they are in the averages."""
    standings: tuple[Standings, ...] = ()
    """Per track and label fraction, over all scenarios that have a bracket."""
    selection: dict[str, Any] | None = None
    """How criteria without target labels choose, if ``selection.json`` is there."""

    def write(self, out: str | Path) -> dict[str, Path]:
        """Writes ``leaderboard.json``, ``.csv``, ``.md`` and ``.tex`` into a folder.

        Args:
            out: an existing folder. Nothing in the files depends on the time, so the
                same rows give the same files.

        Returns:
            the files by extension.
        """
        paths = {kind: Path(out) / f"leaderboard.{kind}" for kind in _WRITERS}
        for kind, path in paths.items():
            _WRITERS[kind](self, path)
        return paths

    def to_text(self, width: int = 100) -> str:
        """Returns verdicts and per-case tables as plain text for a terminal.

        Args:
            width: columns, at least 100.
        """
        return text_tables(self.cases, self.verdicts, self.notes, width=width)


def build_leaderboard(
    rows: Iterable[Row], problems: Iterable[object] = ()
) -> Leaderboard:
    """Aggregates rows: gains, averages with intervals, verdicts.

    Only finished runs of configuration 0 (the documented defaults) are averaged:
    nothing is imputed, nothing is dropped without a note.

    Args:
        rows: as of :meth:`da_zoo.bench.store.RowStore.read`.
        problems: lines that could not be read; they are repeated in the notes.

    Example:
        >>> cell = {"case": 3, "scenario": "s", "track": "U", "label_fraction": None}
        >>> cell |= {"status": "ok", "configuration": 0, "seed": 0, "macro_f1": 0.5}
        >>> board = build_leaderboard(
        ...     [
        ...         {**cell, "method": "source_only", "accuracy": 0.5},
        ...         {**cell, "method": "dann", "accuracy": 0.75},
        ...     ]
        ... )
        >>> [(s.method, s.gain.mean) for s in board.cases]
        [('dann', 0.25), ('source_only', 0.0)]
    """
    notes = [f"{problem}." for problem in problems]
    current, superseded = current_rows(rows)
    if superseded:
        notes.append(
            f"{superseded} rows are of other runs of the same cells (fewer steps or "
            "seeds, or older) and are left out."
        )
    complete = sorted(add_gains(current), key=_row_order)
    unfinished = _unfinished(complete)
    if unfinished:
        notes.append(
            f"{len(unfinished)} unfinished row groups are left out of the averages: "
            f"{', '.join(sorted(unfinished))}. Run the same command again."
        )
    averaged = [
        row
        for row in complete
        if row["configuration"] == 0 and _cell_name(row) not in unfinished
    ]
    if others := sum(row["configuration"] != 0 for row in complete):
        notes.append(
            f"{others} rows are of configurations other than the defaults; the tables "
            "show the defaults, leaderboard.csv has all."
        )
    notes += _status_notes(averaged)
    warned = tuple(count_warnings(averaged))
    notes += _warning_notes(warned)
    cases = tuple(summarise(averaged, by_scenario=False))
    scenarios = tuple(summarise(averaged, by_scenario=True))
    verdicts = find_verdicts(cases, scenarios)
    return Leaderboard(
        tuple(complete),
        cases,
        scenarios,
        verdicts,
        tuple(notes),
        warned,
        tuple(find_standings(averaged)),
    )


def _cell_name(row: Row) -> str:
    fraction = "" if row["label_fraction"] is None else f" {row['label_fraction']:g}"
    return f"{row['method']} on {row['scenario']} ({row['track']}{fraction})"


def current_rows(rows: Iterable[Row]) -> tuple[list[Row], int]:
    """Keeps one row group per cell: a folder may hold several runs of it.

    The longest training with the most seeds wins, so that a quick look after a long
    benchmark does not replace it; among equals the one that was written last.

    Args:
        rows: of a folder.

    Returns:
        The rows kept, and how many were not.

    Example:
        >>> current_rows([])
        ([], 0)
    """
    cells: dict[tuple[Any, ...], dict[str, list[Row]]] = {}
    for row in rows:
        groups = cells.setdefault(cell_of(row), {})
        groups.setdefault(row.get("group", ""), []).append(row)
    kept: list[Row] = []
    dropped = 0
    for groups in cells.values():
        writings = list(groups.values())
        size = [
            (
                max(row.get("steps") or 0 for row in own),
                len(own) >= own[0].get("group_rows", 0),
                len(own),
                position,
            )
            for position, own in enumerate(writings)
        ]
        chosen = writings[size.index(max(size))]
        kept += chosen
        dropped += sum(map(len, writings)) - len(chosen)
    return kept, dropped


def _unfinished(rows: list[Row]) -> set[str]:
    """Names the cells with fewer rows than were written together."""
    count = Counter(map(cell_of, rows))
    return {_cell_name(r) for r in rows if count[cell_of(r)] < r.get("group_rows", 0)}


def _status_notes(rows: list[Row]) -> list[str]:
    notes = []
    for status in BROKEN:
        broken = [row for row in rows if row["status"] == status]
        if broken:
            cells = sorted({_cell_name(row) for row in broken})
            runs = "run" if len(broken) == 1 else "runs"
            notes.append(f"{len(broken)} {runs} ended as {status}: {', '.join(cells)}.")
    ungained = {
        _cell_name(row) for row in rows if row["status"] == "ok" and row["gain"] is None
    }
    if ungained:
        notes.append(
            f"{len(ungained)} cells have runs without a gain: the baseline has no run "
            "with the same seed, data and steps."
        )
    return notes


def _warning_notes(warned: Iterable[Warned]) -> list[str]:
    """One note per kind of warning, with method, scenario and seeds."""
    kinds: dict[str, list[str]] = {}
    for one in warned:
        kinds.setdefault(one.warning, []).append(one.where)
    return [
        f"Warning, {kind} ({WARNINGS[kind]}): {', '.join(where)}."
        for kind, where in kinds.items()
    ]


def _row_order(row: Row) -> tuple[Any, ...]:
    fraction = row["label_fraction"] or 0.0
    place = (row["case"], row["scenario"], row["track"] != "U", fraction)
    return (*place, is_oracle(row), row["method"], row["configuration"], row["seed"])


def _fields(board: Leaderboard) -> tuple[str, ...]:
    """The fields to write: whose a row is, where rows of two folders are shown."""
    shared = any("origin" in row for row in board.rows)
    return (*FIELDS, "origin") if shared else FIELDS


def _write_json(board: Leaderboard, path: Path) -> None:
    summary = {
        "cases": [summary.to_json() for summary in board.cases],
        "scenarios": [summary.to_json() for summary in board.scenarios],
        "verdicts": [verdict._asdict() for verdict in board.verdicts],
        "notes": list(board.notes),
        "warnings": [warned._asdict() for warned in board.warnings],
        "standings": [one.to_json() for one in board.standings],
    }
    fields = _fields(board)
    with whole_file(path) as draft, draft.open("w", encoding="utf-8") as file:
        # A run a line: json's indentation takes ten times as long and as many lines.
        file.write(f'{{\n"schema_version": {SCHEMA_VERSION},\n"rows": [')
        for number, row in enumerate(board.rows):
            shown = strict_json({name: row.get(name) for name in fields})
            line = json.dumps(shown, allow_nan=False)
            file.write(f",\n{line}" if number else f"\n{line}")
        text = json.dumps(strict_json(summary), allow_nan=False, indent=1)
        file.write(f'\n],\n"summary": {text}\n}}\n')


def _write_csv(board: Leaderboard, path: Path) -> None:
    fields = _fields(board)
    with (
        whole_file(path) as draft,
        draft.open("w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.DictWriter(file, fields, lineterminator="\n")
        writer.writeheader()
        for row in board.rows:
            warned = "+".join(row.get("warnings") or ())
            shown = {name: row.get(name) for name in fields} | {"warnings": warned}
            writer.writerow({name: plain_cell(v) for name, v in shown.items()})


def _write_markdown(board: Leaderboard, path: Path) -> None:
    text = markdown_tables(board.cases, board.verdicts, board.notes)
    write_whole(path, text)


def _write_latex(board: Leaderboard, path: Path) -> None:
    write_whole(path, latex_tables(board.cases) + "\n")


_WRITERS = {
    "json": _write_json,
    "csv": _write_csv,
    "md": _write_markdown,
    "tex": _write_latex,
}
