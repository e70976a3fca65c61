"""Diagnostics against known answers, and against derivations of their own."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.linear_model import LogisticRegression

from da_zoo.diagnostics import (
    DISCRIMINATOR_STEPS,
    class_shares,
    discriminator_accuracy,
    distances,
    mean_entropy,
    proxy_a_distance,
    subsample,
)


def rows(seed, n=300, d=5, shift=0.0):
    return np.random.default_rng(seed).normal(size=(n, d)) + shift


def test_equal_domains_are_near_0_and_distant_ones_at_2():
    assert proxy_a_distance(rows(0), rows(1)) < 0.35
    assert proxy_a_distance(rows(0), rows(1, shift=9.0)) == 2.0
    # A constant feature, or one that never varies in a half, divides by nothing.
    assert proxy_a_distance(np.ones((40, 2)), np.ones((30, 2))) < 0.5


def test_it_agrees_with_a_logistic_regression():
    gaps = []
    for shift in (0.1, 0.3, 0.6):
        source, target = rows(2, 2000), rows(3, 2000, shift=shift)
        x = np.concatenate([source, target])
        y = np.repeat([0, 1], 2000)
        order = np.random.default_rng(0).permutation(4000)
        train, test = order[:2000], order[2000:]
        fitted = LogisticRegression().fit(x[train], y[train])
        error = np.mean(fitted.predict(x[test]) != y[test])
        gaps.append(proxy_a_distance(source, target) - 2 * (1 - 2 * error))
    np.testing.assert_allclose(gaps, 0.0, atol=0.12)


def test_its_classifier_is_not_tested_on_what_it_was_trained_on():
    # 200 features, 100 rows: every training set can be told apart, chance cannot.
    assert proxy_a_distance(rows(4, 100, 200), rows(5, 100, 200)) < 0.6


def test_a_larger_domain_does_not_win_by_its_size():
    assert proxy_a_distance(rows(0, 1000), rows(1, 20, shift=9.0)) == 2.0
    assert proxy_a_distance(rows(0, 1000, 2), rows(1, 100, 2)) < 0.5


def test_too_few_rows_are_refused():
    with pytest.raises(ValueError, match="four rows"):
        proxy_a_distance(rows(0, 3), rows(1))
    with pytest.raises((ValueError, TypeError)):
        proxy_a_distance(rows(0, d=3), rows(1, d=4))


def test_distances_are_those_of_the_losses():
    source, target = rows(0, 40), 2.0 * rows(1, 30) + 1.0
    found = distances(source, target)
    gap = np.cov(source.T) - np.cov(target.T)
    assert found["coral"] == pytest.approx((gap**2).sum() / (4 * 25), rel=1e-4)
    joint = np.concatenate([source, target])
    squared = cdist(joint, joint, "sqeuclidean")
    kernel = sum(np.exp(-squared / (2 * squared.mean() * 2.0**k)) for k in range(-3, 2))
    within = [
        (kernel[a, a].sum() - np.trace(kernel[a, a])) / (n * (n - 1))
        for a, n in ((slice(0, 40), 40), (slice(40, 70), 30))
    ]
    expected = sum(within) - 2 * kernel[:40, 40:].mean()
    assert found["mmd_squared"] == pytest.approx(expected, rel=1e-3)


def test_entropy_and_shares():
    assert mean_entropy(np.zeros((3, 5))) == pytest.approx(np.log(5))
    assert mean_entropy(1e4 * np.eye(3)) == pytest.approx(0.0)
    masked = np.array([[0.0, 0.0, -1e9], [0.0, 0.0, -np.inf]])
    assert mean_entropy(masked) == pytest.approx(np.log(2))
    assert class_shares(np.eye(3)[[0, 0, 2, 2]]) == [0.5, 0.0, 0.5]


def test_the_discriminator_is_judged_by_its_last_steps():
    late = np.full((2, DISCRIMINATOR_STEPS), [[0.5], [0.75]])
    history = {
        "adapt/domain_accuracy": np.concatenate([np.ones((2, 100)), late], axis=1),
        "adapt/task_loss": np.zeros((2, 150)),
    }
    assert discriminator_accuracy(history, (0,)) == pytest.approx(0.5)
    assert discriminator_accuracy(history, (1,)) == pytest.approx(0.75)
    assert discriminator_accuracy({"adapt/task_loss": np.zeros(3)}) is None


def test_rows_are_drawn_without_repeats_and_the_same_every_time():
    drawn = subsample(1000)
    assert len(set(drawn.tolist())) == 500
    np.testing.assert_array_equal(drawn, subsample(1000))
