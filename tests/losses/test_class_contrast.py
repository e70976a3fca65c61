"""Contrast with queues against loops over rows, as the paper writes it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo.losses.class_contrast import class_contrast, queue_places

RNG = np.random.default_rng(0)
N, C, K = 5, 3, 4
OWN, QUEUED = RNG.normal(size=N), RNG.normal(size=(N, C, K))
FILLED = np.arange(K)[None] < np.array([4, 2, 0])[:, None]
LABELS = np.array([0, 1, 2, 1, 0])
WEIGHT = np.array([1.0, 2.0, 1.0, 0.0, 0.5])


def by_hand(own, queued):
    total = 0.0
    for i in range(N):
        every = [own[i]]
        positives = [own[i]]
        for c in range(C):
            for k in range(K):
                if FILLED[c, k]:
                    every.append(queued[i, c, k])
                    if c == LABELS[i]:
                        positives.append(queued[i, c, k])
        norm = np.log(np.sum(np.exp(every)))
        total += WEIGHT[i] * np.mean([norm - s for s in positives])
    return total / WEIGHT.sum()


def test_the_loss_and_its_gradients():
    args = jnp.float32(OWN), jnp.float32(QUEUED), jnp.array(FILLED), jnp.array(LABELS)
    found, slopes = jax.value_and_grad(class_contrast, argnums=(0, 1))(
        *args, weight=jnp.float32(WEIGHT)
    )
    np.testing.assert_allclose(found, by_hand(OWN, QUEUED), rtol=1e-5)
    moved = np.zeros(N)
    moved[1] = 1e-6
    numeric = (by_hand(OWN + moved, QUEUED) - by_hand(OWN - moved, QUEUED)) / 2e-6
    np.testing.assert_allclose(slopes[0][1], numeric, rtol=1e-3)
    assert float(slopes[0][1]) < 0  # closer to its own key is better
    assert float(slopes[1][1, 0, 0]) > 0  # closer to another class's is worse
    np.testing.assert_array_equal(slopes[1][:, ~FILLED], 0.0)
    assert float(slopes[0][3]) == 0.0


def test_padding_and_empty_queues():
    own = jnp.array([0.3, jnp.nan])
    queued = jnp.full((2, C, K), jnp.nan)
    weight = jnp.array([1.0, 0.0])
    value, slope = jax.value_and_grad(class_contrast)(
        own, queued, jnp.zeros((C, K), bool), jnp.array([0, 1]), weight=weight
    )
    assert float(value) == 0.0  # its own key against nothing
    assert np.isfinite(slope).all()


def queued_by_loop(labels, rows, size, weight, batches):
    """One row after another into the place that its class's queue is at."""
    queue, pointer = np.zeros((C, size)), np.zeros(C, int)
    for _ in range(batches):
        for label, row, own in zip(labels, rows, weight, strict=True):
            if own > 0:
                queue[label, pointer[label] % size] = row
                pointer[label] += 1
        rows = rows + 100
    return queue, pointer


@pytest.mark.parametrize("size", [1, 2, 3, 10])
def test_queues_keep_the_last_keys_in_order(size):
    rng = np.random.default_rng(size)
    labels, rows = rng.integers(0, C, size=9), np.arange(1.0, 10.0)
    weight = np.array([1, 1, 0, 1, 1, 0.5, 1, 1, 1])
    expected, pointer = queued_by_loop(labels, rows, size, weight, 3)
    queue, count = jnp.zeros((C, size)), jnp.zeros(C, jnp.int32)
    for batch in range(3):
        classes, places, count = queue_places(
            jnp.array(labels), count, size, jnp.float32(weight)
        )
        queue = queue.at[classes, places].set(
            jnp.float32(rows + 100 * batch), mode="drop"
        )
    np.testing.assert_array_equal(queue, expected)
    np.testing.assert_array_equal(count, pointer)


def test_no_place_is_written_twice():
    """On an accelerator the order of such writes would be anyone's guess."""
    labels = jnp.array([1, 1, 0, 1, 1])
    classes, places, _ = queue_places(labels, jnp.zeros(C, jnp.int32), 2)
    assert classes.tolist() == [C, C, 0, 1, 1]
    pairs = list(zip(classes.tolist(), places.tolist(), strict=True))[2:]
    assert len(set(pairs)) == 3
