"""Does adaptation help on signals? Scan lines of two photographs, by another sensor.

``python benchmarks/signals_case.py`` needs nothing but scikit-learn's two photographs.
A signal is 64 pixels of a line, with three channels (red, green, blue); its class is
the photograph. Source: lines from left to right. Targets: ``turned``, lines from top to
bottom (nothing is made up); ``sensor``, other lines from left to right, through a
sensor with another gain and offset per channel and a drift along the line (made up).
``--source a.npz --target b.npz`` takes files of your own, as ``read_signals`` does.

Training and test lines lie in different bands of the photographs. Inputs are z-scored
by the source's training rows. Prints a Markdown table.
"""

import argparse
import sys
import time
from typing import Any, NamedTuple

import jax
import numpy as np

from da_zoo import ArrayData, fit, network_by_name
from da_zoo.bench.statistics import mean_interval, paired_difference
from da_zoo.data.embedded import photographs
from da_zoo.data.signals import read_signals, windows
from da_zoo.data.z_score import fit_z_score
from da_zoo.methods import METHODS
from da_zoo.registry import build_recipe

LENGTH, BATCH, BAND, EACH = 64, 32, 32, 400
SETTINGS: dict[str, Any] = {
    "optimizer": "adam",
    "schedule": "cosine",
    "learning_rate": 1e-3,
}
METHOD_NAMES = ("source_only", "adabn", "deep_coral", "dann", "mcc", "target_only")


class Domain(NamedTuple):
    """Windows [n, time, channels] and classes, for training and for tests."""

    train: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]


def scan_lines(*, turned: bool, parity: int) -> Domain:
    """Windows of every second line, by bands of lines: train, unused, test, unused."""
    parts: list[list[tuple[np.ndarray, int]]] = [[], []]
    for number, image in enumerate(photographs()):
        lines = np.swapaxes(image, 0, 1) if turned else image
        band = np.arange(len(lines)) // BAND % 4
        for part, lot in ((0, 0), (1, 2)):
            own = lines[band == lot][parity::2]
            cut = np.concatenate([windows(line, LENGTH, LENGTH) for line in own])
            order = np.random.default_rng([number, part]).permutation(len(cut))
            parts[part] += [(window, number) for window in cut[order[:EACH]]]
    train, test = (
        (np.stack([x for x, _ in part]), np.array([y for _, y in part], np.int32))
        for part in parts
    )
    return Domain(train, test)


def through_sensor(x: np.ndarray) -> np.ndarray:
    """Gain and offset per channel, and a drift from the line's start to its end."""
    gain, offset = np.array([0.6, 1.3, 0.9]), np.array([0.2, -0.1, 0.15])
    drift = np.linspace(-0.1, 0.1, x.shape[1])[None, :, None]
    return (x * gain + offset + drift).astype(np.float32)


def domains(target: str) -> tuple[Domain, Domain]:
    """The source and one of the targets."""
    source = scan_lines(turned=False, parity=0)
    if target == "turned":
        return source, scan_lines(turned=True, parity=0)
    other = scan_lines(turned=False, parity=1)
    return source, Domain(
        *((through_sensor(x), y) for x, y in (other.train, other.test))
    )


def files(source: str, target: str) -> tuple[Domain, Domain]:
    """Archives of one's own; the last half of the target's rows is for tests."""
    found = []
    for path in (source, target):
        signals = read_signals(path)
        if signals.y is None:
            raise SystemExit(f"{path} lacks y, the classes")
        half = len(signals.x) // 2
        found.append(
            Domain(
                (signals.x[:half], signals.y[:half]),
                (signals.x[half:], signals.y[half:]),
            )
        )
    return found[0], found[1]


def measure(
    source: Domain, target: Domain, steps: int, seeds: int
) -> dict[str, np.ndarray]:
    """Trains every method; accuracy on the target's test rows in percent [seeds]."""
    scaler = fit_z_score(source.train[0])
    x, test = scaler.apply(target.train[0]), scaler.apply(target.test[0])
    classes = int(source.train[1].max()) + 1
    network = network_by_name("cnn1d", channels=(16, 32), dropout=0.1)
    found = {}
    for name in METHOD_NAMES:
        began = time.perf_counter()
        supervised = name == "target_only"
        recipe = build_recipe(METHODS[name], network, classes=classes, **SETTINGS)
        data = ArrayData(
            source=(scaler.apply(source.train[0]), source.train[1]),
            target=x,
            target_labelled=(x, target.train[1]) if supervised else None,
        )
        result = fit(
            recipe,
            data,
            jax.random.key(0),
            steps=steps,
            batch_size=BATCH,
            seeds=seeds,
            name=name,
        )
        right = np.argmax(result.predict(test).logits["target"], -1) == target.test[1]
        found[name] = 100 * right.mean(axis=-1)
        took = time.perf_counter() - began
        print(f"{name}: {found[name].mean():.1f} ({took:.0f} s)", file=sys.stderr)
    return found


def table(found: dict[str, np.ndarray]) -> str:
    """Mean accuracy and the paired difference from source_only."""
    lines = ["| method | accuracy | against source_only |", "|---|--:|--:|"]
    for name, values in found.items():
        told = ""
        if name != "source_only":
            gap = paired_difference(values, found["source_only"])
            told = f"{gap.mean:+.1f}"
            if gap.low is not None:
                told += f" [{gap.low:+.1f}, {gap.high:+.1f}]"
        lines.append(f"| `{name}` | {mean_interval(values).mean:.1f} | {told} |")
    return "\n".join(lines)


def main() -> None:
    """Reads the arguments, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--source", help=".npz with x [n, time, channels] and y [n]")
    parser.add_argument("--target", help="the same, of the other domain")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    if bool(given.source) != bool(given.target):
        parser.error("--source and --target go together")
    if given.source:
        found = measure(*files(given.source, given.target), given.steps, given.seeds)
        print(table(found))
        return
    for target in ("turned", "sensor"):
        found = measure(*domains(target), given.steps, given.seeds)
        print(f"\n{target}\n\n{table(found)}")


if __name__ == "__main__":
    main()
