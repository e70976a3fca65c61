"""Seconds and peak memory of reading, aggregating and rendering many rows.

``python benchmarks/leaderboard_speed.py`` makes up a folder of 10 000 rows (20
scenarios, 50 methods, 5 seeds, both tracks), with every field that real rows have, and
takes it through what ``da-zoo report`` does. ``--large`` makes up 200 000 rows (40
scenarios, 50 methods, 5 seeds, 20 configurations). Peaks are those of the process so
far.
"""

import argparse
import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

# The package is imported by the child that is measured, as its own stage.
SEEDS, METHODS, CLASSES = 5, 50, 10
PLANS: dict[str, tuple[int, int, tuple[tuple[str, float | None], ...]]] = {
    "small": (20, 1, (("U", None), ("F", 0.05))),
    "large": (40, 20, (("U", None),)),
}
"""Scenarios, configurations and tracks."""


def sha(*parts: object) -> str:
    """A made-up key."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def made_up(plan: str) -> Iterator[list[dict[str, Any]]]:
    """Yields row groups, the oracle's among them."""
    scenarios, configurations, tracks = PLANS[plan]
    generator = np.random.default_rng(0)
    for number in range(scenarios):
        level = generator.uniform(0.4, 0.7)
        for track, fraction in (*tracks, ("F", 1.0)):
            first = "source_only" if track == "U" else "target_only"
            names = [first, *(f"method_{i:02d}" for i in range(1, METHODS))]
            for place, method in enumerate(names if fraction != 1.0 else [first]):
                for configuration in range(configurations if fraction != 1.0 else 1):
                    mean = 0.95 if fraction == 1.0 else level + 0.004 * place
                    cell = (number, track, fraction, method, configuration)
                    yield [row(cell, seed, mean, generator) for seed in range(SEEDS)]


def row(
    cell: tuple[int, str, float | None, str, int],
    seed: int,
    mean: float,
    generator: np.random.Generator,
) -> dict[str, Any]:
    """One finished run."""
    number, track, fraction, method, configuration = cell
    accuracy = float(np.clip(mean + 0.03 * generator.normal(), 0, 1))
    shares = generator.dirichlet(np.ones(CLASSES)).tolist()
    noise = generator.random(12).tolist()
    return {
        "schema_version": 1,
        "key": sha(cell, seed),
        "group": sha(cell),
        "suite": "made_up",
        "scenario": f"scenario_{number:02d}",
        "case": 3,
        "label_sets": "closed",
        "sources": 1,
        "role": "",
        "track": track,
        "label_fraction": fraction,
        "labelled_count": None if fraction is None else int(560 * fraction),
        "method": method,
        "configuration": configuration,
        "seed": seed,
        "status": "ok",
        "reason": "",
        "metric": "accuracy",
        "accuracy": accuracy,
        "balanced_accuracy": accuracy - 0.01 * noise[0],
        "macro_f1": accuracy - 0.01 * noise[1],
        "nll": noise[2],
        "brier": noise[3],
        "ece": 0.1 * noise[4],
        **dict.fromkeys(("rmse", "r2", "source_rmse", "os", "os_star", "hos")),
        "unknown_accuracy": None,
        "accuracy_oracle": min(1.0, accuracy + 0.01 * noise[5]),
        "source_accuracy": 0.97,
        "collapsed": False,
        "fit_seconds": noise[6],
        "compile_seconds": noise[7],
        "evaluation_seconds": noise[8],
        "parameters": 33_472,
        "majority_accuracy": 0.11,
        "hyperparameters": {
            "batch_norm": "separate",
            "learning_rate": 1e-3,
            "trade_off": 1.0 + configuration,
        },
        "network": {"name": "mlp", "hidden": [128, 64]},
        "group_width": SEEDS,
        "loop": "scan+vmap",
        "device": "cpu",
        "versions": {
            "da-zoo": "0.1.0",
            "jax": "0.10.2",
            "jaxlib": "0.10.2",
            "flax": "0.12.1",
            "optax": "0.2.6",
            "numpy": "2.3.1",
        },
        "steps": 1000,
        "data_fingerprint": sha("data", number, seed),
        "diagnostics": {
            "proxy_a_distance": 2 * noise[9],
            "mmd_squared": noise[10],
            "coral": noise[11],
            "discriminator_accuracy": None,
            "adaptation_effect": noise[0],
            "target_entropy": noise[1],
            "class_shares": shares,
        },
        "warnings": [],
        "source": sha("source", method),
        "command": f"da-zoo bench --suite made_up --budget full --scenarios "
        f"scenario_{number:02d} --methods {method} --tracks {track} --seeds {SEEDS}",
        "group_rows": SEEDS,
    }


def peak_mib() -> float:
    """The most memory this process has held so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # KiB on Linux, bytes on macOS.
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def stage(name: str, work: Callable[[], Any]) -> Any:
    """Runs a stage and prints its line."""
    start = time.perf_counter()
    result = work()
    seconds = time.perf_counter() - start
    print(f"| {name} | {seconds:.1f} | {peak_mib():.0f} |", flush=True)
    return result


def measure(out: Path) -> None:
    """Does what ``da-zoo report`` does, stage by stage."""
    start = time.perf_counter()
    print("| stage | seconds | peak MiB so far |\n|---|--:|--:|")

    def load() -> Any:
        from da_zoo.bench.leaderboard import build_leaderboard
        from da_zoo.bench.report import write_report
        from da_zoo.bench.store import RowStore

        return RowStore, build_leaderboard, write_report

    row_store, build_leaderboard, write_report = stage("import", load)
    rows, problems = stage("read", row_store.open(out).read)
    board = stage("aggregate", lambda: build_leaderboard(rows, problems))
    stage("write tables", lambda: board.write(out))
    stage("write report", lambda: write_report(board, out))
    total = time.perf_counter() - start
    print(f"| {len(rows)} rows | {total:.1f} | {peak_mib():.0f} |")


def main() -> None:
    """Makes rows up, and measures in a process that did not."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--large", action="store_true", help="200 000 rows")
    parser.add_argument("--folder", type=Path, help="measure this one, of real rows")
    arguments = parser.parse_args()
    if arguments.folder is not None:
        measure(arguments.folder)
        return
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "results"
        subprocess.run(
            [
                sys.executable,
                "-c",
                "import sys; from da_zoo.bench.store import RowStore; "
                "RowStore.open(sys.argv[1])",
                str(out),
            ],
            check=True,
        )
        with (out / "rows.jsonl").open("w", encoding="utf-8") as file:
            for group in made_up("large" if arguments.large else "small"):
                file.writelines(json.dumps(one) + "\n" for one in group)
        print(f"rows.jsonl: {(out / 'rows.jsonl').stat().st_size / 2**20:.0f} MiB")
        sys.stdout.flush()
        subprocess.run([sys.executable, __file__, "--folder", str(out)], check=True)


if __name__ == "__main__":
    main()
