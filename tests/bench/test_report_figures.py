"""The report's figures: known answers, whose runs they show, and escaping."""

import itertools
import re
from xml.etree import ElementTree

import pytest

from da_zoo.bench.leaderboard import build_leaderboard
from da_zoo.bench.report.cost import Cost, cost_and_gain, costs, frontier
from da_zoo.bench.report.criteria_table import criteria_table
from da_zoo.bench.report.distance import gain_by_distance, gains_by_distance
from da_zoo.bench.report.embeddings import embeddings
from da_zoo.bench.report.frame import linear, logarithmic, spread
from da_zoo.bench.report.html import render_html
from da_zoo.bench.report.label_efficiency import (
    label_area,
    label_curves,
    label_efficiency,
)
from da_zoo.bench.report.learning_curves import learning_curves, mean_curve
from da_zoo.bench.report.oracle_gap import oracle_gap, oracle_gaps
from da_zoo.bench.report.reliability import pool_bins, reliability
from da_zoo.bench.report.selected import finished
from da_zoo.bench.summary import is_oracle
from tests.bench.fake_rows import make_row
from tests.bench.rich_rows import digit_rows, enrich, many_rows, rich_rows, selection

FRACTIONS = (0.01, 0.05, 1.0)


@pytest.fixture(scope="module")
def board():
    return build_leaderboard(rich_rows(seeds=3, fractions=FRACTIONS))


@pytest.fixture(scope="module")
def rows(board):
    return finished(board.rows)


def texts(figure) -> list[str]:
    return ["".join(e.itertext()) for e in ElementTree.fromstring(figure).iter("text")]


def test_only_finished_whole_groups_of_the_defaults_are_drawn() -> None:
    whole = [make_row(seed=s, group_rows=2) for s in (0, 1)]
    assert finished(whole) == whole
    assert finished(whole[:1]) == []
    assert finished([make_row(configuration=1)]) == []
    for status in ("failed", "timeout", "na"):
        assert finished([make_row(status=status)]) == []


def test_every_section_is_drawn_from_rows_that_have_all(board, rows) -> None:
    sections = [
        oracle_gap(rows),
        label_efficiency(rows),
        gain_by_distance(rows, board.scenarios),
        cost_and_gain(rows),
        learning_curves(rows, board.scenarios),
        embeddings(rows, board.scenarios),
        reliability(rows, board.scenarios),
    ]
    for section in sections:
        assert section.panels, section.id
        for panel in section.panels:
            ElementTree.fromstring(panel.figure)
            assert not re.search(r"\bnan\b|\binf\b", panel.figure), section.id


def test_older_rows_give_reasons_and_no_error() -> None:
    old = build_leaderboard([make_row(seed=s) for s in (0, 1)])
    page = render_html(old)
    for title in ("Learning curves", "Features before and after", "Reliability"):
        assert f"<strong>{title}</strong>: " in page


@pytest.mark.parametrize("field", ["curve", "embedding", "reliability", "diagnostics"])
@pytest.mark.parametrize("value", [None, {}, [], 3, "x", {"step": [1], "count": [1]}])
def test_damaged_fields_cost_their_figure_only(field, value) -> None:
    some = digit_rows(seeds=2)
    for row in some:
        enrich(row)[field] = value if field != "diagnostics" else {}
    render_html(build_leaderboard(some))


# Oracle against realistic


def test_oracle_accuracies_stand_in_their_own_column() -> None:
    cell = {"accuracy": 0.5, "accuracy_oracle": 0.875}
    some = [make_row(method=m, seed=s, **cell) for m in ("source_only", "dann")
            for s in (0, 1)]  # fmt: skip
    board = build_leaderboard(some)
    _, pairs, _ = oracle_gaps(finished(board.rows))
    assert pairs == [("dann", 0.5, 0.875), ("source_only", 0.5, 0.875)]
    section = oracle_gap(finished(board.rows))
    assert "chosen on target-test labels, not ranked" in section.lead
    page = render_html(board)
    after = page[page.index('id="oracle"') :].partition("</section>")
    assert "87.5" in after[0]
    before = page[: page.index('id="oracle"')]
    assert "87.5" not in before + after[2]


def test_a_method_without_all_scenarios_has_no_mean() -> None:
    some = [
        make_row(method=m, scenario=s, accuracy=a, accuracy_oracle=a, against="base")
        for m, s, a in [
            ("base", "easy", 0.9),
            ("base", "hard", 0.3),
            ("dann", "easy", 0.95),
            ("dan", "easy", 0.95),
            ("dan", "hard", 0.4),
        ]
    ]
    scenarios, pairs, missing = oracle_gaps(some)
    assert scenarios == ["easy", "hard"]
    assert [name for name, *_ in pairs] == ["dan", "base"]
    assert missing == ["dann"]


# Criteria


def test_criteria_are_ordered_by_accuracy_and_blanks_are_dashes() -> None:
    content = selection()
    content["tables"][0]["criteria"].insert(0, {"criterion": "empty"})
    (table,) = criteria_table(content).tables
    assert [row[0] for row in table.rows][:2] == ["last_step (ranked by)", "infomax"]
    assert table.rows[-1] == ["empty", *["–"] * 8]
    assert all(len(row) == len(table.headings) for row in table.rows)


# Label efficiency


def test_the_area_over_log_shares_has_known_answers() -> None:
    assert label_area({0.05: 0.7, 0.2: 0.7, 1.0: 0.7}, [0.05, 0.2, 1.0]) == (
        pytest.approx(0.7)
    )
    # Two decades: the first from 0 to 1, the second at 1.
    curve = {0.01: 0.0, 0.1: 1.0, 1.0: 1.0}
    assert label_area(curve, [0.01, 0.1, 1.0]) == pytest.approx(0.75)
    assert label_area({0.01: 0.5}, [0.01, 0.1]) is None


def test_curves_need_two_shares_and_show_six_methods_at_most(board, rows) -> None:
    one = build_leaderboard(rich_rows(seeds=2, fractions=(0.05, 1.0)))
    assert label_efficiency(finished(one.rows)).reason
    section = label_efficiency(rows)
    for panel in section.panels:
        names = set(texts(panel.figure))
        assert {"oracle", "from scratch"} <= names
        assert len(re.findall(r'<g class="c\d">', panel.figure)) <= 6
    drawn = {c.scenario for c in label_curves(rows)}
    assert drawn == {p.title for p in section.panels}
    assert "target_only" not in [row[0] for row in section.tables[0].rows]


def test_the_oracle_is_no_methods_score(rows) -> None:
    for curves in label_curves(rows):
        own = [
            r["accuracy"]
            for r in rows
            if is_oracle(r) and r["scenario"] == curves.scenario
        ]
        assert curves.scratch[1.0] == pytest.approx(sum(own) / len(own))
        assert all(1.0 not in of for of in curves.methods.values())


# Distance


def test_gains_stand_over_the_baselines_distance() -> None:
    some = []
    for scenario, distance in (("near", 0.5), ("far", 1.5)):
        for method, accuracy in (("source_only", 0.5), ("a", 0.6), ("b", 0.3)):
            # The methods' own distances must not be read.
            own = distance if method == "source_only" else 0.0
            some.append(
                make_row(
                    scenario=scenario,
                    method=method,
                    accuracy=accuracy,
                    diagnostics={"proxy_a_distance": own},
                )
            )
    board = build_leaderboard(some)
    found = gains_by_distance(finished(board.rows), board.scenarios)
    assert [(d.scenario, d.distance) for d in found] == [("near", 0.5), ("far", 1.5)]
    assert [name for _, name in found[0].gains] == ["b", "a"]
    assert found[0].median == pytest.approx((0.1 - 0.2) / 2)


# Cost


def test_the_pareto_frontier_has_known_answers() -> None:
    every = [
        Cost("base", 1.0, 0.0),
        Cost("cheap", 1.0, 0.1),
        Cost("same", 1.0, 0.1),
        Cost("dear", 9.0, 0.3),
        Cost("worse", 8.0, 0.05),
        Cost("equal gain, dearer", 10.0, 0.3),
    ]
    assert [one.method for one in frontier(every)] == ["cheap", "same", "dear"]
    assert frontier([]) == []


def test_costs_are_of_a_run_and_of_common_scenarios() -> None:
    some = [
        make_row(method=m, seed=s, accuracy=a, fit_seconds=f, compile_seconds=1.0)
        for m, a, f in (("source_only", 0.5, 1.0), ("dann", 0.75, 2.0))
        for s in (0, 1)
    ]
    some.append(make_row(method="broken", status="failed"))
    _, found, _ = costs(finished(build_leaderboard(some).rows))
    assert found == [Cost("dann", 3.0, 0.25), Cost("source_only", 2.0, 0.0)]


def test_the_frontier_is_named(rows) -> None:
    _, found, _ = costs(rows)
    (panel,) = cost_and_gain(rows).panels
    assert {one.method for one in frontier(found)} <= set(texts(panel.figure))


# Learning curves


def test_curves_are_averaged_at_the_steps_that_all_seeds_have() -> None:
    one = {"step": [10, 20, 30], "accuracy": [0.2, 0.4, 0.6]}
    two = {"step": [10, 30], "accuracy": [0.4, 0.8]}
    points = mean_curve([one, two, {"step": [1], "accuracy": []}, {"step": "abc"}])
    assert points == [(10.0, pytest.approx(0.3)), (30.0, pytest.approx(0.7))]
    assert mean_curve([{"step": [1, 2], "accuracy": [0.1, None]}]) == []


def test_a_colour_is_one_method_in_all_panels(board, rows) -> None:
    section = learning_curves(rows, board.scenarios)
    assert {p.title for p in section.panels} == {
        "plain_to_over07",
        "plain_to_rot30",
        "plain_to_classes_0_4",
    }
    colours: dict[str, set[str]] = {}
    for panel in section.panels:
        pairs = re.findall(r'<g class="([^"]+)">.*?</g><text[^>]*>(.*?)</text>',
                           panel.figure)  # fmt: skip
        assert ("baseline", "source_only") in pairs
        assert len(pairs) <= 6
        for colour, name in pairs:
            colours.setdefault(colour, set()).add(name)
    assert all(len(names) == 1 for names in colours.values())
    assert "Nothing was chosen by it" in section.lead


# Embeddings


def test_embeddings_show_classes_of_both_domains_and_stay_small(board, rows) -> None:
    section = embeddings(rows, board.scenarios)
    assert len(section.panels) == 3
    for panel in section.panels:
        assert len(panel.figure) < 25_000
        tree = ElementTree.fromstring(panel.figure)
        titles = [e.text for e in tree.iter("title")]
        assert titles == [f"class {k}" for k in range(10)] * 2
        assert panel.figure.count('class="hole"') == 4  # the ninth and tenth class
        assert panel.figure.count('class="cross"') == 20
        places = re.findall(r"M([\d.]+) ([\d.]+)h0", panel.figure)
        assert all(0 <= float(x) <= 380 and 22 <= float(y) <= 204 for x, y in places)


def test_up_is_up() -> None:
    some = []
    for method, accuracy in (("source_only", 0.5), ("dann", 0.8)):
        row = make_row(method=method, accuracy=accuracy)
        row["embedding"] = {
            "source": [[0, 999]],
            "target": [[999, 0]],
            "source_labels": [0],
            "target_labels": [0],
        }
        some.append(row)
    board = build_leaderboard(some)
    (panel,) = embeddings(finished(board.rows), board.scenarios).panels
    dot = re.search(r'class="dot" d="M([\d.]+) ([\d.]+)h0', panel.figure)
    cross = re.search(r'class="cross" d="M([\d.]+) ([\d.]+)', panel.figure)
    assert float(dot[1]) < float(cross[1])
    assert float(dot[2]) < float(cross[2])


# Reliability


def test_bins_are_weighed_by_their_rows() -> None:
    few = {"count": [1], "confidence": [0.2], "accuracy": [0.0]}
    many = {"count": [3], "confidence": [0.6], "accuracy": [1.0]}
    (pooled,) = pool_bins([few, many])
    assert pooled == (4, pytest.approx(0.5), pytest.approx(0.75))
    assert pool_bins([few | {"accuracy": [None]}, few | {"count": [1, 2]}]) == []


def test_the_calibration_error_is_in_the_caption(board, rows) -> None:
    for panel in reliability(rows, board.scenarios).panels:
        assert re.match(r"ECE in %: source_only \d+\.\d, \w+ \d+\.\d$", panel.note)


# Drawing


def test_a_scenario_with_nothing_to_draw_has_no_panel() -> None:
    """Methods at shares of their own, and no run from scratch."""
    fields = {"case": 2, "track": "F", "scenario": "odd"}
    rows = [
        make_row(method=method, seed=seed, label_fraction=share, **fields)
        for method, shares in (("a", (0.01, 0.05)), ("b", (0.05, 0.2)))
        for share in shares
        for seed in (0, 1)
    ]
    assert render_html(build_leaderboard(rows))


def test_labels_move_apart_and_keep_their_order() -> None:
    places = [50.0, 10.0, 11.0, 12.0, 100.0]
    moved = spread(places, 12.0, 0.0, 100.0)
    ordered = sorted(moved)
    gaps = [b - a for a, b in itertools.pairwise(ordered)]
    assert all(gap >= 12.0 - 1e-6 for gap in gaps)
    assert sorted(range(5), key=lambda i: moved[i]) == [1, 2, 3, 0, 4]
    assert ordered[0] >= 0.0
    assert ordered[-1] <= 100.0


def test_scales_cover_constant_and_wide_values() -> None:
    constant = linear([0.5], least=0.1)
    assert constant.low < 0.5 < constant.high
    for values in ([1.0], [0.02, 900.0], [2.0, 2.0], [5.0]):
        scale = logarithmic(values)
        assert scale.low <= min(values) and scale.high >= max(values)
        assert scale.low < scale.high
        assert 2 <= len(scale.ticks) <= 8


# The page


@pytest.mark.parametrize(
    "evil", ["<script>alert(1)</script>", '"><img src=x onerror=y>', "`</style>&'\"_"]
)
def test_no_name_in_a_figure_becomes_markup(evil) -> None:
    some = []
    for scenario in (evil, f"b{evil}"):
        for track, fraction in (("U", None), ("F", 0.05), ("F", 0.2), ("F", 1.0)):
            for method in ("source_only" if track == "U" else "target_only", evil):
                for seed in (0, 1):
                    row = make_row(
                        scenario=scenario,
                        track=track,
                        label_fraction=fraction,
                        method=method,
                        seed=seed,
                        accuracy=0.6 + 0.2 * (method == evil) + 0.01 * seed,
                    )
                    some.append(enrich(row))
    content = selection()
    content["ranked"] = evil
    content["tables"][0]["track"] = evil
    content["tables"][0]["criteria"][0]["criterion"] = evil
    board = build_leaderboard(some)._replace(selection=content)
    page = render_html(board)
    for section in ("oracle", "criteria", "labels", "distance", "cost", "curves",
                    "features", "reliability"):  # fmt: skip
        assert f'id="{section}"' in page, section
    assert page.count("<script") == 1
    assert "<img" not in page
    assert page.count("</style") == 1


@pytest.mark.slow
def test_ten_thousand_rows_stay_below_a_megabyte() -> None:
    board = build_leaderboard(many_rows())
    assert len(board.rows) > 10_000
    page = render_html(board._replace(selection=selection()))
    assert len(page.encode()) < 1_000_000
    assert "eft out to keep this page small" in page
