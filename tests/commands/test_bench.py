"""``da-zoo bench``: what its exit status says, and what it refuses before a plan."""

import sys
from pathlib import Path

import pytest

from da_zoo.cli import main
from tests.bench.tiny_suite import SHIFT


@pytest.fixture(autouse=True)
def no_cache(monkeypatch):
    monkeypatch.setattr("da_zoo.commands.bench.cache_programs", lambda: None)


def test_failed_groups_are_in_the_exit_status(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where the rows' own commands look for the suite
    out = "my out"
    Path("tiny.toml").write_text(
        SHIFT.replace("learning_rate = 1e-2", "learning_rate = 1e30")
    )
    words = ["bench", "--suite", "tiny.toml", "--methods", "source_only", "--tracks"]
    words += ["U", "--seeds", "1", "--steps", "4", "--out", out, "--no-progress"]
    assert main(words) == 1
    told = capsys.readouterr().out
    assert f"da-zoo retry '{out}'" in told
    assert main(words) == 1  # nothing was run, and what there is has not got better
    other = [{"source_only": "unadapted"}.get(word, word) for word in words]
    assert main(other) == 0  # a plan of its own, beside
    assert main(["retry", out, "--no-progress"]) == 1
    assert "1 of them failed again" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            "--launcher proceses",
            "unknown launcher 'proceses'; did you mean",
        ),
        ("--timeout 60", "needs launcher='processes' or 'ray'"),
        ("--launcher processes --timeout 0", "timeout must be more than 0"),
        ("--cpus-per-group 2", "are for launcher='ray'"),
        ("--workers 0", "workers must be at least 1"),
        ("--slurm-tasks 4", "--slurm-tasks would say nothing to --launcher serial"),
        (
            "--launcher processes --slurm-gpus 0 --slurm-time 1",
            "--slurm-time, --slurm-",
        ),
        ("--tensorboard t", "need tensorboardX"),
    ],
)
def test_a_plan_refuses_what_a_run_would(
    tmp_path, capsys, monkeypatch, options, message
):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    words = ["--methods", "dann", "--scenarios", "plain_to_over07", "--seeds", "1"]
    words += ["--out", str(tmp_path / "out"), *options.split()]
    for plan in (["--plan"], []):
        assert main(["bench", *plan, *words]) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("out", ["file", "file/below"])
def test_a_plan_is_of_a_folder_that_can_be_written(tmp_path, capsys, out):
    (tmp_path / "file").touch()
    words = ["--methods", "dann", "--scenarios", "plain_to_over07", "--seeds", "1"]
    for plan in (["--plan"], []):
        assert main(["bench", *plan, *words, "--out", str(tmp_path / out)]) == 2
        assert "cannot be written" in capsys.readouterr().err
