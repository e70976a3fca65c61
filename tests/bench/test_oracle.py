import numpy as np

from da_zoo.bench.oracle import Oracle
from da_zoo.bench.run import run


def test_the_best_counts_the_last_and_a_failed_run_has_none():
    oracle = Oracle([], [1000])
    oracle._found = {0: 0.7, 1: 0.9}
    assert oracle.best(0, 0.8) == 0.8
    assert oracle.best(1, 0.8) == 0.9
    assert oracle.best(1, None) is None


def test_rows_have_both_columns(tmp_path):
    result = run(
        "embedded",
        methods=["source_only", "adabn"],
        scenarios=["plain_to_rot30"],
        tracks=["U"],
        seeds=2,
        steps=400,
        out=tmp_path,
        progress=False,
    )
    rows = [row for row in result.leaderboard.rows if row["status"] == "ok"]
    assert len(rows) == 4
    gaps = [row["accuracy_oracle"] - row["accuracy"] for row in rows]
    assert min(gaps) >= 0.0
    # Training on upright digits alone gets worse on turned ones along the way.
    assert max(gaps) > 0.0
    assert np.mean([row["accuracy_oracle"] for row in rows]) < 0.9
