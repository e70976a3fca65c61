"""Kills a benchmark at random moments and checks that its results are none the worse.

``python benchmarks/kill_bench.py`` runs a small ``da-zoo bench`` once in peace, then
again under SIGKILL, restarted until it is done, and compares every row but its seconds,
all logits and the leaderboard bit for bit.
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
METHODS = "source_only,deep_coral,unadapted"
SCENARIOS = "plain_to_over07,plain_to_rot30"


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


def command(out: Path, methods: str, steps: int) -> list[str]:
    """The benchmark that is killed."""
    words = f"-m da_zoo bench --budget smoke --seeds 2 --steps {steps} --tracks U"
    words += f" --methods {methods} --scenarios {SCENARIOS} --no-progress --out"
    return [sys.executable, *words.split(), str(out)]


def lines_of(out: Path) -> int:
    """Whole lines of rows.jsonl so far."""
    path = out / "rows.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def kill_until_done(
    words: list[str], out: Path, kills: int, calm: float, seed: int
) -> tuple[int, ...]:
    """Starts the command again and again, and kills it while there are kills left.

    A third of the kills come at any moment of a calm run, starting and rendering
    included; the others within a moment of new rows, which is where harm could be done.
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
        blind = generator.random() < 1 / 3
        moment = generator.uniform(0, calm if blind else calm / 10)
        while process.poll() is None:
            if not blind and lines_of(out) > before:
                blind, start = True, time.monotonic()
            if blind and time.monotonic() - start >= moment:
                process.kill()
                process.wait()
                at.append(lines_of(out))
                break
            time.sleep(0.002)


def compare(calm: Path, killed: Path) -> tuple[int, int, int, list[str]]:
    """Counts rows, files of logits and torn lines; names what differs."""
    from da_zoo.bench.store import RowStore

    stores = [RowStore.open(folder, create=False) for folder in (calm, killed)]
    (first, _), (second, problems) = (store.read() for store in stores)
    found = []
    rows = [{row["key"]: row for row in own} for own in (first, second)]
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


def kill_bench(
    folder: Path, *, methods: str = METHODS, steps: int = 100, kills: int = 6, seed: int
) -> Killed:
    """Runs a benchmark in peace and under fire, in two folders, and compares.

    Args:
        folder: an empty one, to work in.
        methods: registry names.
        steps: of training.
        kills: how many times.
        seed: of the moments.
    """
    calm, killed = folder / "calm", folder / "killed"
    start = time.monotonic()
    subprocess.run(
        command(calm, methods, steps),
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    seconds = time.monotonic() - start
    words = command(killed, methods, steps)
    at = kill_until_done(words, killed, kills, seconds, seed)
    rows, logits, torn, differences = compare(calm, killed)
    return Killed(len(at), at, rows, logits, torn, tuple(differences))


def main() -> None:
    """Prints what came of it; the exit status is 1 where anything differs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--methods", default=METHODS)
    parser.add_argument("--steps", type=int, default=100)
    arguments = parser.parse_args()
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        found = kill_bench(
            Path(folder),
            methods=arguments.methods,
            steps=arguments.steps,
            kills=arguments.kills,
            seed=arguments.seed,
        )
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
