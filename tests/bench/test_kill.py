"""A benchmark that is killed and called again ends as if it had not been."""

import json

import pytest

from benchmarks.kill_bench import Bench, compare, kill_bench
from da_zoo.bench import render
from da_zoo.bench.store import RowStore
from tests.bench.fake_rows import make_rows


def test_a_difference_is_seen(tmp_path):
    groups = {}
    for row in make_rows(seeds=2):
        if row["status"] != "ok":
            groups.setdefault(row["group"], []).append(row)
    for name in ("calm", "killed"):
        store = RowStore.open(tmp_path / name)
        for own in list(groups.values())[:4]:
            store.append_group(own)
        render(tmp_path / name)
    assert compare(tmp_path / "calm", tmp_path / "killed") == (8, 0, 0, [])
    path = tmp_path / "killed" / "rows.jsonl"
    once = path.read_text()
    path.write_text(once + once)
    *_, (doubled,) = compare(tmp_path / "calm", tmp_path / "killed")
    assert doubled == "16 lines for 8 rows"
    path.write_text(once)
    lines = path.read_text().splitlines()
    changed = json.loads(lines[0]) | {"reason": "another"}
    path.write_text("\n".join([json.dumps(changed), *lines[1:], '{"torn']))
    rows, _, torn, differences = compare(tmp_path / "calm", tmp_path / "killed")
    assert (rows, torn, len(differences)) == (8, 1, 1)


@pytest.mark.slow
def test_kills_change_no_row(tmp_path):
    methods, scenarios = "unadapted,coral,source_only", "plain_to_over07,plain_to_rot30"
    bench = Bench("embedded", methods, scenarios, seeds=2)
    found = kill_bench(tmp_path, bench, kills=5, seed=1)
    assert found.kills == 5
    assert found.rows == 12 and found.logits == 6
    assert found.differences == ()
