"""Scenarios with a continuous target: patients that come along, wines from files.

Inputs AND targets are standardised by the source's training rows, each column to mean
0 and deviation 1, for both sides alike. An error of 1 is therefore one standard
deviation of the source's target, in every scenario.
"""

import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from da_zoo.data.embedded import diabetes
from da_zoo.data.splits import Split
from da_zoo.data.wine import wine
from da_zoo.scenarios.taxonomy import Domain, Scenario

__all__ = [
    "REGRESSION_POOLS",
    "WINE_POOLS",
    "is_continuous",
    "regression_splits",
]

WINE_POOLS = ("wine_red", "wine_white")
"""Pools that are read from a folder that the user names."""
REGRESSION_POOLS = ("diabetes", *WINE_POOLS)
DIABETES_SIZES = (130, 20, 50)
"""Train, val and test rows of each side: 200 patients each, none in common."""
BMI = 2
"""The column of the body-mass index."""
TEST_SHARE, VAL_SHARE = 0.3, 0.1

Table = tuple[Float[np.ndarray, "n d"], Float[np.ndarray, " n"]]
Parts = list[Int[np.ndarray, " _"]]


def is_continuous(scenario: Scenario) -> bool:
    """Says whether a scenario's target is a number, not a class.

    Example:
        >>> from da_zoo.scenarios import load_suite
        >>> is_continuous(load_suite("regression").scenarios[0])
        True
    """
    return scenario.target.task.continuous


def _generator(seed: int, *names: str) -> np.random.Generator:
    return np.random.default_rng([seed, *(zlib.crc32(n.encode()) for n in names)])


def _cut(rows: Int[np.ndarray, " n"], sizes: Iterable[int]) -> Parts:
    return np.split(rows, np.cumsum(list(sizes))[:-1])


def _patients(scenario: Scenario, seed: int) -> list[Parts]:
    """Draws the source's patients, then the target's among those left."""
    index = diabetes()[0][:, BMI]
    z = (index - index.mean()) / index.std()
    strengths = {"all": 0.0, "low_bmi": -1.5, "high_bmi": 1.5}
    free = np.arange(len(z))
    sides = []
    for name, side in (("source", scenario.source), ("target", scenario.target)):
        draws = _generator(seed, name, side.domain.selection)
        # Gumbel top-k: sorting by log weight plus noise draws without replacement.
        score = strengths[side.domain.selection] * z[free] + draws.gumbel(
            size=len(free)
        )
        own = free[np.argsort(-score)][: sum(DIABETES_SIZES)]
        # The order of the draw is one of the index: train and test rows share theirs.
        sides.append(_cut(draws.permutation(own), DIABETES_SIZES))
        free = np.setdiff1d(free, own)
    return sides


def _wines(domain: Domain, count: int, seed: int, name: str) -> Parts:
    test, val = round(TEST_SHARE * count), round(VAL_SHARE * count)
    order = _generator(seed, name, domain.pool).permutation(count)
    return _cut(order, (count - test - val, val, test))


def _tables(
    scenario: Scenario, seed: int, data_dir: str | Path | None
) -> tuple[list[Table], list[Parts]]:
    domains = [side.domain for side in (scenario.source, scenario.target)]
    if all(domain.pool == "diabetes" for domain in domains):
        return [diabetes(), diabetes()], _patients(scenario, seed)
    if data_dir is None or not Path(data_dir).expanduser().is_dir():
        raise ValueError(
            f"scenario {scenario.name!r} reads files; name their folder with --data "
            f"(data_dir=...), got {data_dir!r}"
        )
    folder = str(Path(data_dir).expanduser())
    tables = [wine(folder, domain.pool.removeprefix("wine_")) for domain in domains]
    if domains[0].pool == domains[1].pool:  # two halves of one pool
        halves = np.array_split(
            _generator(seed, "halves").permutation(len(tables[0][1])), 2
        )
    else:
        halves = [np.arange(len(y)) for _, y in tables]
    parts = [
        [half[part] for part in _wines(domain, len(half), seed, name)]
        for domain, half, name in zip(
            domains, halves, ("source", "target"), strict=True
        )
    ]
    return tables, parts


def regression_splits(
    scenario: Scenario, seed: int, data_dir: str | Path | None
) -> list[Split]:
    """Builds the six splits of a scenario; the test rows of each side are its own.

    Args:
        scenario: both of whose pools are of :data:`REGRESSION_POOLS`.
        seed: of the split.
        data_dir: folder of the wine files.

    Returns:
        Source train, val and test, then the target's. Labels are float32 [n, 1].

    Raises:
        ValueError: if files are missing, or the source's target is constant.
    """
    tables, parts = _tables(scenario, seed, data_dir)
    (x, y), train = tables[0], parts[0][0]
    centre, spread = x[train].mean(axis=0), x[train].std(axis=0) + 1e-8
    middle, deviation = y[train].mean(), y[train].std()
    if deviation == 0:
        raise ValueError(f"scenario {scenario.name!r}: the source's target is constant")
    splits = []
    for (inputs, values), own in zip(tables, parts, strict=True):
        pool = ((inputs - centre) / spread).astype(np.float32)
        labels = ((values - middle) / deviation).astype(np.float32)[:, None]
        splits += [
            Split(pool, np.sort(rows).astype(np.int32), labels[np.sort(rows)])
            for rows in own
        ]
    return splits
