"""Shares of a plan, put together again; failed groups; exports."""

import csv
import errno
import json
import os
import re
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from da_zoo.bench.export import export_rows
from da_zoo.bench.latex import latex_tables, latex_text
from da_zoo.bench.leaderboard import build_leaderboard
from da_zoo.bench.merge import merge
from da_zoo.bench.plan import make_plan, shard_of
from da_zoo.bench.store import RowStore
from da_zoo.cli import main
from da_zoo.scenarios import load_suite

EVIL = r"<script>alert('1')</script>\input{/etc/passwd} | a_b & \"quoted\" $x$"


def row(**change):
    made = {
        "group": "a1",
        "scenario": "s",
        "track": "U",
        "label_fraction": None,
        "method": "source_only",
        "case": 3,
        "configuration": 0,
        "status": "ok",
        "seed": 0,
        "accuracy": 0.5,
        "macro_f1": 0.4,
        "hyperparameters": {"trade_off": 1.0},
    }
    return made | change


@pytest.mark.parametrize("of", [1, 2, 3, 7])
def test_shares_are_disjoint_and_all_of_the_plan(of):
    cells = make_plan(load_suite("embedded"), seeds=1, configuration_count=2)
    shares = [shard_of(cells, number, of) for number in range(1, of + 1)]
    everything = [id(cell) for share in shares for cell in share]
    assert sorted(everything) == sorted(map(id, cells))
    sizes = [len(share) for share in shares]
    assert max(sizes) - min(sizes) < 0.2 * max(sizes)
    for share in shares:  # configurations that share a program share a machine
        numbers = {}
        for cell in share:
            if not cell.undefined:
                name = (cell.scenario.name, cell.track, cell.label_fraction)
                numbers.setdefault((*name, cell.method.name), set()).add(
                    cell.configuration
                )
        assert all(found == {0, 1} for found in numbers.values())


def test_shares_are_counted_from_one():
    for number, of in ((0, 2), (3, 2)):
        with pytest.raises(ValueError, match=f"got {number}/{of}"):
            shard_of([], number, of)


def test_folders_are_put_together_once(tmp_path):
    first, second = (RowStore.open(tmp_path / name) for name in "ab")
    first.append_group([row(seed=s) for s in (0, 1)])
    second.append_group([row(group="b2", method="dann", seed=s) for s in (0, 1)])
    second.append_group([row(seed=s, accuracy=0.1) for s in (0, 1)])
    out = tmp_path / "all"
    for store, group in ((first, "a1"), (second, "b2"), (second, "a1")):
        store.save_logits(group, {"seed_0": np.ones((2, 3))})
    copied, problems = merge(out, [first.folder, second.folder])
    assert copied == 2 and not problems
    assert RowStore.open(out).load_logits("b2")["seed_0"].shape == (2, 3)
    rows, _ = RowStore.open(out).read()
    assert [r["group"] for r in rows] == ["a1", "a1", "b2", "b2"]
    assert rows[0]["accuracy"] == 0.5  # the first folder's stay
    assert merge(out, [first.folder, second.folder])[0] == 0
    with pytest.raises(ValueError, match="into itself"):
        merge(out, [out])
    with pytest.raises(ValueError, match="holds no benchmark"):
        merge(out, [tmp_path / "nowhere"])


def test_a_torn_group_is_told_and_left(tmp_path):
    store = RowStore.open(tmp_path / "a")
    store.append_group([row(seed=s) for s in (0, 1)])
    lines = store.rows_path.read_bytes().splitlines(keepends=True)
    store.rows_path.write_bytes(lines[0])
    copied, problems = merge(tmp_path / "all", [store.folder])
    assert copied == 0 and "1 of 2 rows" in problems[0]


def test_a_failed_group_gives_way_to_a_finished_one(tmp_path):
    out, other = (RowStore.open(tmp_path / name) for name in ("out", "other"))
    out.append_group([row(status="failed", seed=s) for s in (0, 1)])
    other.append_group([row(seed=s) for s in (0, 1)])
    copied, problems = merge(out.folder, [other.folder])
    assert copied == 0 and "cannot be read" in problems[0]  # it has no logits
    other.save_logits("a1", {"seed_0": np.ones((2, 3))})
    assert merge(out.folder, [other.folder]) == (1, [])
    assert {r["status"] for r in out.read()[0]} == {"ok"}


def test_what_lies_beside_a_failed_try_goes_with_it(tmp_path):
    share, out = RowStore.open(tmp_path / "share"), tmp_path / "all"
    metrics = share.folder / "metrics" / "a1.jsonl"
    metrics.parent.mkdir()

    def tried(status, logits, checkpoints):
        metrics.write_text(status)
        if logits:
            share.save_logits("a1", {"seed_0": np.ones((2, 3))})
        share.save_checkpoints("a1", checkpoints)
        share.append_group([row(status=status, seed=s) for s in (0, 1)])

    tried("failed", False, {})
    assert [merge(out, [share.folder])[0] for _ in range(2)] == [1, 0]
    assert (out / "rows.jsonl").read_text().count("\n") == 2
    tried("ok", True, {"seed_0_logits": np.ones((2, 3))})
    assert merge(out, [share.folder]) == (1, [])
    store = RowStore.open(out)
    assert list(store.load_checkpoints("a1")) == ["seed_0_logits"]
    assert (out / "metrics" / "a1.jsonl").read_text() == "ok"
    tried("failed", False, {})  # an older share, or a worse machine
    assert merge(out, [share.folder]) == (0, [])
    assert {r["status"] for r in store.read()[0]} == {"ok"}
    assert list(store.load_checkpoints("a1")) == ["seed_0_logits"]
    assert (out / "metrics" / "a1.jsonl").read_text() == "ok"


def test_failed_groups_are_final_unless_asked(tmp_path):
    store = RowStore.open(tmp_path)
    store.append_group([row(status="failed", seed=s) for s in (0, 1)])
    expected = {"a1": (0, 1)}
    assert store.complete_groups(expected) == {"a1"}
    assert store.complete_groups(expected, retry=["failed"]) == set()
    store.append_group([row(seed=s) for s in (0, 1)])
    assert store.complete_groups(expected, retry=["failed"]) == {"a1"}


def test_exports(tmp_path, capsys):
    store = RowStore.open(tmp_path / "r")
    store.append_group([row(seed=s) for s in (0, 1)])
    store.append_group(
        [row(group="b", method=EVIL, seed=s, hyperparameters={}) for s in (0, 1)]
    )
    parquet, text = tmp_path / "rows.parquet", tmp_path / "rows.csv"
    assert main(["export", str(store.folder), str(parquet)]) == 0
    table = pyarrow.parquet.read_table(parquet)
    assert table.num_rows == 4 and EVIL in table["method"].to_pylist()
    assert sorted(table["hyperparameters.trade_off"].to_pylist(), key=str) == [
        1.0,
        1.0,
        None,
        None,
    ]
    assert "gain" in table.column_names
    assert main(["export", str(store.folder), str(text)]) == 0
    with text.open(newline="") as file:
        assert {r["method"] for r in csv.DictReader(file)} == {"source_only", EVIL}
    assert main(["export", str(store.folder), str(tmp_path / "x.xlsx")]) == 2
    with pytest.raises(ValueError, match="no rows"):
        export_rows([], parquet)
    capsys.readouterr()


def test_no_name_becomes_a_command_in_latex():
    rows = [row(seed=s) for s in (0, 1)]
    rows += [row(method=EVIL, group="b", seed=s, accuracy=0.6) for s in (0, 1)]
    text = latex_tables(build_leaderboard(rows).cases)
    assert r"\input{" not in text and "a_b" not in text.replace(r"\_", "")
    assert r"a\_b \&" in text and r"\textbackslash{}input\{" in text
    for line in text.splitlines():
        assert len(re.findall(r"(?<!\\)&", line)) in (0, 7)
    assert latex_text("a\nb") == "a b"


def test_checkpoints_come_along_and_a_damaged_file_costs_itself_alone(tmp_path):
    arrays = {"0/0/step": np.array(3)}
    for name in ("one", "two"):
        store = RowStore.open(tmp_path / name)
        store.save_logits("a1", {"seed_0": np.zeros((1, 2))})
        store.append_group([row()])
    RowStore.open(tmp_path / "two").save_checkpoints("a1", arrays)
    out = RowStore.open(tmp_path / "out")
    assert merge(out.folder, [tmp_path / "one"])[0] == 1
    assert not out.has_checkpoints("a1")
    # The group is there, and still lacks what the second folder has of it.
    assert merge(out.folder, [tmp_path / "two"]) == (0, [])
    assert int(out.load_checkpoints("a1")["0/0/step"]) == 3
    (tmp_path / "two" / "checkpoints" / "a1.npz").write_bytes(b"no archive")
    copied, problems = merge(tmp_path / "again", [tmp_path / "two"])
    assert copied == 1 and "a1.npz cannot be read" in problems[0]
    assert len(RowStore.open(tmp_path / "again").read()[0]) == 1


def test_baseline_and_oracle_are_told_apart_in_latex():
    scores = {"source_only": (0.5, None), "target_only": (0.6, 0.05)}
    rows = [
        row(method=method, accuracy=score, label_fraction=fraction, seed=seed)
        | {"track": "U" if fraction is None else "F"}
        for method, (score, fraction) in scores.items()
        for seed in (0, 1)
    ]
    rows += [
        row(method="target_only", track="F", label_fraction=1.0, accuracy=0.9, seed=s)
        for s in (0, 1)
    ]
    text = latex_tables(build_leaderboard(rows).cases)
    assert r"target\_only (baseline)" in text and r"target\_only (oracle)" in text


def test_metrics_that_cannot_be_copied_leave_no_half(tmp_path, monkeypatch):
    source = RowStore.open(tmp_path / "one")
    source.append_group([row(group="aa", status="failed")])
    (source.folder / "metrics").mkdir()
    (source.folder / "metrics" / "aa.jsonl").write_text("1\n2\n")

    def fills(path, draft):
        Path(draft).write_text("1")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("da_zoo.bench.merge.shutil.copyfile", fills)
        with pytest.raises(OSError, match="No space left"):
            merge(tmp_path / "all", [source.folder])
    assert list((tmp_path / "all" / "metrics").iterdir()) == []
    merge(tmp_path / "all", [source.folder])
    assert (tmp_path / "all" / "metrics" / "aa.jsonl").read_text() == "1\n2\n"


def test_metrics_of_a_group_are_copied_into_no_other_folder(tmp_path):
    """A stranger's folder names its groups, and files are called as they are."""
    own = tmp_path / "theirs" / "results"
    source = RowStore.open(own)
    source.append_group([row(status="failed")])
    (own / "metrics").mkdir()
    (own / "metrics" / "a1.jsonl").write_text("")
    (own.parent / "x.jsonl").write_text("theirs")
    (good,), _ = source.read()
    evil = json.dumps(good | {"group": "../../x"})
    with source.rows_path.open("a") as file:
        file.write(evil + "\n")
    _, problems = merge(tmp_path / "mine" / "all", [own])
    assert len(problems) == 1 and "line 2: has group '../../x'" in problems[0]
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["all"]
