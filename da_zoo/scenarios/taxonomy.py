"""Domains, tasks and the four cases, computed.

Pan and Yang ("A Survey on Transfer Learning", TKDE 2010): a domain is an input space
with a distribution P(X), a task is a label space with a distribution P(Y | X). In code
both are tuples of rules, equal iff every part is equal.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from da_zoo.scenarios.label_sets import relation
from da_zoo.scenarios.maps import LABEL_MAPS, SELECTIONS

__all__ = ["Domain", "Scenario", "Side", "Task"]


@dataclass(frozen=True)
class Domain:
    """Where inputs come from.

    Two disjoint random draws of a pool under one rule are one domain; a restriction to
    some classes, or a biased selection, changes P(X) and is another.
    """

    pool: str
    selection: str = "all"
    input_map: str = "plain"


@dataclass(frozen=True)
class Task:
    """What is to be predicted: a label space, and the map from the pool's labels."""

    label_space: str
    label_map: str

    @property
    def count(self) -> int:
        """How many classes there are, or numbers to predict."""
        return LABEL_MAPS[self.label_map].classes

    @property
    def continuous(self) -> bool:
        """Whether numbers are to be predicted, not classes."""
        return LABEL_MAPS[self.label_map].continuous

    @property
    def metric(self) -> str:
        """What the leaderboard ranks by."""
        return "rmse" if self.continuous else "accuracy"

    def classes_in(self, domain: Domain) -> frozenset[int]:
        """Returns the classes that rows of a domain can have."""
        rule = SELECTIONS[domain.selection]
        if not isinstance(rule, tuple):
            return frozenset(range(self.count))
        return frozenset(LABEL_MAPS[self.label_map].apply(np.asarray(rule)).tolist())

    def class_name(self, number: int) -> str:
        """Returns what a class is called."""
        return str(number)


@dataclass(frozen=True)
class Side:
    """One end of a transfer."""

    domain: Domain
    task: Task

    @property
    def classes(self) -> frozenset[int]:
        """The classes that its rows can have."""
        return self.task.classes_in(self.domain)


@dataclass(frozen=True)
class Scenario:
    """A source, a target, and what the pair is there to show."""

    name: str
    source: Side
    target: Side
    role: str = ""
    more_sources: tuple[Side, ...] = ()
    """Further sources, of the first one's task."""

    def __post_init__(self) -> None:
        if any(side.task != self.source.task for side in self.more_sources):
            raise ValueError(
                f"scenario {self.name!r}: all sources must have one task, got "
                f"{sorted({side.task.label_map for side in self.sources})}"
            )

    @property
    def sources(self) -> tuple[Side, ...]:
        """All sources, the first one first."""
        return (self.source, *self.more_sources)

    @property
    def same_domain(self) -> bool:
        """Whether P(X) is the same; with several sources, in every one of them."""
        return all(side.domain == self.target.domain for side in self.sources)

    @property
    def same_task(self) -> bool:
        """Whether label space and P(Y | X) are the same."""
        return self.source.task == self.target.task

    @property
    def label_sets(self) -> str:
        """How the target's classes relate to the sources'.

        "closed": the same; "partial": the target lacks some; "open": it has others.
        """
        return relation(self.sources, self.target)

    @property
    def case(self) -> int:
        """The relationship, 1 to 4.

        1 same domain and task, 2 same domain and another task, 3 another domain and the
        same task, 4 both different.

        Example:
            >>> digit = Task("digit", "digit")
            >>> plain, inverted = Domain("digits8"), Domain("digits8", "all", "invert")
            >>> Scenario("s", Side(plain, digit), Side(inverted, digit)).case
            3
        """
        return 1 + (not self.same_task) + 2 * (not self.same_domain)

    def described(self) -> dict[str, Any]:
        """Returns all that it is, as plain values, without where files lie.

        Example:
            >>> side = Side(Domain("digits8"), Task("digit", "digit"))
            >>> Scenario("s", side, side).described()["target"]["domain"]["pool"]
            'digits8'
        """
        told = dataclasses.asdict(self)
        for side in (told["source"], told["target"], *told["more_sources"]):
            for place in ("file", "test_file", "folder", "prepared"):
                side["domain"].pop(place, None)
        return told
