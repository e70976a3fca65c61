import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo.models.attention import SelfAttention, attention_mask

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 5, 6))
MODULE = SelfAttention(heads=2)


@pytest.fixture
def params(x64):
    like = MODULE.init(jax.random.key(0), jnp.asarray(X))["params"]
    rng = np.random.default_rng(1)
    return jax.tree.map(lambda leaf: rng.normal(size=leaf.shape), like)


def by_hand(params, x, mask):
    """Section 3.2 of the paper, head by head and query by query."""

    def dense(name, x):
        return x @ params[name]["kernel"] + params[name]["bias"]

    q, k, v = (dense(name, x) for name in ("query", "key", "value"))
    mixed = np.zeros_like(x)
    for row in range(x.shape[0]):
        for head in (slice(0, 3), slice(3, 6)):
            for i in range(x.shape[1]):
                seen = np.flatnonzero(mask[row, i])
                scores = k[row, seen][:, head] @ q[row, i, head] / np.sqrt(3)
                weights = np.exp(scores - scores.max())
                weights /= weights.sum()
                mixed[row, i, head] = weights @ v[row, seen][:, head]
    return dense("out", mixed)


@pytest.mark.parametrize("causal", [False, True])
def test_attention_is_the_papers(params, causal):
    real = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]], bool)
    seen = np.repeat(real[:, None], 5, axis=1)
    if causal:
        seen &= np.tril(np.ones((5, 5), bool))
    mask = attention_mask(jnp.asarray(real), causal=causal)
    ours = MODULE.apply({"params": params}, jnp.asarray(X), mask)
    np.testing.assert_allclose(ours, by_hand(params, X, seen), rtol=1e-12)


def test_no_mask_is_a_mask_of_ones(params):
    ours = MODULE.apply({"params": params}, jnp.asarray(X))
    seen = np.ones((2, 5, 5), bool)
    np.testing.assert_allclose(ours, by_hand(params, X, seen), rtol=1e-12)


def test_a_row_of_padding_is_finite(params):
    mask = attention_mask(jnp.zeros((2, 5), bool))

    def total(x):
        return MODULE.apply({"params": params}, x, mask).sum()

    value, gradient = jax.value_and_grad(total)(jnp.asarray(X))
    assert np.isfinite(value) and np.isfinite(gradient).all()


def test_large_scores_in_bfloat16_are_finite_and_sum_in_float32(key):
    x = 100.0 * jnp.asarray(X, jnp.bfloat16)
    params = MODULE.init(key, x)
    low = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), params)
    out = MODULE.apply(low, x)
    assert out.dtype == jnp.bfloat16 and np.isfinite(np.float32(out)).all()
    jaxpr = str(jax.make_jaxpr(lambda x: MODULE.apply(low, x))(x))
    assert "f32[2,2,5,5] = exp" in jaxpr


def test_heads_must_divide_the_width(key):
    with pytest.raises(ValueError, match="heads=4 does not divide the width 6"):
        SelfAttention(heads=4).init(key, jnp.asarray(X))
