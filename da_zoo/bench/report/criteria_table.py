"""The criteria's own leaderboard: what choosing without target labels costs."""

from collections.abc import Mapping
from typing import Any

from da_zoo.bench.report.section import Heading, Section, Table, absent
from da_zoo.bench.selection_file import CRITERION_FIELDS
from da_zoo.bench.wording import MINUS, percent, points

__all__ = ["criteria_table"]

_SECTION = Section(
    "criteria",
    "Criteria",
    "Choosing without target labels",
    "Each criterion chooses one candidate per scenario, method and seed by what it may "
    "see; one that is undefined for some stands below those of more choices. "
    "Regret: points of accuracy below the best candidate, which nobody can know. "
    "Below source-only: share of choices that adaptation made worse. Rank "
    "correlation: of the criterion with accuracy over candidates; 1 is perfect, 0 is "
    "chance.",
)

_HEADINGS = (
    Heading("Criterion", True),
    Heading("Accuracy %"),
    Heading("Regret", hint="points, mean over choices"),
    Heading("p95", hint="points, the 95 % quantile of the regret"),
    Heading("Largest", hint="points, the largest regret"),
    Heading("Below source-only %"),
    Heading(
        "Collapsed", hint="candidates rejected because their predictions collapsed"
    ),
    Heading("Rank corr.", hint="rank correlation with accuracy"),
    Heading("Choices", hint="scenarios × methods × seeds"),
)


def criteria_table(selection: Mapping[str, Any] | None) -> Section:
    """Lays out the criteria, the smallest regret first.

    Args:
        selection: of :func:`da_zoo.bench.selection_file.load_selection`.

    Example:
        >>> criteria_table(None).reason
        'no `selection.json`: `da-zoo select` writes it'
    """
    if selection is None:
        return absent(_SECTION, "no `selection.json`: `da-zoo select` writes it")
    ranked = str(selection.get("ranked") or "")
    tables = [_table(table, ranked) for table in selection["tables"]]
    tables = [table for table in tables if table.rows]
    tables += _tuning_tables(selection)
    if not tables:
        return absent(_SECTION, "`selection.json` has no criteria")
    notes = []
    if ranked:
        notes.append(
            f"The other tables of this page rank by `{ranked}`, which was fixed before "
            "any result was seen."
        )
    return _SECTION._replace(tables=tables, notes=notes)


def _table(table: Mapping[str, Any], ranked: str) -> Table:
    counts = []
    for name in ("scenarios", "methods"):
        if found := len(table.get(name) or ()):
            counts.append(f"{found} {name if found > 1 else name[:-1]}")
    if isinstance(candidates := table.get("candidates"), int):
        counts.append(f"{candidates} candidates")
    label = _track(table)
    label += f": {', '.join(counts)}" if counts else ""
    criteria = sorted(
        table["criteria"],
        key=lambda one: (
            -(one.get("runs") or 0),
            one.get("regret_mean") is None,
            one.get("regret_mean") or 0.0,
            one["criterion"],
        ),
    )
    return Table(label, _HEADINGS, [_row(one, ranked) for one in criteria])


def _track(table: Mapping[str, Any]) -> str:
    share = table.get("label_fraction")
    known = f", {100 * share:g} % of the labels" if isinstance(share, float) else ""
    return f"Track {table.get('track') or '?'}{known}"


_TUNING_HEADINGS = (
    Heading("Criterion", True),
    Heading("Tuned %", hint="mean accuracy over methods"),
    Heading("Defaults %", hint="mean accuracy over methods"),
    Heading("Gain", hint="points, mean over methods"),
    Heading("Better", hint="methods whose 95 % interval over seeds is above 0"),
    Heading("Worse", hint="methods whose 95 % interval over seeds is below 0"),
    Heading("Methods"),
)


def _tuning_tables(selection: Mapping[str, Any]) -> list[Table]:
    """What choosing a method's configuration on the other seeds gives, by track."""
    tracks: dict[str, dict[str, list[Mapping[str, Any]]]] = {}
    for line in selection.get("tuned") or ():
        own = tracks.setdefault(_track(line), {})
        own.setdefault(line["criterion"], []).append(line)
    return [
        Table(
            f"{label}: configurations chosen on the other seeds, per method",
            _TUNING_HEADINGS,
            sorted(
                (_tuning_row(name, lines) for name, lines in criteria.items()),
                key=lambda row: -float(row[1]),
            ),
        )
        for label, criteria in tracks.items()
    ]


def _tuning_row(criterion: str, lines: list[Mapping[str, Any]]) -> list[str]:
    def mean(field: str) -> float:
        return sum(float(line[field]["mean"]) for line in lines) / len(lines)

    def sure(end: str, sign: int) -> str:
        ends = [line["gain"].get(end) for line in lines]
        return str(sum(e is not None and sign * e > 0 for e in ends))

    return [
        criterion,
        percent(mean("accuracy")),
        percent(mean("default")),
        points(mean("gain")),
        sure("low", 1),
        sure("high", -1),
        str(len(lines)),
    ]


def _row(one: Mapping[str, Any], ranked: str) -> list[str]:
    name = one["criterion"]
    # JSON may write a whole number without its point.
    values = {
        field: None if one.get(field) is None else float(one[field])
        for field in CRITERION_FIELDS
    }
    share, correlation = values["below_source_only"], values["rank_correlation"]
    return [
        f"{name} (ranked by)" if name == ranked else name,
        percent(values["accuracy"]),
        *(percent(values[f"regret_{part}"]) for part in ("mean", "p95", "max")),
        "–" if share is None else f"{100 * share:.0f}",
        _count(values["collapsed_rejected"]),
        "–" if correlation is None else f"{correlation:.2f}".replace("-", MINUS),
        _count(values["runs"]),
    ]


def _count(value: float | None) -> str:
    return "–" if value is None else f"{value:g}"
