"""What every worker process does: measure on request, or run one sweep and leave.

A worker is ``python ours.py`` and the like. It reads lines of JSON ({"work", "steps"}
and perhaps "seeds") and answers each with {"seconds", "seed_steps", "loss"}; with
``--sweep W1 --seeds 8`` it trains 8 seeds of each method of the sweep and exits, so
that its driver can time the process.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable

from works import METHODS, SWEEP_STEPS, WORKS

Train = Callable[[str, str, int, int], tuple[int, float]]
"""(work, method, seeds, steps) -> (updates per seed, last task loss)."""
Sweep = Callable[[str, tuple[str, ...], int, int], dict[str, tuple[int, float]]]
"""(work, methods, seeds, steps) -> the same for every method."""


def work(train: Train, versions: dict[str, str], sweep: Sweep | None = None) -> None:
    """Serves requests, or runs a sweep: a method after another, or as told."""

    def one_by_one(
        name: str, methods: tuple[str, ...], seeds: int, steps: int
    ) -> dict[str, tuple[int, float]]:
        return {method: train(name, method, seeds, steps) for method in methods}

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sweep", choices=WORKS)
    parser.add_argument("--seeds", type=int, default=1)
    arguments, _ = parser.parse_known_args()
    answers = sys.stdout
    sys.stdout = sys.stderr  # what a library prints is no answer
    if arguments.sweep:
        call = sweep or one_by_one
        ends = call(arguments.sweep, METHODS, arguments.seeds, SWEEP_STEPS)
        for method, (updates, loss) in ends.items():
            if updates != SWEEP_STEPS:
                raise RuntimeError(f"{method} made {updates} updates")
            print(f"{method}: last task loss {loss:.4f}")
        return
    print(json.dumps(versions), file=answers, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        seeds = request.get("seeds") or WORKS[request["work"]].seeds
        start = time.perf_counter()
        updates, loss = train(request["work"], "dann", seeds, request["steps"])
        seconds = time.perf_counter() - start
        answer = {"seconds": seconds, "seed_steps": updates * seeds, "loss": loss}
        print(json.dumps(answer), file=answers, flush=True)
