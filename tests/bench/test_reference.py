"""The published rows: whole, honest, and what the README says of them."""

from pathlib import Path

import pytest

from da_zoo.bench.leaderboard import build_leaderboard
from da_zoo.bench.store import RowStore
from da_zoo.methods import METHODS
from da_zoo.scenarios import load_suite

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "benchmarks" / "results"
FOLDERS = sorted(path.parent for path in FOLDER.glob("*/manifest.json"))


def read(name):
    if not (FOLDER / name / "rows.jsonl").is_file():
        pytest.skip(f"no rows of {name} are published yet")
    rows, problems = RowStore.open(FOLDER / name, create=False).read()
    assert not problems
    return rows


@pytest.fixture(scope="module")
def embedded():
    return build_leaderboard(read("embedded"))


def test_every_method_was_run_in_every_scenario():
    rows = read("embedded")
    scenarios = {scenario.name for scenario in load_suite("embedded").scenarios}
    assert {row["scenario"] for row in rows} == scenarios
    there = {row["method"] for row in rows}
    # A method that is newer than the rows may lack; most may not.
    assert len(there & set(METHODS)) >= 0.9 * len(METHODS)
    assert {"source_only", "target_only", "dann", "deep_coral"} <= there


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_rows_say_where_they_come_from(folder):
    rows = read(folder.name)
    for row in rows:
        assert row["command"].startswith("da-zoo bench ")
        assert row["status"] in ("ok", "na", "failed", "timeout")
        assert row["status"] == "ok" or row["reason"]
        assert "/" not in row["command"].replace("--shard", "")


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_the_leaderboard_beside_the_rows_is_theirs(folder, tmp_path):
    build_leaderboard(read(folder.name)).write(tmp_path)
    for name in ("leaderboard.md", "leaderboard.tex"):
        assert (tmp_path / name).read_text() == (folder / name).read_text(), name


def test_the_placebo_shows_no_method_more_than_a_point_above(embedded):
    """Where nothing is to be adapted, a sure gain would be a leak."""
    placebo = [s for s in embedded.cases if s.case == 1 and s.track == "U"]
    assert len(placebo) > 20
    above = [
        (s.method, s.gain)
        for s in placebo
        if s.gain is not None and s.gain.low is not None and s.gain.low > 0.01
    ]
    assert above == []


def test_the_readme_says_what_the_rows_say(embedded):
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    begin, end = "<!-- verdicts -->", "<!-- /verdicts -->"
    told = text[text.index(begin) : text.index(end)]
    verdicts = [v.text for v in embedded.verdicts if v.track == "U"]
    assert verdicts
    for sentence in verdicts:
        assert " ".join(sentence.split()) in told
