"""Hidden tokens: how many, which, and what they become."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo.methods.pretraining.masked_tokens import hide_tokens

KEY = jax.random.key(0)
WORDS = {"vocabulary": 1000, "mask_id": 3, "special_ids": (0, 1, 2)}


def hidden(tokens, share, key=KEY):
    got = hide_tokens(key, jnp.asarray(tokens), share=share, **WORDS)
    return [np.asarray(array) for array in got]


def test_fifteen_percent_and_eighty_ten_ten():
    """On 100 000 tokens, within five standard deviations."""
    tokens = np.random.default_rng(0).integers(4, 1000, (500, 200))
    seen, chosen = hidden(tokens, 0.15)

    def close(share, want, count):
        assert abs(share - want) < 5 * np.sqrt(want * (1 - want) / count)

    close(chosen.mean(), 0.15, chosen.size)
    count = chosen.sum()
    close((seen[chosen] == 3).mean(), 0.8, count)
    # One random token in 996 is the one that was there.
    close((seen[chosen] == tokens[chosen]).mean(), 0.1 + 0.1 / 996, count)
    other = chosen & (seen != 3) & (seen != tokens)
    close(other.sum() / count, 0.1 * 995 / 996, count)
    np.testing.assert_array_equal(seen[~chosen], tokens[~chosen])
    # Random tokens are any ordinary ones.
    drawn = seen[other]
    assert drawn.min() >= 4
    assert abs(drawn.mean() - 501.5) < 5 * 288 / np.sqrt(len(drawn))


def test_special_tokens_are_never_chosen_nor_drawn():
    tokens = np.random.default_rng(1).integers(0, 8, (200, 20))
    words = WORDS | {"vocabulary": 8}
    seen, chosen = hide_tokens(KEY, jnp.asarray(tokens), share=0.9, **words)
    special = tokens < 4
    assert not np.asarray(chosen)[special].any()
    np.testing.assert_array_equal(np.asarray(seen)[special], tokens[special])
    became = np.asarray(seen)[np.asarray(chosen)]
    assert set(became.tolist()) <= {3, 4, 5, 6, 7}


@pytest.mark.parametrize("seed", range(3))
def test_every_text_has_one_at_least_if_it_has_any_word(seed):
    tokens = np.full((50, 6), 0)
    tokens[:, 0], tokens[:, 5] = 1, 2
    tokens[:-1, 1:3] = 7
    _, chosen = hidden(tokens, 1e-6, jax.random.key(seed))
    np.testing.assert_array_equal(chosen.sum(axis=1), [1] * 49 + [0])
    # Either of the two, at random.
    assert 10 < chosen[:, 1].sum() < 40


def test_the_share_may_be_traced():
    tokens = jnp.full((20, 50), 9)

    @jax.jit
    def count(share):
        return hide_tokens(KEY, tokens, share=share, **WORDS)[1].mean()

    assert abs(float(count(0.5)) - 0.5) < 0.1
    assert abs(float(count(0.1)) - 0.1) < 0.06
