import numpy as np
import pytest

from da_zoo.open_set import THRESHOLD, open_set_scores, with_unknown


def test_the_rule_is_the_threshold_on_the_largest_probability():
    logits = np.random.default_rng(0).normal(size=(200, 4)) * 2
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    answered = with_unknown(logits).argmax(axis=1)
    expected = np.where(p.max(axis=1) < THRESHOLD, 4, p.argmax(axis=1))
    assert np.array_equal(answered, expected)
    assert len(np.unique(answered)) == 5
    strict = with_unknown(logits, 0.9).argmax(axis=1)
    assert np.mean(strict == 4) > np.mean(answered == 4)
    with pytest.raises(ValueError, match="threshold must be in"):
        with_unknown(logits, 1.0)


def test_extreme_logits_stay_finite():
    logits = np.array([[1e4, -1e4, 0.0], [-1e9, 0.0, -1e9]])
    assert np.isfinite(with_unknown(logits)).all()
    assert with_unknown(logits).argmax(axis=1).tolist() == [0, 1]


def test_scores_by_hand():
    labels = np.array([0, 0, 0, 1, 1, 2, 2, 2, 2])
    predicted = np.array([0, 0, 2, 1, 0, 2, 2, 2, 0])
    scores = open_set_scores(predicted, labels, known=2)
    star, unknown = (2 / 3 + 1 / 2) / 2, 3 / 4
    assert scores["os_star"] == pytest.approx(star)
    assert scores["unknown_accuracy"] == pytest.approx(unknown)
    assert scores["os"] == pytest.approx((2 / 3 + 1 / 2 + 3 / 4) / 3)
    assert scores["hos"] == pytest.approx(2 * star * unknown / (star + unknown))


def test_rejecting_nothing_or_everything_scores_no_harmonic_mean():
    labels = np.array([0, 1, 2, 2])
    for predicted in (np.array([0, 1, 0, 1]), np.full(4, 2)):
        assert open_set_scores(predicted, labels, known=2)["hos"] == 0.0


def test_what_is_absent_has_no_score():
    known = open_set_scores(np.array([0]), np.array([0]), known=2)
    assert known["unknown_accuracy"] is None
    assert known["hos"] is None
    assert known["os"] == 1.0
    unknown = open_set_scores(np.array([2]), np.array([2]), known=2)
    assert unknown["os_star"] is None
