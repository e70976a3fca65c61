"""Which layer to tune? It depends on what has changed.

``python benchmarks/surgical.py --data DIR`` pre-trains a LeNet on MNIST (16 x 16) and
tunes one layer at a time, or all, on 20 labelled rows per class of three targets:
inputs corrupted (contrast inverted; salt and pepper noise) or labels renamed (the ten
classes shuffled). Learning rates are picked per
layer and target on rows that are neither trained nor tested on, with a seed of its own.

The claim under test (Lee et al., "Surgical Fine-Tuning Improves Adaptation to
Distribution Shifts", ICLR 2023): the first block is best where inputs have changed, the
last where labels have.
"""

import argparse
import functools
import json
from pathlib import Path
from typing import Any

import jax
import numpy as np
from rich.progress import track

from da_zoo import (
    ArrayData,
    Network,
    Pretrained,
    fit,
    methods,
    network_by_name,
    start_from,
)
from da_zoo.bench.statistics import mean_interval
from da_zoo.data.npz import mnist, resize
from da_zoo.finetune import FineTunePlan, Rule, Stage, presets

NETWORK = network_by_name("lenet")
RATES = (1e-3, 3e-3, 1e-2)
CHOOSING_SEED = 1000
PRETRAINING_STEPS, STEPS, BATCH, LABELS = 2000, 300, 64, 20
SETTINGS: dict[str, Any] = {"optimizer": "adam", "schedule": "cosine"}

HEAD = FineTunePlan((Stage("tune", (Rule("^encoder", rate=0.0),), statistics="eval"),))
EVERYTHING = FineTunePlan((Stage("tune", statistics="eval"),))
PLANS = {
    "first (convolution 0)": presets.surgical(NETWORK.layer_patterns[0]),
    "convolution 1": presets.surgical(NETWORK.layer_patterns[1]),
    "dense 0": presets.surgical(NETWORK.layer_patterns[2]),
    "dense 1": presets.surgical(NETWORK.layer_patterns[3]),
    "last (head)": HEAD,
    "everything": EVERYTHING,
}
RENAMED = np.array([3, 7, 5, 9, 0, 2, 8, 1, 4, 6])
SHIFTS = ("inverted", "noise", "renamed")


def shifted(shift: str, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The target: the same pictures with other inputs, or with other labels."""
    if shift == "inverted":
        return 255 - x, y
    if shift == "noise":
        rng = np.random.default_rng(0)
        hit = rng.uniform(size=x.shape)
        return np.where(hit < 0.2, 0, np.where(hit > 0.8, 255, x)).astype(np.uint8), y
    return x, RENAMED[y]


@functools.lru_cache(maxsize=1)
def pools(folder: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """MNIST at 16 x 16: what is pre-trained on, tuned on, and tested on."""
    digits = mnist(folder)
    x, test = (resize(part, 16, 1) for part in (digits.x_train, digits.x_test))
    y = digits.y_train
    return {
        "source": (x[:40000], y[:40000]),
        "target": (x[40000:], y[40000:]),
        "test": (test, digits.y_test),
    }


@functools.lru_cache(maxsize=2)
def pretrained(folder: str, seed: int) -> Network:
    """Trains on the source; once per seed."""
    recipe = methods.source_only(NETWORK, classes=10, learning_rate=1e-3, **SETTINGS)
    data, key = ArrayData(source=pools(folder)["source"]), jax.random.key(seed)
    state = fit(recipe, data, key, steps=PRETRAINING_STEPS, batch_size=BATCH).state
    return start_from(
        NETWORK,
        Pretrained(
            state.params["encoder"], state.stats["joint"], state.params["head_source"]
        ),
    )


def _right(result: Any, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    guesses = [
        np.argmax(result.predict(x[i : i + 1000]).logits["target"], axis=-1)
        for i in range(0, len(x), 1000)
    ]
    return (np.concatenate(guesses, axis=-1) == y).mean(axis=-1)


def tune(
    folder: str, shift: str, plan: str, seed: int, rates: tuple[float, ...]
) -> Any:
    """Tunes at each rate; returns the result and the rows that were left."""
    x, y = shifted(shift, *pools(folder)["target"])
    order = np.random.default_rng(seed).permutation(len(y))
    rows = np.concatenate([order[y[order] == c][:LABELS] for c in np.unique(y)])
    recipe = PLANS[plan].recipe(
        pretrained(folder, seed), classes=10, source_share=0.0, **SETTINGS
    )
    result = fit(
        recipe,
        ArrayData(target_labelled=(x[rows], y[rows].astype(np.int32))),
        jax.random.key(seed),
        steps=STEPS,
        batch_size=BATCH,
        sweep={"learning_rate": rates},
    )
    rest = np.setdiff1d(np.arange(len(y)), rows)[:2000]
    return result, x[rest], y[rest]


def main() -> None:
    """Reads arguments, measures, prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="folder of mnist.npz")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("surgical.jsonl"))
    arguments = parser.parse_args()
    cache = Path.home() / ".cache" / "da_zoo" / "jax"
    jax.config.update("jax_compilation_cache_dir", str(cache))
    rows: list[dict[str, Any]] = []
    pairs = [(shift, plan) for shift in SHIFTS for plan in PLANS]
    rates = {}
    for shift, plan in track(pairs, "choosing rates", transient=True):
        found = _right(*tune(arguments.data, shift, plan, CHOOSING_SEED, RATES))
        rates[shift, plan] = RATES[int(np.argmax(found))]
    for seed in track(range(arguments.seeds), "tuning", transient=True):
        for shift, plan in pairs:
            rate = rates[shift, plan]
            result, _, _ = tune(arguments.data, shift, plan, seed, (rate,))
            test = shifted(shift, *pools(arguments.data)["test"])
            value = 100 * float(_right(result, *test)[0])
            row = {"shift": shift, "plan": plan, "seed": seed, "rate": rate}
            rows.append(row | {"accuracy": value})
            arguments.out.write_text(
                "\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8"
            )
    print("| what trains | " + " | ".join(SHIFTS) + " |")
    print("|---|" + "--:|" * len(SHIFTS))
    for plan in PLANS:
        cells = []
        for shift in SHIFTS:
            own = [
                r["accuracy"] for r in rows if (r["shift"], r["plan"]) == (shift, plan)
            ]
            interval = mean_interval(own)
            half = 0.0 if interval.low is None else interval.mean - interval.low
            cells.append(f"{interval.mean:.1f} ± {half:.1f}")
        print(f"| {plan} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
