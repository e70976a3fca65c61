"""``da-zoo retry``: failed groups again, by their rows' own commands."""

import errno
import os
import threading

import pytest

from da_zoo.bench.signals import BenchStopped
from da_zoo.bench.store import RowStore
from da_zoo.cli import main
from tests.bench.fake_rows import make_row

COMMAND = "da-zoo bench --suite {} --budget smoke --scenarios shift --methods {} "
COMMAND += "--tracks U --seeds 1 --steps 2"
SUITE = """
name = "tiny"
label_fractions = [0.05]
[defaults]
network = "mlp"
network_options = { hidden = [4] }
steps = 2
batch_size = 8
batch_norm = "separate"
learning_rate = 1e-2
[[scenarios]]
name = "shift"
source = { pool = "digits8", input_map = "plain", task = "digit" }
target = { pool = "digits8", input_map = "over07", task = "digit" }
"""


@pytest.fixture
def failed(tmp_path):
    suite = tmp_path / "tiny.toml"
    suite.write_text(SUITE)

    def write(command):
        store = RowStore.open(tmp_path / "out")
        fields = {"scenario": "shift", "suite": "tiny", "method": "source_only"}
        row = make_row(status="failed", reason="no such luck", **fields)
        command = command.format(suite, "source_only")
        store.append_group([row | {"command": command, "group": "a1"}])
        return str(store.folder)

    return write


def test_a_failed_group_runs_again(failed, capsys, monkeypatch):
    monkeypatch.setattr("da_zoo.commands.bench.cache_programs", lambda: None)
    out = failed(COMMAND)
    assert main(["retry", out, "--no-progress"]) == 0
    assert "1 row groups were run again, 0 of them failed" in capsys.readouterr().out
    rows, _ = RowStore.open(out).read()
    assert [row["status"] for row in rows] == ["failed", "ok"]
    assert main(["retry", out]) == 0
    assert "no row failed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("rm -rf {}", "must be a da-zoo bench"),
        ("da-zoo bench --method os:system", "may not name a module"),
        ("da-zoo bench --metho os:system", "cannot be read"),
        ("da-zoo bench --no-such-flag", "cannot be read"),
        ("da-zoo bench --data DIR", "name their folder, --data"),
        ("", "has no command"),
    ],
)
def test_rows_cannot_make_it_do_anything_else(failed, capsys, command, message):
    assert main(["retry", failed(command)]) == 2
    assert message in capsys.readouterr().err


def test_nothing_failed(tmp_path, capsys):
    RowStore.open(tmp_path / "out").append_group([make_row()])
    assert main(["retry", str(tmp_path / "out")]) == 0
    assert "no row failed" in capsys.readouterr().out
    assert main(["retry", str(tmp_path / "none")]) == 2


def test_what_cannot_be_retried_does_not_stop_the_others(tmp_path, failed, capsys):
    folder = failed(COMMAND)
    store = RowStore.open(folder)
    lost = make_row(status="failed", reason="x", scenario="gone", method="dann")
    command = COMMAND.format(tmp_path / "moved.toml", "dann")
    store.append_group([lost | {"command": command, "group": "b2"}])
    assert main(["retry", folder, "--no-progress"]) == 1
    told = capsys.readouterr()
    assert "could not be retried" in told.err and "moved.toml" in told.err
    assert "1 row groups were run again" in told.out


def test_the_rows_of_a_suite_file_are_retried_from_anywhere(
    failed, capsys, tmp_path, monkeypatch
):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    folder = failed(COMMAND.replace("{}", "tiny.toml", 1).replace("{}", "source_only"))
    assert main(["retry", folder]) == 2
    assert "--suite FOLDER/tiny.toml" in capsys.readouterr().err
    suite = str(tmp_path / "tiny.toml")
    assert main(["retry", folder, "--suite", suite, "--no-progress"]) == 0
    assert "1 row groups were run again" in capsys.readouterr().out


def test_what_hung_or_killed_its_worker_is_retried_by_a_launcher(
    failed, capsys, monkeypatch
):
    seen = []

    def benchmark(call):
        seen.append(call)
        raise ValueError("no further")

    monkeypatch.setattr("da_zoo.commands.bench.benchmark", benchmark)
    words = ["retry", failed(COMMAND), "--launcher", "processes", "--timeout", "60"]
    assert main(words) == 1
    assert (seen[0].launcher, seen[0].timeout) == ("processes", 60.0)
    assert main(["retry", failed(COMMAND), "--timeout", "60"]) == 2
    assert "needs launcher='processes'" in capsys.readouterr().err
    assert main(["retry", failed(COMMAND), "--launcher", "slurm"]) == 2
    # A row cannot ask for one.
    folder = failed(COMMAND + " --launcher processes")
    assert main(["retry", folder]) == 2
    assert "options that no row has (--launcher)" in capsys.readouterr().err
    assert len(seen) == 1


def test_status_tells_replaced_rows_from_failed_ones(failed, capsys):
    folder = failed(COMMAND)
    assert main(["retry", folder, "--no-progress"]) == 0
    capsys.readouterr()
    assert main(["status", folder]) == 0
    told = capsys.readouterr().out
    assert "no such luck" not in told and "1 row is of runs that" in told


def test_checkpoints_are_kept_again_where_they_were(failed):
    folder = failed(COMMAND)
    RowStore.open(folder).save_checkpoints("a1", {})
    assert main(["retry", folder, "--no-progress"]) == 0
    store = RowStore.open(folder)
    groups = {row["group"] for row in store.read()[0] if row["status"] == "ok"}
    assert groups and all(store.has_checkpoints(group) for group in groups)


@pytest.mark.parametrize(("code", "word"), [(130, "interrupted"), (143, "terminated")])
def test_a_signal_ends_it_as_it_ends_a_benchmark(
    failed, capsys, monkeypatch, code, word
):
    def stopped(call):
        raise BenchStopped(code)

    monkeypatch.setattr("da_zoo.commands.bench.benchmark", stopped)
    assert main(["retry", failed(COMMAND)]) == code
    told = capsys.readouterr().err.splitlines()[-1]
    assert told == f"da-zoo: {word}; the same command continues"


def test_a_full_disk_is_one_line(failed, capsys, monkeypatch, tmp_path):
    def full(call):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("da_zoo.commands.bench.benchmark", full)
    folder = failed(COMMAND)
    assert main(["retry", folder]) == 1
    assert main(["retry", folder, "--out", str(tmp_path / "new")]) == 1
    told = [w for w in capsys.readouterr().err.splitlines() if w.startswith("da-zoo:")]
    assert [line.partition(" (No space left")[0] for line in told] == [
        f"da-zoo: {where} cannot be written" for where in (folder, tmp_path / "new")
    ]


def test_threads_that_still_train_are_not_waited_for(failed, monkeypatch):
    ended, go = [], threading.Event()

    def stopped(call):
        threading.Thread(target=go.wait, name="row-group_0", daemon=True).start()
        raise BenchStopped(143)

    monkeypatch.setattr("da_zoo.commands.bench.benchmark", stopped)
    monkeypatch.setattr("da_zoo.commands.endings.os._exit", ended.append)
    main(["retry", failed(COMMAND)])
    go.set()
    assert ended == [143]
