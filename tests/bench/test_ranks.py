"""Ranks over scenarios against SciPy, hand counts and a published example."""

import time

import numpy as np
import pytest
from scipy import stats

from da_zoo.bench.ranks import (
    _wilcoxon_p,
    average_ranks,
    bayesian_signed_rank,
    cliques,
    compare_ranks,
    friedman_p,
    wilcoxon_holm,
)

# Demšar 2006, table 6: AUC of C4.5 with m, cf or both tuned, on 14 data sets.
DEMSAR = np.array(
    [
        [0.763, 0.768, 0.771, 0.798],
        [0.599, 0.591, 0.590, 0.569],
        [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657],
        [0.882, 0.888, 0.886, 0.898],
        [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685],
        [0.583, 0.583, 0.563, 0.625],
        [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000],
        [0.940, 0.962, 0.965, 0.962],
        [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.975, 0.975],
        [0.957, 0.978, 0.946, 0.970],
    ]
)


def test_the_ranks_of_a_published_example() -> None:
    # Printed: 3.143, 2.000, 2.893, 1.964. The paper ranked unrounded values, in which
    # the last two do not tie on one set: half a rank of 14 between them.
    np.testing.assert_allclose(
        average_ranks(DEMSAR),
        [3.143, 2.000, 2.893 + 0.5 / 14, 1.964 - 0.5 / 14],
        atol=6e-4,
    )


@pytest.mark.parametrize(
    ("critical_difference", "bars"),
    [(1.25, [(3, 1, 2, 0)]), (1.12, [(3, 1, 2), (2, 0)])],  # alpha 0.05 and 0.10
)
def test_the_cliques_of_a_published_example(
    critical_difference: float, bars: list[tuple[int, ...]]
) -> None:
    # Demšar's figure 1(a): Nemenyi's critical difference in the place of our test.
    ranks = average_ranks(DEMSAR)
    apart = np.abs(ranks[:, None] - ranks[None, :]) > critical_difference
    assert cliques(ranks, apart) == bars


def test_friedman_and_wilcoxon_are_scipy_s() -> None:
    scores = np.random.default_rng(0).normal(size=(15, 4))
    scores += np.array([0, 0.2, 0.5, 2.0])
    assert friedman_p(scores) == stats.friedmanchisquare(*scores.T).pvalue
    p = {
        (i, j): stats.wilcoxon(scores[:, i], scores[:, j]).pvalue
        for i in range(4)
        for j in range(i + 1, 4)
    }
    apart, going = np.zeros((4, 4), bool), True
    for place, (pair, value) in enumerate(sorted(p.items(), key=lambda one: one[1])):
        going = going and value <= 0.05 / (6 - place)
        apart[pair] = apart[pair[::-1]] = going
    np.testing.assert_array_equal(wilcoxon_holm(scores), apart)
    assert apart.any() and not apart.all()


def test_holm_stops_at_the_first_that_is_not_rejected() -> None:
    # Alone, a p of 0.04 would do; after a smaller one that fails, it may not.
    base = np.linspace(0, 1, 12)
    noise = np.random.default_rng(3).normal(size=(12, 3)) * 0.1
    scores = base[:, None] + noise
    assert not wilcoxon_holm(scores).any()


def test_cliques_by_hand() -> None:
    ranks = np.array([3.0, 1.0, 2.0, 4.0])
    apart = np.zeros((4, 4), bool)
    apart[1, 3] = apart[3, 1] = True
    assert cliques(ranks, apart) == [(1, 2, 0), (2, 0, 3)]
    apart[:] = ~np.eye(4, dtype=bool)
    assert cliques(ranks, apart) == []
    # Ends that are told apart do not join, though their neighbours bridge them.
    apart[:] = False
    assert cliques(ranks, apart) == [(1, 2, 0, 3)]


def test_identical_methods_tie() -> None:
    same = np.repeat(np.random.default_rng(0).random((14, 1)), 3, axis=1)
    found = compare_ranks(("a", "b", "c"), same)
    assert found.ranks == (2.0, 2.0, 2.0) and found.p == 1.0 and not found.cliques


def test_few_scenarios_are_said_to_be_too_few() -> None:
    found = compare_ranks(("a", "b", "c"), DEMSAR[:11, :3])
    assert "11 scenarios" in found.reason and found.cliques == ()
    assert compare_ranks(("a", "b", "c", "d"), DEMSAR).reason == ""


def test_the_posterior_knows_better_alike_and_worse() -> None:
    twelve = np.random.default_rng(0).normal(0.05, 0.01, size=12)
    assert bayesian_signed_rank(twelve).better > 0.99
    assert bayesian_signed_rank(-twelve).worse > 0.99
    assert bayesian_signed_rank(twelve / 100).alike > 0.99
    split = np.r_[np.full(6, 0.1), np.full(6, -0.1)]
    found = bayesian_signed_rank(split, draws=20_000)
    assert abs(found.better - found.worse) < 0.02
    assert abs(sum(found) - 1) < 1e-12


def test_bad_scores() -> None:
    with pytest.raises(ValueError, match="missing scenarios"):
        average_ranks(np.array([[1.0, np.nan]]))
    with pytest.raises(ValueError, match="3 methods"):
        friedman_p(np.ones((4, 2)))
    with pytest.raises(ValueError, match="rope"):
        bayesian_signed_rank(np.ones(3), rope=-1.0)


@pytest.mark.parametrize("zeros", [0, 1])
def test_few_scenarios_are_counted_as_scipy_counts_them(zeros) -> None:
    generator = np.random.default_rng(zeros)
    for count in (6, 8):
        difference = np.round(generator.normal(0.3, 1.0, size=count), 1)
        difference[difference == 0] = 0.1
        difference[:zeros] = 0.0
        expected = stats.wilcoxon(difference).pvalue
        assert _wilcoxon_p(difference) == pytest.approx(expected)


def test_equal_means_of_twelve_scenarios_take_no_time() -> None:
    """SciPy takes a second for each pair that has a zero."""
    scores = np.round(np.random.default_rng(0).random((12, 30)), 1)
    start = time.perf_counter()
    wilcoxon_holm(scores)
    assert time.perf_counter() - start < 20
