import numpy as np
import pytest

from da_zoo.bench.portraits import GRID, POINTS, embedding, reliability
from da_zoo.metrics import ece


def test_bins_are_those_of_the_calibration_error():
    """By hand, bin by bin: the two share their code, and so could share a mistake."""
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(400, 5)) * 2, rng.integers(5, size=400)
    found = reliability(logits, labels)
    assert sum(found["count"]) == 400 and len(found["count"]) == 15
    gaps = [
        n * abs(confidence - right)
        for n, confidence, right in zip(
            found["count"], found["confidence"], found["accuracy"], strict=True
        )
        if n
    ]
    assert sum(gaps) / 400 == pytest.approx(ece(logits, labels), abs=2e-4)
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    for number in range(15):
        sure = p.max(1)
        here = (sure > number / 15) & (sure <= (number + 1) / 15)
        assert found["count"][number] == here.sum()
        if here.any():
            right = (p.argmax(1) == labels)[here].mean()
            assert found["accuracy"][number] == pytest.approx(right, abs=1e-4)
            assert found["confidence"][number] == pytest.approx(
                sure[here].mean(), abs=1e-4
            )


def test_an_empty_bin_says_nothing():
    found = reliability(np.array([[0.0, 50.0]]), np.array([0]))
    assert found["count"] == [0] * 14 + [1]
    assert found["accuracy"] == [None] * 14 + [0.0]


def test_domains_that_lie_apart_are_drawn_apart():
    rng = np.random.default_rng(0)
    source, target = rng.normal(size=(200, 9)), rng.normal(size=(150, 9)) + 10
    found = embedding(source, target, np.zeros(200, int), np.ones(150, int))
    own, others = np.array(found["source"]), np.array(found["target"])
    assert own.shape == others.shape == (POINTS, 2)
    assert set(found["target_labels"]) == {1}
    both = np.concatenate([own, others])
    assert both.min() == 0 and both.max() == GRID
    assert own[:, 0].max() < others[:, 0].min() or others[:, 0].max() < own[:, 0].min()


def test_the_farthest_point_lies_on_the_positive_side():
    """Which way an axis of a decomposition points is chance, and so must be settled."""
    rng = np.random.default_rng(2)
    for _ in range(10):
        x, y = rng.gumbel(size=(30, 4)), rng.gumbel(size=(30, 4))
        found = embedding(x, y, np.arange(30), np.arange(30))
        points = np.array(found["source"] + found["target"], float)
        points -= points.mean(axis=0)
        assert (points.max(axis=0) >= -points.min(axis=0) - 2).all()


def test_a_picture_does_not_depend_on_signs_or_a_dead_feature():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(20, 4)), rng.normal(size=(20, 4))
    labels = np.arange(20)
    first = embedding(x, y, labels, labels)
    assert embedding(-x, -y, labels, labels) == first
    dead = np.pad(x, ((0, 0), (0, 1))), np.pad(y, ((0, 0), (0, 1)))
    assert embedding(*dead, labels, labels) == first
    same = embedding(np.ones((3, 2)), np.ones((3, 2)), np.arange(3), np.arange(3))
    assert same["source"] == [[0, 0]] * 3
