"""Are two sides one domain? Distances, each against what chance alone gives."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from da_zoo.transferability import coral_distance, mmd, proxy_a_distance

__all__ = ["LEVEL", "PERMUTATIONS", "Distance", "measure", "told_apart"]

PERMUTATIONS = 199
LEVEL = 0.05
"""How often sides of one domain are taken for two, by all distances together."""
DISTANCES = {
    "proxy_a_distance": proxy_a_distance,
    "mmd": mmd,
    "coral_distance": coral_distance,
}


class Distance(NamedTuple):
    """A distance, beside its distribution over random divisions of the same rows."""

    value: float
    chance: float
    """95 % of the random divisions are at most so far apart."""
    p: float
    """Share of divisions, the real one among them, that are at least as far apart."""


def measure(
    source: Float[np.ndarray, "n d"],
    target: Float[np.ndarray, "m d"],
    *,
    seed: int = 0,
    permutations: int = PERMUTATIONS,
) -> dict[str, Distance]:
    """Measures all distances, with permutation tests.

    Args:
        source: standardised columns; a few hundred rows are enough.
        target: likewise.
        seed: of split and permutations.
        permutations: random divisions into sides of the same sizes, at least 59, with
            which the smallest p is under a third of :data:`LEVEL`.

    Raises:
        ValueError: for fewer permutations.

    Example:
        >>> x, y = np.random.default_rng(0).normal(size=(2, 60, 2))
        >>> found = measure(x, y + 3.0, permutations=59)
        >>> found["proxy_a_distance"].value > found["proxy_a_distance"].chance
        True

    References:
        Gretton et al., "A Kernel Two-Sample Test", JMLR 2012 (permutation of the joint
        sample); Phipson and Smyth, "Permutation P-values Should Never Be Zero", 2010.
    """
    if permutations < 59:
        raise ValueError(f"permutations must be at least 59, got {permutations}")
    both, cut = np.concatenate([source, target]), len(source)
    draws = np.random.default_rng([seed, 0xD15])
    orders = [np.arange(len(both))]
    orders += [draws.permutation(len(both)) for _ in range(permutations)]
    found = {}
    for name, distance in DISTANCES.items():
        values = np.array(
            [distance(source=both[o[:cut]], target=both[o[cut:]]) for o in orders]
        )
        chance = float(np.quantile(values[1:], 1.0 - LEVEL))
        # Equal rows may differ in the last digit by their order alone.
        least = values[0] - 1e-6 * abs(values[0])
        found[name] = Distance(
            float(values[0]), chance, float(np.mean(values >= least))
        )
    return found


def told_apart(distances: dict[str, Distance]) -> bool:
    """Says whether any distance is beyond chance, corrected for their number.

    Example:
        >>> told_apart({"mmd": Distance(1.0, 0.1, 0.005)})
        True
    """
    return any(d.p <= LEVEL / len(distances) for d in distances.values())
