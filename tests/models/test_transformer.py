import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo.models.transformer import (
    TransformerBlock,
    block_patterns,
    gelu,
    gelu_tanh,
)

X = np.random.default_rng(0).normal(size=(2, 3, 4))


def dense(params, name, x):
    return x @ params[name]["kernel"] + params[name]["bias"]


def normalised(params, name, x, epsilon):
    centred = x - x.mean(-1, keepdims=True)
    scaled = centred / np.sqrt(np.square(centred).mean(-1, keepdims=True) + epsilon)
    return scaled * params[name]["scale"] + params[name]["bias"]


def test_activations_are_the_two_gelus(x64):
    x = np.linspace(-4, 4, 17)
    exact = [v * 0.5 * (1 + math.erf(v / math.sqrt(2))) for v in x]
    np.testing.assert_allclose(gelu(jnp.asarray(x)), exact, atol=1e-14)
    inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    near = 0.5 * x * (1 + np.tanh(inner))
    np.testing.assert_allclose(gelu_tanh(jnp.asarray(x)), near, atol=1e-14)
    assert np.abs(near - exact).max() > 1e-4


@pytest.mark.parametrize("pre_norm", [True, False])
def test_norms_stand_where_they_should(x64, pre_norm):
    """With values and output of 1 and 0, attention adds the mean over tokens."""
    block = TransformerBlock(heads=2, hidden=8, epsilon=0.1, pre_norm=pre_norm)
    rng = np.random.default_rng(1)
    params = jax.tree.map(
        lambda leaf: rng.normal(size=leaf.shape),
        block.init(jax.random.key(0), jnp.asarray(X))["params"],
    )
    for name in ("query", "key"):
        params["attention"][name] = {"kernel": np.zeros((4, 4)), "bias": np.zeros(4)}
    for name in ("value", "out"):
        params["attention"][name] = {"kernel": np.eye(4), "bias": np.zeros(4)}

    def attention(x):
        return np.broadcast_to(x.mean(1, keepdims=True), x.shape)

    def mlp(x):
        hidden = dense(params, "mlp_in", x)
        return dense(params, "mlp_out", np.asarray(gelu(jnp.asarray(hidden))))

    def norm(name, x):
        return normalised(params, name, x, 0.1)

    if pre_norm:
        x = X + attention(norm("attention_norm", X))
        x = x + mlp(norm("mlp_norm", x))
    else:
        x = norm("attention_norm", X + attention(X))
        x = norm("mlp_norm", x + mlp(x))
    ours = block.apply({"params": params}, jnp.asarray(X))
    np.testing.assert_allclose(ours, x, rtol=1e-12)


def test_dropout_leaves_evaluation_alone(key):
    block = TransformerBlock(heads=2, hidden=8, dropout=0.5)
    x = jnp.float32(X)
    params = block.init(key, x)
    one, two = block.apply(params, x), block.apply(params, x)
    assert np.array_equal(one, two)
    dropped = [
        block.apply(params, x, deterministic=False, rngs={"dropout": jax.random.key(i)})
        for i in (0, 1)
    ]
    assert not np.allclose(*dropped) and not np.allclose(dropped[0], one)


def test_patterns_name_what_follows_the_last_block_with_it():
    assert block_patterns(1, "embed", "norm") == ("embed", "(block_0|norm)/")
    assert block_patterns(0, "embed", "norm") == ("embed", "norm/")
