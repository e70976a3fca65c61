"""What every score refuses, and how it says so."""

import inspect

import jax.numpy as jnp
import numpy as np
import pytest

import da_zoo
from da_zoo import transferability
from da_zoo.transferability import cka, h_score, leep, logme, nce, transrate

FUNCTIONS = [
    getattr(transferability, name)
    for name in transferability.__all__
    if inspect.isfunction(getattr(transferability, name))
]
ON_FEATURES = [logme, h_score, transrate]
X = np.random.default_rng(0).normal(size=(12, 3))
Y = np.arange(12) % 3
P = np.full((12, 4), 0.25)


def test_it_is_part_of_the_package():
    assert da_zoo.transferability is transferability
    assert "transferability" in dir(da_zoo)
    assert len(FUNCTIONS) == 10


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_every_argument_is_keyword_only(function):
    kinds = {p.kind for p in inspect.signature(function).parameters.values()}
    assert kinds == {inspect.Parameter.KEYWORD_ONLY}


@pytest.mark.parametrize("score", ON_FEATURES)
def test_labels(score):
    with pytest.raises(TypeError, match=r"labels must be integer class .* float64"):
        score(features=X, labels=Y.astype(float))
    with pytest.raises(TypeError, match=r"np.unique\(labels, return_inverse=True\)"):
        score(features=X, labels=Y.astype(str))
    with pytest.raises(ValueError, match=r"one class number a row, got \(12, 3\)"):
        score(features=X, labels=np.eye(3, dtype=int)[Y])
    with pytest.raises(ValueError, match="at least 0, got -1; drop unlabelled rows"):
        score(features=X, labels=Y - 1)
    with pytest.raises(ValueError, match=r"at least 2 classes, got only class \[7\]"):
        score(features=X, labels=np.full(12, 7))
    with pytest.raises(ValueError, match=r"features and labels .* got 12 and 11 rows"):
        score(features=X, labels=Y[:11])


@pytest.mark.parametrize("score", ON_FEATURES)
def test_features(score):
    with pytest.raises(ValueError, match="features must have shape"):
        score(features=X[:, 0], labels=Y)
    with pytest.raises(ValueError, match="features holds NaN or infinity"):
        score(features=np.where(X > 1, np.inf, X), labels=Y)
    with pytest.raises(ValueError, match="features is empty"):
        score(features=X[:0], labels=Y[:0])
    with pytest.raises(ValueError, match="features needs at least 2 rows, got 1"):
        score(features=X[:1], labels=Y[:1])


@pytest.mark.parametrize("score", ON_FEATURES)
def test_arrays_of_jax_and_of_any_number_type_are_taken(score):
    ours = score(features=X.astype(np.float32), labels=Y)
    assert type(ours) is float
    jax_arrays = score(features=jnp.float32(X), labels=jnp.int32(Y))
    np.testing.assert_allclose(jax_arrays, ours, rtol=1e-12)
    np.testing.assert_allclose(
        score(features=X.astype(np.float32), labels=Y.astype(np.uint8)), ours
    )


def test_inputs_are_left_alone():
    x, y, p = X.copy(), Y.copy(), P.copy()
    for score in ON_FEATURES:
        score(features=x, labels=y)
    leep(source_probabilities=p, labels=y)
    cka(first=x, second=x)
    for after, before in ((x, X), (y, Y), (p, P)):
        np.testing.assert_array_equal(after, before)


def test_probabilities():
    def score(p, labels=Y):
        return leep(source_probabilities=p, labels=labels)

    with pytest.raises(ValueError, match=r"row 3 sums to 1.5; apply softmax to logits"):
        score(P + 0.5 * np.eye(12)[:, 3:7] * np.array([1.0, 0, 0, 0]))
    with pytest.raises(ValueError, match="at least 0, got -3; apply softmax"):
        score(P - 3.25 * np.eye(12)[:, :4])
    with pytest.raises(ValueError, match="source_probabilities and labels"):
        score(P[:11])
    with pytest.raises(ValueError, match="at least 2 classes"):
        score(P, 0 * Y)
    with pytest.raises(TypeError, match="source_probabilities must be numeric"):
        score(P.astype(str))


def test_source_labels():
    with pytest.raises(TypeError, match="source_labels must be integer"):
        nce(source_labels=P[:, 0], labels=Y)
    with pytest.raises(ValueError, match=r"source_labels and labels .* 11 and 12 rows"):
        nce(source_labels=Y[:11], labels=Y)
    with pytest.raises(ValueError, match="labels must hold at least 2 classes"):
        nce(source_labels=Y, labels=0 * Y)
    with pytest.raises(ValueError, match="source_labels must be at least 0"):
        nce(source_labels=Y - 1, labels=Y)


def test_numbers_to_regress():
    def score(labels):
        return logme(features=X, labels=labels, regression=True)

    with pytest.raises(ValueError, match="labels is 0 in every row of column 1"):
        score(X * [1.0, 0.0, 1.0])
    with pytest.raises(ValueError, match="labels holds NaN"):
        score(np.where(Y == 1, np.nan, 1.0))
    with pytest.raises(ValueError, match="features and labels"):
        score(X[:11, 0])
    with pytest.raises(TypeError, match="labels must be numeric"):
        score(Y.astype(str))


def test_features_to_compare():
    with pytest.raises(ValueError, match=r"first and second .* got 12 and 11 rows"):
        cka(first=X, second=X[:11])
    with pytest.raises(ValueError, match="first needs at least 4 rows, got 3"):
        cka(first=X[:3], second=X[:3])
