"""Does the cost model of docs/scaling.md predict what this machine takes?

``python benchmarks/cost_model.py`` runs two short pilots, takes the model's constants
from their rows, predicts other benchmarks from them (other scenarios, more steps, more
seeds, two workers), runs those, and prints predicted / measured. ``--small`` takes
smaller ones. Each benchmark is a process of its own, without a compilation cache.

The model, for one method's row group of ``runs`` seeds (see docs/scaling.md):

    seconds = other + compile + each * runs + steps * step * runs ** alpha

alpha is 0 where further runs are free and 1 where they cost as much as the first.
"""

import argparse
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

METHODS = ("source_only", "deep_coral", "dann", "mcd")
PILOT = {"methods": METHODS, "tracks": ["U"], "scenarios": ["plain_to_over07"]}


class GroupCost(NamedTuple):
    """Constants of a method's row groups."""

    compile: float
    """Seconds to compile a group's programs."""
    step: float
    """Seconds of a step of one run."""
    alpha: float
    """Exponent of the number of runs trained together."""
    other: float
    """Seconds a group takes beside."""
    each: float
    """Seconds to look at and to score a run."""


class Pilot(NamedTuple):
    """A benchmark's options, its rows, and what it took."""

    options: Mapping[str, Any]
    rows: Sequence[Mapping[str, Any]]
    seconds: float
    sizes: Mapping[str, int]
    """Bytes of the folder's parts."""


def group_seconds(cost: GroupCost, steps: int, runs: int) -> float:
    """Predicts one row group.

    Example:
        >>> group_seconds(GroupCost(2.0, 0.001, 0.5, 1.0, 0.25), 1000, 4)
        6.0
    """
    training = steps * cost.step * runs**cost.alpha
    return cost.other + cost.compile + cost.each * runs + training


def wall_seconds(
    costs: Sequence[GroupCost], steps: int, runs: int, workers: int, fixed: float
) -> float:
    """Predicts a benchmark: its groups side by side, and what is done once.

    Example:
        >>> wall_seconds([GroupCost(2.0, 0.001, 0.5, 1.0, 0.25)] * 4, 1000, 4, 2, 7.0)
        19.0
    """
    return fixed + sum(group_seconds(c, steps, runs) for c in costs) / workers


def calibrate(one: Pilot, several: Pilot) -> tuple[dict[str, GroupCost], float]:
    """Takes the constants by method from pilots of one seed and of several.

    Returns:
        Constants by method, and the seconds that a benchmark takes once.
    """
    first, second = _by_method(one), _by_method(several)
    runs = next(iter(second.values())).runs
    # What no row has: data, probes and looks. Groups share it evenly.
    rest, rest_n = _rest(one, first), _rest(several, second)
    each = max(0.0, (rest_n - rest) / (runs - 1))
    other = max(0.0, rest_n - each * runs)
    costs = {}
    for method, own in first.items():
        own_n = second[method]
        # Short pilots have little to time; what no batch could do is rounding.
        alpha = math.log(max(own_n.fit, 1e-9) / max(own.fit, 1e-9)) / math.log(runs)
        alpha = min(1.0, max(0.0, alpha))
        costs[method] = GroupCost(
            statistics.fmean((own.compile, own_n.compile)),
            own_n.fit / own_n.steps / runs**alpha,
            alpha,
            other,
            each,
        )
    return costs, several.sizes["once_milliseconds"] / 1000


class _Sums(NamedTuple):
    fit: float
    compile: float
    steps: int
    runs: int


def _rest(pilot: Pilot, sums: Mapping[str, _Sums]) -> float:
    told = sum(own.fit + own.compile for own in sums.values())
    once = pilot.sizes["once_milliseconds"] / 1000
    return max(0.0, pilot.seconds - once - told) / len(sums)


def _by_method(pilot: Pilot) -> dict[str, _Sums]:
    found = {}
    for method in dict.fromkeys(row["method"] for row in pilot.rows):
        own = [row for row in pilot.rows if row["method"] == method]
        fit, compiling = (
            sum(row[name] for row in own) for name in ("fit_seconds", "compile_seconds")
        )
        found[method] = _Sums(fit, compiling, own[0]["steps"], len(own))
    return found


def measure(options: Mapping[str, Any]) -> Pilot:
    """Runs a benchmark in a process of its own."""
    out = tempfile.mkdtemp()
    try:
        call = [sys.executable, __file__, "--one", json.dumps(options), "--out", out]
        environment = os.environ | {"JAX_ENABLE_COMPILATION_CACHE": "false"}
        done = subprocess.run(
            call, check=True, capture_output=True, text=True, env=environment
        )
        told = json.loads(done.stdout.splitlines()[-1])
        lines = Path(out, "rows.jsonl").read_text(encoding="utf-8").splitlines()
        rows = [row for row in map(json.loads, lines) if row["status"] == "ok"]
        sizes = {
            "rows": Path(out, "rows.jsonl").stat().st_size,
            **{
                name: sum(p.stat().st_size for p in Path(out, name).glob("*"))
                for name in ("logits", "metrics")
            },
            "once_milliseconds": round(1000 * told["once"]),
        }
        return Pilot(options, rows, told["seconds"], sizes)
    finally:
        shutil.rmtree(out)


def run_one(options: dict[str, Any], out: str) -> dict[str, float]:
    """What the child does: a benchmark, timed, and its report once more."""
    from da_zoo import bench

    began = time.perf_counter()
    bench.run("embedded", **options, out=out, progress=False)
    seconds = time.perf_counter() - began
    began = time.perf_counter()
    bench.render(out)
    return {"seconds": seconds, "once": time.perf_counter() - began}


def workloads(small: bool) -> dict[str, dict[str, Any]]:
    """What is predicted: each differs from the pilots in other ways."""
    steps = 300 if small else 1000
    other = ["plain_to_rot30"]
    found = {
        "more steps": {**PILOT, "seeds": 4, "steps": steps, "workers": 1},
        "more seeds": {
            **PILOT,
            "seeds": 6 if small else 16,
            "steps": 100,
            "workers": 1,
        },
        "another scenario": {
            **PILOT,
            "scenarios": other,
            "seeds": 4,
            "steps": steps,
            "workers": 1,
        },
    }
    if not small:
        found["two scenarios, two workers"] = {
            **PILOT,
            "scenarios": ["plain_to_over07", *other],
            "seeds": 8,
            "steps": steps,
            "workers": 2,
        }
    return found


def main() -> int:
    """Calibrates, predicts, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--one", metavar="OPTIONS", help=argparse.SUPPRESS)
    parser.add_argument("--out", metavar="FILE", help="constants and ratios, as JSON")
    arguments = parser.parse_args()
    if arguments.one is not None:
        print(json.dumps(run_one(json.loads(arguments.one), arguments.out)))
        return 0
    pilot = {**PILOT, "steps": 100, "workers": 1}
    one, several = measure({**pilot, "seeds": 1}), measure({**pilot, "seeds": 4})
    costs, once = calibrate(one, several)
    for method, cost in costs.items():
        print(
            f"{method:<14} compile {cost.compile:.2f} s, {1e3 * cost.step:.2f} ms a "
            f"step, alpha {cost.alpha:.2f}, other {cost.other:.2f} s and "
            f"{cost.each:.2f} s a run"
        )
    each = {
        k: several.sizes[k] / len(several.rows) for k in ("rows", "logits", "metrics")
    }
    print(f"once {once:.2f} s; bytes a row: {each}")
    ratios = {}
    for name, options in workloads(arguments.small).items():
        own = [costs[m] for m in options["methods"]] * len(options["scenarios"])
        predicted = wall_seconds(
            own, options["steps"], options["seeds"], options["workers"], once
        )
        found = measure(options)
        size = sum(found.sizes[k] for k in each)
        predicted_size = len(found.rows) * sum(each.values())
        ratios[name] = {
            "predicted_seconds": predicted,
            "measured_seconds": found.seconds,
            "ratio": predicted / found.seconds,
            "ratio_bytes": predicted_size / size,
        }
        print(
            f"{name:<28} predicted {predicted:6.1f} s, measured {found.seconds:6.1f}"
            f" s, ratio {predicted / found.seconds:.2f}; bytes "
            f"{predicted_size / size:.2f}",
            flush=True,
        )
    if arguments.out is not None:
        told = {"costs": {m: c._asdict() for m, c in costs.items()}, "ratios": ratios}
        Path(arguments.out).write_text(
            json.dumps(told, indent=1) + "\n", encoding="utf-8"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
