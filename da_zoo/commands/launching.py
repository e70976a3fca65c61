"""The options of ``da-zoo bench`` that say where row groups run."""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from da_zoo.commands.choosing import check_shares

__all__ = ["LAUNCH", "add_options", "launch_of", "run_slurm", "words_of"]

TASKS = 4
"""Of an array job, where nothing else is said."""

_KEPT = (
    "methods",
    "scenarios",
    "seeds",
    "first_seed",
    "label_fractions",
    "tracks",
    "budget",
    "steps",
    "device",
    "precision",
    "workers",
    "stale",
    "log_format",
    "log_level",
)
_RAY = ("address", "cpus_per_group", "gpus_per_group")
_SLURM = ("tasks", "partition", "time", "cpus", "gpus")
LAUNCH = ("launcher", "timeout", *_RAY)
"""Options of whatever runs row groups, but for ``workers``."""
_FLAGS = ("no_baselines", "retry_failed", "checkpoints")


def add_options(command: argparse.ArgumentParser, *, slurm: bool = True) -> None:
    """Adds them to a command's parser.

    Args:
        command: the parser.
        slurm: whether the command can be an array job.

    Example:
        >>> parser = argparse.ArgumentParser()
        >>> add_options(parser)
        >>> parser.parse_args([]).launcher
        'serial'
    """
    options = command.add_argument_group("where row groups run")
    options.add_argument(
        "--launcher",
        default="serial",
        metavar="serial|processes|ray" + "|slurm" * slurm,
        help="threads of this process, worker processes, a Ray cluster"
        + ", or an array job of Slurm" * slurm
        + "; default: serial",
    )
    options.add_argument(
        "--timeout",
        type=float,
        metavar="SECONDS",
        help="end row groups trained together that take longer (processes and ray)",
    )
    options.add_argument(
        "--address",
        metavar="auto|local|HOST:PORT",
        help="of the Ray cluster; local, the default, starts one for this call",
    )
    options.add_argument(
        "--cpus-per-group",
        type=float,
        metavar="N",
        help="what Ray reserves for row groups trained together; default: 1",
    )
    options.add_argument("--gpus-per-group", type=float, metavar="N", help="default: 0")
    if slurm:
        _add_slurm(options)


def _add_slurm(options: argparse._ArgumentGroup) -> None:
    options.add_argument(
        "--slurm-tasks",
        type=int,
        metavar="N",
        help="of the array job, each a share; default: 4. --plan prints the script",
    )
    options.add_argument("--slurm-partition", metavar="NAME")
    options.add_argument("--slurm-time", metavar="H:MM:SS")
    options.add_argument(
        "--slurm-cpus", type=int, metavar="N", help="of a task; default: 2"
    )
    options.add_argument(
        "--slurm-gpus", type=int, metavar="N", help="of a task; default: 0"
    )


def launch_of(arguments: argparse.Namespace) -> Any:
    """Returns what they ask for, a :class:`da_zoo.bench.launch.Launch`.

    Args:
        arguments: parsed, of ``da-zoo bench``, with another launcher than "slurm".

    Raises:
        ValueError: for options of an array job.
    """
    from da_zoo.bench.launch import Launch

    if array := _given(arguments, _SLURM, "slurm_"):
        raise ValueError(
            f"{_flags(array, 'slurm_')} would say nothing to --launcher "
            f"{arguments.launcher}: leave it out, or say --launcher slurm"
        )
    return Launch(
        arguments.launcher,
        workers=arguments.workers,
        timeout=arguments.timeout,
        **_given(arguments, _RAY),
    )


def _given(
    arguments: argparse.Namespace, names: tuple[str, ...], prefix: str = ""
) -> dict[str, Any]:
    """Options that were given, by their names without the prefix."""
    # da-zoo retry has no options of an array job.
    values = {name: vars(arguments).get(prefix + name) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def _flags(names: Iterable[str], prefix: str = "") -> str:
    return ", ".join(f"--{prefix}{name}".replace("_", "-") for name in names)


def words_of(arguments: argparse.Namespace) -> list[str]:
    """Returns the command of a share: what chooses rows, as it was given.

    Args:
        arguments: parsed, of ``da-zoo bench``.
    """
    suite = arguments.suite
    if Path(suite).suffix == ".toml":
        suite = str(Path(suite).absolute())
    words = [sys.executable, "-m", "da_zoo", "bench", "--suite", suite]
    for path in arguments.method:
        words += ["--method", path]
    for name in _KEPT:
        if (value := vars(arguments).get(name)) is not None:
            text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
            words += [f"--{name.replace('_', '-')}", text]
    if arguments.data is not None:
        words += ["--data", str(Path(arguments.data).absolute())]
    if arguments.tensorboard is not None:
        words += ["--tensorboard", str(Path(arguments.tensorboard).absolute())]
    words += [f"--{name.replace('_', '-')}" for name in _FLAGS if vars(arguments)[name]]
    return [*words, "--no-progress"]


def run_slurm(arguments: argparse.Namespace) -> int:
    """Submits the benchmark as an array job, or with --plan prints its script.

    Raises:
        ValueError: for --shard, for options that no array job has, and for what its
            shares would refuse.
    """
    from da_zoo.bench.launch.slurm import SlurmJob, merge_command, render_script, submit

    if arguments.shard != (1, 1) or arguments.timeout is not None:
        raise ValueError(
            "--launcher slurm makes the shards itself, and --slurm-time limits them: "
            "leave --shard and --timeout out"
        )
    if foreign := _given(arguments, _RAY):
        raise ValueError(
            f"{_flags(foreign)} would say nothing to --launcher slurm: leave it out; "
            "--slurm-cpus and --slurm-gpus are what a task reserves"
        )
    check_shares(arguments)
    job = SlurmJob(**({"tasks": TASKS} | _given(arguments, _SLURM, "slurm_")))
    out = Path(arguments.out).absolute()
    script = render_script(job, words_of(arguments), out)
    if arguments.plan:
        print(script, end="")
        return 0
    number = submit(script, out)
    print(f"Submitted job {number}: {job.tasks} shares of {out / 'job.sh'}")
    print(f"A share that is ended continues: sbatch {out / 'job.sh'}")
    print(f"When all are done: {merge_command(job, out)}")
    return 0
