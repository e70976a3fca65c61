"""What a benchmark will run: row groups, each a method in one cell, all its seeds."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from da_zoo.methods import METHODS
from da_zoo.naming import check_names
from da_zoo.registry import (
    Hyperparameter,
    MethodSpec,
    ShallowSpec,
    hyperparameter_names,
)
from da_zoo.scenarios import Scenario, Suite
from da_zoo.scenarios.regression import is_continuous

__all__ = [
    "BUDGETS",
    "Budget",
    "Cell",
    "batches",
    "configurations",
    "make_plan",
    "method_values",
    "point",
    "shard_of",
]

NOT_SETTINGS = (
    "network",
    "network_options",
    "precision",
    "steps",
    "batch_size",
    "methods",
)
"""Keys of a suite's [defaults] that are no keyword arguments of a method."""


class Budget(NamedTuple):
    """How much every method gets: the same for all."""

    configurations: int
    seeds: int
    steps: int | None
    """None: what the suite says."""


BUDGETS: dict[str, Budget] = {
    "smoke": Budget(1, 1, 100),
    "quick": Budget(1, 5, None),
    "standard": Budget(8, 5, None),
    "full": Budget(20, 10, None),
}


class Cell(NamedTuple):
    """A row group: one method, scenario, track, label fraction and configuration."""

    scenario: Scenario
    track: str
    label_fraction: float | None
    method: MethodSpec | ShallowSpec
    configuration: int
    values: dict[str, Any]
    seeds: tuple[int, ...]
    undefined: str
    """Why the cell is n/a; "" where it runs."""


def _draw(hyperparameter: Hyperparameter, generator: np.random.Generator) -> Any:
    low, high = hyperparameter.low, hyperparameter.high
    if hyperparameter.scale == "choice":
        index = generator.integers(len(hyperparameter.choices))
        return hyperparameter.choices[index]
    if low is None or high is None:
        return hyperparameter.default
    if hyperparameter.scale == "log":
        return float(np.exp(generator.uniform(np.log(low), np.log(high))))
    return float(generator.uniform(low, high))


LEARNING_RATE = Hyperparameter("learning_rate", None, 1e-4, 1e-2)
"""What is trained by gradients has it; the others are the registry entry's."""


def _space(spec: MethodSpec | ShallowSpec) -> tuple[Hyperparameter, ...]:
    shallow = isinstance(spec, ShallowSpec)
    return spec.hparams if shallow else (LEARNING_RATE, *spec.hparams)


def _registry(names: Iterable[str]) -> dict[str, MethodSpec | ShallowSpec]:
    """The registries that hold the names; shallow methods take a second to import."""
    if all(name in METHODS for name in names):
        return dict(METHODS)
    from da_zoo.shallow import SHALLOW

    return {**METHODS, **SHALLOW}


def _chosen(methods: Iterable[str] | None) -> list[MethodSpec | ShallowSpec]:
    """Looks names up; "shallow" stands for every shallow method, None for the rest."""
    names = list(METHODS) if methods is None else list(methods)
    known = _registry(names)
    check_names(names, (*known, "shallow"), "method")
    shallow = [name for name, spec in known.items() if isinstance(spec, ShallowSpec)]
    every = [n for name in names for n in (shallow if name == "shallow" else [name])]
    return [known[name] for name in dict.fromkeys(every)]


def configurations(
    spec: MethodSpec | ShallowSpec, defaults: Mapping[str, Any], count: int
) -> list[dict[str, Any]]:
    """Returns ``count`` configurations of a method; number 0 is the defaults.

    Fewer, where the space has fewer points: no two are equal.

    The space is the registry's, the same for every scenario; each hyper-parameter has a
    random stream of its own, seeded by its name, so that adding one changes no other.

    Args:
        spec: the registry entry.
        defaults: values of configuration 0, from :func:`method_values`.
        count: at least 1.

    Example:
        >>> configurations(METHODS["ddc"], {"trade_off": 1.0}, 1)
        [{'trade_off': 1.0}]
    """
    result = [dict(defaults)]
    for number in range(1, count):
        drawn = dict(defaults)
        for hyperparameter in _space(spec):
            if hyperparameter.scale == "choice" and not hyperparameter.choices:
                continue
            name = f"{spec.name}/{hyperparameter.name}/{number}"
            words = hashlib.sha256(name.encode()).digest()[:8]
            generator = np.random.default_rng(int.from_bytes(words, "big"))
            drawn[hyperparameter.name] = _draw(hyperparameter, generator)
        if drawn not in result:  # the same twice would be one row group, twice
            result.append(drawn)
    return result


def method_values(spec: MethodSpec | ShallowSpec, suite: Suite) -> dict[str, Any]:
    """Returns what a suite's one [defaults] table says about a method.

    What it says about all methods concerns networks, so shallow ones get none of it.

    Raises:
        ValueError: for a method or hyper-parameter that does not exist.
    """
    shared = {k: v for k, v in suite.defaults.items() if k not in NOT_SETTINGS}
    tables = suite.defaults.get("methods", {})
    check_names(tables, _registry(tables), "method in [defaults.methods]")
    own = dict(tables.get(spec.name, {}))
    check_names(own, hyperparameter_names(spec), f"{spec.name} hyper-parameter")
    values = own if isinstance(spec, ShallowSpec) else shared | own
    return {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}


def _tracks(
    tracks: Iterable[str], fractions: Iterable[float]
) -> list[tuple[str, float | None]]:
    every = [("U", None), *(("F", fraction) for fraction in fractions)]
    return [(track, fraction) for track, fraction in every if track in tracks]


def make_plan(
    suite: Suite,
    *,
    methods: Iterable[str] | None = None,
    scenarios: Iterable[str] | None = None,
    label_fractions: Iterable[float] | None = None,
    tracks: Iterable[str] = ("U", "F"),
    seeds: int = 5,
    configuration_count: int = 1,
    first_seed: int = 0,
) -> list[Cell]:
    """Lays out every cell of a benchmark.

    Args:
        suite: the scenarios and their one table of defaults.
        methods: registry names, "shallow" for every shallow one; None means all that
            are not shallow.
        scenarios: names; None means all of the suite's.
        label_fractions: of the target-train rows, in (0, 1]; None means the suite's.
        tracks: of "U" and "F".
        seeds: how many.
        configuration_count: 1 means the defaults alone.
        first_seed: the smallest; the others follow it.

    Returns:
        The cells, scenario by scenario. ``target_only`` at 100 % (the oracle) is in
        every scenario that any method of track F runs in.

    Raises:
        ValueError: for unknown names, fractions out of range or no seeds.
    """
    known = {scenario.name: scenario for scenario in suite.scenarios}
    methods = None if methods is None else list(methods)
    scenarios = None if scenarios is None else list(scenarios)
    tracks = list(tracks)
    for what, names in (
        ("methods", methods),
        ("scenarios", scenarios),
        ("tracks", tracks),
    ):
        if names is not None and not names:
            raise ValueError(f"{what} is empty: name one, or leave it out for all")
    chosen_methods = _chosen(methods)
    chosen = list(known) if scenarios is None else scenarios
    check_names(chosen, known, f"scenario of suite {suite.name!r}")
    check_names(tracks, ("U", "F"), "track")
    fractions = suite.label_fractions if label_fractions is None else label_fractions
    fractions = sorted({float(fraction) for fraction in fractions})
    for share in fractions:
        if not 0 < share <= 1:
            raise ValueError(f"label_fractions must be in (0, 1], got {share}")
    if seeds < 1:
        raise ValueError(f"seeds must be at least 1, got {seeds}")
    if first_seed < 0:
        raise ValueError(f"first_seed must be at least 0, got {first_seed}")
    cells = []
    for name in chosen:
        scenario = known[name]
        for track, fraction in _tracks(tracks, _with_oracle(fractions)):
            for spec in chosen_methods:
                oracle_only = fraction is not None and fraction not in fractions
                if oracle_only and spec.name != "target_only":
                    continue
                values = method_values(spec, suite)
                for number, drawn in enumerate(
                    configurations(spec, values, configuration_count)
                ):
                    undefined = spec.undefined(
                        scenario.case,
                        track,
                        label_sets=scenario.label_sets,
                        continuous=is_continuous(scenario),
                    )
                    if undefined and number:
                        continue
                    cells.append(
                        Cell(
                            scenario,
                            track,
                            fraction,
                            spec,
                            number,
                            drawn,
                            tuple(range(first_seed, first_seed + seeds)),
                            undefined,
                        )
                    )
    return cells


def shard_of(cells: Iterable[Cell], number: int, of: int) -> list[Cell]:
    """Returns one machine's share of a plan; the shares are disjoint and all of it.

    Args:
        cells: the whole plan.
        number: which share, from 1.
        of: how many there are.

    Returns:
        Every ``of``-th method of each scenario; configurations of one method stay
        together, for they share a program.

    Raises:
        ValueError: if ``number`` is not in 1..of.

    Example:
        >>> shard_of([], 1, 2)
        []
    """
    if not 1 <= number <= of:
        raise ValueError(f"shard must be i/n with 1 <= i <= n, got {number}/{of}")
    places: dict[Any, int] = {}
    kept = []
    for cell in cells:
        name = (cell.scenario.name, cell.track, cell.label_fraction, cell.method.name)
        if places.setdefault(name, len(places)) % of == number - 1:
            kept.append(cell)
    return kept


def _with_oracle(fractions: list[float]) -> list[float]:
    return fractions if not fractions or 1.0 in fractions else [*fractions, 1.0]


def point(cell: Cell) -> dict[str, float]:
    """Returns the values of a cell that may be a batch axis of one program."""
    traced = _traced(cell)
    return {name: value for name, value in cell.values.items() if name in traced}


def _traced(cell: Cell) -> set[str]:
    return {h.name for h in _space(cell.method) if h.traced}


def batches(cells: Iterable[Cell]) -> list[list[Cell]]:
    """Puts together the cells that one program trains: configurations of one method.

    Args:
        cells: of one scenario.

    Returns:
        Cells that differ in traced values alone, in the order of the first of each.
    """
    found: dict[Any, list[Cell]] = {}
    for cell in cells:
        traced = _traced(cell)
        usual = {h.name: h.default for h in cell.method.hparams} | cell.values
        static = sorted((k, v) for k, v in usual.items() if k not in traced)
        where = (cell.track, cell.label_fraction, cell.method.name, cell.undefined)
        found.setdefault((*where, repr(static)), []).append(cell)
    return list(found.values())
