"""The same work in da_zoo, plain torch, pytorch-adapt and skada, side by side.

``make peers`` runs it; ``python benchmarks/peers/run.py --peer-python PYTHON`` does,
too, with the peers' interpreter. Runs alternate (ours, theirs; theirs, ours), so that
whatever else the machine does meets both. The ratio is ours over theirs in seed-steps
per second (W4: their wall time over ours), the median over the pairs.
"""

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from works import SWEEP_SEEDS, WORKS

HERE = Path(__file__).parent
THREADS = 2
SECONDS = 2.0
"""How long a measurement takes at least."""
PEERS = {
    "torch": ("plain torch", "torch_loop.py"),
    "pytorch_adapt": ("pytorch-adapt", "pytorch_adapt_loop.py"),
    "skada": ("skada", "skada_loop.py"),
}
TARGETS: dict[str, tuple[float, float, float]] = {
    "W1": (2.2, 4.0, 4.0),
    "W2": (0.7, 0.7, 0.7),
    "W3": (10.0, 30.0, 24.0),
    "W4 cold": (1.0, 2.3, 2.0),
    "W4 warm": (1.5, 3.5, 3.0),
}
SWEEPS = {"W4/W1": "W1", "W4/W3": "W3"}
Row = dict[str, Any]


class Interpreters(NamedTuple):
    """Whose Python runs what."""

    ours: str
    theirs: str


def environment(threads: int, cache: str = "") -> dict[str, str]:
    """One process with so many threads."""
    own = os.environ | {"PEERS_THREADS": str(threads), "PEERS_CACHE": cache}
    own |= {"OMP_NUM_THREADS": str(threads), "TQDM_DISABLE": "1"}
    device = own.setdefault("PEERS_DEVICE", "cpu")
    return own | {"JAX_PLATFORMS": device, "PYTHONWARNINGS": "ignore"}


def command(interpreters: Interpreters, peer: str) -> list[str]:
    """Starts a worker; "ours" is one like the others."""
    if peer == "ours":
        return [interpreters.ours, str(HERE / "ours.py")]
    return [interpreters.theirs, str(HERE / PEERS[peer][1])]


class Worker:
    """A worker process that answers requests."""

    def __init__(self, call: list[str], threads: int, seeds: int | None) -> None:
        self.process = subprocess.Popen(
            call,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(threads),
        )
        self.versions: dict[str, str] = json.loads(self._answer())
        self.steps: dict[str, int] = {}
        self.seeds = seeds

    def _answer(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(
                f"worker {self.process.args} stopped; its error is above"
            )
        return line

    def ask(self, work: str, steps: int) -> None:
        """Starts a measurement."""
        assert self.process.stdin is not None
        request = {"work": work, "steps": steps, "seeds": self.seeds}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()

    def rate(self) -> float:
        """Seed-steps per second of the measurement that was asked for."""
        answer = json.loads(self._answer())
        return answer["seed_steps"] / answer["seconds"]

    def warm_up(self, work: str) -> None:
        """Compiles, and finds how many steps take long enough."""
        if work in self.steps:
            return
        steps = 4
        self.ask(work, steps)
        self.rate()
        while True:
            start = time.perf_counter()
            self.ask(work, steps)
            self.rate()
            seconds = time.perf_counter() - start
            if seconds > SECONDS / 4:
                break
            steps *= 4
        self.steps[work] = max(2, round(steps * SECONDS / seconds))

    def measure(self, work: str) -> float:
        """Seed-steps per second."""
        self.ask(work, self.steps[work])
        return self.rate()

    def stop(self) -> None:
        """Ends the process."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def as_row(
    work: str, peer: str, ratios: list[float], ours: list[float], theirs: list[float]
) -> Row:
    """A row of the table; only targets that exist are judged."""
    key = work.replace("W4/W1 ", "W4 ").replace("W4/W3 ", "W4 ")
    target = TARGETS[key][list(PEERS).index(peer)]
    ratio = statistics.median(ratios)
    return {
        "work": work,
        "peer": PEERS[peer][0],
        "ours": statistics.median(ours),
        "theirs": statistics.median(theirs),
        "ratio": ratio,
        "spread": [min(ratios), max(ratios)],
        "pairs": len(ratios),
        "ratio_two_processes": None,
        "target": target,
        "met": ratio >= target,
    }


def say(text: str) -> None:
    """Tells how far it is."""
    print(f"{datetime.datetime.now():%H:%M:%S} {text}", file=sys.stderr, flush=True)


def rates(
    works: list[str],
    peers: list[str],
    pairs: int,
    interpreters: Interpreters,
    seeds: int | None,
) -> tuple[list[Row], dict[str, str]]:
    """W1 to W3: workers that stay, measured in turn."""
    rows: list[Row] = []
    ours = Worker(command(interpreters, "ours"), THREADS, seeds)
    versions = dict(ours.versions)
    for peer in peers:
        call = command(interpreters, peer)
        whole = Worker(call, THREADS, seeds)
        halves = [Worker(call, 1, seeds) for _ in range(2)]
        versions |= whole.versions
        for work in works:
            say(f"{work} against {PEERS[peer][0]}")
            for worker in (ours, whole, *halves):
                worker.warm_up(work)

            def both(halves: list[Worker] = halves, work: str = work) -> float:
                for worker in halves:
                    worker.ask(work, halves[0].steps[work])
                return sum(worker.rate() for worker in halves)

            found, doubled = [], []
            for number in range(pairs):
                measured = {}
                for worker in (ours, whole)[:: -1 if number % 2 else 1]:
                    measured[worker] = worker.measure(work)
                found.append((measured[ours], measured[whole]))
                doubled.append(both())
            row = as_row(
                work,
                peer,
                [a / b for a, b in found],
                [a for a, _ in found],
                [b for _, b in found],
            )
            row["ratio_two_processes"] = statistics.median(
                a / b for (a, _), b in zip(found, doubled, strict=True)
            )
            rows.append(row)
            print_rows([row])
        for worker in (whole, *halves):
            worker.stop()
    ours.stop()
    return rows, versions


def wall(calls: list[list[str]], threads: int, cache: str = "") -> float:
    """Seconds from start to end of processes that run at once."""
    start = time.perf_counter()
    running = [
        subprocess.Popen(
            call,
            env=environment(threads, cache),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for call in calls
    ]
    codes = [process.wait() for process in running]
    if any(codes):
        raise RuntimeError(f"{calls[0]} failed with exit status {max(codes)}")
    return time.perf_counter() - start


def sweep(
    work: str, peers: list[str], pairs: int, interpreters: Interpreters
) -> list[Row]:
    """W4: whole processes; peers as two of one thread, each with half the seeds."""
    own = SWEEPS[work]
    ours = [*command(interpreters, "ours"), "--sweep", own, "--seeds", str(SWEEP_SEEDS)]
    half = ["--sweep", own, "--seeds", str(SWEEP_SEEDS // 2)]
    times: dict[str, list[float]] = {name: [] for name in (*peers, "warm", "cold")}
    with tempfile.TemporaryDirectory() as filled:
        wall([ours], THREADS, filled)
        for number in range(pairs):
            say(f"{work}, round {number + 1} of {pairs}")
            for name in list(times)[:: -1 if number % 2 else 1]:
                if name == "warm":
                    seconds = wall([ours], THREADS, filled)
                elif name == "cold":
                    seconds = _cold(ours)
                else:
                    seconds = wall([[*command(interpreters, name), *half]] * 2, 1)
                times[name].append(seconds)
    rows = []
    for cache in ("cold", "warm"):
        for peer in peers:
            ratios = [b / a for a, b in zip(times[cache], times[peer], strict=True)]
            rows.append(
                as_row(f"{work} {cache}", peer, ratios, times[cache], times[peer])
            )
    print_rows(rows)
    return rows


def _cold(call: list[str]) -> float:
    with tempfile.TemporaryDirectory() as empty:
        return wall([call], THREADS, empty)


def print_rows(rows: list[Row]) -> None:
    """Prints a Markdown table; W1 to W3 in seed-steps per second, W4 in seconds."""
    print("| work | peer | ours | theirs | ratio (spread) | two processes | target | |")
    print("|---|---|--:|--:|--:|--:|--:|---|")
    for row in rows:
        two = row["ratio_two_processes"]
        low, high = row["spread"]
        print(
            f"| {row['work']} | {row['peer']} | {row['ours']:.4g} "
            f"| {row['theirs']:.4g} | {row['ratio']:.2f} ({low:.2f} to {high:.2f}) "
            f"| {'' if two is None else f'{two:.2f}'} | {row['target']:g} "
            f"| {'met' if row['met'] else 'missed'} |",
            flush=True,
        )


def machine() -> dict[str, Any]:
    """The class of machine, not which one it is."""
    model = platform.processor() or platform.machine()
    memory = None
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((x.split(": ")[1] for x in lines if "model name" in x), model)
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**30
    return {"cpu": model, "cores": os.cpu_count(), "memory_gib": memory}


def write(out: Path, rows: list[Row], versions: dict[str, str]) -> list[Row]:
    """Puts rows into the results, in place of those of the same work and peer."""
    before = json.loads(out.read_text()) if out.exists() else {"rows": []}
    fresh = {(row["work"], row["peer"]) for row in rows}
    kept = [r for r in before["rows"] if (r["work"], r["peer"]) not in fresh]
    date = datetime.date.today().isoformat()
    for row in rows:
        row["date"] = date
    joined = sorted(kept + rows, key=lambda row: row["work"])
    result = {
        "date": date,
        "machine": machine(),
        "versions": before.get("versions", {}) | versions,
        "rows": joined,
    }
    out.write_text(json.dumps(result, indent=1) + "\n")
    return joined


def main() -> None:
    """Measures, prints and writes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    names = [*WORKS, *SWEEPS]
    parser.add_argument("--works", default=",".join(names), help="comma-separated")
    parser.add_argument("--peers", default=",".join(PEERS), help="comma-separated")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seeds", type=int, help="of W1 to W3; default: the work's")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--peer-python", default=sys.executable)
    parser.add_argument("--out", type=Path, default=HERE / "results.json")
    arguments = parser.parse_args()
    works, peers = arguments.works.split(","), arguments.peers.split(",")
    for what, given, known in (("work", works, names), ("peer", peers, list(PEERS))):
        if unknown := sorted(set(given) - set(known)):
            parser.error(f"unknown {what} {unknown}; known are {known}")
    if arguments.pairs < 1:
        parser.error(f"--pairs must be at least 1, got {arguments.pairs}")
    os.environ["PEERS_DEVICE"] = arguments.device
    interpreters = Interpreters(sys.executable, arguments.peer_python)
    rows: list[Row] = []
    if steady := [work for work in works if work in WORKS]:
        found, versions = rates(
            steady, peers, arguments.pairs, interpreters, arguments.seeds
        )
        rows = write(arguments.out, found, versions)
    # Each sweep is written as it ends: it takes minutes.
    for work in (work for work in works if work in SWEEPS):
        found = sweep(work, peers, arguments.pairs, interpreters)
        rows = write(arguments.out, found, {})
    print(f"\nAll of {arguments.out}:\n")
    print_rows(rows)


if __name__ == "__main__":
    main()
