"""Moving centroids against NumPy, and where their gradients go."""

import jax
import jax.numpy as jnp
import numpy as np

from da_zoo.losses.moving_centroids import centroid_distance, moved_centroids

RNG = np.random.default_rng(0)
OLD = RNG.normal(size=(4, 3))
FEATURES = RNG.normal(size=(7, 3))
LABELS = np.array([0, 0, 2, 2, 2, 0, 2])


def expected(old, features, labels, decay=0.7):
    new = old.copy()
    for c in set(labels.tolist()):
        mean = np.mean([f for f, y in zip(features, labels, strict=True) if y == c], 0)
        new[c] = decay * old[c] + (1 - decay) * mean
    return new


def test_centroids_move_and_absent_classes_stay(x64):
    ours = moved_centroids(*map(jnp.asarray, (OLD, FEATURES, LABELS)))
    np.testing.assert_allclose(ours, expected(OLD, FEATURES, LABELS), rtol=1e-9)
    assert np.array_equal(ours[1], OLD[1]) and np.array_equal(ours[3], OLD[3])


def test_padding_moves_nothing(x64):
    features = jnp.concatenate([jnp.asarray(FEATURES), jnp.full((2, 3), jnp.nan)])
    labels = jnp.concatenate([jnp.asarray(LABELS), jnp.array([1, 0])])
    weight = jnp.array([1.0] * 7 + [0.0] * 2)
    ours = moved_centroids(jnp.asarray(OLD), features, labels, weight=weight)
    np.testing.assert_allclose(ours, expected(OLD, FEATURES, LABELS), rtol=1e-9)


def test_distance_value_and_padded_classes(x64):
    a, b = OLD, RNG.normal(size=(4, 3))
    np.testing.assert_allclose(
        centroid_distance(jnp.asarray(a), jnp.asarray(b), jnp.asarray(4.0)),
        np.mean((a - b) ** 2),
        rtol=1e-9,
    )
    np.testing.assert_allclose(
        centroid_distance(jnp.asarray(a), jnp.asarray(b), jnp.asarray(2.0)),
        np.mean((a[:2] - b[:2]) ** 2),
        rtol=1e-9,
    )


def test_a_step_down_draws_the_batch_together(x64):
    source = jnp.asarray(OLD)

    def loss(features, old):
        moved = moved_centroids(old, features, jnp.asarray(LABELS))
        return centroid_distance(source, moved, jnp.asarray(4.0))

    old = jnp.zeros((4, 3))
    features = jnp.asarray(FEATURES)
    gradient, into_old = jax.grad(loss, argnums=(0, 1))(features, old)
    assert loss(features - 0.5 * gradient, old) < loss(features, old)
    assert not np.asarray(into_old).any()
