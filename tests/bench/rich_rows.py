"""The made-up benchmark with all that the figures are drawn from."""

from typing import Any

import numpy as np

from tests.bench.fake_rows import make_row, make_rows, sha

CLASSES = 10


def enrich(row: dict[str, Any]) -> dict[str, Any]:
    """Adds what a finished run in track U stores beside its scores."""
    if row["status"] != "ok":
        return row
    generator = np.random.default_rng(
        int(sha("rich", row["scenario"], row["method"], row["seed"])[:8], 16)
    )
    accuracy = row["accuracy"]
    row["accuracy_oracle"] = min(1.0, accuracy + abs(generator.normal(0, 0.02)))
    distance = 0.2 + 1.7 * int(sha(row["scenario"])[:4], 16) / 16**4
    row["diagnostics"] = {"proxy_a_distance": distance}
    steps = [100 * k for k in range(1, 11)]
    rise = accuracy - (accuracy - 0.2) * np.exp(-np.arange(1, 11) / 3)
    noisy = np.clip(rise + generator.normal(0, 0.01, 10), 0, 1)
    row["curve"] = {"step": steps, "accuracy": [*noisy[:-1].tolist(), accuracy]}
    row["reliability"] = reliability(accuracy, generator)
    if row["seed"] == 0:
        shift = 250 if row["method"] == "source_only" else 40
        row["embedding"] = embedding(generator, shift)
    return row


def reliability(accuracy: float, generator: np.random.Generator) -> dict[str, Any]:
    counts = [0, *(int(3 * 1.4**k) for k in range(14))]
    middles = [(k + 0.5) / 15 for k in range(15)]
    right = [min(1.0, m * (0.3 + 0.7 * accuracy)) for m in middles]
    return {
        "count": counts,
        "confidence": [
            None if not n else m for n, m in zip(counts, middles, strict=True)
        ],
        "accuracy": [None if not n else r for n, r in zip(counts, right, strict=True)],
    }


def embedding(generator: np.random.Generator, shift: int) -> dict[str, Any]:
    centres = generator.uniform(150, 850, (CLASSES, 2))
    labels = np.repeat(np.arange(CLASSES), 25)
    source = centres[labels] + generator.normal(0, 35, (len(labels), 2))
    target = centres[labels] + generator.normal(0, 45, (len(labels), 2)) + [shift, 0]
    return {
        "source": np.clip(source, 0, 999).astype(int).tolist(),
        "target": np.clip(target, 0, 999).astype(int).tolist(),
        "source_labels": labels.tolist(),
        "target_labels": labels.tolist(),
    }


def rich_rows(**options: Any) -> list[dict[str, Any]]:
    """All methods on all scenarios, with curves, embeddings and reliability."""
    return [enrich(row) for row in make_rows(**options)]


def digit_rows(seeds: int = 3) -> list[dict[str, Any]]:
    """The directions that papers report."""
    levels = {
        "mnist_to_usps": {"source_only": 0.815, "dann": 0.913, "mcc": 0.953},
        "usps_to_mnist": {"source_only": 0.60, "dann": 0.80, "mcc": 0.90},
        "mnist_to_mnistm": {"source_only": 0.28, "dann": 0.45},
    }
    return [
        make_row(
            suite="digits",
            scenario=scenario,
            method=method,
            seed=seed,
            accuracy=level + 0.01 * seed,
            steps=2500,
            network={"name": "lenet"},
        )
        for scenario, methods in levels.items()
        for method, level in methods.items()
        for seed in range(seeds)
    ]


def selection() -> dict[str, Any]:
    """What ``da-zoo select`` writes."""
    names = ("last_step", "infomax", "entropy", "snd", "dev", "source_accuracy")
    return {
        "schema_version": 1,
        "ranked": "last_step",
        "tables": [
            {
                "track": "U",
                "scenarios": ["plain_to_over07", "plain_to_rot30"],
                "methods": ["dann", "dan"],
                "candidates": 16,
                "criteria": [
                    {
                        "criterion": name,
                        "runs": 10,
                        "accuracy": 0.81 - 0.01 * i,
                        "regret_mean": 0.02 + 0.01 * i,
                        "regret_p95": 0.1,
                        "regret_max": 0.3,
                        "below_source_only": 0.1,
                        "collapsed_rejected": 3,
                        "rank_correlation": 0.4 - 0.2 * i,
                    }
                    for i, name in enumerate(names)
                ],
            }
        ],
    }


def many_rows(
    scenarios: int = 21, methods: int = 40, seeds: int = 4
) -> list[dict[str, Any]]:
    """Rows of many methods, with and without target labels; no oracle, no standings."""
    rows = []
    for i in range(scenarios):
        for track, fraction in (("U", None), ("F", 0.05), ("F", 0.2)):
            baseline = "source_only" if track == "U" else "target_only"
            for k, method in enumerate([baseline, *(f"m{j}" for j in range(methods))]):
                for seed in range(seeds):
                    row = make_row(
                        scenario=f"scenario_{i}",
                        track=track,
                        label_fraction=fraction,
                        method=method,
                        seed=seed,
                        accuracy=0.5 + 0.01 * k + 0.001 * seed,
                    )
                    rows.append(enrich(row) if track == "U" else row)
    return rows
