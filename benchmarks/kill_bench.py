"""Kills a benchmark at random moments and checks that its results are none the worse.

``python benchmarks/kill_bench.py`` runs ``da-zoo bench`` once in peace, then again
under SIGKILL, restarted until it is done, and compares every row but its seconds, all
logits and the leaderboard bit for bit. Its 224 rows are of methods that take little:
kills need moments to come at, not training. ``--launcher processes`` kills a driver of
workers, which have to go with it.
"""

import argparse
import csv
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

TIMES = ("fit_seconds", "compile_seconds", "evaluation_seconds")
"""What may differ."""
METHODS = "source_only,deep_coral,unadapted,coral,subspace_alignment,gfk,tca"
METHODS += ",density_ratio"
SOON = 0.3
"""Seconds after new rows in which a kill comes."""


class Bench(NamedTuple):
    """The benchmark that is killed."""

    suite: str = "graded_rotation"
    methods: str = METHODS
    scenarios: str = ""
    """All of the suite's, if empty."""
    seeds: int = 4
    steps: int = 50
    launcher: str = "serial"

    def command(self, out: Path) -> list[str]:
        """Its words."""
        words = f"-m da_zoo bench --budget smoke --seeds {self.seeds} --tracks U"
        words += f" --steps {self.steps} --methods {self.methods} --no-progress"
        words += f" --suite {self.suite} --launcher {self.launcher} --out"
        chosen = ["--scenarios", self.scenarios] if self.scenarios else []
        return [sys.executable, *words.split(), str(out), *chosen]


class Calm(NamedTuple):
    """The run in peace."""

    rows: int
    seconds: float
    idle: float
    """Seconds of the command called again: starting, and rendering."""


class Killed(NamedTuple):
    """What came of it."""

    kills: int
    at_rows: tuple[int, ...]
    """Whole lines of rows.jsonl at each kill."""
    rows: int
    logits: int
    """Files compared."""
    torn: int
    """Lines that a kill left cut off."""
    differences: tuple[str, ...]
    """Empty where the two runs agree."""


def lines_of(out: Path) -> int:
    """Whole lines of rows.jsonl so far."""
    path = out / "rows.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def kill_until_done(
    words: list[str], out: Path, kills: int, calm: Calm, seed: int
) -> tuple[int, ...]:
    """Starts the command again and again, and kills it while there are kills left.

    A third of the kills come at any moment, starting included, and early enough that
    there are rows left for the others. These come within a moment of new rows, where
    harm could be done. The last tenth, and any that are left when all rows are there,
    come while tables and report are written.
    """
    generator = np.random.default_rng(seed)
    at: list[int] = []
    while True:
        process = subprocess.Popen(
            words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        if len(at) == kills:
            if process.wait() != 0:
                raise RuntimeError(f"the last run ended with {process.returncode}")
            return tuple(at)
        start, before = time.monotonic(), lines_of(out)
        rendering = before < calm.rows and len(at) >= kills - kills // 10
        blind = before >= calm.rows or (not rendering and generator.random() < 1 / 3)
        if before >= calm.rows or rendering:
            moment = generator.uniform(0, calm.idle)
        elif blind:
            moment = generator.uniform(0, calm.idle + 2 * calm.seconds / kills)
        else:
            moment = generator.uniform(0, SOON)
        awaited = calm.rows if rendering else before + 1
        while process.poll() is None:
            if not blind and lines_of(out) >= awaited:
                blind, start = True, time.monotonic()
            if blind and time.monotonic() - start >= moment:
                process.kill()
                process.wait()
                at.append(lines_of(out))
                break
            time.sleep(0.002)
        else:
            if process.returncode != 0:
                raise RuntimeError(f"a run ended by itself with {process.returncode}")


def compare(calm: Path, killed: Path) -> tuple[int, int, int, list[str]]:
    """Counts rows, files of logits and torn lines; names what differs."""
    from da_zoo.bench.store import RowStore

    stores = [RowStore.open(folder, create=False) for folder in (calm, killed)]
    (first, _), (second, problems) = (store.read() for store in stores)
    found = []
    rows = [{row["key"]: row for row in own} for own in (first, second)]
    # What was written twice is read once; only a torn group may have been.
    again = max((row.get("group_rows", 1) for row in first), default=1) * len(problems)
    if lines_of(killed) - len(second) > again:
        found.append(f"{lines_of(killed)} lines for {len(second)} rows")
    if set(rows[0]) != set(rows[1]) or len(first) != len(second):
        found.append(f"{len(first)} and {len(second)} rows, or other keys")
    for key in set(rows[0]) & set(rows[1]):
        a, b = (
            json.dumps({k: v for k, v in own[key].items() if k not in TIMES})
            for own in rows
        )
        if a != b:
            found.append(f"row {key[:12]}: {a} is not {b}")
    groups = sorted({row["group"] for row in first if row["status"] == "ok"})
    for group in groups:
        a, b = (store.load_logits(group) for store in stores)
        if set(a) != set(b) or any(a[n].tobytes() != b[n].tobytes() for n in a):
            found.append(f"logits of {group[:12]} differ")
    boards = [_board(folder) for folder in (calm, killed)]
    if boards[0] != boards[1]:
        found.append("leaderboard.csv differs")
    return len(first), len(groups), len(problems), found


def _board(folder: Path) -> list[dict[str, Any]]:
    with (folder / "leaderboard.csv").open(encoding="utf-8") as file:
        return [
            {name: value for name, value in row.items() if name not in TIMES}
            for row in csv.DictReader(file)
        ]


def run_in_peace(words: list[str], out: Path) -> Calm:
    """Runs the command to its end, and once more."""
    seconds = []
    for _ in range(2):
        start = time.monotonic()
        subprocess.run(
            words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        seconds.append(time.monotonic() - start)
    return Calm(lines_of(out), *seconds)


def kill_bench(folder: Path, bench: Bench, *, kills: int = 6, seed: int) -> Killed:
    """Runs a benchmark in peace and under fire, in two folders, and compares.

    Args:
        folder: an empty one, to work in.
        bench: what is run.
        kills: how many times.
        seed: of the moments.
    """
    calm, killed = folder / "calm", folder / "killed"
    peace = run_in_peace(bench.command(calm), calm)
    at = kill_until_done(bench.command(killed), killed, kills, peace, seed)
    rows, logits, torn, differences = compare(calm, killed)
    return Killed(len(at), at, rows, logits, torn, tuple(differences))


def main() -> None:
    """Prints what came of it; the exit status is 1 where anything differs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    for name, default in Bench()._asdict().items():
        parser.add_argument(f"--{name}", type=type(default), default=default)
    arguments = vars(parser.parse_args())
    kills, seed = arguments.pop("kills"), arguments.pop("seed")
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        found = kill_bench(Path(folder), Bench(**arguments), kills=kills, seed=seed)
    print(
        f"{found.kills} kills at {list(found.at_rows)} rows, {found.torn} torn lines; "
        f"{found.rows} rows and {found.logits} files of logits compared in "
        f"{time.monotonic() - start:.0f} s: {len(found.differences)} differences"
    )
    for one in found.differences:
        print(one)
    sys.exit(bool(found.differences))


if __name__ == "__main__":
    main()
