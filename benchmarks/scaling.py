"""How cost grows with work: seeds, batch, steps, feature width, methods.

``python benchmarks/scaling.py`` trains DANN on W3's network (64-64-10, batch 32+32) and
turns one knob at a time; each point is the median of three calls of ``fit`` that
compile nothing. A line through the last half of the points on log axes gives the
exponent: 1 is "twice the work, twice the time", 0 is "for free". Writes
``docs/scaling.png`` and prints a table.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from rich.progress import track

from da_zoo import METHODS, ArrayData, fit, network_by_name

SEEDS, BATCH, STEPS, WIDTH, SIZE = 16, 32, 500, 64, 64
KNOBS: dict[str, tuple[int, ...]] = {
    "seeds": (1, 2, 4, 8, 16, 32, 64),
    "batch size": (8, 16, 32, 64, 128, 256),
    "steps": (125, 250, 500, 1000, 2000, 4000),
    "feature width": (16, 32, 64, 128, 256, 512),
    "methods": (1, 2, 4, 6),
}
UNLABELLED = ("source_only", "adabn", "ddc", "deep_coral", "dann", "dan")


def work(knob: str, value: int, data: ArrayData) -> Callable[[], None]:
    """What one point of a curve does."""
    width = value if knob == "feature width" else WIDTH
    network = network_by_name("mlp", hidden=(width,), batch_norm=False)
    names = UNLABELLED[:value] if knob == "methods" else ("dann",)
    recipes = [METHODS[name].factory(network, classes=10) for name in names]
    options: dict[str, Any] = {"steps": STEPS, "batch_size": BATCH, "seeds": SEEDS}
    named = {"seeds": "seeds", "batch size": "batch_size", "steps": "steps"}
    if knob in named:
        options[named[knob]] = value

    def run() -> None:
        for recipe in recipes:
            fit(recipe, data, jax.random.key(0), **options)

    return run


def seconds(run: Callable[[], None]) -> float:
    """The median of three, after one that compiles."""
    run()
    taken = []
    for _ in range(3):
        start = time.perf_counter()
        run()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def exponent(values: tuple[int, ...], taken: list[float]) -> float:
    """The slope of the last half of a curve on log axes."""
    half = len(values) // 2
    return float(np.polyfit(np.log(values[half:]), np.log(taken[half:]), 1)[0])


def draw(curves: dict[str, list[float]], path: Path) -> None:
    """One panel per knob, log axes, and the line of proportional cost."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(curves), figsize=(3 * len(curves), 3.2))
    for axis, (knob, taken) in zip(np.atleast_1d(axes), curves.items(), strict=True):
        values = KNOBS[knob]
        axis.loglog(values, taken, "o-", color="#1f5fa8", label="measured")
        proportional = taken[-1] * np.array(values) / values[-1]
        axis.loglog(values, proportional, ":", color="#888888", label="proportional")
        axis.set_xticks(values, [str(v) for v in values], fontsize=7)
        axis.minorticks_off()
        axis.set_xlabel(knob)
        axis.set_title(f"exponent {exponent(values, taken):.2f}", fontsize=10)
        axis.grid(alpha=0.3)
    first = np.atleast_1d(axes)[0]
    first.set_ylabel("seconds")
    first.legend(fontsize=8, frameon=False)
    figure.suptitle(
        f"DANN, MLP {SIZE}-{WIDTH}-10: {SEEDS} seeds, batch {BATCH}+{BATCH}, "
        f"{STEPS} steps, one knob at a time",
        fontsize=11,
    )
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> None:
    """Measures, prints and draws."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("docs/scaling.png"))
    arguments = parser.parse_args()
    generator = np.random.default_rng(0)
    x, target = generator.normal(size=(2, 2048, SIZE)).astype(np.float32)
    data = ArrayData((x, generator.integers(0, 10, 2048)), target)
    curves: dict[str, list[float]] = {}
    for knob, values in KNOBS.items():
        runs = track(values, description=f"{knob:>14}")
        curves[knob] = [seconds(work(knob, value, data)) for value in runs]
    print("| knob | values | seconds | exponent of the last half |")
    print("|---|---|---|--:|")
    for knob, taken in curves.items():
        told = " ".join(f"{value:.2f}" for value in taken)
        values = KNOBS[knob]
        listed = " ".join(map(str, values))
        print(f"| {knob} | {listed} | {told} | {exponent(values, taken):.2f} |")
    draw(curves, arguments.out)


if __name__ == "__main__":
    main()
