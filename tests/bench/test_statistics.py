"""Known answers; test_coverage.py has what the intervals promise."""

import numpy as np
import pytest

from da_zoo.bench.statistics import (
    Interval,
    WinTieLoss,
    interquartile_mean,
    mean_interval,
    negative_transfer_rate,
    paired_difference,
    win_tie_loss,
)


def test_mean_interval_of_a_textbook_sample():
    # n = 5, mean 3, s = sqrt(2.5), t(0.975, 4) = 2.776445: half width 1.963243.
    interval = mean_interval([1.0, 2.0, 3.0, 4.0, 5.0])
    assert interval.mean == 3.0
    assert interval.n == 5
    assert interval.low == pytest.approx(3 - 1.963243, abs=1e-6)
    assert interval.high == pytest.approx(3 + 1.963243, abs=1e-6)


def test_one_seed_has_a_mean_and_no_interval():
    interval = mean_interval([0.7])
    assert interval == Interval(0.7, None, None, 1)
    assert not interval.above_zero
    assert not interval.below_zero


def test_pairing_removes_what_the_pairs_share():
    generator = np.random.default_rng(1)
    shared = generator.normal(0, 10, size=5)
    a, b = shared + 1 + generator.normal(0, 0.1, 5), shared
    paired = paired_difference(a, b)
    assert paired.above_zero
    assert paired.high - paired.low < 1
    assert not mean_interval(a).above_zero
    assert paired_difference(b, a).below_zero


def test_no_difference_is_not_detected():
    interval = paired_difference([0.5, 0.6], [0.5, 0.6])
    assert interval == Interval(0.0, 0.0, 0.0, 2)
    assert not interval.above_zero
    assert not interval.below_zero


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.0], 1.0),
        ([0.0, 1.0, 2.0, 300.0], 1.5),
        ([5.0, 1.0, 2.0, 3.0, 400.0], 10 / 3),
        (list(map(float, range(8))), 3.5),
    ],
)
def test_interquartile_mean_drops_a_quarter_at_each_end(values, expected):
    assert interquartile_mean(values) == pytest.approx(expected)


def test_win_tie_loss_has_a_half_point_band():
    a, b = [0.9, 0.804, 0.796, 0.7], [0.8, 0.8, 0.8, 0.8]
    assert win_tie_loss(a, b) == WinTieLoss(1, 2, 1)
    assert win_tie_loss(a, b, tie=0.001) == WinTieLoss(2, 0, 2)


def test_negative_transfer_counts_losses_beyond_the_tie():
    assert negative_transfer_rate([-0.004, -0.006, 0.0, 0.2]) == 0.25


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mean_interval([]), "values must be a non-empty"),
        (lambda: mean_interval([0.1, float("nan")]), "values must be finite"),
        (lambda: mean_interval([0.1, 0.2], confidence=95.0), "confidence must be in"),
        (lambda: paired_difference([0.1], [0.1, 0.2]), "got 1 and 2 values"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
