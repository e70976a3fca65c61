"""Intervals over scenarios and their seeds, by a hierarchical paired bootstrap.

Scenarios are drawn first, with replacement, then seeds within each: what differs from
scenario to scenario is not taken for noise of seeds, nor the other way round.

Shapes: k scenarios, n seeds, m draws.
"""

import functools
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float, Int
from scipy import stats

from da_zoo.bench.statistics import Interval, interquartile_mean

__all__ = [
    "DRAWS",
    "FEWEST_SCENARIOS",
    "expanded_percentiles",
    "hierarchical_bootstrap",
    "iqm_interval",
    "probability_of_improvement",
]

DRAWS = 10_000
FEWEST_SCENARIOS = 6
"""Below, an interval over scenarios says more about which were chosen than about the
method, and none is given."""

Groups = Sequence[Sequence[float] | Float[np.ndarray, " _"]]


def hierarchical_bootstrap(
    groups: Groups,
    statistic: Callable[[Float[np.ndarray, "m k"]], Float[np.ndarray, " m"]],
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> Float[np.ndarray, " m"]:
    """Draws a statistic of the scenarios' means.

    Args:
        groups: for each scenario the values of its seeds; paired differences make the
            bootstrap a paired one.
        statistic: of means [m, k], row by row.
        draws: m.
        seed: of the own generator; no global one is touched.

    Returns:
        The statistic of each draw.

    Raises:
        ValueError: if there is no scenario, one has no seed, or a value is not finite.

    Example:
        >>> drawn = hierarchical_bootstrap(
        ...     [[1.0, 1.0], [3.0]], lambda means: means.mean(axis=1), draws=50
        ... )
        >>> sorted(set(drawn.tolist()))
        [1.0, 2.0, 3.0]

    References:
        Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 3.8.
    """
    values = [np.asarray(group, np.float64) for group in groups]
    if not values or any(v.ndim != 1 or not v.size for v in values):
        raise ValueError("groups must hold at least one scenario, each with a seed")
    if not all(np.isfinite(v).all() for v in values):
        raise ValueError("groups must be finite: leave failed runs out")
    means = np.empty(draws * len(values))
    drawn = _resample(tuple(own.size for own in values), draws, seed)
    for own, (places, times) in zip(values, drawn, strict=True):
        means[places] = times @ own / own.size
    return np.asarray(statistic(means.reshape(draws, -1)), np.float64)


_Drawn = tuple[Int[np.ndarray, " p"], Float[np.ndarray, "p n"]]
"""What a bootstrap drew of one scenario: where it stands among the draws' scenarios,
counted through all draws, and how often each of its seeds was drawn there."""


@functools.lru_cache(maxsize=2)
def _resample(sizes: tuple[int, ...], draws: int, seed: int) -> list[_Drawn]:
    """Draws scenarios, then seeds of each; kept, for all methods of a table share them.

    Args:
        sizes: seeds of each scenario.
        draws: of the bootstrap.
        seed: of its generator.
    """
    generator = np.random.default_rng([seed, 0xB007])
    chosen = generator.integers(len(sizes), size=draws * len(sizes))
    drawn = []
    for number, size in enumerate(sizes):
        places = np.flatnonzero(chosen == number)
        # The same seed drawn for a scenario that comes twice would tie the two
        # together, so that each place in a draw has seeds of its own.
        picks = generator.integers(size, size=(len(places), size))
        cells = picks + size * np.arange(len(places))[:, None]
        times = np.bincount(cells.ravel(), minlength=picks.size)
        drawn.append((places, times.reshape(picks.shape).astype(np.float64)))
    return drawn


def _iqm(means: Float[np.ndarray, "m k"]) -> Float[np.ndarray, " m"]:
    cut = means.shape[1] // 4
    inner = np.sort(means, axis=1)[:, cut : means.shape[1] - cut]
    return inner.mean(axis=1)


def expanded_percentiles(
    drawn: Float[np.ndarray, " m"], count: int, *, confidence: float = 0.95
) -> tuple[float, float]:
    """Returns the percentiles of a bootstrap that cover as often as they say.

    Plain ones are too narrow for few scenarios, 90 % in place of 95 at six: a resample
    varies by a factor (k - 1) / k less than a sample, and a normal quantile takes the
    spread for known. Percentiles further out undo both, as Student's t does for a mean,
    and never leave the range of the draws.

    Args:
        drawn: of :func:`hierarchical_bootstrap`.
        count: k, the scenarios that were resampled; at least 2.
        confidence: in (0, 1).

    Example:
        >>> drawn = np.linspace(0.0, 1.0, 10_001)
        >>> [round(bound, 4) for bound in expanded_percentiles(drawn, 6)]
        [0.0024, 0.9976]
        >>> [round(bound, 3) for bound in expanded_percentiles(drawn, 10_000)]
        [0.025, 0.975]

    References:
        Hesterberg, "What Teachers Should Know About the Bootstrap", The American
        Statistician 2015, section 5.3.
    """
    quantile = stats.t.ppf(0.5 + confidence / 2, df=count - 1)
    tail = stats.norm.sf(np.sqrt(count / (count - 1)) * quantile)
    low, high = np.quantile(drawn, [tail, 1.0 - tail])
    return float(low), float(high)


def iqm_interval(
    groups: Groups, *, confidence: float = 0.95, draws: int = DRAWS, seed: int = 0
) -> Interval:
    """Interquartile mean over scenarios of the seeds' means, with its interval.

    Args:
        groups: for each scenario the values of its seeds, such as gaps closed.
        confidence: in (0, 1), of the interval, see :func:`expanded_percentiles`.
        draws: of the bootstrap.
        seed: of its generator.

    Returns:
        The interval; without bounds where there are fewer than
        :data:`FEWEST_SCENARIOS` scenarios.

    Raises:
        ValueError: see :func:`hierarchical_bootstrap`.

    Example:
        >>> iqm_interval([[0.1, 0.3]] * 3).low is None
        True
        >>> iqm_interval([[0.5, 0.5]] * 6).high
        0.5

    References:
        Agarwal et al., "Deep Reinforcement Learning at the Edge of the Statistical
        Precipice", NeurIPS 2021.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be in (0, 1), got {confidence}")
    drawn = hierarchical_bootstrap(groups, _iqm, draws=draws, seed=seed)
    means = [float(np.mean(group)) for group in groups]
    middle = interquartile_mean(means)
    if len(means) < FEWEST_SCENARIOS:
        return Interval(middle, None, None, len(means))
    low, high = expanded_percentiles(drawn, len(means), confidence=confidence)
    return Interval(middle, low, high, len(means))


def probability_of_improvement(
    differences: Groups,
    *,
    confidence: float = 0.95,
    draws: int = DRAWS,
    seed: int = 0,
) -> Interval:
    """Share of (scenario, seed) pairs in which a method is better, scenarios alike.

    Paired: each difference is of the same scenario and seed, so that a method better
    by a hair everywhere has probability 1. An equal pair counts half.

    Args:
        differences: for each scenario the method's values minus the other's, by seed.
        confidence: of the interval.
        draws: of the bootstrap.
        seed: of its generator.

    Returns:
        The share with its interval, whose bounds are absent below
        :data:`FEWEST_SCENARIOS` scenarios.

    Example:
        >>> probability_of_improvement([[0.001, 0.001]] * 6).mean
        1.0
        >>> probability_of_improvement([[0.0, 0.0]] * 6).mean
        0.5
    """
    wins = [(np.sign(np.asarray(d, np.float64)) + 1) / 2 for d in differences]
    drawn = hierarchical_bootstrap(
        wins, lambda means: means.mean(axis=1), draws=draws, seed=seed
    )
    share = float(np.mean([own.mean() for own in wins]))
    if len(wins) < FEWEST_SCENARIOS:
        return Interval(share, None, None, len(wins))
    low, high = expanded_percentiles(drawn, len(wins), confidence=confidence)
    return Interval(share, low, high, len(wins))
