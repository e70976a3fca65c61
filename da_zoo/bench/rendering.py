"""Leaderboard and report of a folder's rows, with reference rows beside if wanted."""

from pathlib import Path

from da_zoo.bench.leaderboard import Leaderboard, build_leaderboard
from da_zoo.bench.reference import add_reference
from da_zoo.bench.report import write_report
from da_zoo.bench.rows import Row
from da_zoo.bench.selection_file import digest_of, load_selection
from da_zoo.bench.staleness import count_stale, is_stale, stale_note
from da_zoo.bench.store import RowStore
from da_zoo.naming import check_names

__all__ = ["render"]


def render(
    out: str | Path, *, stale: str = "keep", reference: str | Path | None = None
) -> tuple[Leaderboard, Path, list[str]]:
    """Writes the leaderboard and the report of all rows in a folder.

    Args:
        out: folder of a benchmark.
        stale: "keep" rows of an older source of their method, with a note, or "drop"
            them.
        reference: a folder whose rows are shown beside; none is copied.

    Returns:
        The leaderboard, the path of ``report.html``, and what could not be read.

    Raises:
        ValueError: if a folder is not a benchmark's.
    """
    check_names([stale], ("keep", "drop"), "stale")
    rows, problems = RowStore.open(out, create=False).read()
    told = [f"rows.jsonl, line {p.line}: {p.reason}" for p in problems]
    notes: list[str] = []
    theirs: list[Row] = []
    if reference is not None:
        theirs, flaws = RowStore.open(reference, create=False).read()
        told += [f"reference's rows.jsonl, line {p.line}: {p.reason}" for p in flaws]
    dropped = count_stale([*rows, *theirs]) if stale == "drop" else {}
    if dropped:  # before the two meet: a stale row must not push the other's out
        rows, theirs = (
            [row for row in own if not is_stale(row)] for own in (rows, theirs)
        )
    if reference is not None:
        rows, notes = add_reference(rows, theirs)
    selection, flaw = load_selection(out)
    if flaw:
        told.append(flaw)
    board = build_leaderboard(rows, told)._replace(selection=selection)
    if selection and selection.get("groups") not in (None, digest_of(board.rows)):
        notes.append("The criteria were judged on other rows: run da-zoo select again.")
    # Of what is shown: rows that newer ones have replaced are no news.
    counts = dropped or count_stale(board.rows)
    if note := stale_note(counts, dropped=bool(dropped)):
        notes.append(note)
    board = board._replace(notes=(*board.notes, *notes))
    board.write(out)
    return board, write_report(board, out), told
