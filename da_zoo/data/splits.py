"""Splits: which rows of a pool are trained on, and which labels they have."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Num

__all__ = ["Split", "labelled_rows"]


class Split(NamedTuple):
    """Rows of a pool, with labels."""

    pool: Num[np.ndarray, "m ..."]
    """float32, or uint8 pixels 0..255 (training scales them to [0, 1] itself)."""
    rows: Int[np.ndarray, " n"]
    labels: Int[np.ndarray, " n"] | Float[np.ndarray, "n k"]
    """int32, or float32 where they are continuous; aligned with ``rows``."""
    domain: Int[np.ndarray, " n"] | None = None
    """Which of several sources a row is from, ascending; None where there is one."""

    @property
    def x(self) -> Num[np.ndarray, "n ..."]:
        """The rows' inputs."""
        return self.pool[self.rows]


def labelled_rows(
    labels: Int[np.ndarray, " n"] | Float[np.ndarray, "n k"],
    fraction: float,
    *,
    seed: int,
) -> Int[np.ndarray, " q"]:
    """Draws the labelled share: stratified, and nested over fractions.

    Every class gives ``max(1, round(fraction * its rows))`` rows, the first of an order
    that depends on the seed alone, so a smaller share is part of a larger one.
    Continuous targets have no classes: all rows are one.

    Args:
        labels: of the rows to draw from.
        fraction: in (0, 1].
        seed: of the draw.

    Returns:
        Positions in ``labels``, ascending.

    Raises:
        ValueError: if the fraction is out of range or there are no rows.

    Example:
        >>> labelled_rows(np.array([0, 0, 1, 1]), 0.1, seed=0).shape
        (2,)
    """
    if not 0 < fraction <= 1:
        raise ValueError(f"fraction must be in (0, 1], got {fraction}")
    if len(labels) == 0:
        raise ValueError("there are no rows to draw a labelled share from")
    order = np.random.default_rng([seed, 0x1ABE1]).permutation(len(labels))
    strata = np.zeros(len(labels), int) if labels.dtype.kind == "f" else labels
    chosen = []
    for c in np.unique(strata):
        rows = order[strata[order] == c]
        # Half up: np.round would take 2.5 rows as 2 and 3.5 as 4.
        chosen.append(rows[: max(1, int(np.floor(fraction * len(rows) + 0.5)))])
    return np.sort(np.concatenate(chosen)).astype(np.int32)
