"""The words of an :class:`da_zoo.advice.Advice`."""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from da_zoo.advice.evidence import Evidence, Measured
from da_zoo.bench.wording import (
    CASE_TITLES,
    listed,
    percent,
    points_interval,
    track_title,
)
from da_zoo.text_table import aligned

if TYPE_CHECKING:
    from da_zoo.advice.advise import Advice

__all__ = ["advice_text"]

WIDTH = 96
MOST_SHOWN = 8
"""Methods in the table of the evidence."""
TITLES = {
    "proxy_a_distance": "proxy A-distance",
    "mmd": "squared MMD",
    "coral_distance": "CORAL distance",
    "leep": "LEEP",
    "nce": "NCE",
    "logme": "LogME",
    "h_score": "H-score",
}


def advice_text(advice: "Advice") -> str:
    """Words an advice.

    Returns:
        Paragraphs and tables, one section a question.
    """
    sections = (
        ("How far apart are the domains?", _distances(advice)),
        ("Is the task the same?", _task(advice)),
        ("What does the source promise?", _forecast(advice)),
    )
    lines = _head(advice)
    for title, body in sections:
        lines += ["", title, *(f"  {line}".rstrip() for line in body)]
    for case in advice.cases:
        title = "What can be tried, and what has worked?"
        if len(advice.cases) > 1:
            title = f"{title[:-1]}, if this is case {case}?"
        lines += [
            "",
            title,
            *(f"  {line}".rstrip() for line in _evidence(advice, case)),
        ]
    return "\n".join(lines)


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _head(advice: "Advice") -> list[str]:
    cases = advice.cases
    titles = [f"{case} ({CASE_TITLES[case]})" for case in cases]
    case = f"Case {' or '.join(titles)}."
    if len(cases) > 1:
        case += " No target label may be read; say --task same or --task different."
    labels = "none" if not advice.labelled_rows else str(advice.labelled_rows)
    return [
        f"Source: {advice.source} ({advice.source_rows} rows)",
        f"Target: {advice.target} ({advice.target_rows} rows, labels read: {labels})",
        *_wrapped(case),
        *(line for note in advice.notes for line in _wrapped(note)),
    ]


def _distances(advice: "Advice") -> list[str]:
    rows = [["", "distance", "chance (95 %)", "p"]]
    rows += [
        [TITLES[name], f"{d.value:.3g}", f"{d.chance:.3g}", f"{d.p:.3f}"]
        for name, d in advice.distances.items()
    ]
    lines = aligned(rows, numbers=True)
    accuracy = 0.5 + advice.distances["proxy_a_distance"].value / 4.0
    linear = (
        "A linear classifier tells unseen rows of the sides apart with "
        f"{percent(accuracy)} % accuracy (50 is chance)."
    )
    if advice.same_domain:
        verdict = (
            "No distance is beyond what random divisions of the same rows give: taken "
            "for one domain. A difference too small for so few rows, or of a kind that "
            "these distances do not see, may remain."
        )
    else:
        verdict = (
            "At least one is beyond what random divisions of the same rows give: two "
            "domains. Distance is no proof of harm: what differs may not matter to the "
            "labels."
        )
    return [*lines, *_wrapped(f"{linear} {verdict}")]


def _task(advice: "Advice") -> list[str]:
    same = {True: "Yes", False: "No", None: "Unknown"}[advice.task.same]
    text = f"{same}: {advice.task.reason}."
    if advice.task.label_sets == "partial":
        text += " A partial label set: the source knows classes that do not occur."
    elif advice.task.label_sets == "open":
        text += (
            " If the shared names mean the same, this is an open label set: say --task "
            "same."
            if advice.task.same is False
            else " An open label set: some target rows are of no source class."
        )
    f = advice.forecast
    if advice.task.same and f.agreement is not None and f.majority is not None:
        if advice.continuous:
            text += (
                f" The source model reaches R2 = {f.agreement:.2f} on the labelled "
                "target rows as it stands."
            )
        else:
            text += (
                f" The source model gets {percent(f.agreement)} % of the labelled "
                "target rows right as it stands; always guessing the commonest class "
                f"would get {percent(f.majority)} %."
            )
        if f.agreement <= f.majority:
            text += (
                " That is no better than guessing: the shift is too large for it, or "
                f"equal {'numbers' if advice.continuous else 'names'} mean different "
                "things (then --task different)."
            )
    return _wrapped(text)


def _forecast(advice: "Advice") -> list[str]:
    f = advice.forecast
    quality = (
        f"R2 = {f.source_quality:.2f}"
        if advice.continuous
        else f"{percent(f.source_quality)} % right"
    )
    lines = _wrapped(
        f"A small {f.network}, {f.steps} steps on the source: {quality} on held-out "
        "source rows."
    )
    if not f.scores:
        why = "No" if not advice.labelled_rows else "Too few"
        return lines + _wrapped(
            f"{why} target labels may be read: the transferability scores need some, "
            "of two classes at least. Distances alone do not say whether labels "
            "transfer."
        )
    rows = [["higher is better", "source model", "to beat", ""]]
    rows += [
        [TITLES[name], f"{s.value:.4g}", f"{s.yardstick:.4g}", s.against]
        for name, s in f.scores.items()
    ]
    table = aligned([row[:3] for row in rows], numbers=True)
    lines += [f"{line}  {row[3]}" for line, row in zip(table, rows, strict=True)]
    beaten = [TITLES[name] for name, s in f.scores.items() if s.value > s.yardstick]
    missed = [TITLES[name] for name, s in f.scores.items() if s.value <= s.yardstick]
    if not missed:
        text = "All scores speak for the source."
    elif not beaten:
        text = "No score speaks for the source: expect little, or harm."
    else:
        text = f"For the source: {listed(beaten)}. Against: {listed(missed)}."
    text += (
        " Scores rank sources better than they foretell gains: measure against the "
        "same method without the source."
    )
    return lines + _wrapped(text)


def _situation(advice: "Advice", case: int) -> str:
    told = f"case {case}"
    if advice.task.label_sets != "closed":
        told += f", {advice.task.label_sets} label sets"
    if advice.continuous:
        told += ", a regression"
    share = advice.labelled_rows / advice.target_rows
    if not advice.labelled_rows:
        return f"{told}, no target labels"
    return f"{told}, {100 * share:.3g} % of the target labelled"


def _evidence(advice: "Advice", case: int) -> list[str]:
    names = advice.methods[case]
    situation = _situation(advice, case)
    if names:
        text = (
            f"{len(names)} methods are defined here ({situation}): {', '.join(names)}."
        )
    else:
        text = f"No adaptation method of the zoo is defined here ({situation})."
        if not advice.labelled_rows and case in (2, 4):
            text += " Another task cannot be learned without target labels: label some."
    lines = _wrapped(text)
    found = advice.evidence.get(case)
    if found is not None:
        return [*lines, *_table(found, str(advice.evidence_from))]
    if advice.evidence_from is None:
        if case != advice.cases[-1]:
            return lines
        return lines + _wrapped(
            "No benchmark was named with --evidence, and none comes with the package: "
            "which of them work is not known here. To measure it: da-zoo bench --out "
            "results, then da-zoo advise ... --evidence results."
        )
    return lines + _wrapped(
        f"{advice.evidence_from} has no finished comparison in this situation; da-zoo "
        f"bench --out {advice.evidence_from} with a suite that has it makes one."
    )


def _table(found: Evidence, folder: str) -> list[str]:
    measured = found.measured
    head = (
        f"Measured in {folder}: case {found.case}, "
        f"{track_title(found.track, found.label_fraction)}, gain over "
        f"{found.baseline} in points [95 % interval over seeds], mean of "
        f"{', '.join(found.scenarios)}."
    )
    rows = [["method", "gain", "runs below baseline"]]
    rows += [_cells(m) for m in measured[:MOST_SHOWN]]
    lines = [*_wrapped(head), *aligned(rows)]
    if (rest := len(measured) - MOST_SHOWN) > 0:
        lines.append(f"and {rest} more")
    up = sum(m.gain.above_zero for m in measured)
    down = [m for m in measured if m.gain.below_zero]
    text = f"{up} of {len(measured)} methods are detectably above the baseline"
    if down:
        text += f", {len(down)} below it ({_names(down)})"
    text += ". Other data than yours: a reason to try a method first, not to trust it."
    return lines + _wrapped(text)


def _cells(m: Measured) -> list[str]:
    rate = m.negative_transfer_rate
    return [
        m.method,
        points_interval(m.gain),
        "–" if rate is None else f"{percent(rate)} %",
    ]


def _names(measured: Sequence[Measured]) -> str:
    worst = [m.method for m in sorted(measured, key=lambda m: m.gain.mean)]
    shown = worst[:5]
    if len(worst) > len(shown):
        shown.append(f"{len(worst) - len(shown)} more")
    return listed(shown)
