"""Scenarios with a continuous target: their data, and their way to the report."""

import json

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from da_zoo.bench import group as group_module
from da_zoo.bench import run
from da_zoo.bench.leaderboard import build_leaderboard
from da_zoo.bench.report import render_html
from da_zoo.bench.scoring import REGRESSION_METRICS
from da_zoo.bench.store import RowStore
from da_zoo.data.embedded import diabetes
from da_zoo.data.splits import labelled_rows
from da_zoo.data.wine import wine
from da_zoo.metrics import r2, rmse
from da_zoo.programs import forget_programs
from da_zoo.scenarios import build, load_suite
from da_zoo.scenarios.regression import BMI, is_continuous

LOW_TO_HIGH = ("low_bmi_to_high_bmi",)


@pytest.fixture(autouse=True)
def _few_programs():
    yield
    forget_programs()


def scenario(name, suite="regression"):
    return next(s for s in load_suite(suite).scenarios if s.name == name)


def test_the_suites_are_what_they_say():
    suite = load_suite("regression")
    assert {s.name: s.case for s in suite.scenarios} == {
        "diabetes_to_diabetes": 1,
        "low_bmi_to_high_bmi": 3,
        "high_bmi_to_low_bmi": 3,
    }
    assert not suite.needs_data
    assert load_suite("wine").needs_data
    wine = [
        s for s in load_suite("wine").scenarios if s.name.endswith(("red", "white"))
    ]
    every = [*suite.scenarios, *wine]
    assert all(is_continuous(s) for s in every)
    assert all(s.label_sets == "closed" for s in every)
    assert not is_continuous(load_suite("embedded").scenarios[0])


def test_patients_are_split_without_overlap_and_seeded():
    data = build(scenario("low_bmi_to_high_bmi"), seed=0)
    assert data.continuous
    assert (data.source_classes, data.target_classes) == (1, 1)
    splits = data[:6]
    assert [len(split.rows) for split in splits] == [130, 20, 50] * 2
    rows = np.concatenate([split.rows for split in splits])
    assert len(np.unique(rows)) == len(rows) == 400
    again = build(scenario("low_bmi_to_high_bmi"), seed=0)
    assert again.fingerprint == data.fingerprint
    assert build(scenario("low_bmi_to_high_bmi"), seed=1).fingerprint != (
        data.fingerprint
    )


def test_low_and_high_are_what_they_say_in_train_and_test_alike():
    data = build(scenario("low_bmi_to_high_bmi"), seed=0)
    index = diabetes()[0][:, BMI]
    means = [index[split.rows].mean() for split in data[:6]]
    assert max(means[:3]) < min(means[3:])
    placebo = build(scenario("diabetes_to_diabetes"), seed=0)
    assert abs(np.diff([index[s.rows].mean() for s in placebo[::3][:2]])[0]) < 1.5


@pytest.mark.parametrize("name", ["low_bmi_to_high_bmi", "diabetes_to_diabetes"])
def test_the_sources_training_rows_standardise_both_sides(name):
    data = build(scenario(name), seed=2)
    x, y = diabetes()
    train = data.source_train.rows
    np.testing.assert_allclose(data.source_train.x.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(data.source_train.x.std(axis=0), 1, atol=1e-4)
    for split in data[:6]:
        assert split.labels.shape == (len(split.rows), 1)
        assert split.labels.dtype == np.float32
        expected = (y[split.rows] - y[train].mean()) / y[train].std()
        np.testing.assert_allclose(split.labels[:, 0], expected, atol=1e-4)
        expected = (x[split.rows] - x[train].mean(0)) / x[train].std(0)
        np.testing.assert_allclose(split.x, expected, atol=1e-3)


def test_the_task_can_be_learned_and_the_shift_costs():
    """A ridge regression: what any method starts from."""
    scores = {}
    for name in ("diabetes_to_diabetes", "low_bmi_to_high_bmi"):
        errors = []
        for seed in range(5):
            data = build(scenario(name), seed=seed)
            model = Ridge(10.0).fit(data.source_train.x, data.source_train.labels)
            predicted = model.predict(data.target_test.x).reshape(-1, 1)
            errors.append(rmse(predicted, data.target_test.labels))
        scores[name] = np.mean(errors)
    assert scores["diabetes_to_diabetes"] < 0.85
    assert scores["low_bmi_to_high_bmi"] > scores["diabetes_to_diabetes"]


def test_a_labelled_share_of_numbers_is_nested_and_of_the_right_size():
    values = np.random.default_rng(0).normal(size=(130, 1)).astype(np.float32)
    small, large = (labelled_rows(values, q, seed=0) for q in (0.1, 0.5))
    assert (len(small), len(large)) == (13, 65)
    assert set(small) <= set(large)
    assert len(labelled_rows(values, 0.001, seed=0)) == 1


def test_scores_by_hand():
    predicted = np.array([[1.0, 0.0], [2.0, 0.0], [6.0, 3.0]])
    values = np.array([[1.0, 1.0], [3.0, 2.0], [5.0, 3.0]])
    assert rmse(predicted, values) == pytest.approx(np.sqrt((0 + 1 + 1 + 1 + 4) / 6))
    assert r2(predicted, values) == pytest.approx(
        np.mean([1 - 2 / 8, 1 - 5 / 2])  # 8 and 2: squared distances from the means
    )
    assert np.isnan(r2(np.zeros((2, 1)), np.ones((2, 1))))
    for score in (rmse, r2):
        # The tests check types on top, so either says so.
        with pytest.raises((ValueError, TypeError), match=r"one shape|Actual value"):
            score(np.zeros((3, 1)), np.zeros((3, 2)))


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    methods = ("source_only", "dann", "dan", "deep_coral", "rsd", "target_only", "mcc")
    return run(
        "regression",
        methods=methods,
        scenarios=LOW_TO_HIGH,
        seeds=2,
        steps=40,
        out=tmp_path_factory.mktemp("regression"),
        progress=False,
    )


@pytest.mark.slow
def test_adapted_methods_run_and_are_scored(result):
    rows = result.leaderboard.rows
    assert result.failed == 0
    ran = [row for row in rows if row["status"] == "ok"]
    assert {row["method"] for row in ran if row["track"] == "U"} == {
        "source_only",
        "dann",
        "dan",
        "deep_coral",
        "rsd",
    }
    for row in ran:
        assert row["metric"] == "rmse"
        assert 0.2 < row["rmse"] < 3.0
        assert row["r2"] < 1.0
        assert row["accuracy"] is None
        assert row["collapsed"] is None
    shares = {row["labelled_count"] for row in ran if row["label_fraction"] == 0.2}
    assert shares == {26}


def test_methods_that_need_classes_are_undefined(result):
    rows = [row for row in result.leaderboard.rows if row["method"] == "mcc"]
    assert {row["status"] for row in rows} == {"na"}
    assert "needs classes" in rows[0]["reason"]


def test_gain_is_the_error_that_a_method_saves(result):
    rows = [row for row in result.leaderboard.rows if row["track"] == "U"]
    error = {(r["method"], r["seed"]): r["rmse"] for r in rows}
    for row in rows:
        if row["status"] == "ok":
            base = error["source_only", row["seed"]]
            assert row["gain"] == pytest.approx(base - row["rmse"])


def test_tables_and_report_show_errors_not_accuracies(result):
    text = result.leaderboard.to_text()
    assert "RMSE" in text
    assert "accuracy" not in text.split("Accuracy and macro-F1")[0]
    assert "standard deviation of the source's target" in text
    page = result.report.read_text(encoding="utf-8")
    assert "RMSE %" in page
    assert "baseline, RMSE %" in page
    assert "RMSE of every seed" in page
    markdown = (result.report.parent / "leaderboard.md").read_text(encoding="utf-8")
    assert "| method | RMSE | gain | R²" in markdown
    summary = json.loads((result.report.parent / "leaderboard.json").read_text())
    cases = summary["summary"]["cases"]
    assert {case["metric"] for case in cases} == {"rmse"}
    assert any(case["rmse"] for case in cases)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("scale", [1e30, np.inf])
def test_errors_beyond_all_measure_end_nothing(tmp_path, monkeypatch, scale):
    """A state can be finite, and its predictions on other rows be not."""
    predict = group_module.predict_split
    monkeypatch.setattr(
        group_module, "predict_split", lambda *a: predict(*a) * np.float32(scale)
    )
    options = {"methods": ("source_only",), "tracks": ("U",), "seeds": 1, "steps": 2}
    out = tmp_path / "out"
    run("regression", scenarios=LOW_TO_HIGH, out=out, progress=False, **options)
    (row,), problems = RowStore.open(out, create=False).read()
    assert not problems
    assert json.loads((out / "leaderboard.json").read_text())["rows"]
    if np.isfinite(scale):
        assert row["status"] == "ok" and row["rmse"] > 1e20
        return
    assert row["status"] == "failed" and row["rmse"] is None
    assert "its rmse is inf" in row["reason"]
    assert not (out / "logits").exists()


def made_up(method, seed, **fields):
    row = {
        "case": 3,
        "scenario": "s",
        "track": "U",
        "label_fraction": None,
        "status": "ok",
        "configuration": 0,
        "seed": seed,
        "method": method,
        "accuracy": None,
    }
    return row | fields


def test_a_folder_may_hold_both_kinds():
    rows = []
    for seed in range(3):
        noise = 0.001 * seed
        for method, accuracy, error in (
            ("source_only", 0.5, 1.5),
            ("dann", 0.7, 1.2),
            ("dan", 0.6, 1.7),
        ):
            rows.append(
                made_up(method, seed, accuracy=accuracy + noise, macro_f1=accuracy)
            )
            number = {"metric": "rmse", "rmse": error + noise, "r2": 1 - error}
            rows.append(made_up(method, seed, scenario="r", **number))
    board = build_leaderboard(rows)
    assert {(s.method, s.metric) for s in board.cases if s.best} == {
        ("dann", "accuracy"),
        ("dann", "rmse"),
    }
    ranked = [s.method for s in board.cases if s.metric == "rmse"]
    assert ranked == ["dann", "source_only", "dan"]
    gains = {(s.method, s.metric): s.gain.mean for s in board.cases}
    assert gains["dann", "accuracy"] == pytest.approx(0.2)
    assert gains["dann", "rmse"] == pytest.approx(0.3)
    assert gains["dan", "rmse"] == pytest.approx(-0.2)
    text, page = board.to_text(), render_html(board)
    assert "RMSE" in text
    assert "accuracy" in text
    assert "120.0" in page
    assert "accuracy % or RMSE %" in page


SIDES = """
[defaults]
network = "mlp"
steps = 4
batch_size = 8
[[scenarios]]
name = "odd"
source = {{ pool = "{0}", task = "{1}" }}
target = {{ pool = "{2}", task = "{3}" }}
"""


@pytest.mark.parametrize(
    ("sides", "message"),
    [
        (("diabetes", "digit", "diabetes", "digit"), "continuous task needs"),
        (("digits8", "progression", "digits8", "progression"), "continuous task needs"),
        (("diabetes", "progression", "digits8", "digit"), "continuous task needs"),
        (("diabetes", "progression", "wine_red", "progression"), "different columns"),
        (("wine_red", "quality", "wine_white", "progression"), "one task"),
    ],
)
def test_suites_that_make_no_sense_are_refused(sides, message, tmp_path):
    path = tmp_path / "odd.toml"
    path.write_text(SIDES.format(*sides))
    with pytest.raises(ValueError, match=message):
        load_suite(path)


def test_wine_files_that_are_missing_or_wrong(tmp_path):
    one = scenario("red_to_white", "wine")
    with pytest.raises(ValueError, match="--data"):
        build(one, seed=0)
    with pytest.raises(ValueError, match=r"wine_red\.npz is missing"):
        build(one, seed=0, data_dir=tmp_path)
    np.savez(tmp_path / "wine_red.npz", x=np.ones((20, 3)), y=np.ones(20))
    with pytest.raises(ValueError, match=r"x \[n, 11\]"):
        build(one, seed=0, data_dir=tmp_path)
    wine.cache_clear()


def test_wine(data_dir):
    data = build(scenario("red_to_white", "wine"), seed=0, data_dir=data_dir)
    assert len(data.source_train.pool) == 1599
    assert len(data.target_train.pool) == 4898
    assert [len(s.rows) for s in data[:3]] == [959, 160, 480]
    np.testing.assert_allclose(data.source_train.labels.std(), 1, atol=1e-4)
    placebo = build(scenario("red_to_red", "wine"), seed=0, data_dir=data_dir)
    rows = np.concatenate([split.rows for split in placebo[:6]])
    assert len(np.unique(rows)) == len(rows) == 1599


def test_row_fields_name_the_metrics():
    assert REGRESSION_METRICS == ("rmse", "r2", "source_rmse")
