"""A benchmark leaves the metrics of its trainings, a file per row group."""

import json

import pytest

from da_zoo.bench.group import GroupKeys
from da_zoo.bench.group_metrics import MetricsTo, group_metrics
from da_zoo.bench.merge import merge
from da_zoo.bench.plan import make_plan
from da_zoo.cli import main
from da_zoo.metrics_log import read_metrics
from da_zoo.scenarios import load_suite


def test_groups_that_train_together_get_their_own_runs(tmp_path):
    cells = make_plan(
        load_suite("embedded"),
        methods=["dann"],
        scenarios=["plain_to_over07"],
        tracks=["U"],
        seeds=2,
        first_seed=5,
        configuration_count=3,
    )
    keys = [GroupKeys(name, {}) for name in ("aa", "bb", "cc")]
    (writer,) = group_metrics(cells, keys, MetricsTo(tmp_path))
    writer.start({"suite": "embedded"})
    # Two threads' groups: runs 0 to 3, and 4 and 5.
    writer.write("adapt", 9, {"loss": {run: float(run) for run in range(4)}})
    writer.write("adapt", 9, {"loss": {4: 4.0, 5: 5.0}})
    writer.close()
    for number, name in enumerate(("aa", "bb", "cc")):
        (run,) = read_metrics(tmp_path / f"{name}.jsonl")
        assert run.run["configuration"] == number
        assert run.run["runs"] == {"5": "seed_5", "6": "seed_6"}
        assert [chunk["runs"] for chunk in run.chunks] == [[5, 6]]
        expected = {"loss": [2.0 * number, 2.0 * number + 1]}
        assert run.chunks[0]["values"] == expected


def test_the_command_writes_metrics_and_merge_copies_them(tmp_path, monkeypatch):
    pytest.importorskip("tensorboardX")
    monkeypatch.setattr("da_zoo.commands.bench.cache_programs", lambda: None)
    out, board = tmp_path / "out", tmp_path / "board"
    words = ["bench", "--methods", "source_only,unadapted", "--tracks", "U"]
    words += ["--seeds", "2", "--scenarios", "plain_to_over07", "--steps", "5"]
    words += ["--no-baselines", "--no-progress", "--out", str(out)]
    assert main([*words, "--tensorboard", str(board)]) == 0
    rows = [json.loads(line) for line in (out / "rows.jsonl").read_text().splitlines()]
    group = next(row["group"] for row in rows if row["method"] == "source_only")
    (path,) = (out / "metrics").iterdir()  # shallow methods have no steps
    assert path.name == f"{group}.jsonl"
    (run,) = read_metrics(path)
    assert run.run["scenario"] == "plain_to_over07"
    assert run.chunks[0]["runs"] == [0, 1]
    runs = sorted(p.relative_to(board) for p in board.rglob("seed_*"))
    assert [str(p) for p in runs] == [
        f"plain_to_over07/source_only-U/seed_{seed}" for seed in (0, 1)
    ]
    merge(tmp_path / "merged", [out])
    assert (tmp_path / "merged" / "metrics" / path.name).read_bytes() == (
        path.read_bytes()
    )


def test_without_its_library_nothing_is_trained(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(__import__("sys").modules, "tensorboardX", None)
    monkeypatch.setattr("da_zoo.commands.bench.cache_programs", lambda: None)
    out = tmp_path / "out"
    words = ["bench", "--tensorboard", "board", "--out", str(out)]
    assert main(words) == 2
    assert "da-zoo[tensorboard]" in capsys.readouterr().err
    assert not out.exists()
