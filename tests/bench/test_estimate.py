"""What a benchmark will cost, by what was recorded."""

import pytest

from da_zoo.bench.estimate import (
    SECONDS_PER_GROUP,
    SECONDS_PER_STEP,
    Planned,
    duration,
    estimate,
    expected_cost,
)
from da_zoo.bench.plan import make_plan
from da_zoo.cli import main
from da_zoo.scenarios import load_suite
from tests.bench.fake_rows import make_row


def cells_of(methods=("dann", "dan"), seeds=2):
    return make_plan(
        load_suite("embedded"),
        methods=methods,
        scenarios=["plain_to_over07", "digit_to_parity"],
        tracks=["U"],
        seeds=seeds,
    )


def seconds(method, scenario, fit, **fields):
    times = {"fit_seconds": fit, "compile_seconds": 1.0, "evaluation_seconds": 0.5}
    return make_row(method=method, scenario=scenario, **times, **fields)


def test_the_nearest_rows_are_taken():
    planned = [Planned(cell, False) for cell in cells_of()]
    # digit_to_parity is another task, undefined without labels: it takes no time.
    assert sum(bool(one.cell.undefined) for one in planned) == 2
    nothing = estimate(planned, [], 1000)
    assert nothing.bases == {"default": 2}
    assert nothing.seconds == 2 * (SECONDS_PER_GROUP + 2000 * SECONDS_PER_STEP)
    rows = [seconds("dann", "plain_to_over07", 2.0), seconds("ddc", "other", 4.5)]
    found = estimate(planned, rows, 1000)
    assert found.bases == {"same": 1, "median": 1}
    assert found.seconds == pytest.approx(2 * 3.5 + 2 * 4.75)
    rows.append(seconds("dan", "other", 10.0))
    found = estimate(planned, rows, 500)
    assert found.bases == {"same": 1, "method": 1}
    assert found.seconds == pytest.approx(2 * 2.5 + 2 * 6.5)
    assert "same method and scenario (1)" in found.to_line()


def test_what_is_there_costs_nothing():
    cells = cells_of(["dann"])
    found = estimate([Planned(cell, True) for cell in cells], [], 1000)
    assert (found.seconds, found.bases) == (0.0, {})
    assert found.to_line() == "0 of 2 row groups to run"


def test_a_run_says_its_cost_where_rows_tell():
    cells = cells_of()
    assert expected_cost(cells, [], 1000) == ""
    rows = [seconds("dann", "plain_to_over07", 2.0, seed=seed) for seed in (0, 1)]
    assert expected_cost(cells, rows, 1000).startswith("1 of 4 row groups to run")
    assert "other methods' rows (1)" in expected_cost(cells, rows, 1000)


def test_times_are_worded():
    assert [duration(s) for s in (1.4, 3600.0, 7199.0)] == [
        "1 s",
        "1 h 0 min",
        "2 h 0 min",
    ]


def test_the_plan_is_printed_and_nothing_runs(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("da_zoo.commands.bench.cache_programs", lambda: None)
    out = tmp_path / "out"
    words = ["bench", "--plan", "--methods", "dann,unadapted", "--tracks", "U"]
    words += ["--scenarios", "plain_to_over07", "--seeds", "3", "--out", str(out)]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert not out.exists()
    lines = [line.split() for line in said.splitlines()]
    assert ["plain_to_over07", "deep", "1", "3", "0", "0"] in lines
    assert ["plain_to_over07", "shallow", "1", "3", "0", "0"] in lines
    assert ["plain_to_over07", "baseline", "1", "3", "0", "0"] in lines
    assert "a rough default" in said
    assert main([*words, "--stale", "dorp"]) == 2
    assert "unknown stale 'dorp'" in capsys.readouterr().err
