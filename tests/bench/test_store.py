"""Rows survive kills, torn writes and foreign folders."""

import json
import os

import numpy as np
import pytest

from da_zoo.bench import render
from da_zoo.bench.store import Problem, RowStore
from da_zoo.cli import main
from tests.bench.fake_rows import make_row

DEEP = json.loads("[" * 99 + "]" * 99)


def group(name: str, seeds=(0, 1, 2), **fields):
    return [make_row(group=name, seed=seed, **fields) for seed in seeds]


@pytest.fixture
def store(tmp_path):
    return RowStore.open(tmp_path / "out")


def test_rows_come_back_as_they_were(store):
    store.append_group(group("aa"))
    rows, problems = RowStore.open(store.folder).read()
    assert problems == []
    assert rows == [row | {"group_rows": 3} for row in group("aa")]


def test_a_group_is_one_write_of_strict_json(store, monkeypatch):
    writes, write = [], os.write
    monkeypatch.setattr(
        os, "write", lambda fd, data: writes.append(1) or write(fd, data)
    )
    infinite = group("aa", nll=float("inf"), ece=np.float32("nan"))
    store.append_group([row | {"steps": np.int64(7)} for row in infinite])
    assert len(writes) == 1
    rows, _ = store.read()
    assert [row["nll"] for row in rows] == [None] * 3
    assert [row["ece"] for row in rows] == [None] * 3
    assert rows[0]["steps"] == 7
    assert "NaN" not in store.rows_path.read_text()


def test_a_truncated_line_is_reported_and_the_good_rows_survive(store):
    store.append_group(group("aa"))
    store.append_group(group("bb"))
    whole = store.rows_path.read_bytes()
    store.rows_path.write_bytes(whole[:-40])
    rows, problems = store.read()
    assert [(row["group"], row["seed"]) for row in rows] == [
        ("aa", 0),
        ("aa", 1),
        ("aa", 2),
        ("bb", 0),
        ("bb", 1),
    ]
    assert problems == [Problem(6, "is cut off (no line end)")]
    assert str(problems[0]) == "rows.jsonl, line 6: is cut off (no line end)"
    assert store.complete_groups({"aa": (0, 1, 2), "bb": (0, 1, 2)}) == {"aa"}


def test_killed_at_any_byte_the_rerun_ends_with_the_same_rows(tmp_path):
    store = RowStore.open(tmp_path / "out")
    store.append_group(group("aa", (0, 1), accuracy=0.1))
    done = store.rows_path.stat().st_size
    store.append_group(group("bb", (0, 1), accuracy=0.2))
    whole = store.rows_path.read_bytes()
    expected, _ = store.read()
    for size in range(done, len(whole), 37):
        store.rows_path.write_bytes(whole[:size])
        complete = store.complete_groups({"aa": (0, 1), "bb": (0, 1)})
        assert complete == {"aa"}, size
        store.append_group(group("bb", (0, 1), accuracy=0.2))
        rows, problems = store.read()
        assert rows == expected, size
        assert len(problems) <= 1


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{nonsense", "is not JSON"),
        (b"[1, 2]", "is no JSON object"),
        (b"\xff\xfe", "is not JSON"),
        (b'{"schema_version": 1, "nll": NaN}', "NaN is not strict JSON"),
        (b'{"schema_version": 9}', "has schema_version 9"),
        (json.dumps(make_row(status="running")).encode(), "has status 'running'"),
        (json.dumps(make_row(seed="0")).encode(), "no integer in field 'seed'"),
        (json.dumps(make_row(method=None)).encode(), "no text in field 'method'"),
        (json.dumps(make_row(accuracy="high")).encode(), "no share in [0, 1]"),
        (json.dumps(make_row(accuracy=1.5)).encode(), "no share in [0, 1]"),
        (json.dumps(make_row(steps=True)).encode(), "no integer in field 'steps'"),
        (json.dumps(make_row(seed=True)).encode(), "no integer in field 'seed'"),
        (json.dumps(make_row(track="X")).encode(), "has track 'X', none of U, F"),
        (json.dumps(make_row(metric="f2")).encode(), "has metric 'f2'"),
        (json.dumps(make_row(steps=10**400)).encode(), "no integer in field"),
        (json.dumps(make_row(rmse=77)).replace("77", "1e999").encode(), "no number"),
        (b"[" * 100_000, "is not JSON"),
        (json.dumps(make_row(own=DEEP)).encode(), "too deep"),
    ],
)
def test_a_corrupt_line_costs_that_line_only(store, line, reason):
    store.append_group(group("aa"))
    with store.rows_path.open("ab") as file:
        file.write(line + b"\n")
    store.append_group(group("bb"))
    rows, (problem,) = store.read()
    assert len(rows) == 6
    assert problem.line == 4
    assert reason in problem.reason
    assert store.complete_groups({"aa": (0, 1, 2), "bb": (0, 1, 2)}) == {"aa", "bb"}


def test_rows_of_other_hands_lack_what_every_reader_looks_at(store, capsys):
    cell = {"scenario": "s", "track": "U", "method": "dann", "schema_version": 1}
    row = cell | {"group": "aa", "case": 3, "configuration": 0, "status": "failed"}
    store.rows_path.write_text(json.dumps(row | {"seed": 0, "suite": None}) + "\n")
    ((read,), problems) = store.read()
    assert not problems
    assert (read["suite"], read["label_fraction"], read["reason"]) == ("", None, "")
    for command in ("status", "report"):
        assert main([command, str(store.folder)]) == 0
    assert "failed: s dann seed 0" in capsys.readouterr().out


def test_half_a_character_becomes_a_question_mark(store):
    row = make_row(seed=0, group="aa", group_rows=1, reason="a \ud800 b")
    store.rows_path.write_text(json.dumps(row) + "\n")
    ((read,), problems) = store.read()
    assert not problems and read["reason"] == "a ? b"


def test_the_last_complete_writing_wins(store):
    store.append_group(group("aa", accuracy=0.1))
    store.append_group(group("aa", accuracy=0.2))
    store.append_group(group("aa", accuracy=0.3))
    size = store.rows_path.stat().st_size
    os.truncate(store.rows_path, size - 10)
    rows, problems = store.read()
    assert [row["accuracy"] for row in rows] == [0.2] * 3
    assert len(problems) == 1


def test_every_final_status_completes_a_group(store):
    for name, status in (("a1", "failed"), ("a2", "timeout"), ("a3", "na")):
        store.append_group(group(name, status=status))
    expected = {name: (0, 1, 2) for name in ("a1", "a2", "a3", "a4")}
    assert store.complete_groups(expected) == {"a1", "a2", "a3"}
    assert store.complete_groups({"a1": range(5)}) == set()


def test_a_partial_write_is_an_error_and_ignored_later(store, monkeypatch):
    store.append_group(group("aa"))
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[: len(data) // 2]))
    with pytest.raises(OSError, match="is the disk full"):
        store.append_group(group("bb"))
    monkeypatch.undo()
    assert store.complete_groups({"aa": (0, 1, 2), "bb": (0, 1, 2)}) == {"aa"}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "at least one row"),
        ([*group("aa", (0,)), *group("bb", (1,))], "of one group"),
        (group("aa", (0, 0)), "a seed twice"),
        ([{"group": "aa", "seed": 0}], "no text in field 'scenario'"),
        (group("aa", (0,), accuracy=float("nan")), "is ok and has no number in"),
        (group("aa", (0,), metric="rmse"), "no number in field 'rmse', its metric"),
        (group("aa", (0,), track="F"), "track F and has no share in field 'label_f"),
        (group("../../aa", (0,)), "group '../../aa', no hexadecimal key"),
    ],
)
def test_rows_that_are_no_group_are_refused(store, rows, message):
    with pytest.raises(ValueError, match=message):
        store.append_group(rows)
    assert store.read() == ([], [])


@pytest.mark.parametrize(
    "change",
    [
        {"accuracy": None},
        {"metric": "rmse"},
        {"metric": "macro_f1", "macro_f1": None},
        {"track": "F"},
        {"group_rows": None},
        {"diagnostics": {"proxy_a_distance": "far"}},
    ],
)
def test_rows_that_lack_what_others_call_for_cost_themselves(store, change):
    rows = group("aa", method="source_only") + group("bb", method="dann")
    bad = [row | change for row in group("cc", method="dan", scenario="s")]
    lines = [json.dumps(row) + "\n" for row in [*rows, *bad]]
    store.rows_path.write_text("".join(lines))
    board, page, problems = render(store.folder)
    assert {row["group"] for row in board.rows} == {"aa", "bb"}
    assert [problem.split(":")[0] for problem in problems] == [
        f"rows.jsonl, line {number}" for number in (7, 8, 9)
    ]
    assert page.read_text().rstrip().endswith("</html>")


def test_a_foreign_folder_is_refused_and_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(ValueError, match=r"not empty \(thesis.tex\).*new folder"):
        RowStore.open(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ('{"marker": "da_zoo benchmark", "schema_version": 2}', "schema version 2"),
        ('{"marker": "webpack", "schema_version": 1}', "belongs to something else"),
        ("[]", "not da_zoo's"),
        ("{half", "not da_zoo's"),
    ],
)
def test_a_foreign_manifest_is_refused(tmp_path, manifest, message):
    (tmp_path / "manifest.json").write_text(manifest)
    for create in (True, False):
        with pytest.raises(ValueError, match=message):
            RowStore.open(tmp_path, create=create)


def test_an_unwritable_folder_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"out='.*inside' cannot be written"):
        RowStore.open(tmp_path / "file" / "inside")
    with pytest.raises(ValueError, match=r"out='.*file' cannot be written"):
        RowStore.open(tmp_path / "file")


def test_a_read_only_folder_is_refused(tmp_path, monkeypatch):
    # Tests may run as root, whom no permission stops.
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(ValueError, match=r"cannot be written \(Permission denied\)"):
        RowStore.open(tmp_path / "out")


@pytest.mark.parametrize("draft", ["manifest.json.tmp", ".0123abcd.tmp.json"])
def test_a_kill_while_the_folder_is_made_is_survived(draft, tmp_path):
    (tmp_path / draft).write_text('{"mark')
    assert RowStore.open(tmp_path).read() == ([], [])


def test_reading_does_not_make_a_folder(tmp_path):
    with pytest.raises(ValueError, match="holds no benchmark"):
        RowStore.open(tmp_path / "out", create=False)
    assert not (tmp_path / "out").exists()
    RowStore.open(tmp_path / "out")
    assert RowStore.open(tmp_path / "out", create=False).read() == ([], [])


def test_logits_are_float16_and_clipped(store):
    path = store.save_logits("a1", {"seed_0": np.array([[1e9, -1e9, 0.5]], np.float32)})
    assert path == store.folder / "logits" / "a1.npz"
    assert [p.name for p in path.parent.iterdir()] == ["a1.npz"]
    loaded = store.load_logits("a1")["seed_0"]
    assert loaded.dtype == np.float16
    np.testing.assert_array_equal(loaded, [[65504, -65504, 0.5]])


def test_damaged_or_pickled_logits_are_refused(store):
    path = store.save_logits("a1", {"seed_0": np.zeros((2, 3))})
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(ValueError, match=r"a1.npz cannot be read"):
        store.load_logits("a1")
    np.savez(path, seed_0=np.array([{"evil": 1}], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        store.load_logits("a1")
    with pytest.raises(ValueError, match="cannot be read"):
        store.load_logits("b2")


@pytest.mark.parametrize("name", ["../../etc/passwd", "A1", "", "a1.npz"])
def test_only_a_key_becomes_a_file_name(store, name):
    with pytest.raises(ValueError, match="hexadecimal"):
        store.save_logits(name, {"seed_0": np.zeros(1)})
