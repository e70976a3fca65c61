"""Scenarios: domains and tasks, the four cases, and the suites that use them."""

from da_zoo.data.splits import labelled_rows
from da_zoo.scenarios.build import ScenarioData, build
from da_zoo.scenarios.suite import Suite, list_suites, load_suite
from da_zoo.scenarios.taxonomy import Domain, Scenario, Side, Task

__all__ = [
    "Domain",
    "Scenario",
    "ScenarioData",
    "Side",
    "Suite",
    "Task",
    "build",
    "labelled_rows",
    "list_suites",
    "load_suite",
]
