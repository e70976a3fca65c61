"""Causal tokens: each label is the next token, and padding is none."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo.methods.pretraining.causal_tokens import _objective
from da_zoo.methods.pretraining.vocabulary import tokens_of
from da_zoo.types import Examples, Outputs

OBJECTIVE = _objective(6, 0, False)


def rows(tokens):
    n = len(tokens)
    zeros = jnp.zeros(n, int)
    return Examples(jnp.asarray(tokens), zeros, zeros > 0, zeros, zeros)


def test_the_next_token_is_the_label_and_padding_does_not_count():
    tokens = [[1, 2, 3, 0], [4, 5, 0, 0]]
    prepared = OBJECTIVE.prepare(jax.random.key(0), rows(tokens), {})
    # Each token's output is the one-hot of the token after it, but for one mistake.
    hidden = np.zeros((2, 4, 6), np.float32)
    for i, j, after in ((0, 0, 2), (0, 1, 3), (1, 0, 1)):
        hidden[i, j, after] = 20.0
    outputs = Outputs(jnp.zeros((2, 1)), {"tokens": jnp.asarray(hidden)})
    params = {"token_logits": {"kernel": jnp.eye(6), "bias": jnp.zeros(6)}}
    loss, metrics = OBJECTIVE.loss(params, outputs, prepared, {})
    assert float(metrics["accuracy"]) == pytest.approx(2 / 3)
    assert float(loss) == pytest.approx(20 / 3, abs=1e-4)


def test_one_token_predicts_nothing():
    with pytest.raises(ValueError, match="at least two tokens"):
        OBJECTIVE.prepare(jax.random.key(0), rows([[1], [2]]), {})


def test_a_network_without_outputs_per_token_is_refused():
    with pytest.raises(ValueError, match=r"no stage 'tokens'.*\['dense_0'\]"):
        tokens_of(Outputs(jnp.ones((1, 2)), {"dense_0": jnp.ones(1)}))
