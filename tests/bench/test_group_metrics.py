"""A benchmark leaves the metrics of its trainings, a file per row group."""

import json
import sys

import pytest

from da_zoo.bench import execute, run
from da_zoo.bench.group import GroupKeys, GroupRows, na_rows
from da_zoo.bench.group_metrics import MetricsTo, group_metrics
from da_zoo.bench.launch.choice import order_of
from da_zoo.bench.launch.serial import Serial
from da_zoo.bench.launch.workplace import Workplace
from da_zoo.bench.merge import merge
from da_zoo.bench.plan import make_plan
from da_zoo.cli import main
from da_zoo.metrics_log import read_metrics
from da_zoo.registry import MethodSpec
from da_zoo.scenarios import load_suite
from tests.bench.tiny_suite import SHIFT


def three_configurations():
    return make_plan(
        load_suite("embedded"),
        methods=["dann"],
        scenarios=["plain_to_over07"],
        tracks=["U"],
        seeds=2,
        first_seed=5,
        configuration_count=3,
    )


def test_groups_that_train_together_get_their_own_runs(tmp_path):
    cells = three_configurations()
    keys = [GroupKeys(name, {}) for name in ("aa", "bb", "cc")]
    (writer,) = group_metrics(cells, keys, MetricsTo(tmp_path))
    write_two_threads(writer)
    for number, name in enumerate(("aa", "bb", "cc")):
        check_runs(tmp_path / f"{name}.jsonl", number)


def test_a_group_that_is_done_keeps_its_metrics_and_the_others_their_runs(tmp_path):
    cells = three_configurations()
    keys = [GroupKeys(name, {}) for name in ("aa", "bb", "cc")]
    (tmp_path / "bb.jsonl").write_text("what was there")
    (writer,) = group_metrics(cells, keys, MetricsTo(tmp_path), ("bb",))
    write_two_threads(writer)
    assert (tmp_path / "bb.jsonl").read_text() == "what was there"
    for number, name in ((0, "aa"), (2, "cc")):
        check_runs(tmp_path / f"{name}.jsonl", number)


def write_two_threads(writer):
    writer.start({"suite": "embedded"})
    # Two threads' groups: runs 0 to 3, and 4 and 5.
    writer.write("adapt", 9, {"loss": {run: float(run) for run in range(4)}})
    writer.write("adapt", 9, {"loss": {4: 4.0, 5: 5.0}})
    writer.close()


def check_runs(path, number):
    (run,) = read_metrics(path)
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


@pytest.mark.parametrize("remote", [False, True])
def test_a_batch_run_again_tells_who_is_done(tmp_path, monkeypatch, remote):
    """A row file that lost one of two configurations: the other one's metrics stay."""
    suite = tmp_path / "tiny.toml"
    suite.write_text(SHIFT)
    out = tmp_path / "out"
    told = []

    def trains(cells, suite, data, keys, *, steps, checkpoints, writers):
        (writer,) = writers
        writer.start({})
        writer.close()
        told.append([k.group for k in keys])
        return [
            GroupRows(na_rows(cell, suite, own, "failed", "a stand-in"), {}, {})
            for cell, own in zip(cells, keys, strict=True)
        ]

    class Elsewhere(Serial):
        """Rebuilds each batch from its task, as workers do."""

        def run(self, jobs, asked):
            for job in jobs:
                yield job, place.perform(job.task)

    runner = execute.RUNNERS[MethodSpec]._replace(run=trains)
    monkeypatch.setitem(execute.RUNNERS, MethodSpec, runner)
    options = {"methods": ["dann"], "tracks": ["U"], "seeds": 1, "budget": "standard"}
    if remote:
        choice = options | {"methods": ("dann",), "tracks": ("U",)}
        to = MetricsTo(out.absolute() / "metrics")
        place = Workplace(order_of(suite, choice, None, ["dann"], False, to))
        module = sys.modules["da_zoo.bench.run"]  # the name is also the function's
        monkeypatch.setattr(module, "launcher_for", lambda *a: Elsewhere(1))
    run(suite, out=out, progress=False, **options)
    together = max(told, key=len)
    lost = together[0]
    assert len(together) > 1
    lines = (out / "rows.jsonl").read_text().splitlines(keepends=True)
    (out / "rows.jsonl").write_text("".join(one for one in lines if lost not in one))
    for path in (out / "metrics").iterdir():
        path.write_text("of the first run")
    run(suite, out=out, progress=False, **options)
    assert told[-1] == together, "others of the batch were not trained along"
    replaced = [
        path.stem
        for path in (out / "metrics").iterdir()
        if path.read_text() != "of the first run"
    ]
    assert replaced == [lost]
