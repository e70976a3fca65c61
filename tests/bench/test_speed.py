"""A large benchmark's leaderboard and report are a matter of seconds."""

import time

import pytest

from benchmarks.leaderboard_speed import made_up
from da_zoo.bench.leaderboard import build_leaderboard
from da_zoo.bench.report import write_report


def test_made_up_rows_are_as_real_ones_are(tmp_path):
    from da_zoo.bench.rows import row_flaw

    groups = iter(made_up("small"))
    rows = next(groups)
    assert {row["method"] for row in rows} == {"source_only"}
    assert [row_flaw(row) for row in rows] == [""] * 5


@pytest.mark.slow
def test_ten_thousand_rows_take_seconds(tmp_path):
    rows = [row for group in made_up("small") for row in group]
    assert len(rows) > 10_000
    start = time.perf_counter()
    board = build_leaderboard(rows)
    board.write(tmp_path)
    page = write_report(board, tmp_path)
    # 8 s on two busy cores, without the type checks that tests add.
    assert time.perf_counter() - start < 60
    assert page.stat().st_size < 1_000_000
    assert [len(one.methods) for one in board.standings] == [50, 50]
