"""Runs row groups of shallow methods: seed by seed, on flattened inputs."""

import importlib.metadata
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from da_zoo.bench.fingerprint import source_hash
from da_zoo.bench.group import SCHEMA_VERSION, GroupKeys, GroupRows, na_rows, versions
from da_zoo.bench.health import LEAST_ROWS, warnings_of
from da_zoo.bench.plan import Cell
from da_zoo.bench.portraits import reliability
from da_zoo.bench.scoring import score_flaw, score_run
from da_zoo.data.splits import Split
from da_zoo.diagnostics import class_shares, distances, mean_entropy, subsample
from da_zoo.json_files import digest
from da_zoo.scenarios import ScenarioData, Suite

__all__ = ["MOST_ROWS", "run_shallow", "shallow_keys"]

MOST_ROWS = 2000
"""Rows of each domain that a method is fitted on: several take memory and time that
grow with their square and cube. Papers on digits draw about as many."""
SMALLEST_PROBABILITY = 1e-6


def shallow_keys(
    cell: Cell,
    suite: Suite,
    data: dict[int, ScenarioData],
    steps: int,
    configurations: int = 1,
) -> GroupKeys:
    """Hashes what a shallow group's rows are a function of.

    Args:
        cell: the group.
        suite: not read: there is no network.
        data: by seed.
        steps: not read: there are none.
        configurations: not read: each run is by itself.
    """
    del suite, steps, configurations
    group = digest(
        {
            "schema_version": SCHEMA_VERSION,
            "scenario": cell.scenario.described(),
            "data": {seed: data[seed].fingerprint for seed in cell.seeds},
            "method": cell.method.name,
            "source": source_hash(cell.method.factory.__module__),
            "adapter": source_hash("da_zoo.shallow.adapter"),
            "track": cell.track,
            "label_fraction": cell.label_fraction,
            "values": cell.values,
            "most_rows": MOST_ROWS,
            "versions": _versions(),
        }
    )
    return GroupKeys(
        group, {seed: digest({"group": group, "seed": seed}) for seed in cell.seeds}
    )


def _versions() -> dict[str, str]:
    names = ("numpy", "scikit-learn", "scipy")
    return {name: importlib.metadata.version(name) for name in names}


def _flat(split: Split, rows: Shaped[np.ndarray, " n"] | None = None) -> np.ndarray:
    x = split.x if rows is None else split.x[rows]
    scale = 255.0 if x.dtype == np.uint8 else 1.0
    return x.reshape(len(x), -1) / scale


def _drawn(split: Split, seed: int, stream: int) -> Shaped[np.ndarray, " n"]:
    """Positions to fit on: all, or as many as :data:`MOST_ROWS`, drawn at random."""
    order = np.random.default_rng([seed, stream]).permutation(len(split.rows))
    return np.sort(order[:MOST_ROWS])


def _logits(adapter: Any, x: np.ndarray, domain: str, width: int) -> np.ndarray:
    """Log probabilities [n, width], bounded: a nearest neighbour's are 0 and 1."""
    found: Float[np.ndarray, "n k"] = adapter.predict_proba(x, domain=domain)
    every = np.zeros((len(x), width))
    every[:, adapter.classes_] = found  # the drawn rows may lack a class
    return np.log(np.maximum(every, SMALLEST_PROBABILITY)).astype(np.float32)


def _diagnose(adapter: Any, data: ScenarioData, logits: np.ndarray) -> dict[str, Any]:
    """The diagnostics of deep methods that have a meaning here, the others null."""
    found: dict[str, Any] = dict.fromkeys(("proxy_a_distance", "mmd_squared", "coral"))
    if min(len(data.source_test.rows), len(data.target_test.rows)) >= LEAST_ROWS:
        source, target = (
            adapter.transform(_flat(split, subsample(len(split.rows))), domain=domain)
            for split, domain in (
                (data.source_test, "source"),
                (data.target_test, "target"),
            )
        )
        found |= distances(source.astype(np.float32), target.astype(np.float32))
    return found | {
        "discriminator_accuracy": None,
        "adaptation_effect": None,
        "target_entropy": mean_entropy(logits),
        "class_shares": class_shares(logits),
    }


def run_shallow(
    cells: list[Cell],
    suite: Suite,
    data: dict[int, ScenarioData],
    keys: list[GroupKeys],
    *,
    steps: int,
    checkpoints: bool = False,
    writers: Sequence[Any] = (),
) -> list[GroupRows]:
    """Fits and scores configurations of one shallow method.

    Args:
        cells: the groups.
        suite: for its name.
        data: by seed.
        keys: of each, from :func:`shallow_keys`.
        steps: not read: there are none.
        checkpoints: not read: there is nothing to choose from.
        writers: not called: there are no steps to tell of.

    Returns:
        For each group its rows and logits.
    """
    del steps, checkpoints, writers
    return [
        _run_group(cell, suite, data, own)
        for cell, own in zip(cells, keys, strict=True)
    ]


def _run_group(
    cell: Cell, suite: Suite, data: dict[int, ScenarioData], keys: GroupKeys
) -> GroupRows:
    rows, logits = [], {}
    blank = na_rows(cell, suite, keys, "ok", "")
    for seed, row in zip(cell.seeds, blank, strict=True):
        scores, predicted = _run(cell, data[seed], seed)
        if flaw := score_flaw(scores, row["metric"]):
            rows.append(row | {"status": "failed", "reason": flaw})
            continue
        rows.append(row | scores)
        logits[f"seed_{seed}"] = predicted
    return GroupRows(rows, logits, {})


def _run(
    cell: Cell, data: ScenarioData, seed: int
) -> tuple[dict[str, Any], np.ndarray]:
    """Fits one run on its information set, and scores it."""
    from da_zoo.shallow.adapter import ShallowAdapter

    source, target = data.source_train, data.target_train
    chosen, others = _drawn(source, seed, 0), _drawn(target, seed, 1)
    start = time.perf_counter()
    adapter = ShallowAdapter(cell.method.name, **cell.values).fit(
        _flat(source, chosen), source.labels[chosen], X_target=_flat(target, others)
    )
    fitted = time.perf_counter()
    width = data.target_classes
    predicted = _logits(adapter, _flat(data.target_test), "target", width)
    back = _logits(adapter, _flat(data.source_test), "source", width)
    scored = time.perf_counter()
    scores = score_run(data, predicted, back, same_task=True)
    fields = {
        "steps": None,
        "loop": "none",
        "group_width": 1,
        "parameters": None,
        "fit_seconds": fitted - start,
        "compile_seconds": 0.0,
        "evaluation_seconds": scored - fitted,
        # There is one checkpoint to choose from.
        "accuracy_oracle": scores["accuracy"],
        "data_fingerprint": data.fingerprint,
        "hyperparameters": {h.name: h.default for h in cell.method.hparams}
        | cell.values
        | {"rows": [len(chosen), len(others)]},
        "network": {"name": type(adapter.classifier_).__name__},
        "device": "cpu",
        "versions": versions() | _versions(),
        "diagnostics": _diagnose(adapter, data, predicted),
        "warnings": warnings_of(scores, None),
        "reliability": reliability(predicted, data.target_test.labels),
    }
    return scores | fields, predicted
