"""An inspection in plain text, for a terminal."""

import textwrap
from typing import Any

from da_zoo.data.inspect import Inspection, Pair
from da_zoo.data.summaries import Summary
from da_zoo.text_table import aligned

__all__ = ["inspection_text"]

MOST_CLASSES = 20
MOST_COLUMNS = 30
RELATIONS = {
    "closed": "the same classes on both sides",
    "partial": "the target lacks classes of the source",
    "open": "the target has classes that the source lacks",
    "disjoint": "no class in common",
    "values": "values on both sides, a regression",
    "unknown": "labels not known on both sides",
}
DOMAINS = {
    True: "no distance beyond chance",
    False: "another domain",
    None: "distances not known",
}
CASES = {
    1: "case 1: a model of the source should do",
    2: "case 2, another task: fine-tune on target labels",
    3: "case 3: domain adaptation",
    4: "case 4, another task: transfer with target labels",
    None: "the case is not known",
}
WIDTH = 88


def inspection_text(found: Inspection) -> str:
    """Writes an inspection.

    Example:
        >>> one = Summary("a", "features", 9, 0, {}, {}, {"shape": [2]}, {})
        >>> print(inspection_text(Inspection((one,), (), ())))
        Rows
          domain  kind      rows  labelled  inputs
          a       features  9     0         2 numbers
    """
    sections = [_rows(found.summaries)]
    if any(one.classes for one in found.summaries):
        sections.append(_classes(found.summaries))
    if any(one.values for one in found.summaries):
        sections.append(_values(found.summaries))
    if any(one.columns for one in found.summaries):
        sections.append(_columns(found.summaries))
    if found.pairs:
        sections.append(_distances(found.pairs))
    if found.notes:
        sections.append(["Notes", *(f"  {note}" for note in found.notes)])
    return "\n\n".join("\n".join(section) for section in sections)


def _section(title: str, cells: list[list[str]]) -> list[str]:
    return [title, *(f"  {line}" for line in aligned(cells))]


def _rows(summaries: tuple[Summary, ...]) -> list[str]:
    cells = [["domain", "kind", "rows", "labelled", "inputs"]]
    for one in summaries:
        numbers = [f"{one.rows:,}", f"{one.labelled:,}"]
        cells.append([one.name, one.kind, *numbers, _inputs(one.inputs)])
    return _section("Rows", cells)


def _inputs(told: dict[str, Any]) -> str:
    if "height" in told:
        height, width = (_span(*told[key]) for key in ("height", "width"))
        grey = f", {told['grey']} grey" if told["grey"] else ""
        return f"{height} x {width} pixels{grey}"
    if "words" in told:
        return f"{_range(told['words'])} words"
    if "entries a row" in told:
        empty = f", {told['empty rows']} rows empty" if told["empty rows"] else ""
        return (
            f"{told['columns']:,} columns, {_range(told['entries a row'])} entries a "
            f"row{empty}"
        )
    if "missing" in told:
        return f"{told['columns']} columns, {100 * told['missing']:.1f} % missing"
    size = " x ".join(map(str, told.get("shape", [])))
    if "least" not in told:
        return f"{size} numbers"
    zeros = f", {100 * told['zeros']:.0f} % zeros" if told.get("zeros", 0) else ""
    return f"{size} {told['type']}, {_range(told)}{zeros}"


def _span(least: int, most: int) -> str:
    return str(least) if least == most else f"{least}..{most}"


def _range(told: dict[str, Any]) -> str:
    return f"{told['least']:.4g}..{told['most']:.4g} (mean {told['mean']:.4g})"


def _classes(summaries: tuple[Summary, ...]) -> list[str]:
    names = list(dict.fromkeys(name for one in summaries for name in one.classes))
    cells = [["class", *(one.name for one in summaries)]]
    for name in names[:MOST_CLASSES]:
        row = [name]
        for one in summaries:
            count = one.classes.get(name, 0)
            share = 100 * count / max(1, one.labelled)
            row.append(f"{count:,} ({share:.0f} %)" if count else "-")
        cells.append(row)
    lines = _section("Classes", cells)
    if len(names) > MOST_CLASSES:
        lines.append(f"  and {len(names) - MOST_CLASSES} classes more")
    return lines


def _values(summaries: tuple[Summary, ...]) -> list[str]:
    cells = [["domain", "least", "mean", "most", "deviation"]]
    for one in summaries:
        keys = ("least", "mean", "most", "deviation")
        cells.append(
            [one.name, *(f"{one.values[k]:.4g}" if one.values else "-" for k in keys)]
        )
    return _section("Labels", cells)


def _columns(summaries: tuple[Summary, ...]) -> list[str]:
    names = list(dict.fromkeys(name for one in summaries for name in one.columns))
    cells = [["column", *(one.name for one in summaries)]]
    for name in names[:MOST_COLUMNS]:
        cells.append([name, *(_column(one.columns.get(name)) for one in summaries)])
    lines = _section("Columns", cells)
    if len(names) > MOST_COLUMNS:
        lines.append(f"  and {len(names) - MOST_COLUMNS} columns more")
    return lines


def _column(told: dict[str, Any] | None) -> str:
    if told is None:
        return "-"
    if told["missing"] == 1:
        return "all missing"
    if "categories" in told:
        first = ", ".join(told["commonest"])
        text = f"{told['categories']} categories ({first})"
    else:
        text = _range(told)
    return text + (
        f", {100 * told['missing']:.0f} % missing" if told["missing"] else ""
    )


def _distances(pairs: tuple[Pair, ...]) -> list[str]:
    measured = [pair for pair in pairs if pair.distances]
    lines = []
    if measured:
        names = list(measured[0].distances)
        cells = [["source", "target", *names]]
        for pair in measured:
            row = [pair.source, pair.target]
            for one in pair.distances.values():
                row.append(f"{one.value:.3g} (chance {one.chance:.2g})")
            cells.append(row)
        lines = _section(
            "Distances of encoded rows, and what chance alone gives", cells
        )
        lines.append("")
    lines.append("Cases")
    told: dict[str, list[str]] = {}
    for pair in pairs:
        what = (
            f"{RELATIONS[pair.label_sets]}; {DOMAINS[pair.same_domain]}; "
            f"{CASES[pair.case]}."
        )
        told.setdefault(what, []).append(f"{pair.source} to {pair.target}")
    for what, between in told.items():
        lines += _wrapped(f"{', '.join(between)}: {what}")
    last = {pair.label_sets: pair.methods for pair in pairs if pair.methods}
    for label_sets, methods in last.items():
        sets = "closed, if so" if label_sets == "unknown" else label_sets
        lines += _wrapped(
            f"Methods without target labels ({sets}): {', '.join(methods)}."
        )
    return lines


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent="  ",
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
