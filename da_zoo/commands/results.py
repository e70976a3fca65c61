"""``da-zoo report``, ``status``, ``merge`` and ``export``: about folders of results."""

import argparse
from pathlib import Path
from typing import Any

from da_zoo.logs import log_event

__all__ = ["add", "export", "merge", "report", "status"]


def add(commands: Any) -> None:
    """Adds the commands to the parser."""
    one = commands.add_parser("report", help="write leaderboard and report again")
    one.add_argument("dir", nargs="?", default="results", metavar="DIR")
    one.add_argument(
        "--stale",
        default="keep",
        metavar="keep|drop",
        help="rows of an older source of their method; default: keep, with a note",
    )
    one.add_argument(
        "--with-reference",
        metavar="REF_DIR",
        help="show the rows of that folder beside; none is copied",
    )
    one.set_defaults(run=report)

    one = commands.add_parser("status", help="say what a results folder holds")
    one.add_argument("dir", nargs="?", default="results", metavar="DIR")
    one.set_defaults(run=status)

    one = commands.add_parser("merge", help="put folders of results together")
    one.add_argument("out", metavar="OUT")
    one.add_argument("dirs", nargs="+", metavar="DIR")
    one.set_defaults(run=merge)

    one = commands.add_parser("export", help="write rows as Parquet or CSV")
    one.add_argument("dir", metavar="DIR")
    one.add_argument("file", metavar="FILE", help="ends in .parquet or .csv")
    one.set_defaults(run=export)


def report(arguments: argparse.Namespace) -> int:
    """Writes leaderboard and report again."""
    from da_zoo.bench import render

    if not Path(arguments.dir).is_dir():
        raise ValueError(f"{arguments.dir} is no folder; run da-zoo bench first")
    board, path, problems = render(
        arguments.dir, stale=arguments.stale, reference=arguments.with_reference
    )
    for problem in problems:
        log_event("row_unreadable", str(problem), level="warning")
    print(board.to_text())
    print(f"\nReport: {path}")
    return 0


def status(arguments: argparse.Namespace) -> int:
    """Prints what a results folder holds."""
    from collections import Counter

    from da_zoo.bench.leaderboard import current_rows
    from da_zoo.bench.rows import BROKEN
    from da_zoo.bench.staleness import count_stale
    from da_zoo.bench.store import RowStore

    if not Path(arguments.dir).is_dir():
        raise ValueError(f"{arguments.dir} is no folder; run da-zoo bench first")
    rows, problems = RowStore.open(arguments.dir, create=False).read()
    count = Counter((row["suite"], row["status"]) for row in rows)
    print(
        f"{arguments.dir}: {len(rows)} rows in {len({r['group'] for r in rows})} groups"
    )
    for (suite, status), number in sorted(count.items()):
        print(f"  {suite:<20} {status:<8} {number}")
    for method, number in count_stale(rows).items():
        print(f"  stale: {number} rows of an older source of {method}")
    current, superseded = current_rows(rows)
    if superseded:
        verb = "rows are" if superseded > 1 else "row is"
        print(f"  {superseded} {verb} of runs that others of the same cell replaced")
    for row in current:
        if row["status"] in BROKEN:
            run = f"{row['scenario']} {row['method']} seed {row['seed']}"
            print(f"  {row['status']}: {run}: {row['reason']}")
    for problem in problems:
        print(f"  rows.jsonl, line {problem.line}: {problem.reason}")
    return 0


def merge(arguments: argparse.Namespace) -> int:
    """Puts folders together and writes the leaderboard of all."""
    from da_zoo.bench import render
    from da_zoo.bench.merge import merge as merge_folders

    copied, problems = merge_folders(arguments.out, arguments.dirs)
    for problem in problems:
        log_event("row_unreadable", str(problem), level="warning")
    board, path, _ = render(arguments.out)
    print(f"{copied} row groups copied; {arguments.out} has {len(board.rows)} rows")
    print(f"Report: {path}")
    return 0


def export(arguments: argparse.Namespace) -> int:
    """Writes all rows, with their gains, for other tools."""
    from da_zoo.bench.export import export_rows
    from da_zoo.bench.leaderboard import build_leaderboard
    from da_zoo.bench.store import RowStore

    rows, problems = RowStore.open(arguments.dir, create=False).read()
    board = build_leaderboard(rows, problems)
    count = export_rows(board.rows, arguments.file)
    print(f"{count} rows written to {arguments.file}")
    return 0
