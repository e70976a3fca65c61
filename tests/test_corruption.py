"""Corruptions: what they keep, how much they change, and what padding does."""

import jax
import jax.numpy as jnp
import numpy as np

from da_zoo.corruption import drop_entries, shuffle_columns, shuffle_features

KEY = jax.random.key(0)


def test_columns_keep_their_values_and_lose_each_other():
    x = jnp.arange(2000.0).reshape(500, 4)
    shuffled = np.asarray(shuffle_columns(KEY, x))
    np.testing.assert_array_equal(np.sort(shuffled, axis=0), x)
    # Each column by itself: rows do not travel together.
    rows = [(shuffled[:, i] - i) / 4 for i in range(4)]
    assert abs(np.corrcoef(rows)[0, 1]) < 0.15
    assert np.mean(rows[0] == np.arange(500)) < 0.02


def test_padding_rows_give_nothing_and_get_nothing():
    x = jnp.arange(24.0).reshape(6, 2, 2)
    weight = jnp.array([1.0, 0, 1, 1, 0, 2])
    counts = np.asarray(weight) > 0
    for seed in range(5):
        shuffled = np.asarray(shuffle_columns(jax.random.key(seed), x, weight))
        np.testing.assert_array_equal(shuffled[~counts], np.asarray(x)[~counts])
        np.testing.assert_array_equal(
            np.sort(shuffled[counts], axis=0), np.asarray(x)[counts]
        )
    altered = jnp.where(weight[:, None, None] > 0, x, -1.0)
    same = shuffle_columns(jax.random.key(4), altered, weight)
    np.testing.assert_array_equal(np.asarray(same)[counts], shuffled[counts])


def test_every_order_is_as_likely():
    x, weight = jnp.arange(4.0)[:, None], jnp.array([1.0, 1, 0, 1])
    keys = jax.random.split(KEY, 6000)
    drawn = jax.vmap(lambda key: shuffle_columns(key, x, weight)[:, 0])(keys)
    orders, counts = np.unique(np.asarray(drawn), axis=0, return_counts=True)
    assert len(orders) == 6
    assert (np.abs(counts - 1000) < 5 * np.sqrt(1000)).all()


def test_the_share_is_the_probability():
    x = jnp.arange(40000.0).reshape(400, 100)
    for share in (0.0, 0.3, 1.0):
        changed, drawn = shuffle_features(KEY, x, share=share)
        assert abs(float(jnp.mean(drawn)) - share) < 0.01
        # What is not drawn stays; what is drawn is another row's, nearly always.
        np.testing.assert_array_equal(changed[~drawn], x[~drawn])
        assert abs(float(jnp.mean(changed != x)) - share) < 0.02
        dropped = drop_entries(KEY, x + 1, share=share)
        assert abs(float(jnp.mean(dropped == 0)) - share) < 0.01
