"""Do transferability scores rank real sources right?

``python benchmarks/rank_sources.py --data DIR`` takes three families of four real
domains: digits (MNIST, USPS, MNIST-M, KMNIST; colour images of 16 x 16), Office-Caltech
(SURF) and heart disease in four hospitals. In each family every domain is the target
once (KMNIST, whose classes are others, only a source), the rest are sources. A network
is trained on each source; ``rank_sources`` scores it on a few labelled target rows;
then it is tuned on the same rows, with a fresh head, and tested on the others. So are
networks from scratch. All over 3 seeds.

Prints the accuracies, and for each score Kendall's tau-b with them (sources of one
target are ranked; mean over targets), how many pairs of sources it orders right, and
how much accuracy is lost by taking the source that it puts first.
"""

import argparse
import functools
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from rich.progress import track
from scipy.special import softmax
from scipy.stats import kendalltau
from sklearn.metrics import balanced_accuracy_score

from da_zoo import ArrayData, Pretrained, fit, methods, network_by_name, start_from
from da_zoo.data.npz import load_npz, mnist, mnist_m, resize, usps
from da_zoo.finetune import presets
from da_zoo.transferability import Candidate, rank_sources
from da_zoo.transferability.ranking import DISTANCES, SCORES

STEPS, TUNING_STEPS, BATCH = 1000, 500, 64
LABELS_PER_CLASS = 10
SETTINGS: dict[str, Any] = {
    "optimizer": "adam",
    "learning_rate": 1e-3,
    "schedule": "cosine",
}
NETWORK = network_by_name("mlp", hidden=(128, 64))
ROWS = 5000
"""Of a digit domain, to train on and to test on."""
PLANS = {"linear_probe": presets.linear_probe(), "full": presets.full()}
TUNING_RATES = {"linear_probe": 1e-2, "full": 1e-3}
"""A probe at the network's rate is still far from its end after these steps."""

Rows = tuple[np.ndarray, np.ndarray]


class Family(NamedTuple):
    """Domains by name; every one is a source, ``targets`` are targets too."""

    domains: dict[str, Rows]
    targets: tuple[str, ...]


def digits(folder: str) -> Family:
    """Images of 16 x 16 x 3."""
    kana = load_npz(Path(folder) / "kmnist_test10k.npz", ("x", "y"))
    pools = {
        "mnist": (mnist(folder).x_train, mnist(folder).y_train),
        "usps": (usps(folder).x_train, usps(folder).y_train),
        "mnist_m": (mnist_m(folder)[0].x_train, mnist_m(folder)[0].y_train),
        "kmnist": (kana["x"], kana["y"]),
    }
    found = {
        name: (resize(x[:ROWS], 16, 3), y[:ROWS].astype(np.int32))
        for name, (x, y) in pools.items()
    }
    return Family(found, ("mnist", "usps", "mnist_m"))


def office(folder: str) -> Family:
    """Histograms over their sums, then each domain z-scored by itself."""
    found = {}
    for name in ("amazon", "caltech10", "dslr", "webcam"):
        file = load_npz(Path(folder) / f"officecaltech_surf_{name}.npz", ("x", "y"))
        x = file["x"] / file["x"].sum(axis=1, keepdims=True)
        found[name] = (_standardised(x), file["y"].astype(np.int32))
    return Family(found, tuple(found))


def hospitals(folder: str) -> Family:
    """Nine columns that all four hospitals have; means in place of gaps."""
    columns = [0, 1, 2, 3, 4, 6, 7, 8, 9]
    found = {}
    for name in ("cleveland", "hungarian", "switzerland", "va"):
        file = load_npz(Path(folder) / f"heart_{name}.npz", ("x", "y"))
        x = file["x"][:, columns]
        x = np.where(np.isnan(x), np.nanmean(x, axis=0), x)
        found[name] = (_standardised(x), file["y"].astype(np.int32))
    return Family(found, tuple(found))


def _standardised(x: np.ndarray) -> np.ndarray:
    deviation = x.std(axis=0)
    z = (x - x.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)
    return z.astype(np.float32)


FAMILIES = {"digits": digits, "office": office, "hospitals": hospitals}


def labelled(y: np.ndarray, seed: int) -> np.ndarray:
    """Some rows of each class; no more than half of a rare one."""
    order = np.random.default_rng(seed).permutation(len(y))
    chosen = []
    for c in np.unique(y):
        rows = order[y[order] == c]
        chosen.append(rows[: min(LABELS_PER_CLASS, len(rows) // 2)])
    return np.sort(np.concatenate(chosen))


def train(rows: Rows, classes: int, seed: int) -> Pretrained:
    """What a network learns on one source."""
    recipe = methods.source_only(NETWORK, classes=classes, **SETTINGS)
    data, key = ArrayData(source=rows), jax.random.key(seed)
    state = fit(recipe, data, key, steps=STEPS, batch_size=BATCH).state
    return Pretrained(
        state.params["encoder"], state.stats["joint"], state.params["head_source"]
    )


@functools.lru_cache(maxsize=1)
def _encode() -> Any:
    return jax.jit(lambda params, stats, x: NETWORK.apply(params, stats, x)[0].features)


def _features(model: Pretrained, x: np.ndarray) -> np.ndarray:
    x = x / np.float32(255) if x.dtype == np.uint8 else x
    return np.asarray(_encode()(model.params, model.stats, x))


def candidate(model: Pretrained, source: np.ndarray, target: np.ndarray) -> Candidate:
    """What ``rank_sources`` wants of a model; a thousand source rows are enough."""
    assert model.head is not None
    features = _features(model, target)
    logits = features @ model.head["kernel"] + model.head["bias"]
    return Candidate(features, softmax(logits, axis=1), _features(model, source[:1000]))


def tuned_accuracy(
    start: Pretrained | None, plan: str, rows: Rows, test: Rows, seed: int
) -> float:
    """Balanced accuracy on the test rows, in %."""
    classes = int(max(rows[1].max(), test[1].max())) + 1
    network = NETWORK
    if start is not None:
        network = start_from(NETWORK, start._replace(head=None))
    recipe = PLANS[plan].recipe(
        network,
        classes={"source": classes, "target": classes},
        source_share=0.0,
        **SETTINGS | {"learning_rate": TUNING_RATES[plan]},
    )
    result = fit(
        recipe,
        ArrayData(target_labelled=rows),
        jax.random.key(seed),
        steps=TUNING_STEPS,
        batch_size=BATCH,
    )
    guess = np.argmax(result.predict(test[0]).logits["target"], axis=1)
    return 100 * float(balanced_accuracy_score(test[1], guess))


def measure(family: Family, seed: int) -> Iterable[dict[str, Any]]:
    """One row per target and source, and one per target for scratch."""
    models = {
        name: train(rows, int(rows[1].max()) + 1, seed)
        for name, rows in family.domains.items()
    }
    for target in track(family.targets, f"seed {seed}", transient=True):
        x, y = family.domains[target]
        chosen = labelled(y, seed)
        rest = np.setdiff1d(np.arange(len(y)), chosen)
        rows, test = (x[chosen], y[chosen]), (x[rest], y[rest])
        sources = [name for name in family.domains if name != target]
        ranking = rank_sources(
            candidates={
                name: candidate(models[name], family.domains[name][0], rows[0])
                for name in sources
            },
            target=rows[1],
        )
        scored = {row["source"]: row for row in ranking.rows}
        for source in (*sources, None):
            start = None if source is None else models[source]
            row = {"target": target, "source": source, "seed": seed}
            for plan in PLANS if source is not None else ("full",):
                row[plan] = tuned_accuracy(start, plan, rows, test, seed)
            if source is not None:
                row |= {k: v for k, v in scored[source].items() if k != "source"}
            yield row


def _mean(rows: list[dict[str, Any]], target: str, source: Any, name: str) -> float:
    own = [r for r in rows if r["target"] == target and r["source"] == source]
    return float(np.mean([row[name] for row in own]))


def accuracies(rows: list[dict[str, Any]], family: Family) -> str:
    """Mean accuracy by target and source: full tuning, linear probe, scratch."""
    lines = [
        "| target | source | full | linear probe | scratch |",
        "|---|---|--:|--:|--:|",
    ]
    for target in family.targets:
        scratch = _mean(rows, target, None, "full")
        for source in family.domains:
            if source != target:
                full, probe = (
                    _mean(rows, target, source, plan)
                    for plan in ("full", "linear_probe")
                )
                cells = f"{full:.1f} | {probe:.1f} | {scratch:.1f}"
                lines.append(f"| {target} | {source} | {cells} |")
    return "\n".join(lines)


def agreement(rows: list[dict[str, Any]], plan: str) -> str:
    """Tau-b with accuracy within a target and seed, pairs ordered right, regret."""
    lines = [
        "| score | tau-b | pairs ordered right | points lost by its first choice |",
        "|---|--:|--:|--:|",
    ]
    groups: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for row in rows:
        if row["source"] is not None:
            groups.setdefault((row["target"], row["seed"]), []).append(row)
    for name in (*SCORES, *DISTANCES, "mean_rank"):
        taus, right, pairs, lost = [], 0, 0, []
        for own in groups.values():
            sign = 1 if name in SCORES else -1
            score = np.array([sign * row[name] for row in own])
            truth = np.array([row[plan] for row in own])
            tau = kendalltau(score, truth).statistic
            taus.append(0.0 if np.isnan(tau) else tau)
            for i in range(len(own)):
                for j in range(i):
                    pairs += 1
                    right += (score[i] - score[j]) * (truth[i] - truth[j]) > 0
            lost.append(truth.max() - truth[int(np.argmax(score))])
        lines.append(
            f"| `{name}` | {np.mean(taus):+.2f} | {right} of {pairs} | "
            f"{np.mean(lost):.1f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Reads arguments, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="folder of the .npz files")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("rank_sources.jsonl"))
    arguments = parser.parse_args()
    everything: list[dict[str, Any]] = []
    for name, read in FAMILIES.items():
        family = read(arguments.data)
        rows = [row for seed in range(arguments.seeds) for row in measure(family, seed)]
        everything += [{"family": name} | row for row in rows]
        text = "\n".join(map(json.dumps, everything))
        arguments.out.write_text(text + "\n", encoding="utf-8")
        print(f"\n## {name}\n\n{accuracies(rows, family)}")
        for plan in PLANS:
            print(f"\n{plan}\n\n{agreement(rows, plan)}")
    for plan in PLANS:
        print(f"\n## all families, {plan}\n")
        print(agreement([_named(row) for row in everything], plan))


def _named(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"target": f"{row['family']}/{row['target']}"}


if __name__ == "__main__":
    main()
