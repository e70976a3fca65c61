"""Are two sides one domain? Distances, each against what chance alone gives."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from da_zoo.losses.mmd import gaussian_kernels, kernel_variances, squared_distances
from da_zoo.transferability import coral_distance, proxy_a_distance

__all__ = ["LEVEL", "PERMUTATIONS", "Distance", "measure", "told_apart"]

PERMUTATIONS = 199
LEVEL = 0.05
"""How often sides of one domain are taken for two, by all distances together."""


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
    first = np.zeros((len(orders), len(both)), bool)
    for number, order in enumerate(orders):
        first[number, order[:cut]] = True
    pairs = [(both[order[:cut]], both[order[cut:]]) for order in orders]
    measured = {
        "proxy_a_distance": [proxy_a_distance(source=s, target=t) for s, t in pairs],
        "mmd": _mmd_of_divisions(both.astype(np.float32), first),
        "coral_distance": [coral_distance(source=s, target=t) for s, t in pairs],
    }
    found = {}
    for name, every in measured.items():
        values = np.asarray(every)
        chance = float(np.quantile(values[1:], 1.0 - LEVEL))
        # Equal rows may differ in the last digit by their order alone.
        least = values[0] - 1e-6 * abs(values[0])
        found[name] = Distance(
            float(values[0]), chance, float(np.mean(values >= least))
        )
    return found


@jax.jit
def _mmd_of_divisions(
    rows: Float[Array, "n d"], first: Bool[Array, "k n"]
) -> Float[Array, " k"]:
    """The unbiased squared MMD of k divisions of the same rows: one kernel matrix.

    The bandwidths depend on all rows together, so they are the same for all divisions.
    """
    squared = squared_distances(rows, rows)
    kernel = gaussian_kernels(squared, kernel_variances(jnp.mean(squared), None))
    kernel = kernel * (1.0 - jnp.eye(rows.shape[0]))
    s = first.astype(jnp.float32)
    t = 1.0 - s
    n, m = jnp.sum(s[0]), jnp.sum(t[0])
    from_s = s @ kernel
    within_s = jnp.sum(from_s * s, axis=1) / (n * (n - 1.0))
    within_t = jnp.sum((t @ kernel) * t, axis=1) / (m * (m - 1.0))
    return within_s + within_t - 2.0 * jnp.sum(from_s * t, axis=1) / (n * m)


def told_apart(distances: dict[str, Distance]) -> bool:
    """Says whether any distance is beyond chance, corrected for their number.

    Example:
        >>> told_apart({"mmd": Distance(1.0, 0.1, 0.005)})
        True
    """
    return any(d.p <= LEVEL / len(distances) for d in distances.values())
