"""Intervals over scenarios and seeds: known answers and pairing."""

import numpy as np
import pytest

from da_zoo.bench.bootstrap import (
    hierarchical_bootstrap,
    iqm_interval,
    probability_of_improvement,
)


def test_iqm_by_hand() -> None:
    # Eight means: two at either end are dropped, 3 to 6 are left.
    groups = [[float(i), float(i)] for i in (8, 1, 7, 2, 6, 3, 5, 4)]
    assert iqm_interval(groups).mean == 4.5


def test_equal_seeds_leave_only_the_scenarios_to_vary() -> None:
    groups = [[float(i)] * 5 for i in range(8)]
    drawn = hierarchical_bootstrap(groups, lambda m: m.mean(axis=1), draws=20_000)
    # The variance of a mean of 8 draws of 0..7: (64 - 1) / 12 / 8.
    assert abs(drawn.var() - 63 / 12 / 8) < 0.02
    assert abs(drawn.mean() - 3.5) < 0.02


def test_one_scenario_leaves_only_the_seeds_to_vary() -> None:
    drawn = hierarchical_bootstrap(
        [[0.0, 1.0, 2.0]], lambda m: m.mean(axis=1), draws=20_000
    )
    assert abs(drawn.var() - (2 / 3) / 3) < 0.01


def test_a_hair_better_on_every_pair_is_certain() -> None:
    better = probability_of_improvement([[0.001] * 5] * 6)
    assert better == (1.0, 1.0, 1.0, 6)
    same = probability_of_improvement([[0.0] * 5] * 6)
    assert same == (0.5, 0.5, 0.5, 6)


def test_scenarios_count_alike_whatever_their_seeds() -> None:
    share = probability_of_improvement([[1.0]] * 3 + [[-1.0] * 100] * 3)
    assert share.mean == 0.5


def test_few_scenarios_have_no_interval() -> None:
    assert iqm_interval([[0.1, 0.2]] * 5).low is None
    assert iqm_interval([[0.1, 0.2]] * 6).low is not None


def test_the_generator_is_its_own() -> None:
    groups = [[0.1, 0.4], [0.3, 0.9], [0.2, 0.2]]
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    first = hierarchical_bootstrap(groups, lambda m: m.mean(axis=1), draws=10)
    assert (np.random.get_state()[1] == before).all()
    second = hierarchical_bootstrap(groups, lambda m: m.mean(axis=1), draws=10)
    np.testing.assert_array_equal(first, second)


def test_bad_groups() -> None:
    with pytest.raises(ValueError, match="each with a seed"):
        iqm_interval([[0.1], []])
    with pytest.raises(ValueError, match="finite"):
        iqm_interval([[0.1], [float("nan")]])
    with pytest.raises(ValueError, match="confidence"):
        iqm_interval([[0.1]], confidence=1.0)
