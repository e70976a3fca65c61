"""Suites over users' files: from two CSV files to a leaderboard."""

import json
import re

import numpy as np
import pytest

from da_zoo.bench import run
from da_zoo.bench.plan import make_plan
from da_zoo.bench.streams import same_width
from da_zoo.cli import main
from da_zoo.logs import logging_to_stderr
from da_zoo.programs import forget_programs
from da_zoo.scenarios import build, list_suites, load_suite
from da_zoo.scenarios.declare import DOMAIN, SECTIONS, SPLITS, TASK
from da_zoo.scenarios.resolve import resolve
from da_zoo.scenarios.suite import TEMPLATE
from tests.scenarios.files import SUITE, table, write_suite


@pytest.fixture(autouse=True)
def _few_programs():
    yield
    forget_programs()


def rows_of(out):
    lines = (out / "rows.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_a_users_suite_from_the_command_line(tmp_path, capsys):
    balanced = SUITE.replace("[splits]", 'metric = "balanced_accuracy"\n[splits]')
    path = write_suite(tmp_path, balanced)
    told = ["bench", "--suite", str(path), "--budget", "smoke", "--no-progress"]
    told += ["--methods", "source_only,deep_coral", "--tracks", "U"]
    told += ["--scenarios", "north_to_south", "--out", str(tmp_path / "out")]
    assert main(told) == 0
    shown = capsys.readouterr().out
    assert "balanced accuracy" in shown and "deep_coral" in shown
    rows = rows_of(tmp_path / "out")
    assert [row["status"] for row in rows] == ["ok", "ok"]
    for row in rows:
        assert row["metric"] == "balanced_accuracy"
        assert row["accuracy"] > 0 and row["balanced_accuracy"] > 0
        assert "--suite mine.toml" in row["command"]
    board = json.loads((tmp_path / "out" / "leaderboard.json").read_text())
    summary = {one["method"]: one for one in board["summary"]["cases"]}
    plain, aligned = summary["source_only"], summary["deep_coral"]
    assert aligned["gain"]["mean"] == pytest.approx(
        aligned["balanced_accuracy"]["mean"] - plain["balanced_accuracy"]["mean"]
    )
    again = run(
        path,
        budget="smoke",
        methods=["source_only", "deep_coral"],
        tracks=["U"],
        scenarios=["north_to_south"],
        out=tmp_path / "out",
        progress=False,
    )
    assert again.ran == 0


def test_predictions_do_not_depend_on_target_test_rows(tmp_path):
    path = write_suite(tmp_path)
    options = {"budget": "smoke", "methods": ["deep_coral"], "tracks": ["U"]}
    options |= {"scenarios": ["north_to_south"], "progress": False}
    scenario = load_suite(path).scenarios[0]
    test = build(scenario, seed=0).target_test.rows
    run(path, out=tmp_path / "clean", **options)
    header, *lines = (tmp_path / "south.csv").read_text().splitlines()
    kept, poisoned = test[::2], test[1::2]
    for row in poisoned:
        lines[row] = "1e6,-1e6,nobody," + lines[row].split(",")[-1]
    (tmp_path / "south.csv").write_text("\n".join([header, *lines]) + "\n")
    run(path, out=tmp_path / "dirty", **options)
    clean, dirty = (
        np.load(next((tmp_path / name / "logits").glob("*.npz")), allow_pickle=False)[
            "seed_0"
        ]
        for name in ("clean", "dirty")
    )
    at = np.isin(test, kept)
    np.testing.assert_array_equal(clean[at], dirty[at])
    assert not np.array_equal(clean[~at], dirty[~at])


def test_missing_files_are_told_before_anything_is_trained(tmp_path):
    path = write_suite(tmp_path)
    (tmp_path / "south.csv").unlink()
    with pytest.raises(
        ValueError, match=r"domain 'south': south.csv is not in .*--data"
    ):
        run(path, budget="smoke", out=tmp_path / "out", progress=False)
    assert not (tmp_path / "out").exists()


def test_label_sets_that_differ_are_told_on_stderr(tmp_path, capsys):
    text = SUITE.replace('classes = ["no", "yes"]', "")
    path = write_suite(tmp_path, text, north=table(90, classes=("no", "mild", "yes")))
    options = {"methods": ["osbp"], "tracks": ["U"], "scenarios": ["north_to_south"]}
    with logging_to_stderr():
        run(path, budget="smoke", out=tmp_path / "out", progress=False, **options)
    told = " ".join(capsys.readouterr().err.split())
    assert "lacks the classes mild of the source: label sets are partial" in told
    (row,) = rows_of(tmp_path / "out")
    assert (row["status"], row["label_sets"]) == ("na", "partial")


def test_seeds_with_other_categories_are_trained_together(tmp_path):
    rare = table(80).splitlines()
    rare[2] = rare[2].replace(",m,", ",x,").replace(",f,", ",x,")
    path = write_suite(tmp_path, north="\n".join(rare) + "\n")
    scenario = load_suite(path).scenarios[0]
    built = {seed: build(scenario, seed=seed) for seed in range(8)}
    widths = {seed: data.source_train.x.shape[1] for seed, data in built.items()}
    assert set(widths.values()) == {4, 5}
    same = same_width(built)
    for seed, data in same.items():
        assert {split.x.shape[1] for split in data[:6]} == {5}
        own = built[seed].target_test.x
        np.testing.assert_array_equal(data.target_test.x[:, : widths[seed]], own)
        assert not data.target_test.x[:, widths[seed] :].any()


def test_seeds_may_start_elsewhere():
    suite = load_suite("embedded")
    cells = make_plan(suite, methods=["dann"], seeds=2, first_seed=100)
    assert {cell.seeds for cell in cells} == {(100, 101)}
    with pytest.raises(ValueError, match="first_seed must be at least 0"):
        make_plan(suite, first_seed=-1)


@pytest.mark.parametrize("name", list_suites())
def test_shipped_suites_load_without_data_and_plan(name):
    suite = load_suite(name)
    assert suite.description
    assert make_plan(suite, methods=["source_only"], seeds=1)


def test_the_template_works_over_a_users_files_and_has_every_key(tmp_path, capsys):
    assert main(["list", "suites"]) == 0
    assert str(TEMPLATE) in capsys.readouterr().out
    for name, seed in (("a", 0), ("b", 1)):
        text = table(60, seed=seed, classes=("healthy", "sick"))
        (tmp_path / f"clinic_{name}.csv").write_text(text.replace("sick", "outcome", 1))
    copy = tmp_path / "mine.toml"
    text = TEMPLATE.read_text(encoding="utf-8")
    copy.write_text(text, encoding="utf-8")
    suite = load_suite(copy)
    assert [s.name for s in suite.scenarios][-1] == "clinic_a_to_clinic_a"
    assert build(suite.scenarios[0], seed=0).target_classes == 2
    for key in (*DOMAIN, *TASK, *SECTIONS, *SPLITS):
        assert re.search(rf"\b{key}\b", text), f"the template does not explain {key}"


@pytest.mark.parametrize(
    "name", ["hospitals", "wine", "office_caltech", "office_caltech_surf"]
)
def test_suites_over_real_data_build(name, data_dir):
    suite = load_suite(name)
    scenarios = resolve(suite.scenarios, data_dir)
    assert all(scenario.label_sets == "closed" for scenario in scenarios)
    for scenario in scenarios[:: max(1, len(scenarios) - 1)]:
        data = build(scenario, seed=0, data_dir=data_dir)
        assert len(data.target_test.rows) > 20
        assert data.source_train.x.shape[1:] == data.target_test.x.shape[1:]


def test_the_hospitals_are_those_of_the_set(data_dir):
    scenarios = resolve(load_suite("hospitals").scenarios, data_dir)
    assert {s.target.task.metric for s in scenarios} == {"balanced_accuracy"}
    data = build(scenarios[0], seed=0, data_dir=data_dir)
    assert sum(len(split.rows) for split in data[:3]) == 303
    assert sum(len(split.rows) for split in data[3:6]) == 294
