"""Slurm: a benchmark as an array job, one share of the plan a task.

The script is plain text and every task is a ``da-zoo bench --shard I/N`` of its own:
no call is put on disk to be unpickled elsewhere. ``da-zoo merge`` puts shares together.
"""

import re
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from da_zoo.whole_files import whole_file

__all__ = ["SlurmJob", "merge_command", "render_script", "submit"]


class SlurmJob(NamedTuple):
    """What an array job asks the cluster for.

    Example:
        >>> SlurmJob(tasks=8, partition="gpu", gpus=1).cpus
        2
    """

    tasks: int
    """Shares of the plan."""
    partition: str | None = None
    time: str | None = None
    """Such as "4:00:00"; None means the partition's."""
    cpus: int = 2
    """A task's."""
    gpus: int = 0


def _check(job: SlurmJob) -> None:
    for name, value, least in (
        ("tasks", job.tasks, 1),
        ("cpus", job.cpus, 1),
        ("gpus", job.gpus, 0),
    ):
        if value < least:
            raise ValueError(f"slurm's {name} must be at least {least}, got {value}")
    if job.partition is not None and not re.fullmatch(r"[\w.,-]+", job.partition):
        raise ValueError(f"slurm's partition must be a name, got {job.partition!r}")
    if job.time is not None and not re.fullmatch(r"(\d+-)?\d+(:\d+){0,2}", job.time):
        raise ValueError(
            f"slurm's time must be [days-]hours:minutes:seconds, got {job.time!r}"
        )


def render_script(job: SlurmJob, words: Sequence[str], out: str | Path) -> str:
    r"""Writes an array job as text.

    Args:
        job: what to ask for.
        words: the command of a share, without ``--shard`` and ``--out``.
        out: folder of the shares, ``shard-1`` and so on.

    Raises:
        ValueError: for numbers out of range, or words that Slurm would not take.

    Example:
        >>> words = ["da-zoo", "bench", "--seeds", "3"]
        >>> print(render_script(SlurmJob(4, time="1:00:00"), words, "/r"))
        #!/bin/bash
        #SBATCH --job-name=da-zoo
        #SBATCH --array=1-4
        #SBATCH --cpus-per-task=2
        #SBATCH --time=1:00:00
        #SBATCH --output=/r/logs/%a.log
        #SBATCH --open-mode=append
        # Slurm opens the logs before this runs: mkdir -p /r/logs
        da-zoo bench --seeds 3 --shard "$SLURM_ARRAY_TASK_ID/4" \
            --out /r/shard-"$SLURM_ARRAY_TASK_ID"
        <BLANKLINE>
    """
    _check(job)
    if any(sign in str(out) for sign in "\n%\\"):  # Slurm reads these in file names
        raise ValueError(f"out may hold no %, backslash or line end, got {str(out)!r}")
    options = {
        "job-name": "da-zoo",
        "array": f"1-{job.tasks}",
        "cpus-per-task": job.cpus,
        "gpus-per-task": job.gpus or None,
        "ntasks": 1 if job.gpus else None,
        "partition": job.partition,
        "time": job.time,
        "output": shlex.quote(f"{out}/logs/%a.log"),
        "open-mode": "append",
    }
    lines = [f"#SBATCH --{k}={v}" for k, v in options.items() if v is not None]
    command = (
        f'{shlex.join(words)} --shard "$SLURM_ARRAY_TASK_ID/{job.tasks}" \\\n'
        f'    --out {shlex.quote(str(out))}/shard-"$SLURM_ARRAY_TASK_ID"'
    )
    folder = shlex.quote(f"{out}/logs")
    logs = f"# Slurm opens the logs before this runs: mkdir -p {folder}"
    return "\n".join(["#!/bin/bash", *lines, logs, command, ""])


def merge_command(job: SlurmJob, out: str | Path) -> str:
    """The command that puts the shares together.

    Example:
        >>> merge_command(SlurmJob(2), "r")
        'da-zoo merge r/all r/shard-1 r/shard-2'
    """
    shares = [f"{out}/shard-{number}" for number in range(1, job.tasks + 1)]
    return shlex.join(["da-zoo", "merge", f"{out}/all", *shares])


def submit(script: str, out: str | Path) -> str:
    """Leaves the script in the folder and hands it to ``sbatch``.

    Args:
        script: of :func:`render_script`.
        out: folder of the shares, made where there is none.

    Returns:
        What sbatch says: the job's number.

    Raises:
        ValueError: without sbatch, or where it refuses.
    """
    if shutil.which("sbatch") is None:
        raise ValueError(
            "launcher='slurm' needs sbatch on the PATH; --plan prints the script to "
            "submit from elsewhere"
        )
    folder = Path(out)
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    with whole_file(folder / "job.sh") as draft, draft.open("w") as file:
        file.write(script)
    done = subprocess.run(
        ["sbatch", "--parsable", str(folder / "job.sh")],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ValueError(f"sbatch refused {folder / 'job.sh'}: {done.stderr.strip()}")
    return done.stdout.strip()
