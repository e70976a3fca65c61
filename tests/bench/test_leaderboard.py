"""Gains, averages, verdicts and files, on rows with known answers."""

import csv
import json

import pytest

from da_zoo.bench.leaderboard import build_leaderboard
from da_zoo.bench.summary import add_gains
from tests.bench.fake_rows import make_row, make_rows

REQUIRED = (
    "scenario",
    "case",
    "track",
    "label_fraction",
    "method",
    "seed",
    "status",
    "accuracy",
    "macro_f1",
    "gain",
    "fit_seconds",
    "compile_seconds",
)


def runs(method, accuracies, **fields):
    """One row per seed."""
    return [
        make_row(method=method, seed=seed, accuracy=value, macro_f1=value, **fields)
        for seed, value in enumerate(accuracies)
    ]


def of(summaries, method, **fields):
    (found,) = (
        s
        for s in summaries
        if s.method == method and all(getattr(s, k) == v for k, v in fields.items())
    )
    return found


@pytest.fixture(scope="module")
def board():
    return build_leaderboard(make_rows())


def test_gain_is_paired_by_seed_scenario_and_track():
    few = {"track": "F", "label_fraction": 0.05}
    more = {"track": "F", "label_fraction": 0.2}
    rows = [
        *runs("source_only", [0.5, 0.6]),
        *runs("dann", [0.7, 0.5]),
        *runs("dann", [0.9], scenario="other"),
        *runs("target_only", [0.6], **few),
        *runs("target_only", [0.8], **more),
        *runs("fine_tuning", [0.75], **few),
        *runs("fine_tuning", [0.75], **more),
    ]
    gains = [row["gain"] for row in add_gains(rows)]
    assert gains[:2] == [0.0, 0.0]
    assert gains[2:] == pytest.approx([0.2, -0.1, None, 0, 0, 0.15, -0.05])


@pytest.mark.parametrize("field", ["steps", "data_fingerprint"])
def test_runs_of_another_budget_or_data_are_no_baseline(field):
    rows = [*runs("source_only", [0.5]), *runs("dann", [0.7], **{field: 99})]
    assert [row["gain"] for row in add_gains(rows)] == [0.0, None]
    assert "baseline has no run" in " ".join(build_leaderboard(rows).notes)


def test_case_average_takes_scenarios_within_seeds_first():
    # Within a seed the scenarios cancel; an interval over runs would be wide.
    rows = [
        *runs("source_only", [0.5, 0.5, 0.5], scenario="a"),
        *runs("source_only", [0.5, 0.5, 0.5], scenario="b"),
        *runs("dann", [0.5, 0.6, 0.7], scenario="a"),
        *runs("dann", [0.7, 0.6, 0.5], scenario="b"),
    ]
    board = build_leaderboard(rows)
    summary = of(board.cases, "dann")
    assert summary.gain.mean == pytest.approx(0.1)
    assert summary.gain.high - summary.gain.low < 1e-9
    assert (summary.seeds, summary.scenarios) == (3, 2)
    assert of(board.scenarios, "dann", scenario="a").gain.low < 0


def test_failed_runs_enter_no_average_and_stay_visible(board):
    partly = of(board.cases, "dann", case=3, track="F")
    assert partly.statuses == {"ok": 14, "failed": 1}
    assert partly.seeds == 4  # the seed that lacks a scenario is left out whole
    wholly = of(board.scenarios, "dann", scenario="digit_to_parity_over07", track="F")
    assert wholly.accuracy is None
    assert wholly.statuses == {"failed": 5}
    incomplete = of(board.cases, "dann", case=4, track="F")
    assert (incomplete.scenarios, incomplete.planned) == (1, 2)
    assert incomplete.best is None
    assert any("6 runs ended as failed" in note for note in board.notes)
    assert sum(row["status"] == "failed" for row in board.rows) == 6


def test_the_oracle_column_moves_nothing_that_is_ranked():
    rows = make_rows()
    board = build_leaderboard(rows)
    dreamt = build_leaderboard([row | {"accuracy_oracle": 1.0} for row in rows])
    for name in ("cases", "scenarios", "verdicts", "notes"):
        assert getattr(dreamt, name) == getattr(board, name), name
    assert ranked(dreamt) == ranked(board)
    assert dreamt.standings[0].methods[0].regret > 0  # shown, and nothing else


def ranked(board):
    """The standings without the one column that says what a choice could have won."""
    return [
        one._replace(methods=tuple(m._replace(regret=None) for m in one.methods))
        for one in board.standings
    ]


def test_numbers_of_runs_that_did_not_finish_move_nothing():
    """A failed run may have got as far as a score: it is not one."""
    rows = make_rows()
    broken = [row for row in rows if row["method"] == "dann" and row["seed"] == 0]
    others = [row for row in rows if row not in broken]

    def failed(accuracy):
        return build_leaderboard(
            [*others, *(r | {"status": "failed", "accuracy": accuracy} for r in broken)]
        )

    low, high = failed(0.0), failed(1.0)
    for name in ("cases", "scenarios", "verdicts", "standings"):
        assert getattr(low, name) == getattr(high, name), name


def test_undefined_cells_have_no_numbers(board):
    summary = of(board.cases, "fine_tuning", case=3, track="U")
    assert summary.accuracy is summary.gain is summary.fit_seconds is None
    assert summary.reason == "needs target labels"
    assert "n/a (needs target labels): fine_tuning" in board.to_text()


def test_the_oracle_stands_in_every_table_and_gains_nothing(board):
    oracle = of(board.cases, "target_only", case=3, label_fraction=1.0)
    assert oracle.oracle
    assert not of(board.cases, "target_only", case=3, label_fraction=0.05).oracle
    assert board.to_text().count("(oracle: all target labels)") == 6


def test_negative_transfer_rate_counts_runs():
    rows = [
        *runs("source_only", [0.5] * 4),
        *runs("dann", [0.4, 0.496, 0.5, 0.6]),
    ]
    board = build_leaderboard(rows)
    assert of(board.cases, "dann").negative_transfer_rate == 0.25
    assert of(board.cases, "source_only").negative_transfer_rate is None


def test_the_tied_group_is_named_and_not_a_winner():
    rows = [
        *runs("source_only", [0.5, 0.5, 0.5]),
        *runs("dan", [0.80, 0.82, 0.84]),
        *runs("ddc", [0.82, 0.80, 0.83]),
        *runs("adabn", [0.60, 0.61, 0.62]),
    ]
    board = build_leaderboard(rows)
    best = {s.method: s.best for s in board.cases}
    assert best == {"dan": True, "ddc": True, "adabn": False, "source_only": False}
    (verdict,) = board.verdicts
    assert verdict.kind == "gain"
    assert "`dan` and `ddc` lead, tied" in verdict.text


def test_no_claim_where_the_interval_includes_zero():
    rows = [*runs("source_only", [0.5] * 3), *runs("dann", [0.4, 0.5, 0.9])]
    (verdict,) = build_leaderboard(rows).verdicts
    assert verdict.kind == "open"
    assert "no method is detectably above `source_only`" in verdict.text


def test_a_leader_whose_interval_includes_zero_is_not_named():
    """Not told from the highest mean because it varies so much: that is no merit."""
    base = runs("source_only", [0.50, 0.51, 0.49])
    sure = runs("dann", [0.80, 0.81, 0.79])
    wild = runs("adda", [0.99, 0.45, 0.70])
    board = build_leaderboard([*base, *sure, *wild])
    (text,) = [v.text for v in board.verdicts if v.kind == "gain"]
    assert "`dann`" in text and "adda" not in text


def test_the_way_to_an_oracle_of_more_steps_is_not_told():
    base = runs("source_only", [0.50, 0.51, 0.49])
    own = runs("dann", [0.80, 0.81, 0.79])
    fields = {"track": "F", "label_fraction": 1.0}
    for steps, told in ((base[0]["steps"], True), (99_999, False)):
        oracle = runs("target_only", [0.9, 0.91, 0.89], steps=steps, **fields)
        board = build_leaderboard([*base, *own, *oracle])
        (text,) = [v.text for v in board.verdicts if v.kind == "gain"]
        assert ("of the way to the oracle" in text) == told


def test_runs_that_cannot_be_compared_neither_lead_nor_unseat():
    """Rows of more steps have no gain here, and so no part in who is best."""
    base = runs("source_only", [0.50, 0.51, 0.49])
    own = runs("dann", [0.80, 0.81, 0.79])
    longer = runs("dsan", [0.95, 0.96, 0.94], steps=99_999)
    board = build_leaderboard([*base, *own, *longer])
    assert of(board.cases, "dann").best and not of(board.cases, "dsan").best
    assert any("`dann` leads" in v.text for v in board.verdicts)


def test_noise_is_not_called_negative_transfer():
    rows = [*runs("source_only", [0.8] * 3), *runs("dann", [0.3, 0.7, 0.9])]
    assert [v.kind for v in build_leaderboard(rows).verdicts] == ["open"]


def test_one_seed_claims_nothing():
    board = build_leaderboard([*runs("source_only", [0.5]), *runs("dann", [0.9])])
    (verdict,) = board.verdicts
    assert verdict.kind == "open"
    assert "One seed has no interval" in verdict.text
    assert of(board.cases, "dann").best is None


def test_the_metric_of_the_rows_ranks_gains_and_claims():
    def both(method, balanced, accuracies):
        return [
            row | {"balanced_accuracy": value, "metric": "balanced_accuracy"}
            for row, value in zip(runs(method, accuracies), balanced, strict=True)
        ]

    rows = both("source_only", [0.50, 0.52, 0.51], [0.9, 0.9, 0.9])
    rows += both("dann", [0.70, 0.71, 0.73], [0.6, 0.6, 0.6])
    board = build_leaderboard(rows)
    first, second = board.cases
    assert (first.method, second.method) == ("dann", "source_only")
    assert first.gain.mean == pytest.approx(0.2033, abs=1e-3)
    assert first.score.mean == pytest.approx(0.7133, abs=1e-3)
    assert first.detail.mean == pytest.approx(0.6)
    assert "dann` leads" in board.verdicts[0].text
    assert "balanced accuracy" in board.to_text()
    assert {row["against"] for row in board.rows} == {"source_only"}


def test_shallow_methods_alone_are_measured_from_the_classifier_without_them():
    rows = runs("unadapted", [0.30, 0.31, 0.32]) + runs("tca", [0.40, 0.41, 0.43])
    board = build_leaderboard(rows)
    assert [s.baseline for s in board.cases] == [False, True]
    assert board.cases[0].gain.mean == pytest.approx(0.1033, abs=1e-3)
    assert "over `unadapted`" in board.verdicts[0].text
    assert "baseline unadapted" in board.to_text()
    beside = build_leaderboard(rows + runs("source_only", [0.5, 0.5, 0.5]))
    assert {row["against"] for row in beside.rows} == {"source_only"}


def test_what_is_sure_is_said_though_the_highest_mean_is_not():
    rows = runs("source_only", [0.50, 0.50, 0.50, 0.50])
    rows += runs("dann", [0.40, 0.70, 0.40, 0.72])
    rows += runs("dan", [0.52, 0.53, 0.52, 0.53])
    (verdict, *_) = build_leaderboard(rows).verdicts
    assert verdict.kind == "gain"
    assert "only `dan` +2.5 [+1.6, +3.4] is detectably above" in verdict.text


def test_a_missing_baseline_is_said():
    board = build_leaderboard(runs("dann", [0.8, 0.9]))
    assert "no run of `source_only`" in board.verdicts[0].text
    assert of(board.cases, "dann").gain is None


def test_harm_is_said_in_words(board):
    texts = [v.text for v in board.verdicts if v.kind == "loss" and v.track == "U"]
    (text,) = texts
    assert "in `plain_to_classes_0_4` every adaptation method is below" in text
    for method in ("adabn", "ddc", "dan", "deep_coral", "dann"):
        assert f"`{method}` −" in text


def test_the_worst_are_named_and_the_others_counted():
    rows = runs("source_only", [0.90, 0.91, 0.92])
    losers = ["dan", "ddc", "jan", "cmd", "homm", "dann", "cdan", "mcd", "mdd"]
    for step, name in enumerate(losers):
        loss = 0.1 + 0.02 * step
        rows += runs(name, [0.90 - loss, 0.912 - loss, 0.921 - loss])
    (text,) = (v.text for v in build_leaderboard(rows).verdicts if v.kind == "loss")
    assert text.endswith(" and 3 more.")
    places = [text.index(f"`{name}` −") for name in reversed(losers[3:])]
    assert places == sorted(places)
    assert not any(f"`{name}`" in text for name in losers[:3])


def test_the_placebo_passes_and_fails():
    same = {"case": 1, "scenario": "plain_to_plain"}
    base = runs("source_only", [0.95, 0.96, 0.97], **same)
    (quiet,) = build_leaderboard(
        [*base, *runs("dan", [0.955, 0.955, 0.968], **same)]
    ).verdicts
    assert quiet.kind == "placebo"
    (harm,) = build_leaderboard(
        [*base, *runs("dan", [0.90, 0.91, 0.925], **same)]
    ).verdicts
    assert harm.kind == "loss"
    assert "`dan` −4.8 [" in harm.text
    (noise,) = build_leaderboard(
        [*base, *runs("dan", [0.8, 0.99, 1.0], **same)]
    ).verdicts
    assert noise.kind == "open"


def test_a_short_rerun_does_not_replace_the_long_one():
    long = runs("dann", [0.8, 0.8], group="a1", steps=1000)
    short = runs("dann", [0.2, 0.2], group="b2", steps=100)
    later = runs("dann", [0.9, 0.9], group="c3", steps=1000)
    assert of(build_leaderboard([*long, *short]).cases, "dann").accuracy.mean == 0.8
    board = build_leaderboard([*long, *later, *short])
    assert of(board.cases, "dann").accuracy.mean == 0.9
    assert len(board.rows) == 2
    assert any("4 rows are of other runs" in note for note in board.notes)


def test_unfinished_groups_are_not_averaged():
    base = runs("source_only", [0.5, 0.5])
    torn = runs("dann", [0.8], group_rows=2)
    board = build_leaderboard([*base, *torn], ["rows.jsonl, line 4: is cut off"])
    assert [s.method for s in board.cases] == ["source_only"]
    assert len(board.rows) == 3
    assert any("dann on plain_to_over07 (U)" in note for note in board.notes)
    assert "rows.jsonl, line 4: is cut off." in board.notes


def test_other_configurations_are_stored_and_not_averaged():
    rows = [*runs("dann", [0.5]), *runs("dann", [0.9], configuration=1)]
    board = build_leaderboard(rows)
    assert of(board.cases, "dann").accuracy.mean == 0.5
    assert len(board.rows) == 2


def test_the_order_of_rows_does_not_matter(board):
    assert build_leaderboard(make_rows()[::-1]) == board


def test_files(board, tmp_path):
    paths = board.write(tmp_path)
    content = json.loads(paths["json"].read_text())
    assert content["schema_version"] == 1
    row = content["rows"][0]
    for field in REQUIRED:
        assert field in row
    assert len(content["rows"]) == len(make_rows())
    assert all(r["accuracy"] is None for r in content["rows"] if r["status"] != "ok")
    assert content["summary"]["cases"][0]["accuracy"].keys() == {
        "mean",
        "low",
        "high",
        "n",
    }
    with paths["csv"].open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [r["method"] for r in table] == [r["method"] for r in content["rows"]]
    markdown = paths["md"].read_text()
    assert "## Case 4: different domain, different task" in markdown
    assert "n/a (needs target labels): `fine_tuning`" in markdown
    first = {kind: path.read_bytes() for kind, path in paths.items()}
    build_leaderboard(make_rows()).write(tmp_path)
    assert first == {kind: path.read_bytes() for kind, path in paths.items()}


def test_text_fits_100_columns(board):
    text = board.to_text()
    assert max(map(len, text.splitlines())) <= 100
    rows = [*runs("source_only", [0.5, 0.6]), *runs("m" * 200, [0.9, 0.1])]
    assert max(map(len, build_leaderboard(rows).to_text().splitlines())) <= 100
    with pytest.raises(ValueError, match="width must be at least 100"):
        board.to_text(width=40)


def test_markdown_cells_cannot_be_broken(tmp_path):
    board = build_leaderboard(runs("a|b<c", [0.5]))
    markdown = board.write(tmp_path)["md"].read_text()
    assert r"`a\|b&lt;c`" in markdown


def test_no_rows_is_no_error(tmp_path):
    board = build_leaderboard([])
    assert board.verdicts == ()
    board.write(tmp_path)
    assert "Accuracy" in board.to_text()
