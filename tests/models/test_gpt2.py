import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import network_by_name

TINY = {"vocabulary": 30, "width": 8, "depth": 2, "heads": 2, "max_length": 12}
X = jnp.array([[2, 5, 6, 7, 3], [2, 9, 3, 0, 0], [0, 0, 0, 0, 0]])


@pytest.fixture(scope="module")
def network():
    return network_by_name("gpt2", pad_id=0, **TINY)


@pytest.fixture(scope="module")
def variables(network):
    return network.init(jax.random.key(0), X)


def test_no_token_sees_what_comes_after_it(network, variables):
    outputs, _ = network.apply(*variables, X)
    changed, _ = network.apply(*variables, X.at[0, 3].set(11))
    for name, stage in outputs.stages.items():
        assert np.array_equal(stage[0, :3], changed.stages[name][0, :3]), name
        same_end = np.allclose(stage[0, 4], changed.stages[name][0, 4])
        assert same_end == (name == "embed"), name


def test_features_are_the_last_real_tokens(network, variables):
    outputs, _ = network.apply(*variables, X)
    tokens = outputs.stages["tokens"]
    assert np.array_equal(outputs.features[0], tokens[0, 4])
    assert np.array_equal(outputs.features[1], tokens[1, 2])
    short, _ = network.apply(*variables, X[1:2, :3])
    np.testing.assert_allclose(outputs.features[1:2], short.features, atol=1e-6)
    # A text of padding alone has to be something finite.
    assert np.isfinite(outputs.features[2]).all()


def test_segments_are_refused(network, variables):
    with pytest.raises(ValueError, match="gpt2 has no segments"):
        network.apply(*variables, {"tokens": X, "segments": X})
