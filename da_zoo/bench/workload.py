"""What a call is to run: its cells, their data and keys, and what is there already."""

import dataclasses
import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path

from da_zoo.bench.execute import keys_of
from da_zoo.bench.group import GroupKeys, na_rows
from da_zoo.bench.plan import BUDGETS, Cell, batches, make_plan, shard_of
from da_zoo.bench.staleness import is_stale, matching_stale
from da_zoo.bench.store import RowStore
from da_zoo.bench.streams import same_width
from da_zoo.logs import log_event
from da_zoo.naming import check_names, choose
from da_zoo.precision import PRECISIONS
from da_zoo.scenarios import Scenario, ScenarioData, Suite, build, load_suite
from da_zoo.scenarios.declared import declared
from da_zoo.scenarios.resolve import explain_label_sets, resolve

__all__ = [
    "STALE",
    "check_stale",
    "finished",
    "in_blocks",
    "lay_out",
    "scenario_data",
    "tell",
    "with_keys",
]

BLOCK = 12
"""Methods that visit all scenarios before the next ones start: about as many as have
their programs in memory at once (:data:`da_zoo.programs.MOST_PROGRAMS`)."""

STALE = ("rerun", "keep")
"""What may be done about rows of an older source of their method."""


def check_stale(stale: str, checkpoints: bool) -> None:
    """Refuses what cannot be had: checkpoints of what is not run again."""
    check_names([stale], STALE, "stale")
    if checkpoints and stale == "keep":
        raise ValueError(
            "checkpoints of rows that an older source made cannot be had: leave "
            "checkpoints out, or stale='keep'"
        )


def lay_out(
    suite: str | Path | Suite,
    *,
    methods: Iterable[str] | None = None,
    scenarios: Iterable[str] | None = None,
    seeds: int | None = None,
    first_seed: int = 0,
    label_fractions: Iterable[float] | None = None,
    tracks: Iterable[str] = ("U", "F"),
    budget: str = "quick",
    steps: int | None = None,
    data_dir: str | Path | None = None,
    precision: str | None = None,
    shard: tuple[int, int] = (1, 1),
) -> tuple[Suite, int, list[Cell]]:
    """Checks what was asked for: the suite, the steps of training and the cells."""
    plan_budget = choose(BUDGETS, budget, "budget")
    loaded = suite if isinstance(suite, Suite) else load_suite(suite)
    if precision is not None:
        defaults = {**loaded.defaults, "precision": precision}
        loaded = dataclasses.replace(loaded, defaults=defaults)
    choose(PRECISIONS, loaded.defaults.get("precision", "float32"), "precision")
    if steps is not None and steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    length = steps or plan_budget.steps or loaded.defaults["steps"]
    chosen_scenarios = None if scenarios is None else list(scenarios)
    loaded = _with_files(loaded, chosen_scenarios, data_dir)
    cells = make_plan(
        loaded,
        methods=methods,
        scenarios=chosen_scenarios,
        label_fractions=label_fractions,
        tracks=tracks,
        seeds=plan_budget.seeds if seeds is None else seeds,
        configuration_count=plan_budget.configurations,
        first_seed=first_seed,
    )
    return loaded, length, shard_of(cells, *shard)


def scenario_data(
    scenario: Scenario, seeds: Iterable[int], data_dir: str | Path | None
) -> tuple[dict[int, ScenarioData], list[str]]:
    """Builds a scenario's data by seed, and collects what there is to say of them."""
    built = {s: build(scenario, seed=s, data_dir=data_dir) for s in seeds}
    return same_width(built), [note for d in built.values() for note in d.notes]


def with_keys(
    cells: list[Cell], suite: Suite, data: dict[int, ScenarioData], steps: int
) -> list[list[tuple[Cell, GroupKeys]]]:
    """Puts cells that train together into batches, with their keys."""
    return [
        [(cell, keys_of(cell, suite, data, steps, len(batch))) for cell in batch]
        for batch in batches(cells)
    ]


def finished(
    store: RowStore,
    expected: list[tuple[Cell, GroupKeys]],
    suite: Suite,
    data: dict[int, ScenarioData],
    steps: int,
    retry: tuple[str, ...],
    stale: str,
) -> set[str]:
    """Groups that need not run: there already, or there of an older source to keep."""
    wanted = {keys.group: cell.seeds for cell, keys in expected}
    done = store.complete_groups(wanted, retry=retry)
    if stale != "keep":
        return done
    old = [row for row in store.read()[0] if is_stale(row)]
    prints = {seed: one.fingerprint for seed, one in data.items()}
    return done | {
        keys.group
        for cell, keys in expected
        if keys.group not in done
        and matching_stale(na_rows(cell, suite, keys, "ok", ""), prints, steps, old)
    }


def _with_files(
    suite: Suite,
    scenarios: list[str] | None,
    data_dir: str | Path | None,
) -> Suite:
    """Reads the files that the chosen scenarios declare, before anything is trained."""
    chosen = [s for s in suite.scenarios if scenarios is None or s.name in scenarios]
    read = {scenario.name: scenario for scenario in resolve(chosen, data_dir)}
    for scenario in read.values():
        if declared(scenario.target.domain):
            tell(set(), filter(None, [explain_label_sets(scenario)]))
    every = tuple(read.get(s.name, s) for s in suite.scenarios)
    return dataclasses.replace(suite, scenarios=every)


def tell(told: set[str], notes: Iterable[str]) -> None:
    """Logs notes on the data, each once."""
    for note in notes:
        if note not in told:
            told.add(note)
            log_event("data_note", note)


def in_blocks(cells: list[Cell]) -> Iterator[tuple[Scenario, list[Cell]]]:
    """Yields scenarios with the cells of a block of methods, one block at a time."""
    names = list(dict.fromkeys(cell.method.name for cell in cells))
    for start in range(0, len(names), BLOCK):
        block = names[start : start + BLOCK]
        chosen = [cell for cell in cells if cell.method.name in block]
        for _, own in itertools.groupby(chosen, lambda cell: cell.scenario.name):
            members = list(own)
            yield members[0].scenario, members
