"""Labels that come one after another, numbered once all are known."""

import array
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from da_zoo.data.domain_data import class_name, in_order

__all__ = ["NOT_GIVEN", "StreamedLabels"]

NOT_GIVEN = object()
"""Added in place of a label where there are none at all."""


class StreamedLabels:
    """Four bytes a label, whatever its name.

    Args:
        name: how messages call the data.
        regression: whether labels are values.
        classes: names in the order of their numbers; None sorts those found.

    Example:
        >>> labels = StreamedLabels("a", False, None)
        >>> for name in ("b", None, "a"):
        ...     labels.add(name)
        >>> labels.names(), labels.numbers().tolist()
        (('a', 'b'), [1, -1, 0])
    """

    def __init__(
        self, name: str, regression: bool, classes: Sequence[str] | None
    ) -> None:
        self.name, self.regression, self.classes = name, regression, classes
        self._numbers: dict[str, int] = {}
        self._values: array.array[Any] = array.array("f" if regression else "i")

    def add(self, cell: Any) -> None:
        """Takes the next label; None, NaN and "" are none.

        Raises:
            ValueError: if it should be a number and is none.
        """
        if cell is NOT_GIVEN:
            return
        if hasattr(cell, "item"):
            cell = cell.item()
        there = cell is not None and cell == cell and cell != ""
        if not self.regression:
            known = self._numbers
            number = known.setdefault(class_name(cell), len(known)) if there else -1
            self._values.append(number)
            return
        try:
            value = float(cell) if there else np.nan
        except (TypeError, ValueError):
            value = np.inf
        if np.isinf(value):
            raise ValueError(
                f"{self.name}, row {len(self._values)}: the label {cell!r} is no "
                "finite number, which a regression needs"
            )
        self._values.append(value)

    def names(self) -> tuple[str, ...]:
        """Returns the classes.

        Raises:
            ValueError: for a class that is not among those given.
        """
        if self.classes is None:
            return in_order(self._numbers)
        known = tuple(self.classes)
        if len(set(known)) < len(known):
            raise ValueError(f"{self.name}: classes holds a name twice: {list(known)}")
        if strangers := sorted(set(self._numbers) - set(known)):
            raise ValueError(
                f"{self.name} has the classes {strangers}, which are not among "
                f"{list(known)}"
            )
        return known

    def numbers(self) -> Int[np.ndarray, " n"] | Float[np.ndarray, " n"]:
        """Returns int32 with -1, or float32 with NaN, where there is no label."""
        if self.regression:
            return np.array(self._values, np.float32)
        place = {name: number for number, name in enumerate(self.names())}
        renumbered = [place[name] for name in self._numbers]
        return np.array([*renumbered, -1], np.int32)[np.array(self._values, np.int64)]
