"""From a leaderboard to the page: what the template shows, in reading order."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from da_zoo.bench.health import WARNINGS
from da_zoo.bench.leaderboard import Leaderboard
from da_zoo.bench.report.cost import cost_and_gain
from da_zoo.bench.report.criteria_table import criteria_table
from da_zoo.bench.report.distance import gain_by_distance
from da_zoo.bench.report.embeddings import embeddings
from da_zoo.bench.report.figures import DotRow, dot_panel, gain_bar
from da_zoo.bench.report.heatmap import heatmap
from da_zoo.bench.report.label_efficiency import label_efficiency
from da_zoo.bench.report.learning_curves import learning_curves
from da_zoo.bench.report.oracle_gap import oracle_gap
from da_zoo.bench.report.provenance import provenance
from da_zoo.bench.report.rank_diagram import rank_diagram
from da_zoo.bench.report.reliability import reliability
from da_zoo.bench.report.replication import replication
from da_zoo.bench.report.section import Section, absent
from da_zoo.bench.report.selected import finished
from da_zoo.bench.row_combinations import metric_of
from da_zoo.bench.rows import BROKEN
from da_zoo.bench.standings import Standings
from da_zoo.bench.summary import Summary, is_oracle
from da_zoo.bench.tables import case_tables, legend, row_note, split_undefined
from da_zoo.bench.wording import (
    CASE_TITLES,
    DETAIL_TITLES,
    METRIC_TITLES,
    number,
    percent,
    percent_interval,
    percent_range,
    points,
    points_interval,
    track_title,
)

__all__ = ["render_html"]

_FOLDER = Path(__file__).parent

_LARGEST_PAGE = 1_000_000
"""Bytes."""
_TOO_LARGE = "left out to keep this page small; `rows.jsonl` has what it shows"
_FEW = 2
"""Figures of a section in a page that would be too large otherwise."""
_MOST_PAIRED = 16
"""Methods whose every pair is shown; more make a table that nobody reads."""

_CASE_ROLES = {
    1: "The placebo: nothing has to be adapted, so a loss is the method's own cost.",
    2: "Inductive transfer: the same images, other labels.",
    3: "Classic domain adaptation: other images, the same labels.",
    4: "The hardest: other images and other labels; negative transfer is expected.",
}

_KIND_TITLES = {
    "gain": "Above the baseline",
    "loss": "Below the baseline",
    "placebo": "As it should be",
    "open": "No claim",
}


def render_html(leaderboard: Leaderboard) -> str:
    """Renders the page.

    Args:
        leaderboard: from :func:`da_zoo.bench.leaderboard.build_leaderboard`.

    Returns:
        HTML with style, script and figures inline. All names are escaped.

    Example:
        >>> from da_zoo.bench.leaderboard import build_leaderboard
        >>> render_html(build_leaderboard([])).startswith("<!doctype html>")
        True
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        capital=_capital,
        code=_code,
        number=number,
        percent=percent,
        percent_interval=percent_interval,
        percent_range=percent_range,
        points=points,
        points_interval=points_interval,
        soft=_soft,
    )
    # Our own files, not data: they go in as they are.
    assets = {
        name: Markup((_FOLDER / file).read_text(encoding="utf-8"))
        for name, file in (("style", "style.css"), ("script", "script.js"))
    }
    rows = finished(leaderboard.rows)
    scenarios = leaderboard.scenarios
    # In reading order: how runs are chosen and what they cost, then, after every
    # seed's result, what went on within them.
    choices = [
        oracle_gap(rows),
        criteria_table(leaderboard.selection),
        label_efficiency(rows),
        gain_by_distance(rows, scenarios),
        cost_and_gain(rows),
    ]
    insights = [
        learning_curves(rows, scenarios),
        embeddings(rows, scenarios),
        reliability(rows, scenarios),
    ]
    content = {
        **assets,
        "choices": choices,
        "insights": insights,
        "replication": replication(rows),
        "facts": _facts(leaderboard),
        "cases": _cases(leaderboard),
        "standings": _standings(leaderboard.standings),
        "heatmap": heatmap(scenarios),
        "panels": _panels(leaderboard),
        "scenarios": _scenario_rows(scenarios),
        "provenance": provenance(leaderboard.rows),
        "notes": leaderboard.notes,
        "warnings": [(w, WARNINGS[w.warning]) for w in leaderboard.warnings],
        "legend": legend(leaderboard.cases),
    }
    template = environment.get_template("template.html")
    # A page that can be mailed is worth more than the longest parts of it: they are
    # left out one after the other, first those that other files hold as well.
    steps: list[dict[str, Any]] = [
        {},
        {"detailed": False, "scenarios": []},
        {"dotted": False, "panels": []},
        {"insights": [absent(s, _TOO_LARGE) for s in insights]},
        {"coloured": False, "choices": [_short(s) for s in choices]},
    ]
    shown = content | {"detailed": True, "dotted": True, "coloured": True}
    page = ""
    for step in steps:
        shown |= step
        page = template.render(shown, missing=_missing(shown))
        if len(page.encode()) < _LARGEST_PAGE:
            break
    return page


def _missing(shown: dict[str, Any]) -> list[tuple[str, str]]:
    """Lists what is not drawn, and why: (title, reason)."""
    sections = [*shown["choices"], *shown["insights"]]
    found = [(one.title, one.reason) for one in sections if not one.shown]
    if reason := shown["replication"].reason:
        found.append(("Replication", reason))
    return found


def _short(section: Section) -> Section:
    """Keeps the tables of a section, and its first figures."""
    return section._replace(panels=section.panels[:_FEW])


def _standings(standings: Sequence[Standings]) -> list[dict[str, Any]]:
    """Returns a table for each track and label fraction, with its diagram."""
    return [
        {
            "title": f"Track {one.track}, {track_title(one.track, one.label_fraction)}",
            "standings": one,
            "diagram": rank_diagram(one.ranks),
            "pairs": [
                (
                    a.method,
                    [one.pairwise.get((a.method, b.method)) for b in one.methods],
                )
                for a in one.methods
            ]
            if len(one.methods) <= _MOST_PAIRED
            else [],
        }
        for one in standings
    ]


def _code(text: str) -> Markup:
    """Turns `names` in backticks into <code>, and escapes everything."""
    parts = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if i % 2 else escape(part)
        for i, part in enumerate(parts)
    )


def _soft(name: str) -> Markup:
    """Lets a long name wrap after its underscores, and escapes it."""
    return Markup("_<wbr>").join(name.split("_"))


def _facts(board: Leaderboard) -> list[tuple[str, str]]:
    """Returns the few numbers at the top of the page: (value, what it counts)."""
    ok = [row for row in board.rows if row["status"] == "ok"]
    broken = sum(row["status"] in BROKEN for row in board.rows)

    def count(field: str) -> int:
        return len({row[field] for row in board.rows})

    facts = [
        (str(count("method")), "methods"),
        (str(count("scenario")), "scenarios"),
        (str(count("seed")), "seeds"),
        (f"{len(ok):,}".replace(",", "\N{NARROW NO-BREAK SPACE}"), "finished runs"),
    ]
    if broken:
        facts.append((str(broken), "failed runs"))
    seconds = sum(
        (row.get("fit_seconds") or 0.0) + (row.get("compile_seconds") or 0.0)
        for row in ok
    )
    facts.append((f"{seconds / 60:.1f}", "minutes of training"))
    return facts


def _cases(board: Leaderboard) -> list[dict[str, Any]]:
    cases: dict[int, dict[str, Any]] = {}
    for (case, track, fraction, metric), rows in case_tables(board.cases):
        entry = cases.setdefault(
            case,
            {
                "number": case,
                "title": CASE_TITLES.get(case, ""),
                "role": _CASE_ROLES.get(case, ""),
                "verdicts": [
                    (v.kind, _KIND_TITLES[v.kind], v.text)
                    for v in board.verdicts
                    if v.case == case
                ],
                "tables": [],
            },
        )
        names = {
            s.scenario
            for s in board.scenarios
            if (s.case, s.track, s.label_fraction) == (case, track, fraction)
            and s.metric == metric
            and s.score is not None
        }
        entry["tables"].append(_table(track, fraction, sorted(map(str, names)), rows))
    return list(cases.values())


def _table(
    track: str, fraction: float | None, scenarios: list[str], rows: list[Summary]
) -> dict[str, Any]:
    gains = [row.gain for row in rows if row.gain is not None and not row.oracle]
    ends = [gain.mean if gain.low is None else gain.low for gain in gains]
    ends += [gain.mean if gain.high is None else gain.high for gain in gains]
    low, high = min([0.0, *ends]), max([0.0, *ends])
    title = track_title(track, fraction)
    defined, undefined = split_undefined(rows)
    return {
        "title": title[0].upper() + title[1:],
        "metric": _capital(METRIC_TITLES[rows[0].metric]),
        "detail": _capital(DETAIL_TITLES[rows[0].metric]),
        "track": track,
        "baseline": rows[0].against,
        "scenarios": scenarios,
        "rows": [
            {
                "summary": row,
                "note": row_note(row),
                "best": bool(row.best) and not row.oracle,
                "bar": (
                    gain_bar(row.gain, low, high)
                    if row.gain is not None and not row.oracle and not row.baseline
                    else ""
                ),
            }
            for row in defined
        ],
        "undefined": undefined,
    }


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _shown(scenarios: Iterable[Summary]) -> list[tuple[tuple[Any, ...], list[Summary]]]:
    """Groups summaries by scenario and track; leaves out what is undefined."""
    tables: dict[tuple[Any, ...], list[Summary]] = {}
    for s in scenarios:
        if set(s.statuses) != {"na"} and not s.oracle:
            key = (s.case, s.scenario, s.track, s.label_fraction)
            tables.setdefault(key, []).append(s)
    return list(tables.items())


def _panels(board: Leaderboard) -> list[dict[str, Any]]:
    seeds: dict[tuple[Any, ...], dict[int, float]] = {}
    for row in board.rows:
        if row["status"] == "ok" and row["configuration"] == 0:
            cell = (row["scenario"], row["track"], row["label_fraction"], row["method"])
            seeds.setdefault(cell, {})[row["seed"]] = row[metric_of(row)]
    oracles = {
        row["scenario"]: ("F", row["label_fraction"], row["method"])
        for row in board.rows
        if is_oracle(row)
    }
    panels = []
    for (case, scenario, track, fraction), members in _shown(board.scenarios):
        rows = [
            DotRow(
                s.method,
                seeds.get((scenario, track, fraction, s.method), {}),
                "baseline" if s.baseline else "",
                row_note(s).split(" (")[0],
            )
            for s in members
        ]
        if scenario in oracles:
            dots = seeds.get((scenario, *oracles[scenario]), {})
            if dots:
                rows.append(DotRow("oracle", dots, "oracle"))
        title = track_title(track, fraction)
        panels.append(
            {
                "case": case,
                "scenario": scenario,
                "track": track,
                "title": title,
                "figure": dot_panel(
                    rows,
                    label=f"{_capital(METRIC_TITLES[members[0].metric])} of every seed "
                    f"on {scenario}, {title}",
                ),
            }
        )
    return panels


def _scenario_rows(scenarios: Sequence[Summary]) -> list[tuple[str, Summary]]:
    return [
        (track_title(s.track, s.label_fraction), s)
        for s in scenarios
        if s.score is not None
    ]
