"""An array job of shards: its script, and what comes of it where sbatch is a loop."""

import os
import re
import shlex
import sys

import pytest

from da_zoo.bench import run
from da_zoo.bench.launch.slurm import SlurmJob, render_script
from da_zoo.cli import main
from da_zoo.commands.launching import words_of
from da_zoo.commands.parser import Parser
from tests.bench.test_launch import bench, folder, rows_of  # noqa: F401

SBATCH = """#!/bin/bash
# Runs an array job's tasks one after another.
script="${@: -1}"
tasks=$(sed -n 's/^#SBATCH --array=1-//p' "$script")
for task in $(seq "$tasks"); do
    SLURM_ARRAY_TASK_ID=$task bash "$script" >&2 || exit 1
done
echo 77
"""


def options_of(script):
    return dict(re.findall(r"^#SBATCH --([\w-]+)=(.*)$", script, re.MULTILINE))


def test_the_plan_is_the_script_and_submits_nothing(folder, monkeypatch, capsys):  # noqa: F811
    tmp_path, own = folder
    (tmp_path / "tiny.toml").rename("my suite.toml")
    monkeypatch.setattr("da_zoo.bench.plugins._check", lambda *args: None)
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    before = set(tmp_path.iterdir())
    monkeypatch.setenv("PATH", "")
    words = "bench --launcher slurm --plan --slurm-tasks 3 --slurm-partition a,b"
    words += " --slurm-time 1-02:00:00 --slurm-cpus 4 --slurm-gpus 1 --seeds 2"
    words += f" --methods dann,mcd --method {own}:well --suite 'my suite.toml'"
    words += " --checkpoints"
    words += " --label-fractions 0.05,1 --data d --out 'my results'"
    assert main(shlex.split(words)) == 0
    script = capsys.readouterr().out
    assert set(tmp_path.iterdir()) == before
    assert options_of(script) == {
        "job-name": "da-zoo",
        "array": "1-3",
        "cpus-per-task": "4",
        "gpus-per-task": "1",
        "ntasks": "1",
        "partition": "a,b",
        "time": "1-02:00:00",
        "output": f"'{tmp_path}/my results/logs/%a.log'",
        "open-mode": "append",
    }
    command = "\n".join(one for one in script.splitlines() if one[0] != "#")
    found = shlex.split(command.replace("\\\n", ""))
    expected = [sys.executable, "-m", "da_zoo", "bench"]
    expected += ["--suite", f"{tmp_path}/my suite.toml", "--method", f"{own}:well"]
    expected += ["--methods", "dann,mcd", "--seeds", "2", "--first-seed", "0"]
    expected += ["--label-fractions", "0.05,1.0", "--tracks", "U,F"]
    expected += ["--budget", "quick", "--stale", "rerun", "--data", f"{tmp_path}/d"]
    expected += ["--checkpoints", "--no-progress", "--shard", "$SLURM_ARRAY_TASK_ID/3"]
    expected += ["--out", f"{tmp_path}/my results/shard-$SLURM_ARRAY_TASK_ID"]
    assert found == expected


@pytest.mark.parametrize(
    ("job", "out", "reason"),
    [
        (SlurmJob(0), "r", "tasks must be at least 1, got 0"),
        (SlurmJob(1, cpus=0), "r", "cpus must be at least 1"),
        (SlurmJob(1, gpus=-1), "r", "gpus must be at least 0"),
        (SlurmJob(1, "a\nrm -r ."), "r", "partition must be a name"),
        (SlurmJob(1, time="soon"), "r", "got 'soon'"),
        (SlurmJob(1), "a\nb", "out may hold no"),
    ],
)
def test_what_no_script_should_hold_is_refused(job, out, reason):
    with pytest.raises(ValueError, match=reason):
        render_script(job, ["da-zoo"], out)


def test_without_sbatch_and_with_shards_it_says_what_to_do(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("PATH", "")
    monkeypatch.chdir(tmp_path)
    assert main(["bench", "--launcher", "slurm"]) == 2
    assert "needs sbatch on the PATH; --plan prints" in capsys.readouterr().err
    assert main(["bench", "--launcher", "slurm", "--shard", "1/2"]) == 2
    assert "leave --shard and --timeout out" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ("--methods nosuch", "unknown method 'nosuch'"),
        ("--scenarios nowhere", "unknown scenario of suite 'embedded' 'nowhere'"),
        ("--suite none.toml", "none.toml"),
        ("--method nowhere:own", "cannot import 'nowhere'"),
        ("--steps 0", "steps must be at least 1"),
        ("--workers 0", "workers must be at least 1"),
        ("--device abacus", "--device must be cpu, gpu or tpu"),
        ("--stale keep --checkpoints", "leave checkpoints out"),
        ("--out file", "cannot be written (Not a directory)"),
        ("--address auto", "--address would say nothing to --launcher slurm"),
        ("--cpus-per-group 1 --gpus-per-group 1", "--cpus-per-group, --gpus-per-group"),
    ],
)
def test_what_every_share_would_refuse_is_not_submitted(
    options, reason, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "")  # what came as far as submitting would say so
    (tmp_path / "file").touch()
    for plan in (["--plan"], []):
        words = ["bench", "--launcher", "slurm", *plan, *options.split()]
        assert main(words) == 2
        assert reason in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_every_option_of_the_benchmark_is_passed_on_or_left_out_on_purpose():
    import argparse

    from da_zoo.commands import bench as command

    parser = Parser()
    command.add(parser.add_subparsers())
    words = "bench --methods a --method m:f --no-baselines --scenarios s --seeds 2"
    words += " --first-seed 1 --label-fractions 1 --tracks U --budget smoke --steps 3"
    words += " --out o --data d --device cpu --precision bf16 --workers 1 --shard 1/2"
    words += " --retry-failed --stale keep --plan --checkpoints --suite embedded"
    words += " --tensorboard t --log-format json --log-level error"
    given = vars(parser.parse_args(words.split()))
    own = {name for name in given if name.startswith("slurm_")}
    own |= {"launcher", "timeout", "address", "cpus_per_group", "gpus_per_group"}
    passed = words_of(argparse.Namespace(**given))
    for name in set(given) - own - {"run", "out", "shard", "plan"}:
        assert f"--{name.replace('_', '-')}" in passed, name


@pytest.mark.slow
def test_shards_put_together_are_the_rows_of_one_run(folder, monkeypatch, capsys):  # noqa: F811
    path = folder[0] / "bin"
    path.mkdir()
    (path / "sbatch").write_text(SBATCH)
    (path / "sbatch").chmod(0o755)
    monkeypatch.setenv("PATH", f"{path}:{os.environ['PATH']}")
    options = "--suite tiny.toml --tracks U --seeds 1 --no-baselines"
    options += " --methods unadapted,coral,source_only"
    words = f"bench --launcher slurm --slurm-tasks 2 --out r {options}"
    assert main(words.split()) == 0
    told = capsys.readouterr().out
    assert "Submitted job 77: 2 shares" in told
    (merge,) = re.findall(r"When all are done: da-zoo (.*)", told)
    assert main(shlex.split(merge)) == 0
    methods = ["unadapted", "coral", "source_only"]
    run("tiny.toml", methods=methods, tracks="U", seeds=1, out="one", progress=False)
    drop = ("fit_seconds", "compile_seconds", "evaluation_seconds", "command")
    one, merged = (
        {k: {n: v for n, v in row.items() if n not in drop} for k, row in found.items()}
        for found in (rows_of("one"), rows_of("r/all"))
    )
    assert one == merged and len(one) == 6
    assert all(len(rows_of(f"r/shard-{number}")) > 0 for number in (1, 2))
