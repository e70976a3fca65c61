"""Runs row groups: all seeds and configurations of a method, trained together."""

import importlib.metadata
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from da_zoo.bench.checkpoints import Checkpoints
from da_zoo.bench.clock import Clock
from da_zoo.bench.fingerprint import source_hash
from da_zoo.bench.health import diagnose, drawn_features, warnings_of
from da_zoo.bench.looks import Watch, lengths_of
from da_zoo.bench.oracle import Oracle
from da_zoo.bench.plan import NOT_SETTINGS, Cell, point
from da_zoo.bench.portraits import portrait
from da_zoo.bench.probe import adaptation_effect
from da_zoo.bench.row_fields import cut_reason
from da_zoo.bench.scoring import (
    METRICS,
    OPEN_SET,
    REGRESSION_METRICS,
    answers,
    predict_split,
    run_state,
    score_flaw,
    score_run,
)
from da_zoo.bench.streams import training_data
from da_zoo.json_files import digest
from da_zoo.loop import FitResult, fit
from da_zoo.metrics_log import MetricsWriter, recording
from da_zoo.models import network_by_name
from da_zoo.network import Network
from da_zoo.registry import MethodSpec, ShallowSpec, build_recipe
from da_zoo.scenarios import ScenarioData, Suite
from da_zoo.settings import Continuous

__all__ = [
    "SCHEMA_VERSION",
    "GroupKeys",
    "GroupRows",
    "group_keys",
    "na_rows",
    "run_groups",
]

SCHEMA_VERSION = 1
MEASURED = (
    *METRICS,
    *REGRESSION_METRICS,
    *OPEN_SET,
    "accuracy_oracle",
    "source_accuracy",
    "collapsed",
    "fit_seconds",
    "compile_seconds",
    "evaluation_seconds",
    "parameters",
)


DRAWN = ("curve", "reliability", "embedding")
"""What figures are drawn from."""


class GroupKeys(NamedTuple):
    """The hash of a row group and those of its rows, by seed."""

    group: str
    rows: dict[int, str]


class GroupRows(NamedTuple):
    """What a group leaves."""

    rows: list[dict[str, Any]]
    """One per seed."""
    logits: dict[str, np.ndarray]
    """Of target-test rows, by ``seed_<n>``."""
    checkpoints: dict[str, np.ndarray]
    """See :mod:`da_zoo.bench.checkpoints`; empty where none were to be kept."""


def _network(suite: Suite) -> tuple[str, dict[str, Any]]:
    options = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in suite.defaults.get("network_options", {}).items()
    }
    # float32 goes without saying: rows of before precision could be chosen are equal.
    if (precision := _precision(suite)) != "float32":
        options["precision"] = precision
    return suite.defaults["network"], options


def _precision(suite: Suite) -> str:
    return suite.defaults.get("precision", "float32")


def versions() -> dict[str, str]:
    """Returns the versions that a row was made with."""
    names = ("da-zoo", "jax", "jaxlib", "flax", "optax", "numpy")
    return {name: importlib.metadata.version(name) for name in names}


def group_keys(
    cell: Cell,
    suite: Suite,
    data: dict[int, ScenarioData],
    steps: int,
    configurations: int = 1,
) -> GroupKeys:
    """Hashes what a group's rows are a function of: data, code and settings.

    Args:
        cell: the group.
        suite: for network and batch size.
        data: by seed.
        steps: of training.
        configurations: how many are trained together. How many rows share a program
            changes rounding; it follows from this, the seeds and the code.
    """
    spec = {
        "schema_version": SCHEMA_VERSION,
        "scenario": cell.scenario.described(),
        "data": {seed: data[seed].fingerprint for seed in cell.seeds},
        "method": cell.method.name,
        "source": source_hash(cell.method.factory.__module__),
        "track": cell.track,
        "label_fraction": cell.label_fraction,
        "values": cell.values,
        "width": configurations * len(cell.seeds),
        "steps": steps,
        "batch_size": suite.defaults["batch_size"],
        "network": _network(suite),
        "padded_to": suite.width_of(cell.scenario),
        "precision": _precision(suite),
        "jax": jax.__version__,
    }
    group = digest(spec)
    return GroupKeys(
        group, {seed: digest({"group": group, "seed": seed}) for seed in cell.seeds}
    )


def _base_row(cell: Cell, suite: Suite, keys: GroupKeys, seed: int) -> dict[str, Any]:
    name, options = _network(suite)
    return {
        "schema_version": SCHEMA_VERSION,
        "key": keys.rows[seed],
        "group": keys.group,
        "suite": suite.name,
        "scenario": cell.scenario.name,
        "case": cell.scenario.case,
        "label_sets": cell.scenario.label_sets,
        "sources": len(cell.scenario.sources),
        "role": cell.scenario.role,
        "track": cell.track,
        "label_fraction": cell.label_fraction,
        "labelled_count": None,
        "method": cell.method.name,
        "configuration": cell.configuration,
        "seed": seed,
        "status": "ok",
        "reason": "",
        "metric": cell.scenario.target.task.metric,
        **dict.fromkeys(MEASURED),
        "majority_accuracy": None,
        **dict.fromkeys(DRAWN),
        "source": source_hash(cell.method.factory.__module__),
        "hyperparameters": dict(cell.values),
        "network": {"name": name, **options},
        "group_width": None,
        "loop": None,
        "device": jax.devices()[0].device_kind,
        "versions": versions(),
    }


def na_rows(
    cell: Cell, suite: Suite, keys: GroupKeys, status: str, reason: str
) -> list[dict[str, Any]]:
    """Rows without metrics: undefined cells, and groups that failed as a whole."""
    reason = cut_reason(reason)
    return [
        _base_row(cell, suite, keys, seed) | {"status": status, "reason": reason}
        for seed in cell.seeds
    ]


def _classes(data: ScenarioData, same_task: bool) -> Any:
    """What a factory's ``classes`` is told of a scenario."""
    if data.continuous:
        return Continuous(data.target_classes)
    if same_task:
        # In an open set the target's further class is not the method's to know.
        return data.source_classes
    return {"source": data.source_classes, "target": data.target_classes}


def _method(cell: Cell) -> MethodSpec:
    if isinstance(cell.method, ShallowSpec):
        raise TypeError(f"{cell.method.name} is shallow: run_shallow runs it")
    return cell.method


def _settings(cell: Cell) -> dict[str, Any]:
    return {k: v for k, v in cell.values.items() if k not in NOT_SETTINGS}


def run_groups(
    cells: list[Cell],
    suite: Suite,
    data: dict[int, ScenarioData],
    keys: list[GroupKeys],
    *,
    steps: int,
    checkpoints: bool = False,
    most_at_once: int | None = None,
    writers: Sequence[MetricsWriter] = (),
) -> list[GroupRows]:
    """Trains and scores configurations of one method, as a sweep.

    Args:
        cells: the groups; they differ in traced values alone.
        suite: for network, batch size and head width.
        data: by seed.
        keys: of each, from :func:`group_keys`.
        steps: of training.
        checkpoints: keep what selection criteria need of each look.
        most_at_once: runs that share a program at most, where memory is short.
        writers: of metrics; runs are numbered through the groups, seeds first.

    Returns:
        For each group its rows, logits and checkpoints.
    """
    cell = cells[0]
    method = _method(cell)
    name, options = _network(suite)
    network: Network = network_by_name(name, **options)
    ordered = [data[seed] for seed in cell.seeds]
    first = ordered[0]
    same_task = cell.scenario.source.task == cell.scenario.target.task
    recipe = build_recipe(
        method,
        network,
        classes=_classes(first, same_task),
        labelled_target=cell.track == "F",
        sources=len(cell.scenario.sources),
        width=suite.width_of(cell.scenario),
        **_settings(cell),
    )
    streams, labelled = training_data(cell, ordered)
    oracle = Oracle(ordered * len(cells), method.predicts_unknown)
    keeper = Checkpoints(ordered * len(cells), cell.seeds, oracle.seen)
    observers = [oracle.see, keeper.see] if checkpoints else [oracle.see]
    watch = Watch(lengths_of(recipe, steps), observers)
    randomness = jax.vmap(jax.random.key)(jnp.asarray(cell.seeds))
    sweep = [point(one) for one in cells] if len(cells) > 1 else None
    batch_size = suite.defaults["batch_size"]
    run = {"suite": suite.name, "steps": steps}
    with Clock() as training, recording(writers, run) as recorder:
        result = fit(
            recipe,
            streams,
            randomness,
            steps=steps,
            batch_size=batch_size,
            workers=1,  # the runner has its own, and a row's width is its own matter
            most_at_once=most_at_once,
            sweep=sweep,
            on_nonfinite="mark",
            on_metrics=recorder,
            on_state=recorder.by_run(watch.look),
            name=cell.method.name,
        )
    effects = None
    if not cell.method.baseline:
        effects = adaptation_effect(
            recipe,
            streams,
            randomness,
            result,
            steps=steps,
            batch_size=batch_size,
            sweep=sweep,
        )
    members = len(cells) * len(cell.seeds)
    trained = {
        "loop": "+".join(result.plan),
        "group_width": result.width,
        "steps": steps,
        "parameters": _parameters(result),
        "fit_seconds": max(0.0, training.running - watch.seconds) / members,
        "compile_seconds": training.compiling / members,
    }
    groups = []
    for number, (own_cell, own_keys) in enumerate(zip(cells, keys, strict=True)):
        rows, logits = [], {}
        for i, (seed, own) in enumerate(zip(cell.seeds, ordered, strict=True)):
            row = _base_row(own_cell, suite, own_keys, seed) | trained
            row["labelled_count"] = None if labelled is None else labelled[i]
            row["data_fingerprint"] = own.fingerprint
            at = (number, i) if len(cells) > 1 else (i,)
            scores, predicted = _scored(
                result, at, own, same_task, method.predicts_unknown, row["metric"]
            )
            member = number * len(cell.seeds) + i
            best = oracle.best(member, scores.get("accuracy"))
            looks = {"accuracy_oracle": best, "curve": oracle.curve(member)}
            rows.append(row | scores | looks)
            if predicted is not None:
                effect = None if effects is None else float(effects[member])
                drawn = drawn_features(result, at, own)
                rows[-1]["diagnostics"] = diagnose(
                    result, at, own, predicted, effect, drawn
                )
                rows[-1]["warnings"] = warnings_of(scores, effect)
                rows[-1] |= portrait(own, predicted, drawn if i == 0 else None)
                logits[f"seed_{seed}"] = predicted
        groups.append(GroupRows(rows, logits, keeper.arrays(number)))
    return groups


def _parameters(result: FitResult) -> int:
    """Counts those of one run's encoder."""
    leaves = jax.tree.leaves(result.state.params["encoder"])
    return sum(leaf.size for leaf in leaves) // result.finite.size


def _scored(
    result: FitResult,
    at: tuple[int, ...],
    data: ScenarioData,
    same_task: bool,
    predicts_unknown: bool,
    metric: str = "",
) -> tuple[dict[str, Any], np.ndarray | None]:
    """Scores one run: the fields of its row, and its logits if it stayed finite."""
    if not result.finite[at]:
        reason = "; ".join(result.failures) or "training became non-finite"
        return {"status": "failed", "reason": cut_reason(reason)}, None
    state = run_state(result.state, at)
    with Clock() as scoring:
        predicted = predict_split(
            result.adapter, state, data.target_test, "target", "target"
        )
        back = predict_split(
            result.adapter, state, data.source_test, "source", "source"
        )
    if predicted is None:
        raise RuntimeError("the method has no head for the target's label space")
    own = answers(predicted, data, predicts_unknown)
    scores = score_run(data, own, back, same_task)
    if flaw := score_flaw(scores, metric):
        return {"status": "failed", "reason": flaw}, None
    return {"evaluation_seconds": scoring.running, **scores}, own
