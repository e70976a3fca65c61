r"""The leaderboard's tables in LaTeX, for papers: ``\input{leaderboard.tex}``."""

import itertools
from collections.abc import Sequence

from da_zoo.bench.summary import Summary
from da_zoo.bench.tables import (
    case_tables,
    row_note,
    split_undefined,
    table_caption,
    table_cells,
    table_header,
)
from da_zoo.bench.wording import CASE_TITLES

__all__ = ["latex_tables", "latex_text"]

SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "±": r"$\pm$",
    "−": "$-$",
    "–": "--",
    "²": r"\textsuperscript{2}",
    "…": r"\dots{}",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "×": r"$\times$",
}


def latex_text(text: str) -> str:
    r"""Escapes a name or a cell, so that none can be a command.

    Example:
        >>> latex_text(r"a_b & \input{x} 5 %")
        'a\\_b \\& \\textbackslash{}input\\{x\\} 5 \\%'
    """
    plain = " ".join(text.split())
    return "".join(SPECIAL.get(letter, letter) for letter in plain)


def latex_tables(cases: Sequence[Summary]) -> str:
    """Lays out one ``table`` per case, track and label fraction.

    Args:
        cases: summaries per case.

    Example:
        >>> latex_tables([]).startswith("% Tables of da_zoo")
        True
    """
    lines = ["% Tables of da_zoo; needs the package booktabs.", ""]
    for case, tables in itertools.groupby(case_tables(cases), lambda t: t[0][0]):
        lines.append(f"% Case {case}: {latex_text(CASE_TITLES.get(case, ''))}")
        for table, rows in tables:
            heads = table_header(table[3])
            defined, undefined = split_undefined(rows)
            lines += [
                r"\begin{table}",
                rf"\caption{{{latex_text(table_caption(table, rows))}}}",
                rf"\begin{{tabular}}{{l{'r' * (len(heads) - 1)}}}",
                r"\toprule",
                " & ".join(map(latex_text, heads)) + r" \\",
                r"\midrule",
                *(_row(row, len(heads)) for row in defined),
                r"\bottomrule",
                r"\end{tabular}",
                *(
                    "% "
                    + latex_text(f"{note}: {', '.join(methods)}").replace("\n", " ")
                    for note, methods in undefined
                ),
                r"\end{table}",
                "",
            ]
    return "\n".join(lines)


def _row(row: Summary, width: int) -> str:
    if row.score is None:
        told = latex_text(row_note(row))
        return (
            rf"{latex_text(row.method)} & \multicolumn{{{width - 1}}}{{l}}{{{told}}} \\"
        )
    best = row.best and not row.oracle
    name = latex_text(row.method)
    if row.baseline or row.oracle:
        name += " (oracle)" if row.oracle else " (baseline)"
    found = [
        rf"\textbf{{{name}}}" if best else name,
        *map(latex_text, table_cells(row)),
    ]
    return " & ".join(found) + r" \\"
