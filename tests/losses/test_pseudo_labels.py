"""Pseudo-labels, alignment and consistency against float64 NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo.losses.pseudo_labels import (
    align_distribution,
    consistency,
    mean_prediction,
    pseudo_label_loss,
    pseudo_labels,
)

RNG = np.random.default_rng(0)
LOGITS, OTHERS = RNG.normal(size=(2, 9, 4)) * 2
SHARES = RNG.dirichlet(np.ones(4), size=2)


def softmax(logits):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def masked(logits):
    return jnp.concatenate([jnp.asarray(logits), jnp.full((9, 2), -1e9)], axis=1)


def test_the_threshold_is_exact():
    p = jnp.array([[0.75, 0.25], [0.5, 0.5], [0.125, 0.875], [0.7499, 0.2501]])
    labels, kept = pseudo_labels(p, 0.75)
    assert labels.tolist() == [0, 0, 1, 0]
    assert kept.tolist() == [1.0, 0.0, 1.0, 0.0]
    assert pseudo_labels(p, 0.0)[1].tolist() == [1.0] * 4
    assert pseudo_labels(p, jnp.float32(1.0))[1].tolist() == [0.0] * 4


def test_loss_by_hand_counts_rows_below_the_threshold_as_zeros(x64):
    kept = (np.arange(9) % 3 > 0).astype(float)
    labels = np.arange(9) % 4
    expected = 0.0
    for i in range(9):
        if kept[i]:
            expected -= np.log(softmax(LOGITS)[i, labels[i]]) / 9
    arguments = jnp.asarray(labels), jnp.asarray(kept)
    ours = pseudo_label_loss(jnp.asarray(LOGITS), *arguments)
    np.testing.assert_allclose(ours, expected, rtol=1e-10)
    np.testing.assert_allclose(
        pseudo_label_loss(masked(LOGITS), *arguments), expected, rtol=1e-10
    )
    none = jnp.zeros(9)
    assert float(pseudo_label_loss(jnp.asarray(LOGITS), arguments[0], none)) == 0.0


def test_pseudo_labels_carry_no_gradient_and_the_prediction_does():
    def loss(z):
        p = jax.nn.softmax(z, axis=1)
        labels, kept = pseudo_labels(p, 0.3)
        return pseudo_label_loss(z, labels, kept)

    logits = jnp.asarray(LOGITS, jnp.float32)
    p = softmax(LOGITS)
    kept = p.max(axis=1) >= 0.3
    expected = (p - np.eye(4)[p.argmax(axis=1)]) * kept[:, None] / 9
    np.testing.assert_allclose(jax.grad(loss)(logits), expected, atol=1e-6)

    def scores(q):
        return jnp.sum(pseudo_labels(q)[1]) + jnp.sum(mean_prediction(q) ** 2)

    assert not np.any(jax.grad(scores)(jnp.asarray(p, jnp.float32)))


def test_alignment_normalises_and_reaches_the_wanted_shares(x64):
    p = softmax(LOGITS)
    wanted, current = SHARES
    ours = align_distribution(jnp.asarray(p), jnp.asarray(wanted), jnp.asarray(current))
    expected = np.array(
        [[row[j] * wanted[j] / current[j] for j in range(4)] for row in p]
    )
    expected /= expected.sum(axis=1)[:, None]
    np.testing.assert_allclose(ours, expected, rtol=1e-4)
    np.testing.assert_allclose(ours.sum(axis=1), np.ones(9), rtol=1e-12)
    same = align_distribution(*(jnp.asarray(v) for v in (p, wanted, wanted)))
    np.testing.assert_allclose(same, p, rtol=1e-12)
    # Equal rows have exactly the wanted shares afterwards.
    equal = jnp.tile(jnp.asarray(current), (3, 1))
    moved = align_distribution(equal, jnp.asarray(wanted), jnp.asarray(current))
    np.testing.assert_allclose(moved[0], wanted, rtol=1e-4)


def test_alignment_keeps_masked_classes_at_zero_and_stays_finite():
    p = jax.nn.softmax(masked(LOGITS).astype(jnp.float32), axis=1)
    mean = mean_prediction(p)
    aligned = align_distribution(p, jnp.concatenate([SHARES[0], jnp.zeros(2)]), mean)
    assert np.array_equal(aligned[:, 4:], np.zeros((9, 2)))
    assert bool(jnp.isfinite(aligned).all())
    # A class that is never predicted, and one that never should be.
    never = align_distribution(
        jnp.array([[1.0, 0.0]]), jnp.array([0.0, 1.0]), jnp.array([1.0, 0.0])
    )
    np.testing.assert_allclose(never, [[1.0, 0.0]], atol=1e-6)


def test_consistency_by_hand(x64):
    p, q = softmax(LOGITS), softmax(OTHERS)
    pair = jnp.asarray(LOGITS), jnp.asarray(OTHERS)
    expected = sum((p[i, j] - q[i, j]) ** 2 / 4 / 9 for i in range(9) for j in range(4))
    np.testing.assert_allclose(consistency(*pair), expected, rtol=1e-10)
    threshold = float(np.median(q.max(axis=1)))
    sure = [i for i in range(9) if q[i].max() >= threshold]
    assert 0 < len(sure) < 9
    expected = sum(((p[i] - q[i]) ** 2).mean() for i in sure) / 9
    np.testing.assert_allclose(consistency(*pair, threshold), expected, rtol=1e-10)
    wide = consistency(masked(LOGITS), masked(OTHERS), threshold)
    np.testing.assert_allclose(wide, expected, rtol=1e-10)
    assert float(consistency(pair[0], pair[0])) == 0.0


def test_consistency_moves_the_student_towards_the_teacher_only(x64):
    pair = jnp.asarray(LOGITS), jnp.asarray(OTHERS)
    student, teacher = jax.grad(consistency, argnums=(0, 1))(*pair)
    assert not np.any(teacher)
    assert float(jnp.abs(student).max()) > 1e-4
    assert consistency(pair[0] - student, pair[1]) < consistency(*pair)
    index, step = (2, 1), 1e-6
    up, down = (consistency(pair[0].at[index].add(s), pair[1]) for s in (step, -step))
    np.testing.assert_allclose(student[index], (up - down) / (2 * step), rtol=1e-5)


def _pseudo(logits, weight=None):
    labels, kept = pseudo_labels(jax.nn.softmax(logits, axis=1), 0.3)
    return pseudo_label_loss(logits, labels, kept, weight=weight)


@pytest.mark.parametrize("junk", [7.0, float("nan")])
@pytest.mark.parametrize(
    "loss",
    [
        _pseudo,
        lambda z, weight=None: consistency(z, z[:, ::-1], 0.3, weight=weight),
        lambda z, weight=None: mean_prediction(jax.nn.softmax(z, axis=1), weight),
    ],
    ids=["pseudo_labels", "consistency", "mean_prediction"],
)
def test_padding_rows_change_nothing(loss, junk):
    logits = jnp.asarray(LOGITS, jnp.float32)
    padded = jnp.concatenate([logits, jnp.full((3, 4), junk)])
    weight = jnp.array([1.0] * 9 + [0.0] * 3)
    np.testing.assert_allclose(loss(padded, weight=weight), loss(logits), rtol=1e-5)


def test_extreme_logits_stay_finite():
    logits = jnp.array([[1e4, -1e4, 0.0], [-1e4, 1e4, 0.0]])
    for loss in (_pseudo, lambda z: consistency(z, -z)):
        value, gradient = jax.value_and_grad(loss)(logits)
        assert bool(jnp.isfinite(value)) and bool(jnp.isfinite(gradient).all())
