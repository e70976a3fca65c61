import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import multivariate_normal

from da_zoo.transferability import logme

SHAPES = [(60, 4), (20, 20), (20, 50), (12, 200)]


def data(shape, seed=0, signal=1.0):
    rng = np.random.default_rng(seed)
    labels = np.arange(shape[0]) % 3
    centres = rng.normal(size=(3, shape[1]))
    return signal * centres[labels] + rng.normal(size=shape), labels


def derived(f, y):
    """The density of y itself, [n, n], maximised over both precisions from a grid."""
    n = len(y)

    def loss(logs):
        alpha, beta = np.exp(logs)
        covariance = np.eye(n) / beta + f @ f.T / alpha
        return -multivariate_normal(np.zeros(n), covariance).logpdf(y) / n

    starts = [(a, b) for a in range(-4, 13, 2) for b in range(-2, 9, 2)]
    best = sorted(starts, key=loss)[:3]
    options = {"xatol": 1e-7, "fatol": 1e-12, "maxiter": 4000}
    found = [
        minimize(loss, start, method="Nelder-Mead", options=options).fun
        for start in best
    ]
    return -min(found)


def derived_in_weight_space(f, y, alpha, beta):
    """The paper's form, with the determinant of [d, d] and the posterior mean."""
    n, d = f.shape
    a = alpha * np.eye(d) + beta * f.T @ f
    m = beta * np.linalg.solve(a, f.T @ y)
    return (
        n / 2 * np.log(beta)
        + d / 2 * np.log(alpha)
        - n / 2 * np.log(2 * np.pi)
        - beta / 2 * np.sum((f @ m - y) ** 2)
        - alpha / 2 * m @ m
        - np.linalg.slogdet(a)[1] / 2
    ) / n


@pytest.mark.parametrize("shape", SHAPES)
def test_value_of_classes(shape):
    f, labels = data(shape)
    columns = [(labels == c).astype(float) for c in range(3)]
    expected = np.mean([derived(f, column) for column in columns])
    np.testing.assert_allclose(logme(features=f, labels=labels), expected, rtol=1e-6)


@pytest.mark.parametrize("shape", [(60, 4), (20, 50)])
def test_value_of_numbers(shape):
    f, _ = data(shape)
    rng = np.random.default_rng(5)
    y = f[:, :1] @ [[1.0, 0.3]] + 0.5 * rng.normal(size=(shape[0], 2))
    expected = [derived(f, column) for column in y.T]
    one = logme(features=f, labels=y[:, 0], regression=True)
    np.testing.assert_allclose(one, expected[0], rtol=1e-6)
    both = logme(features=f, labels=y, regression=True)
    np.testing.assert_allclose(both, np.mean(expected), rtol=1e-6)


@pytest.mark.parametrize("shape", [(60, 4), (20, 20), (12, 40)])
def test_no_precisions_give_more_evidence(shape):
    f, labels = data(shape)
    alphas, betas = np.exp(np.linspace(-3, 9, 13)), np.exp(np.linspace(-1, 6, 15))
    best = [
        max(derived_in_weight_space(f, y, a, b) for a in alphas for b in betas)
        for y in np.eye(3)[labels].T
    ]
    assert np.mean(best) <= logme(features=f, labels=labels) < np.mean(best) + 0.05


@pytest.mark.parity
def test_the_reference_values(toy):
    features, labels, noise = toy
    # log_maximum_evidence of TLLib (which stops within 1 % of the ratio) and LogME.py
    # of the authors, with and without its 1e-5 in the denominators.
    ours = logme(features=features, labels=labels)
    np.testing.assert_allclose(ours, 0.0834632370, atol=1e-9)
    for theirs in (0.0834632346, 0.0834632329, 0.0834505114):
        np.testing.assert_allclose(ours, theirs, atol=2e-5)
        assert ours >= theirs
    assert -0.725083 <= logme(features=noise, labels=labels) < -0.725


@pytest.mark.parametrize("shape", SHAPES)
def test_columns_that_add_nothing_change_nothing(shape):
    """A form that counts d instead of the rank fails here, in the few-shot case."""
    f, labels = data(shape)
    ours = logme(features=f, labels=labels)
    zeros = np.concatenate([f, np.zeros((len(f), 40))], axis=1)
    np.testing.assert_allclose(logme(features=zeros, labels=labels), ours, rtol=1e-7)
    # Every column twice is every column times sqrt(2): alpha takes that up.
    twice = np.concatenate([f, f], axis=1)
    np.testing.assert_allclose(logme(features=twice, labels=labels), ours, rtol=1e-7)


@pytest.mark.parametrize("shape", SHAPES)
def test_scale_and_rotation_change_nothing(shape):
    f, labels = data(shape)
    ours = logme(features=f, labels=labels)
    for scale in (1e-4, 1e6):
        scaled = logme(features=scale * f, labels=labels)
        np.testing.assert_allclose(scaled, ours, rtol=1e-7)
    rng = np.random.default_rng(1)
    rotation = np.linalg.qr(rng.normal(size=(f.shape[1],) * 2))[0]
    turned = logme(features=f @ rotation, labels=labels)
    np.testing.assert_allclose(turned, ours, rtol=1e-7)


def test_dividing_numbers_adds_a_logarithm():
    f, _ = data((40, 3))
    y = f @ [1.0, -2.0, 0.5] + np.random.default_rng(2).normal(size=40)
    ours = logme(features=f, labels=y, regression=True)
    divided = logme(features=f, labels=y / 10.0, regression=True)
    np.testing.assert_allclose(divided, ours + np.log(10.0), rtol=1e-7)


@pytest.mark.parametrize("shape", SHAPES)
def test_no_features_are_the_worst_case(shape):
    rng = np.random.default_rng(3)
    labels = np.arange(shape[0]) % 3
    shares = np.bincount(labels) / shape[0]
    nothing = np.mean(-(np.log(2 * np.pi * shares) + 1) / 2)
    zeros = logme(features=np.zeros(shape), labels=labels)
    np.testing.assert_allclose(zeros, nothing)
    for _ in range(5):
        assert logme(features=rng.normal(size=shape), labels=labels) > nothing - 1e-9


def test_labels_that_are_reproduced_exactly_give_a_large_finite_score():
    labels = np.arange(60) % 3
    perfect = logme(features=np.eye(3)[labels], labels=labels)
    assert np.isfinite(perfect)
    assert perfect > logme(features=data((60, 3), signal=9.0)[0], labels=labels) + 5


def test_class_numbers_do_not_matter():
    f, labels = data((60, 4))
    other = logme(features=f, labels=np.array([90, 4, 11])[labels])
    np.testing.assert_allclose(other, logme(features=f, labels=labels), rtol=1e-12)


@pytest.mark.parametrize("rows", [20, 200])
def test_it_rises_as_features_clear_up(blurred, rows):
    scores = []
    for noise in (4.0, 1.0, 0.5, 0.2):
        f, labels = blurred(noise, rows)
        scores.append(logme(features=f, labels=labels))
    assert np.all(np.diff(scores) > 0.05)
