"""Domains and tasks that a suite file declares, over files of the user's own."""

from dataclasses import dataclass, field
from typing import Any, TypeGuard

import numpy as np
from jaxtyping import Float, Int

from da_zoo.data.domain_data import DomainData
from da_zoo.scenarios.taxonomy import Domain, Task

__all__ = ["METRICS", "OWN", "DeclaredDomain", "DeclaredTask", "declared"]

METRICS = ("accuracy", "balanced_accuracy", "macro_f1")
"""What a task with classes can be ranked by."""
OWN = "own"
"""The share of test rows that stands for the set's own test rows."""

Options = tuple[tuple[str, Any], ...]
"""Keyword arguments as pairs: a dataclass that is hashed can hold no dictionary."""


@dataclass(frozen=True)
class DeclaredDomain(Domain):
    """A domain whose rows are a file's; ``pool`` is the name that the suite gives it.

    Example:
        >>> DeclaredDomain("cleveland", file="cleveland.csv").test
        0.25
    """

    file: str = ""
    """Or folder, or ``tfds:<name>``, as the suite has it."""
    test_file: str = ""
    """Whose rows are the test rows; "" takes them from ``file``."""
    folder: str = ""
    """Where a relative file is looked for after the folder that --data names."""
    prepared: str = ""
    """The same rows as ``tfds:<name>``, which is read where the file is not there."""
    part: str = ""
    """Which of the file's domains it is, where the file holds several."""
    reading: Options = ()
    """For :func:`da_zoo.data.readers.read.read`."""
    missing_in: tuple[tuple[str, tuple[Any, ...]], ...] = ()
    """Pairs of a table's column and the values that stand for none there."""
    encoding: Options = ()
    """For the encoder's ``fit``; the same on both sides of a scenario."""
    test: float | str = 0.25
    """Share of the rows, by class; or :data:`OWN`."""
    validation: float = 0.15
    classes: tuple[str, ...] = ()
    """The only classes to keep, named as the task has them; () keeps all."""
    held: tuple[str, ...] = field(default=(), compare=False)
    """Classes that its rows have, by the side's task, once they were read."""


@dataclass(frozen=True)
class DeclaredTask(Task):
    """Labels of files as classes, by name, or as values.

    Example:
        >>> task = DeclaredTask("good", "good", ("no", "yes"), threshold=6.0)
        >>> task.count, task.metric
        (2, 'accuracy')
    """

    classes: tuple[str, ...] = ()
    """In the order of their numbers; () until the rows were read."""
    continuous: bool = False
    threshold: float | None = None
    """Labels are values: the first of two classes lies below it."""
    merge: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Pairs of a class and what the files call it; () where they call it so too."""
    metric: str = "accuracy"
    """"" until the rows were read and say whether the classes are skewed."""

    @property
    def count(self) -> int:
        """How many classes there are (0 until known), or numbers to predict."""
        return 1 if self.continuous else len(self.classes)

    @property
    def reads_values(self) -> bool:
        """Whether the files' labels are read as numbers."""
        return self.continuous or self.threshold is not None

    def classes_in(self, domain: Domain) -> frozenset[int]:
        """Returns the classes that rows of a domain have."""
        if self.continuous:
            return frozenset({0})
        known = (domain.held or domain.classes) if declared(domain) else ()
        return frozenset(
            number
            for number, name in enumerate(self.classes)
            if not known or name in known
        )

    def class_name(self, number: int) -> str:
        """Returns what a class is called."""
        return self.classes[number]

    def names(self, data: DomainData, kept: tuple[str, ...] = ()) -> list[str]:
        """Names the class of every row, as the task has it.

        Args:
            data: with labels.
            kept: the only classes to keep; () keeps all.

        Returns:
            "" for a row without a label, or of a class that is not kept.

        Raises:
            ValueError: for a label that the task does not know of, where all are kept.
        """
        if data.labels is None:
            raise ValueError(f"{data.name} was read without labels")
        if self.threshold is not None:
            below, above = self.classes
            called = np.where(data.labels < self.threshold, below, above).tolist()
        else:
            new = {old: name for name, olds in self.merge for old in olds}
            known = [new.get(old, "") if self.merge else old for old in data.classes]
            if not kept:
                self._check(data, known)
            called = [known[label] for label in data.labels.tolist()]
        return [
            name if there and (not kept or name in kept) else ""
            for name, there in zip(called, data.labelled.tolist(), strict=True)
        ]

    def _check(self, data: DomainData, called: list[str]) -> None:
        used = sorted(set(np.asarray(data.labels)[data.labelled].tolist()))
        known = set(self.classes) - {""}
        lost = [
            data.classes[number]
            for number in used
            if not called[number] or (known and called[number] not in known)
        ]
        if lost:
            names = [old for _, olds in self.merge for old in olds] or self.classes
            raise ValueError(
                f"task {self.label_space!r} does not know the classes {lost} of "
                f"{data.name}; it has {list(names)}. Name them in the task's classes "
                "or merge, or keep some of the domain's with its classes = [...]"
            )

    def numbers(self, names: list[str]) -> Int[np.ndarray, " n"]:
        """Numbers classes by their names."""
        place = {name: number for number, name in enumerate(self.classes)}
        return np.array([place[name] for name in names], np.int32)

    def values(self, data: DomainData) -> Float[np.ndarray, "n 1"]:
        """Returns the labels as one column of values."""
        return np.asarray(data.labels, np.float32)[:, None]


def declared(domain: Domain) -> TypeGuard[DeclaredDomain]:
    """Says whether a suite file declares the domain.

    Example:
        >>> declared(Domain("digits8"))
        False
    """
    return isinstance(domain, DeclaredDomain)
