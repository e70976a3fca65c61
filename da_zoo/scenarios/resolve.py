"""Fills in what only the files can say: classes, label sets, skewed classes."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path

from da_zoo.data.domain_data import in_order
from da_zoo.scenarios.declared import DeclaredDomain, DeclaredTask, declared
from da_zoo.scenarios.declared_data import declared_parts, read_side
from da_zoo.scenarios.taxonomy import Scenario, Side

__all__ = ["SKEWED", "explain_label_sets", "resolve"]

SKEWED = 0.6
"""Where one class has more of a source's rows, the balanced accuracy ranks."""
PARTIAL = "pada"
"""The method made for partial label sets; it is defined everywhere else as well."""


def resolve(
    scenarios: Iterable[Scenario], data_dir: str | Path | None
) -> tuple[Scenario, ...]:
    """Reads the files of declared scenarios, and fills in what they say.

    Args:
        scenarios: of a suite; those over pools that the package knows stay as they are.
        data_dir: folder of the files.

    Returns:
        Scenarios whose tasks have classes and a metric, and whose domains say which
        classes their rows have, so that label sets can be compared. A task that does
        not say what it is ranked by has one metric in all of them.

    Raises:
        ValueError: if a file is missing or not what it should be, or two files have no
            class in common.

    Example:
        >>> from da_zoo.scenarios import load_suite
        >>> scenarios = load_suite("embedded").scenarios
        >>> resolve(scenarios, None) == scenarios
        True
    """
    scenarios = tuple(scenarios)
    if all(map(_complete, scenarios)):
        return scenarios
    sides = {
        side: _count(side, data_dir)
        for scenario in scenarios
        for side in (*scenario.sources, scenario.target)
        if declared(side.domain)
    }
    metrics = {
        side.task: _metric(side.task, scenarios, sides)
        for side in sides
        if isinstance(side.task, DeclaredTask)
    }
    return tuple(_resolved(scenario, sides, metrics) for scenario in scenarios)


def _complete(scenario: Scenario) -> bool:
    """Whether there is nothing to fill in."""
    tasks = [(s.domain, s.task) for s in (*scenario.sources, scenario.target)]
    return all(
        not isinstance(domain, DeclaredDomain) or task.continuous or bool(domain.held)
        for domain, task in tasks
    )


def _count(side: Side, data_dir: str | Path | None) -> Counter[str]:
    """Rows by class; of values there is nothing to count."""
    return Counter(name for part in read_side(side, data_dir) for name in part.names)


def _metric(
    task: DeclaredTask,
    scenarios: Collection[Scenario],
    sides: dict[Side, Counter[str]],
) -> str:
    if task.metric:
        return task.metric
    own = [s for scenario in scenarios for s in scenario.sources if s.task == task]
    own = own or [side for side in sides if side.task == task]
    shares = [max(sides[s].values()) / sides[s].total() for s in own]
    return "balanced_accuracy" if max(shares) > SKEWED else "accuracy"


def _resolved(
    scenario: Scenario,
    sides: dict[Side, Counter[str]],
    metrics: dict[DeclaredTask, str],
) -> Scenario:
    if not declared(scenario.target.domain):
        return scenario
    every = (*scenario.sources, scenario.target)

    def filled(side: Side) -> Side:
        domain, task = declared_parts(side)
        if task.continuous:
            return side
        found = {name for other in every if other.task == task for name in sides[other]}
        classes = task.classes or in_order(found)
        held = tuple(name for name in classes if name in sides[side])
        return Side(
            replace(domain, held=held),
            replace(task, classes=classes, metric=metrics[task]),
        )

    new = replace(
        scenario,
        source=filled(scenario.source),
        target=filled(scenario.target),
        more_sources=tuple(map(filled, scenario.more_sources)),
    )
    known = frozenset[int]().union(*(side.classes for side in new.sources))
    if new.same_task and not known & new.target.classes:
        raise ValueError(
            f"scenario {new.name!r}: source and target have no class in common, "
            f"{_listed(new.source, known)} and "
            f"{_listed(new.target, new.target.classes)}; name those that are the same "
            "alike with merge = {...}, or declare two tasks"
        )
    return new


def _listed(side: Side, classes: Iterable[int]) -> str:
    names = [side.task.class_name(number) for number in sorted(classes)]
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return ", ".join(names[:8]) + more


def explain_label_sets(scenario: Scenario) -> str:
    """Says how the classes of a scenario differ, and which methods are for that.

    Returns:
        "" where source and target have the same classes.

    Example:
        >>> from da_zoo.scenarios import load_suite
        >>> told = explain_label_sets(load_suite("embedded_partial").scenarios[0])
        >>> told.split(":")[1]
        ' the target lacks the classes 5, 6, 7, 8, 9 of the source'
    """
    relation = scenario.label_sets
    if relation == "closed":
        return ""
    from da_zoo.methods import METHODS

    known = frozenset[int]().union(*(side.classes for side in scenario.sources))
    wanted = scenario.target.classes
    lacking = _listed(scenario.target, known - wanted)
    told = f"{scenario.name}: the target "
    if relation == "partial":
        return (
            f"{told}lacks the classes {lacking} of the source: label sets are "
            f"partial. {PARTIAL} is for that; methods that match whole distributions "
            "may do harm."
        )
    own = ", ".join(name for name, spec in METHODS.items() if spec.predicts_unknown)
    lacks = f" and lacks {lacking}" if known - wanted else ""
    return (
        f"{told}has the classes {_listed(scenario.target, wanted - known)}, which the "
        f"source has not{lacks}: label sets are open. They count as one class, "
        f"unknown: {own} predicts it, other methods answer so where they are not sure; "
        "with target labels (track F) nothing is defined."
    )
