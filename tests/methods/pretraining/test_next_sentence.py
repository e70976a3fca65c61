"""Pairs of segments: half of them true, none made of a row and itself."""

import jax
import jax.numpy as jnp
import numpy as np

from da_zoo.methods.pretraining.next_sentence import exchange_rows, join_segments

KEYS = jax.random.split(jax.random.key(0), 2000)


def test_half_of_the_pairs_are_true_and_others_come_from_any_other_row():
    taken, own = map(np.asarray, jax.vmap(lambda key: exchange_rows(key, 5))(KEYS))
    assert abs(own.mean() - 0.5) < 5 * 0.5 / np.sqrt(own.size)
    np.testing.assert_array_equal(own, taken == np.arange(5)[None])
    others = taken[:, 0][~own[:, 0]]
    values, counts = np.unique(others, return_counts=True)
    assert values.tolist() == [1, 2, 3, 4]
    assert (np.abs(counts - counts.mean()) < 5 * np.sqrt(counts.mean())).all()


def test_nothing_is_taken_from_padding():
    weight = jnp.array([0.0, 1.0, 1.0, 0.0, 2.0])
    draw = jax.vmap(lambda key: exchange_rows(key, 5, weight))
    taken, own = map(np.asarray, draw(KEYS))
    for row in (1, 2, 4):
        others = set(taken[:, row][~own[:, row]].tolist())
        assert others == {1, 2, 4} - {row}
        assert abs(own[:, row].mean() - 0.5) < 5 * 0.5 / np.sqrt(len(KEYS))
    assert own[:, [0, 3]].all()


def test_a_single_row_keeps_its_segment():
    taken, own = jax.vmap(lambda key: exchange_rows(key, 1))(KEYS[:20])
    assert bool(own.all())
    assert not taken.any()


def test_segments_are_joined_and_padding_moves_to_the_end():
    first = jnp.array([[7, 8, 0], [9, 0, 0]])
    second = jnp.array([[5, 0], [6, 7]])
    joined = join_segments(first, second, cls_id=1, sep_id=2, pad_id=0)
    want = [[1, 7, 8, 2, 5, 2, 0, 0], [1, 9, 2, 6, 7, 2, 0, 0]]
    assert joined["tokens"].tolist() == want
    want = [[0, 0, 0, 0, 1, 1, 0, 0], [0, 0, 0, 1, 1, 1, 0, 0]]
    assert joined["segments"].tolist() == want
