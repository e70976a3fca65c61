"""Per-case tables as plain text for a terminal, and as Markdown."""

import itertools
import textwrap
from collections.abc import Iterator, Sequence

from da_zoo.bench.rows import BROKEN
from da_zoo.bench.summary import Summary
from da_zoo.bench.verdicts import Verdict
from da_zoo.bench.wording import (
    CASE_TITLES,
    DETAIL_TITLES,
    METRIC_TITLES,
    REGRESSION_LEGEND,
    listed,
    number,
    percent,
    percent_interval,
    points_interval,
    track_title,
)

__all__ = [
    "LEGEND",
    "case_tables",
    "legend",
    "markdown_tables",
    "row_note",
    "split_undefined",
    "table_caption",
    "table_cells",
    "table_header",
    "text_tables",
]

LEGEND = (
    "Accuracy and macro-F1 in %, gain in points over the baseline of the same seeds "
    "(source_only without target labels, else target_only from scratch); mean and 95 % "
    "t interval over seeds, scenarios averaged within each seed. * = the highest mean, "
    "or not told apart from it by a paired interval (not corrected for the number of "
    "comparisons). Worse = share of runs more than 0.5 points below the baseline. "
    "Seconds per run; compiling counts where a program was first needed."
)
"""How the tables are to be read."""

_WIDTHS = (13, 24, 9, 7, 8, 10, 7)


Table = tuple[int, str, float | None, str]
"""Case, track, label fraction and metric: what one table is of."""


def table_header(metric: str) -> tuple[str, ...]:
    """Names the columns of a table that ranks by a metric."""
    names = (METRIC_TITLES[metric], "gain", DETAIL_TITLES[metric])
    return ("method", *names, "worse", "fit s", "compile s", "seeds")


def legend(cases: Sequence[Summary]) -> str:
    """Says how the tables are to be read, of regressions where there are any."""
    regression = any(s.metric == "rmse" for s in cases)
    return f"{LEGEND} {REGRESSION_LEGEND}" if regression else LEGEND


def case_tables(
    cases: Sequence[Summary],
) -> Iterator[tuple[Table, list[Summary]]]:
    """Groups summaries into the tables to show, each with the oracle's row last.

    A table in which no method is defined, or with the oracle alone, is left out.

    Args:
        cases: summaries in the order of a Leaderboard.

    Returns:
        pairs of (case, track, label fraction, metric) and the table's rows.
    """
    for table, members in itertools.groupby(
        cases, lambda s: (s.case, s.track, s.label_fraction, s.metric)
    ):
        rows = list(members)
        if all(s.oracle or set(s.statuses) == {"na"} for s in rows):
            continue
        oracle = [
            s for s in cases if (s.case, s.metric) == (table[0], table[3]) and s.oracle
        ]
        yield table, [s for s in rows if not s.oracle] + oracle


def row_note(summary: Summary) -> str:
    """Says what a row of a table is beside a method, or why it has no numbers.

    Returns:
        "baseline", "oracle: all target labels", "n/a (reason)", "failed (reason)",
        "2 of 5 runs failed", or "".
    """
    counts = summary.statuses
    total = sum(counts.values())
    if set(counts) == {"na"}:
        return f"n/a ({summary.reason or 'undefined here'})"
    broken = {status: counts[status] for status in BROKEN if status in counts}
    if summary.score is None:
        return (
            f"{listed(list(broken)) or 'no result'} ({summary.reason or 'no reason'})"
        )
    notes = ["oracle: all target labels"] if summary.oracle else []
    if summary.baseline and not summary.oracle:
        notes.append("baseline")
    notes += [f"{n} of {total} runs {status}" for status, n in broken.items()]
    if summary.scenarios < summary.planned:
        notes.append(f"only {summary.scenarios} of {summary.planned} scenarios")
    return ", ".join(notes)


def split_undefined(
    rows: Sequence[Summary],
) -> tuple[list[Summary], list[tuple[str, list[str]]]]:
    """Parts a table's rows from the methods that are undefined in it.

    Args:
        rows: of one table.

    Returns:
        the other rows, and pairs of ("n/a (reason)", methods).
    """
    reasons: dict[str, list[str]] = {}
    for row in rows:
        if set(row.statuses) == {"na"}:
            reasons.setdefault(row_note(row), []).append(row.method)
    defined = [row for row in rows if set(row.statuses) != {"na"}]
    return defined, list(reasons.items())


def text_tables(
    cases: Sequence[Summary],
    verdicts: Sequence[Verdict],
    notes: Sequence[str],
    *,
    width: int = 100,
) -> str:
    """Lays out verdicts, per-case tables and notes as plain text.

    Args:
        cases: summaries per case.
        verdicts: of the same leaderboard.
        notes: what was left out.
        width: columns to fit into, at least 100.

    Raises:
        ValueError: for a width below 100.
    """
    if width < 100:
        raise ValueError(f"width must be at least 100 columns, got {width}")
    lines: list[str] = []
    for case, tables in itertools.groupby(case_tables(cases), lambda t: t[0][0]):
        title = f"Case {case}: {CASE_TITLES.get(case, '')}"
        lines += [title, "=" * len(title)]
        for verdict in verdicts:
            if verdict.case == case:
                lines += _wrapped(verdict.text.replace("`", ""), width, "- ")
        for table, rows in tables:
            lines += ["", table_caption(table, rows), *_text_table(rows, width)]
        lines.append("")
    lines += _wrapped(legend(cases), width, "")
    for note in notes:
        lines += _wrapped(note, width, "! ")
    return "\n".join(lines) + "\n"


def markdown_tables(
    cases: Sequence[Summary], verdicts: Sequence[Verdict], notes: Sequence[str]
) -> str:
    """Lays out the same as :func:`text_tables` as Markdown."""
    lines = ["# da_zoo leaderboard", ""]
    for case, tables in itertools.groupby(case_tables(cases), lambda t: t[0][0]):
        lines += [f"## Case {case}: {CASE_TITLES.get(case, '')}", ""]
        lines += [f"- {_plain(v.text)}" for v in verdicts if v.case == case]
        for table, rows in tables:
            lines += ["", f"### {table_caption(table, rows)}", ""]
            header = table_header(table[3])
            lines.append(f"| {' | '.join(header)} |")
            lines.append("|:--|" + "--:|" * (len(header) - 1))
            defined, undefined = split_undefined(rows)
            lines += [_markdown_row(row) for row in defined]
            lines += [""] * bool(undefined)
            lines += [
                f"- {_plain(note)}: {', '.join(f'`{_plain(m)}`' for m in methods)}"
                for note, methods in undefined
            ]
        lines.append("")
    lines += [_plain(legend(cases)).replace("* =", r"\* ="), ""]
    if notes:
        lines += ["## Left out", "", *(f"- {_plain(note)}" for note in notes), ""]
    return "\n".join(lines)


def table_caption(table: Table, rows: Sequence[Summary]) -> str:
    """Says what a table is of."""
    _, track, fraction, _ = table
    scenarios = max(row.scenarios for row in rows)
    over = f"mean of {scenarios} scenarios" if scenarios > 1 else "1 scenario"
    title = track_title(track, fraction)
    return f"Track {track}, {title} ({over}; baseline {rows[0].against})"


def table_cells(row: Summary) -> list[str]:
    """Words the columns behind a method's name; it must have a score."""
    worse = row.negative_transfer_rate
    # The oracle trains on other labels: its distance to the baseline is no gain.
    gain = "–" if row.oracle else points_interval(row.gain)
    gain = "baseline" if row.baseline and not row.oracle else gain
    return [
        percent_interval(row.score),
        gain,
        percent(row.detail.mean if row.detail else None),
        "–" if worse is None or row.oracle else f"{100 * worse:.0f} %",
        number(row.fit_seconds),
        number(row.compile_seconds),
        str(row.seeds),
    ]


def _text_table(rows: Sequence[Summary], width: int) -> list[str]:
    defined, undefined = split_undefined(rows)
    space = width - sum(_WIDTHS)
    names = table_header(rows[0].metric)
    header = names[0].ljust(space) + _right_aligned(names[1:])
    lines = [header, "-" * width]
    for row in defined:
        star = "* " if row.best and not row.oracle else "  "
        name = star + row.method
        if len(name) > space:
            name = f"{name[: space - 1]}…"
        note = row_note(row)
        if row.score is None:
            lines += _wrapped(note, width, name.ljust(space) + "  ")
            continue
        lines.append(name.ljust(space) + _right_aligned(table_cells(row)))
        if note and note != "baseline":
            lines += _wrapped(f"({note})", width, "    ")
    for note, methods in undefined:
        lines += _wrapped(f"{note}: {', '.join(methods)}", width, "  ")
    return lines


def _right_aligned(cells: Sequence[str]) -> str:
    return "".join(c.rjust(w) for c, w in zip(cells, _WIDTHS, strict=True))


def _markdown_row(row: Summary) -> str:
    note = row_note(row)
    star = r"\* " if row.best and not row.oracle else ""
    name = f"{star}`{_plain(row.method)}`"
    if row.score is None:
        blanks = " |" * (len(table_header(row.metric)) - 2)
        return f"| {name} | {_plain(note)} |{blanks}"
    name += f" ({_plain(note)})" if note else ""
    return f"| {name} | {' | '.join(table_cells(row))} |"


def _plain(text: str) -> str:
    """Keeps a text from ending a cell or starting HTML."""
    return " ".join(text.split()).replace("|", r"\|").replace("<", "&lt;")


def _wrapped(text: str, width: int, first: str) -> list[str]:
    return textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=" " * len(first)
    )
