import numpy as np
import pytest
from sklearn import metrics as reference

from da_zoo.metrics import (
    accuracy,
    balanced_accuracy,
    brier,
    collapsed,
    ece,
    evaluate,
    macro_f1,
    nll,
)


@pytest.fixture(params=range(3))
def scored(request):
    """Logits and labels; class 4 never occurs among the labels."""
    rng = np.random.default_rng(request.param)
    return 3.0 * rng.normal(size=(200, 5)), rng.integers(0, 4, 200)


def probabilities(logits):
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
def test_scores_are_scikit_learns(scored):
    logits, labels = scored
    predicted = logits.argmax(axis=1)
    every = range(5)
    onehot = np.eye(5)[labels]
    expected = {
        "accuracy": reference.accuracy_score(labels, predicted),
        "balanced_accuracy": reference.balanced_accuracy_score(labels, predicted),
        "macro_f1": reference.f1_score(labels, predicted, average="macro"),
        "nll": reference.log_loss(labels, probabilities(logits), labels=every),
        "brier": np.mean(((probabilities(logits) - onehot) ** 2).sum(axis=1)),
    }
    got = evaluate(logits, labels, classes=5)
    assert set(got) == {*expected, "ece"}
    for name, value in expected.items():
        assert got[name] == pytest.approx(value, abs=1e-12), name
    assert all(type(value) is float for value in got.values())


def log_odds(confidence):
    return np.stack([np.log(confidence), np.log1p(-confidence)], axis=1)


def test_ece_by_hand():
    # Bins (0.5, 0.6] and (0.9, 1]: 1 of 2 right at 0.55, 2 of 2 right at 0.95.
    logits = log_odds(np.array([0.55, 0.55, 0.95, 0.95]))
    labels = np.array([0, 1, 0, 0])
    expected = 0.5 * abs(0.5 - 0.55) + 0.5 * abs(1.0 - 0.95)
    assert ece(logits, labels, bins=10) == pytest.approx(expected)
    # One bin: mean confidence 0.75 against an accuracy of 0.75.
    assert ece(logits, labels, bins=1) == pytest.approx(0.0, abs=1e-12)


def test_ece_of_certainty_is_the_error_rate():
    logits = np.array([[1000.0, 0.0], [1000.0, 0.0], [0.0, 1000.0], [0.0, 1000.0]])
    assert ece(logits, np.array([0, 0, 1, 0])) == pytest.approx(0.25)
    with pytest.raises(ValueError, match="bins must be at least 1, got 0"):
        ece(logits, np.array([0, 0, 1, 0]), bins=0)


def test_huge_logits_stay_finite():
    logits, labels = np.array([[1e4, -1e4], [1e4, -1e4]]), np.array([0, 1])
    assert nll(logits, labels) == pytest.approx(1e4)
    assert brier(logits, labels) == pytest.approx(1.0)
    # Float32 logits are worked on in float64: no rounding of 1e-9 to nothing.
    small = np.array([[20.0, 0.0]], np.float32)
    assert nll(small, np.array([0])) == pytest.approx(np.log1p(np.exp(-20.0)))


def test_absent_classes_do_not_count():
    predicted, labels = np.array([0, 0, 1, 1]), np.array([0, 0, 0, 1])
    logits = np.eye(9)[predicted]
    assert accuracy(logits, labels) == 0.75
    assert balanced_accuracy(logits, labels) == pytest.approx((2 / 3 + 1) / 2)
    # F1 of class 0 is 4/5, of class 1 it is 2/3; the seven others occur nowhere.
    assert macro_f1(logits, labels) == pytest.approx((4 / 5 + 2 / 3) / 2)
    # A class that is only predicted has F1 0 and does count.
    assert macro_f1(np.eye(3)[[0, 2]], np.array([0, 0])) == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("shares", "source", "expected"),
    [
        ((100,), (50, 50), True),
        ((50, 50), (50, 50), False),
        ((91, 9), (50, 50), True),  # more than 90 % in one class
        ((85, 15), (50, 50), False),  # H = 0.42, above half of log 2
        ((88, 12), (5, 5), False),
        ((95, 5), (90, 10), False),  # the source is nearly as skewed
        ((100, 0), (95, 5), True),  # entropy 0
        ((25, 25, 25, 25), (25, 25, 25, 25), False),
        ((50, 50, 0, 0), (25, 25, 25, 25), False),  # exactly half the entropy
        ((55, 45, 0, 0), (25, 25, 25, 25), True),  # a little under half
    ],
)
def test_collapse(shares, source, expected):
    def labels(counts):
        return np.repeat(np.arange(len(counts)), counts)

    assert collapsed(labels(shares), labels(source), 4) is expected


@pytest.mark.parametrize(
    ("logits", "labels", "message"),
    [
        (np.zeros((0, 3)), np.zeros(0, int), "at least one row"),
        (np.zeros((2, 2)), np.array([0, 1]), r"must be \[2, 3\].*\(2, 2\)"),
        (np.zeros((2, 3)), np.array([0, 3]), r"0\.\.2, got 0\.\.3"),
        (np.zeros((2, 3)), np.array([-1, 1]), r"0\.\.2, got -1\.\.1"),
    ],
)
def test_bad_input_is_named(logits, labels, message):
    with pytest.raises(ValueError, match=message):
        evaluate(logits, labels, classes=3)


def test_row_counts_must_agree():
    # The shape annotations say so first wherever they are checked.
    with pytest.raises((TypeError, ValueError)):
        evaluate(np.zeros((3, 3)), np.array([0, 1]), classes=3)
