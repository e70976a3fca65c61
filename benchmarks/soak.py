"""Does a benchmark that runs for hours in one process keep its size?

``python benchmarks/soak.py --minutes 30`` runs small benchmarks one after another, in
one process: other methods, numbers of seeds and seeds each time, so that programs keep
being compiled and forgotten, rows written and reports drawn. Beside it a thread reads
the process's memory, descriptors, threads and memory maps; after each benchmark, what
Python and JAX hold is counted. After a warm-up, memory should not grow, and the counts
should come back to what they were.

Memory goes up and down as programs come and go (at most ``programs.MOST_PROGRAMS`` at
once), so its samples are no independent measurements: slopes are least squares through
means of blocks, and their standard errors come from how the blocks scatter.
"""

import argparse
import gc
import itertools
import json
import math
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

BLOCKS = 12
METHODS = (
    "dann",
    "deep_coral",
    "shot",
    "mcd",
    "fixmatch",
    "fine_tuning",
    "adabn",
    "wdgrl",
    "mean_teacher",
    "lp_ft",
    "dan",
    "unadapted",
    "tca",
    "cdan_e",
    "jan",
    "adda",
    "mcc",
    "t3a",
    "dsbn",
    "coral",
)
COUNTED = ("descriptors", "threads", "live_arrays", "figures")
"""What has to come back to the same number after every benchmark."""


def slope(
    hours: Sequence[float], values: Sequence[float], blocks: int = BLOCKS
) -> tuple[float, float]:
    """Least squares through block means: growth per hour and its standard error.

    Example:
        >>> hours = [n / 60 for n in range(120)]
        >>> grown, error = slope(
        ...     hours, [100 + 6 * h + n % 2 for n, h in enumerate(hours)]
        ... )
        >>> abs(grown - 6) < 0.01, error < 0.01
        (True, True)
    """
    blocks = min(blocks, len(hours) // 2)
    if blocks < 3:
        return math.nan, math.nan
    parts = np.array_split(np.arange(len(hours)), blocks)
    t = np.array([np.mean(np.asarray(hours)[part]) for part in parts])
    y = np.array([np.mean(np.asarray(values)[part]) for part in parts])
    centred = t - t.mean()
    grown = float(centred @ y / (centred @ centred))
    residuals = y - y.mean() - grown * centred
    variance = residuals @ residuals / (blocks - 2) / (centred @ centred)
    return grown, float(np.sqrt(variance))


_SAMPLING = threading.Lock()


def sample() -> dict[str, float]:
    """What the kernel says of this process."""
    with _SAMPLING:  # else one thread counts the files that another reads this from
        return _sample()


def _sample() -> dict[str, float]:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    fields = dict(line.split(":", 1) for line in status.splitlines())
    return {
        "rss_mib": int(fields["VmRSS"].split()[0]) / 1024,
        # Of which memory of the heap; files that are mapped can be dropped any time.
        "anonymous_mib": int(fields["RssAnon"].split()[0]) / 1024,
        "descriptors": len(os.listdir("/proc/self/fd")),
        "threads": int(fields["Threads"]),
        "maps": Path("/proc/self/maps").read_bytes().count(b"\n"),
    }


class Sampler(threading.Thread):
    """Takes a sample every few seconds."""

    def __init__(self, every: float) -> None:
        super().__init__(daemon=True)
        self.every, self.samples = every, []
        self.ends = threading.Event()
        self.began = time.monotonic()

    def run(self) -> None:
        """Samples until told to end."""
        while not self.ends.wait(self.every):
            self.samples.append({"seconds": time.monotonic() - self.began, **sample()})


def counts() -> dict[str, float]:
    """What Python and JAX hold, between two benchmarks."""
    import jax
    from matplotlib import pyplot

    from da_zoo import programs

    gc.collect()
    arrays = jax.live_arrays()
    return {
        **sample(),
        "programs": len(programs._EXECUTABLES),
        "live_arrays": len(arrays),
        "live_mib": sum(array.nbytes for array in arrays) / 2**20,
        "objects": len(gc.get_objects()),
        "figures": len(pyplot.get_fignums()),
    }


def workloads() -> Iterator[dict[str, Any]]:
    """Benchmarks without end, none like one of those before."""
    for number in itertools.count():
        method = METHODS[number % len(METHODS)]
        round_ = number // len(METHODS)
        yield {
            "methods": [method],
            "seeds": 1 + round_ % 4,  # another batch axis is another program
            "first_seed": 1000 * round_,
            "scenarios": [("plain_to_over07", "over07_to_over07")[round_ % 2]],
            "tracks": ["U", "F"],
            "label_fractions": [0.05],
            "steps": 50,
        }


def soak(minutes: float, every: float, told: bool = True) -> dict[str, Any]:
    """Runs benchmarks for some minutes; returns samples and counts."""
    from da_zoo import bench

    sampler = Sampler(every)
    sampler.start()
    after, rows = [], 0
    ends = time.monotonic() + 60 * minutes
    for options in workloads():
        if time.monotonic() >= ends:
            break
        with tempfile.TemporaryDirectory() as out:
            result = bench.run("embedded", **options, out=out, progress=False)
            rows += len(result.leaderboard.rows)
            if result.failed:
                broken = [r for r in result.leaderboard.rows if r["status"] != "ok"]
                why = {row["reason"] for row in broken} - {""}
                raise RuntimeError(f"row groups failed: {options}: {why}")
            del result
        seconds = time.monotonic() - sampler.began
        after.append({"seconds": seconds, "method": options["methods"][0], **counts()})
        if told:
            print(
                f"{seconds:6.0f} s  {after[-1]['method']:<14}"
                + "".join(f"  {k} {v:.0f}" for k, v in list(after[-1].items())[2:]),
                file=sys.stderr,
                flush=True,
            )
    sampler.ends.set()
    sampler.join()
    return {"rows": rows, "samples": sampler.samples, "after": after}


def judge(found: dict[str, Any], warm_up: float) -> dict[str, Any]:
    """Slopes after the warm-up, and which counts stayed what they were.

    Args:
        found: of :func:`soak`.
        warm_up: share of the time that does not count, at least; nor does what comes
            before programs are first forgotten.
    """
    last = found["after"][-1]["seconds"]
    forgotten = [
        here["seconds"]
        for before, here in itertools.pairwise(found["after"])
        if here["programs"] < before["programs"]
    ]
    # Until programs are first forgotten there are more of them each time.
    start = max([warm_up * last, *forgotten[:1]])
    samples = [one for one in found["samples"] if one["seconds"] >= start]
    after = [one for one in found["after"] if one["seconds"] >= start]
    told: dict[str, Any] = {
        "warm_up_minutes": start / 60,
        "forgotten": len(forgotten),
        "rows": found["rows"],
        "benchmarks": len(found["after"]),
        "minutes": last / 60,
        "slopes_per_hour": {},
        "counts": {},
    }
    for name in ("rss_mib", "anonymous_mib", "maps"):
        hours = [one["seconds"] / 3600 for one in samples]
        told["slopes_per_hour"][name] = slope(hours, [one[name] for one in samples])
    for name in ("live_mib", "objects"):
        hours = [one["seconds"] / 3600 for one in after]
        told["slopes_per_hour"][name] = slope(hours, [one[name] for one in after])
    for name in COUNTED:
        values = [one[name] for one in after]
        told["counts"][name] = (min(values), max(values))
    told["peak_mib"] = max(one["rss_mib"] for one in found["samples"])
    return told


def main() -> int:
    """Runs, and prints what grew."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--every", type=float, default=5.0, metavar="SECONDS")
    parser.add_argument("--warm-up", type=float, default=0.4, metavar="SHARE")
    parser.add_argument(
        "--most-programs",
        type=int,
        metavar="N",
        help="forget programs at N in place of programs.MOST_PROGRAMS: a short run "
        "then has several rounds of it",
    )
    parser.add_argument("--out", metavar="FILE", help="all samples, as JSON")
    arguments = parser.parse_args()
    if not Path("/proc/self/status").exists():
        parser.error("this reads /proc, which only Linux has")
    if arguments.minutes <= 0 or arguments.every <= 0 or not 0 <= arguments.warm_up < 1:
        parser.error("minutes and every must be positive, and warm-up in [0, 1)")
    if arguments.most_programs is not None:
        from da_zoo import programs

        programs.MOST_PROGRAMS = arguments.most_programs
    found = soak(arguments.minutes, arguments.every)
    told = judge(found, arguments.warm_up)
    if arguments.out is not None:
        text = json.dumps({**told, **found}, default=float)
        Path(arguments.out).write_text(text + "\n", encoding="utf-8")
    print(
        f"{told['rows']} rows by {told['benchmarks']} benchmarks in "
        f"{told['minutes']:.1f} minutes, of which {told['warm_up_minutes']:.1f} are "
        f"warm-up; peak {told['peak_mib']:.0f} MiB; programs were forgotten "
        f"{told['forgotten']} times"
    )
    if not told["forgotten"]:
        print("  never, so that memory only grew: run longer, or --most-programs 16")
    for name, (grown, error) in told["slopes_per_hour"].items():
        print(f"  {name:<14} {grown:+10.1f} +- {error:.1f} per hour")
    for name, (least, most) in told["counts"].items():
        same = "constant" if least == most else "VARIES"
        print(f"  {name:<14} {least:.0f} to {most:.0f}: {same}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
