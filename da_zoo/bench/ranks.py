"""Ranks of methods over scenarios, and which differences of ranks mean anything.

Everything here is of scenario MEANS [k scenarios, m methods]: seeds of one scenario are
no independent scenarios, and counting them as such makes every difference significant.
"""

import functools
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from scipy import stats

__all__ = [
    "FEWEST_FOR_RANKS",
    "Ranks",
    "SignedRank",
    "average_ranks",
    "bayesian_signed_rank",
    "cliques",
    "compare_ranks",
    "friedman_p",
    "wilcoxon_holm",
]

FEWEST_FOR_RANKS = 12
"""Scenarios below which a critical-difference diagram is not drawn: with a dozen
methods, fewer cannot separate any whatever happens."""

Scores = Float[np.ndarray, "k m"]


class Ranks(NamedTuple):
    """Average ranks, and what may be said of them."""

    methods: tuple[str, ...]
    """From the best average rank to the worst."""
    ranks: tuple[float, ...]
    p: float | None
    """Friedman's; None where there are too few scenarios or methods."""
    cliques: tuple[tuple[str, ...], ...]
    """Maximal runs of methods that no test tells apart, two at least."""
    reason: str
    """Why there are no cliques to draw; "" where there are."""


def average_ranks(scores: Scores) -> Float[np.ndarray, " m"]:
    """Mean rank of each method, 1 the best; ties share the mean of their ranks.

    Args:
        scores: [k, m], more is better.

    Raises:
        ValueError: if it is not [k, m] and finite.

    Example:
        >>> average_ranks(np.array([[0.9, 0.8, 0.8], [0.7, 0.9, 0.1]])).tolist()
        [1.5, 1.75, 2.75]
    """
    values = np.asarray(scores, np.float64)
    if values.ndim != 2 or not values.size or not np.isfinite(values).all():
        raise ValueError(
            f"scores must be finite [scenarios, methods], got {values.shape}; leave "
            "methods with missing scenarios out"
        )
    ranks: np.ndarray = stats.rankdata(-values, axis=1).mean(axis=0)
    return ranks


def friedman_p(scores: Scores) -> float:
    """P-value of Friedman's test that all methods rank alike; 1 if all scores tie.

    Args:
        scores: [k, m], m at least 3.

    Raises:
        ValueError: for fewer than 3 methods or 2 scenarios.

    Example:
        >>> scores = np.arange(12.0).reshape(4, 3)
        >>> round(friedman_p(scores), 4)
        0.0183

    References:
        Friedman, "The Use of Ranks to Avoid the Assumption of Normality", JASA 1937;
        Demšar, "Statistical Comparisons of Classifiers over Multiple Data Sets",
        JMLR 2006.
    """
    values = np.asarray(scores, np.float64)
    if values.ndim != 2 or values.shape[0] < 2 or values.shape[1] < 3:
        raise ValueError(
            f"scores must be of at least 2 scenarios and 3 methods, got {values.shape}"
        )
    if (values == values[:, :1]).all():
        return 1.0
    return float(stats.friedmanchisquare(*values.T).pvalue)


def wilcoxon_holm(scores: Scores, *, alpha: float = 0.05) -> Bool[np.ndarray, "m m"]:
    """Says which pairs differ, by Wilcoxon's signed-rank test with Holm's correction.

    Args:
        scores: [k, m].
        alpha: family-wise error rate.

    Returns:
        [m, m] symmetric: True where the pair is told apart.

    Example:
        >>> scores = np.array([[i / 100, i / 100 + 0.1] for i in range(12)])
        >>> bool(wilcoxon_holm(scores)[0, 1])
        True

    References:
        Holm, "A Simple Sequentially Rejective Multiple Test Procedure", 1979; Benavoli,
        Corani and Mangili, "Should We Really Use Post-Hoc Tests Based on
        Mean-Ranks?", JMLR 2016.
    """
    values = np.asarray(scores, np.float64)
    count = values.shape[1]
    pairs = [(i, j) for i in range(count) for j in range(i + 1, count)]
    p = [_wilcoxon_p(values[:, i] - values[:, j]) for i, j in pairs]
    apart = np.zeros((count, count), bool)
    for place, which in enumerate(np.argsort(p, kind="stable")):
        if p[which] > alpha / (len(pairs) - place):
            break  # Holm stops at the first that is not rejected
        i, j = pairs[which]
        apart[i, j] = apart[j, i] = True
    return apart


_MOST_ENUMERATED = 13
"""Scenarios up to which every choice of signs is counted. SciPy does so too where there
are zeros or ties, by a second of Python for each pair of methods."""


def _wilcoxon_p(difference: np.ndarray) -> float:
    left = difference[difference != 0]
    if not left.size:
        return 1.0
    if len(difference) > _MOST_ENUMERATED:
        return float(stats.wilcoxon(difference).pvalue)
    ranks = stats.rankdata(np.abs(left))
    found = ranks[left > 0].sum()
    # Mean ranks are halves, so that sums are exact and may be compared.
    sums = _signs(len(left)) @ ranks
    return min(1.0, float(2 * min((sums <= found).mean(), (sums >= found).mean())))


@functools.lru_cache(maxsize=4)
def _signs(count: int) -> Float[np.ndarray, "choices count"]:
    """Every choice of which differences are positive, a row each."""
    return (np.arange(2**count)[:, None] >> np.arange(count) & 1).astype(np.float64)


def cliques(
    ranks: Float[np.ndarray, " m"], apart: Bool[np.ndarray, "m m"]
) -> list[tuple[int, ...]]:
    """Finds the bars of a critical-difference diagram.

    Args:
        ranks: average ranks.
        apart: which pairs are told apart.

    Returns:
        Maximal runs of methods, neighbours by rank, of which no pair is told apart; of
        two methods at least, as places in ``ranks``.

    Example:
        >>> apart = np.array([[0, 0, 1], [0, 0, 0], [1, 0, 0]], bool)
        >>> cliques(np.array([1.0, 2.0, 3.0]), apart)
        [(0, 1), (1, 2)]
    """
    order = np.argsort(ranks, kind="stable")
    found: list[tuple[int, ...]] = []
    for start in range(len(order)):
        stop = start + 1
        while (
            stop < len(order)
            and not apart[
                np.ix_(order[start : stop + 1], order[start : stop + 1])
            ].any()
        ):
            stop += 1
        run = tuple(int(one) for one in order[start:stop])
        if len(run) > 1 and not any(set(run) <= set(other) for other in found):
            found.append(run)
    return found


def compare_ranks(methods: tuple[str, ...], scores: Scores) -> Ranks:
    """Ranks methods over scenarios, and says which ranks differ.

    Args:
        methods: m names.
        scores: [k, m] scenario means, more is better.

    Example:
        >>> compare_ranks(("a", "b"), np.array([[0.1, 0.2]])).methods
        ('b', 'a')
    """
    ranks = average_ranks(scores)
    order = np.argsort(ranks, kind="stable")
    names = tuple(methods[place] for place in order)
    sorted_ranks = tuple(float(ranks[place]) for place in order)
    scenarios, count = np.shape(scores)
    p = friedman_p(scores) if count >= 3 and scenarios >= 2 else None
    if scenarios < FEWEST_FOR_RANKS:
        reason = (
            f"{scenarios} scenarios: from {FEWEST_FOR_RANKS} on ranks can be told apart"
        )
        return Ranks(names, sorted_ranks, p, (), reason)
    if p is None or p > 0.05:
        told = "fewer than 3 methods" if p is None else f"Friedman's p is {p:.2f}"
        return Ranks(names, sorted_ranks, p, (), f"{told}: no pair is tested")
    runs = cliques(ranks, wilcoxon_holm(scores))
    bars = tuple(tuple(methods[place] for place in run) for run in runs)
    return Ranks(names, sorted_ranks, p, bars, "")


class SignedRank(NamedTuple):
    """Probabilities that a method is better, as good, or worse; they sum to 1."""

    better: float
    alike: float
    worse: float


def bayesian_signed_rank(
    differences: Float[np.ndarray, " k"],
    *,
    rope: float = 0.005,
    draws: int = 10_000,
    seed: int = 0,
) -> SignedRank:
    """Posterior that the typical difference is above, inside or under a band.

    A Dirichlet process over the scenarios' differences with one pseudo-observation of
    0; for each draw of weights, whether most of the mass of pairwise means lies above,
    inside or under the band.

    Args:
        differences: [k] scenario means of the method minus the other's.
        rope: half the band in which a difference does not matter ("region of practical
            equivalence"); half a point by default.
        draws: of the posterior.
        seed: of the own generator.

    Raises:
        ValueError: for no difference, one that is not finite, or a negative band.

    Example:
        >>> bayesian_signed_rank(np.full(12, 0.1)).better > 0.99
        True

    References:
        Benavoli, Corani, Demšar and Zaffalon, "Time for a Change: a Tutorial for
        Comparing Multiple Classifiers Through Bayesian Analysis", JMLR 2017.
    """
    values = np.asarray(differences, np.float64)
    if values.ndim != 1 or not values.size or not np.isfinite(values).all():
        raise ValueError(f"differences must be finite [k], got shape {values.shape}")
    if rope < 0:
        raise ValueError(f"rope must be at least 0, got {rope}")
    whole = np.concatenate([[0.0], values])
    weights = _dirichlet(len(whole), draws, seed)
    means = (whole[:, None] + whole[None, :]) / 2
    # Not by one einsum of three, which is ten times slower.
    above, under = (
        ((weights @ part.astype(np.float64)) * weights).sum(axis=1)
        for part in (means > rope, means < -rope)
    )
    mass = np.stack([above, 1 - above - under, under])
    best = mass.argmax(axis=0)
    shares = [float(np.mean(best == place)) for place in range(3)]
    return SignedRank(*shares)


@functools.lru_cache(maxsize=2)
def _dirichlet(count: int, draws: int, seed: int) -> Float[np.ndarray, "draws count"]:
    """Weights of a posterior's draws; kept, for they are the same for all methods."""
    generator = np.random.default_rng([seed, 0xBA7E5])
    return generator.dirichlet(np.ones(count), size=draws)
