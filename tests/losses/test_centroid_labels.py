"""Centroid pseudo-labels against a float64 re-derivation with loops."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo.losses.centroid_labels import centroid_labels


def cosine_distance(a, b):
    return 1 - a @ b / (np.linalg.norm(a) * np.linalg.norm(b))


def two_rounds(features, logits):
    """Liang et al. 2020, equations 4 to 6, row by row and class by class."""
    n = len(features)
    f = np.array([np.append(row, 1.0) for row in features])
    f = np.array([row / np.linalg.norm(row) for row in f])
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = p / p.sum(axis=1, keepdims=True)
    labels = p.argmax(axis=1)
    for hard in (False, True):
        present = sorted(set(labels))
        centroids = {}
        for c in present:
            share = (labels == c).astype(float) if hard else p[:, c]
            centroids[c] = sum(share[i] * f[i] for i in range(n)) / share.sum()
        labels = np.array(
            [
                min(present, key=lambda c: cosine_distance(row, centroids[c]))
                for row in f
            ]
        )
    return labels


def clusters(seed, n=60, k=4, d=5):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, k, n)
    features = np.abs(2 * rng.normal(size=(k, d))[truth] + rng.normal(size=(n, d)))
    logits = rng.normal(size=(n, k)) * 1.5
    logits[np.arange(n), truth] += 1.5
    return features, logits, truth


@pytest.mark.parametrize("seed", range(5))
def test_labels_against_numpy(seed, x64):
    features, logits, _ = clusters(seed)
    ours = centroid_labels(jnp.asarray(features), jnp.asarray(logits))
    expected = two_rounds(features, logits)
    assert np.array_equal(ours, expected)
    # The case is one where the procedure does something at all.
    assert (expected != logits.argmax(axis=1)).any()


def test_both_rounds_matter(x64):
    """One soft round alone would not give these labels."""
    features, logits, _ = clusters(1)
    f = np.concatenate([features, np.ones((len(features), 1))], axis=1)
    f = f / np.linalg.norm(f, axis=1, keepdims=True)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    c = p.T @ f
    one = (f @ (c / np.linalg.norm(c, axis=1, keepdims=True)).T).argmax(axis=1)
    two = centroid_labels(jnp.asarray(features), jnp.asarray(logits))
    assert not np.array_equal(one, two)


def test_they_are_better_than_the_predictions_on_clustered_features():
    rng = np.random.default_rng(0)
    truth = np.arange(90) % 3
    features = np.abs(5 * np.eye(3)[truth] + 0.3 * rng.normal(size=(90, 3)))
    logits = np.eye(3)[truth] + 1.0 * rng.normal(size=(90, 3))
    labels = centroid_labels(jnp.asarray(features), jnp.asarray(logits))
    assert (logits.argmax(axis=1) == truth).mean() < 0.9
    assert (np.asarray(labels) == truth).all()


def test_a_class_that_nothing_predicts_gets_no_row(x64):
    features, logits, _ = clusters(2)
    logits[:, 3] = logits.min(axis=1) - 0.1  # probable enough, and never the first
    ours = np.asarray(centroid_labels(jnp.asarray(features), jnp.asarray(logits)))
    assert np.array_equal(ours, two_rounds(features, logits))
    assert 3 not in ours


def test_masked_classes_get_no_row(x64):
    features, logits, _ = clusters(3)
    wide = jnp.concatenate([jnp.asarray(logits), jnp.full((60, 3), -1e9)], axis=1)
    assert np.array_equal(
        centroid_labels(jnp.asarray(features), wide), two_rounds(features, logits)
    )


def test_padding_rows_shape_no_centroid(x64):
    features, logits, _ = clusters(4)
    padded = jnp.concatenate([jnp.asarray(features), jnp.full((20, 5), 90.0)])
    more = jnp.concatenate([jnp.asarray(logits), jnp.tile(jnp.eye(4)[:1], (20, 1))])
    weight = jnp.array([1.0] * 60 + [0.0] * 20)
    labels = centroid_labels(padded, more, weight=weight)
    assert np.array_equal(labels[:60], two_rounds(features, logits))
    assert not np.array_equal(centroid_labels(padded, more)[:60], labels[:60])


def test_zero_features_and_one_class_stay_finite():
    labels = centroid_labels(jnp.zeros((4, 2)), jnp.tile(jnp.eye(3)[:1], (4, 1)))
    assert np.array_equal(labels, np.zeros(4))
    assert labels.dtype == jnp.int32


def test_no_gradient_flows_through_labels():
    def through(features):
        labels = centroid_labels(features, features)
        return jnp.sum(jax.nn.one_hot(labels, 3) * 1.0)

    gradient = jax.grad(through)(jnp.arange(12.0).reshape(4, 3))
    assert not np.asarray(gradient).any()
