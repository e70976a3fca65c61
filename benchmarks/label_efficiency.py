"""How many target labels does transfer save? MNIST to USPS and to MNIST-M.

``python benchmarks/label_efficiency.py --data DIR`` pre-trains a LeNet on MNIST, tunes
it on 1, 5, 20 and 100 % of the target's labels by each plan, and trains the same
network from scratch with the same rows, steps and batches. ``scrambled`` pre-trains on
MNIST with shuffled labels: a source that cannot help.

Learning rates are picked per plan (of ``RATES``, on 5 % of the labels, by rows that are
neither trained nor tested on) with a seed of their own, and then serve all fractions.
Rows go to ``label_efficiency.jsonl`` as they come and are not computed again; the
tables are printed, ``docs/label-efficiency.png`` is drawn.
"""

import argparse
import functools
import json
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from rich.progress import track

from da_zoo import (
    ArrayData,
    Network,
    Pretrained,
    Recipe,
    fit,
    methods,
    network_by_name,
    start_from,
)
from da_zoo.bench.statistics import mean_interval, paired_difference
from da_zoo.data.npz import Digits, mnist, mnist_m, resize, usps
from da_zoo.data.splits import labelled_rows
from da_zoo.finetune import FineTunePlan, Rule, Stage, bss, l2_sp, presets

FRACTIONS = (0.01, 0.05, 0.2, 1.0)
RATES = (3e-4, 1e-3, 3e-3, 1e-2)
CHOOSING_SEED = 1000
PRETRAINING_STEPS, STEPS, BATCH = 2000, 500, 64
SETTINGS: dict[str, Any] = {"optimizer": "adam", "schedule": "cosine"}
NETWORK = network_by_name("lenet")
LAYERS = NETWORK.layer_patterns

PLANS: dict[str, FineTunePlan] = {
    "scratch": presets.full(),
    "linear_probe": presets.linear_probe(),
    "full": presets.full(),
    "lp_ft": presets.lp_ft(),
    "layer_decay": presets.layer_decay(LAYERS),
    "lora": presets.lora(),
    "l2_sp": FineTunePlan(
        (Stage("tune", (Rule("", decay=False),), penalties=(l2_sp(),)),)
    ),
    "bss": FineTunePlan((Stage("tune", penalties=(bss(),)),)),
    "scrambled": presets.full(),
}
TARGETS = {
    "usps": tuple(PLANS),
    "mnist_m": ("scratch", "full", "lp_ft"),
}


class Run(NamedTuple):
    """One row: what was tuned, on how many labels, from where."""

    target: str
    plan: str
    fraction: float
    seed: int

    @property
    def key(self) -> str:
        """What a finished row is found by."""
        return json.dumps(self)


class Task(NamedTuple):
    """Source and target at one size."""

    source: tuple[np.ndarray, np.ndarray]
    target: Digits


@functools.lru_cache(maxsize=2)
def task(folder: str, target: str) -> Task:
    """Reads both domains, at the target's size."""
    side, channels = (16, 1) if target == "usps" else (28, 3)
    digits = usps(folder) if target == "usps" else mnist_m(folder)[0]
    train, test = (
        _sized(images, side, channels) for images in (digits.x_train, digits.x_test)
    )
    source = mnist(folder)
    images = resize(source.x_train, side, channels)
    return Task(
        (images, source.y_train), Digits(train, digits.y_train, test, digits.y_test)
    )


def _sized(images: np.ndarray, side: int, channels: int) -> np.ndarray:
    """Grey images are resized; MNIST-M has a margin of 2 pixels around its 28."""
    if images.shape[1] == 32:
        images = images[:, 2:30, 2:30]
    return resize(images, side, channels)


@functools.lru_cache(maxsize=4)
def pretrained(folder: str, target: str, seed: int, scrambled: bool) -> Network:
    """Trains on MNIST; once per seed."""
    x, y = task(folder, target).source
    if scrambled:
        y = np.random.default_rng(seed).permutation(y)
    recipe = methods.source_only(NETWORK, classes=10, learning_rate=1e-3, **SETTINGS)
    state = fit(
        recipe,
        ArrayData(source=(x, y)),
        jax.random.key(seed),
        steps=PRETRAINING_STEPS,
        batch_size=BATCH,
    ).state
    learned = Pretrained(
        state.params["encoder"], state.stats["joint"], state.params["head_source"]
    )
    return start_from(NETWORK, learned)


def recipe_for(run: Run, folder: str, rate: float) -> Recipe:
    """The plan's stages, from what MNIST gave or from a fresh network."""
    network = NETWORK
    if run.plan != "scratch":
        scrambled = run.plan == "scrambled"
        network = pretrained(folder, run.target, run.seed, scrambled)
    plan = PLANS[run.plan]
    settings = SETTINGS | {"learning_rate": rate}
    return plan.recipe(network, classes=10, source_share=0.0, **settings)


def accuracies(result: Any, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Accuracy of every run of the result, in pieces that fit the cache."""
    logits = [
        result.predict(x[i : i + 1000]).logits["target"] for i in range(0, len(x), 1000)
    ]
    right = np.argmax(np.concatenate(logits, axis=-2), axis=-1) == y
    return right.mean(axis=-1)


def choose_rate(run: Run, folder: str) -> float:
    """Picks a plan's learning rate on rows that are neither trained nor tested on."""
    digits = task(folder, run.target).target
    rows = labelled_rows(digits.y_train, 0.05, seed=CHOOSING_SEED)
    rest = np.setdiff1d(np.arange(len(digits.y_train)), rows)[:2000]
    data = ArrayData(target_labelled=(digits.x_train[rows], digits.y_train[rows]))
    result = fit(
        recipe_for(run._replace(seed=CHOOSING_SEED), folder, RATES[0]),
        data,
        jax.random.key(CHOOSING_SEED),
        steps=STEPS,
        batch_size=BATCH,
        sweep={"learning_rate": RATES},
    )
    found = accuracies(result, digits.x_train[rest], digits.y_train[rest])
    return RATES[int(np.argmax(found))]


def accuracy(run: Run, folder: str, rate: float) -> float:
    """Tunes and tests once."""
    digits = task(folder, run.target).target
    rows = labelled_rows(digits.y_train, run.fraction, seed=run.seed)
    data = ArrayData(target_labelled=(digits.x_train[rows], digits.y_train[rows]))
    result = fit(
        recipe_for(run, folder, rate),
        data,
        jax.random.key(run.seed),
        steps=STEPS,
        batch_size=BATCH,
    )
    return float(accuracies(result, digits.x_test, digits.y_test))


def measure(folder: str, out: Path, seeds: int) -> dict[str, dict[str, Any]]:
    """Computes what is missing, one line per row."""
    done: dict[str, dict[str, Any]] = {}
    if out.exists():
        lines = out.read_text(encoding="utf-8").splitlines()
        done = {json.dumps(row["run"]): row for row in map(json.loads, lines)}
    runs = [
        Run(target, plan, fraction, seed)
        for target, plans in TARGETS.items()
        for seed in range(seeds)
        for plan in plans
        for fraction in FRACTIONS
    ]
    rates = {tuple(row["run"][:2]): row["rate"] for row in done.values()}
    for run in track(runs, "tuning", transient=True):
        if run.key in done:
            continue
        pair = (run.target, run.plan)
        if pair not in rates:
            rates[pair] = choose_rate(run, folder)
        value = accuracy(run, folder, rates[pair])
        done[run.key] = {"run": list(run), "rate": rates[pair], "accuracy": value}
        with out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(done[run.key]) + "\n")
    return done


def table(done: dict[str, dict[str, Any]], target: str, seeds: int) -> str:
    """Mean accuracy, and the paired gain over scratch with its 95 % interval."""

    def values(plan: str, fraction: float) -> list[float]:
        runs = (Run(target, plan, fraction, seed) for seed in range(seeds))
        return [100 * done[run.key]["accuracy"] for run in runs]

    head = [f"{100 * fraction:g} %" for fraction in FRACTIONS]
    lines = [
        "| plan | rate | " + " | ".join(head) + " |",
        "|---|--:" + "|--:" * 4 + "|",
    ]
    for plan in TARGETS[target]:
        cells = []
        for fraction in FRACTIONS:
            own = values(plan, fraction)
            cell = f"{mean_interval(own).mean:.1f}"
            if plan != "scratch" and seeds > 1:
                gain = paired_difference(own, values("scratch", fraction))
                cell += f" ({gain.mean:+.1f} [{gain.low:.1f}, {gain.high:.1f}])"
            cells.append(cell)
        rate = done[Run(target, plan, FRACTIONS[0], 0).key]["rate"]
        lines.append(f"| `{plan}` | {rate:g} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def draw(done: dict[str, dict[str, Any]], seeds: int, path: Path) -> None:
    """Accuracy against labels, one panel per target; bands span the seeds."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(
        1, len(TARGETS), figsize=(11, 4.4), layout="constrained"
    )
    colours = plt.get_cmap("tab10").colors  # type: ignore[attr-defined]
    names = {"usps": "MNIST to USPS", "mnist_m": "MNIST to MNIST-M"}
    for axis, (target, plans) in zip(axes, TARGETS.items(), strict=True):
        for plan in plans:
            runs = [
                [
                    done[Run(target, plan, f, seed).key]["accuracy"]
                    for seed in range(seeds)
                ]
                for f in FRACTIONS
            ]
            values = 100 * np.array(runs)
            at = 100 * np.array(FRACTIONS)
            style: dict[str, Any] = {"color": colours[list(PLANS).index(plan)]}
            if plan == "scratch":
                style = {"color": "black", "linestyle": "--", "linewidth": 2}
            axis.plot(at, values.mean(axis=1), marker="o", label=plan, **style)
            axis.fill_between(
                at,
                values.min(axis=1),
                values.max(axis=1),
                color=style["color"],
                alpha=0.12,
            )
        axis.set(xscale="log", xlabel="target labels used (%)", title=names[target])
        axis.set_xticks(
            [100 * f for f in FRACTIONS], [f"{100 * f:g}" for f in FRACTIONS]
        )
        axis.minorticks_off()
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)
    axes[0].set_ylabel("accuracy on the target's test set (%)")
    figure.savefig(path, dpi=130)


def main() -> None:
    """Reads arguments, measures, prints, draws."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="folder of the .npz files")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("label_efficiency.jsonl"))
    parser.add_argument(
        "--figure", type=Path, default=Path("docs/label-efficiency.png")
    )
    arguments = parser.parse_args()
    cache = Path.home() / ".cache" / "da_zoo" / "jax"
    jax.config.update("jax_compilation_cache_dir", str(cache))
    done = measure(arguments.data, arguments.out, arguments.seeds)
    for target in TARGETS:
        print(f"\n{target}\n\n{table(done, target, arguments.seeds)}")
    draw(done, arguments.seeds, arguments.figure)


if __name__ == "__main__":
    main()
