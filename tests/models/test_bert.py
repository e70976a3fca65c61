import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import network_by_name

TINY = {"vocabulary": 30, "width": 8, "depth": 2, "heads": 2, "max_length": 12}
X = jnp.array([[2, 5, 6, 7, 3], [2, 9, 3, 0, 0]])


@pytest.fixture(scope="module")
def network():
    return network_by_name("bert", **TINY)


@pytest.fixture(scope="module")
def variables(network):
    return network.init(jax.random.key(0), X)


def test_stages_come_in_the_order_of_depth(network, variables):
    outputs, _ = network.apply(*variables, X)
    assert list(outputs.stages) == ["embed", "block_0", "block_1", "tokens"]
    assert outputs.features.shape == (2, network.features_dim)


def test_padding_changes_nothing(network, variables):
    whole, _ = network.apply(*variables, X)
    short, _ = network.apply(*variables, X[1:, :3])
    np.testing.assert_allclose(whole.features[1:], short.features, atol=1e-6)
    longer = jnp.pad(X, ((0, 0), (0, 4)))
    padded, _ = network.apply(*variables, longer)
    np.testing.assert_allclose(padded.features, whole.features, atol=1e-6)


def test_segments_and_order_of_tokens_count(network, variables):
    first = network.apply(*variables, X)[0].features
    same = {"tokens": X, "segments": jnp.zeros_like(X)}
    assert np.array_equal(first, network.apply(*variables, same)[0].features)
    other = {"tokens": X, "segments": jnp.ones_like(X)}
    assert not np.allclose(first, network.apply(*variables, other)[0].features)
    swapped = X.at[0, 1:3].set(X[0, jnp.array([2, 1])])
    assert not np.allclose(first, network.apply(*variables, swapped)[0].features)


def test_an_id_past_the_vocabulary_is_nan_and_not_another_word(network, variables):
    outputs, _ = network.apply(*variables, X.at[0, 1].set(30))
    assert np.isnan(outputs.features[0]).all()
    assert np.isfinite(outputs.features[1]).all()


def test_bf16_takes_int32_ids_and_refuses_floats(network, variables):
    low = network_by_name("bert", precision="bf16", **TINY)
    features = low.apply(*variables, X)[0].features
    exact = network.apply(*variables, X)[0].features
    np.testing.assert_allclose(features, exact, atol=0.05)
    with pytest.raises(TypeError, match="int32"):
        low.apply(*variables, jnp.float32(X))
