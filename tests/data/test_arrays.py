import flax.linen as nn
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import ArrayData, fit, network_from_linen
from da_zoo.data.checks import check_features
from da_zoo.data.streams import make_stream
from da_zoo.methods.source_only import source_only

IDS = np.random.default_rng(0).integers(0, 7, (20, 4)).astype(np.int32)
Y = IDS[:, 0] % 2


class Kinds(nn.Module):
    """Ids, numbers and pixels, each of the type it should come in."""

    @nn.compact
    def __call__(self, x):
        is_integer = {k: jnp.issubdtype(v.dtype, jnp.integer) for k, v in x.items()}
        assert is_integer == {"ids": True, "numbers": False, "pixels": False}
        shown = nn.Embed(7, 3)(x["ids"]).mean(axis=1)
        return jnp.concatenate([shown, x["numbers"], x["pixels"]], axis=1)


def test_int32_stays_and_other_numbers_become_float32():
    assert check_features("x", IDS).dtype == np.int32
    assert check_features("x", IDS.astype(np.int64)).dtype == np.float32
    assert check_features("x", IDS.astype(np.uint8)).dtype == np.uint8
    assert check_features("x", jnp.asarray(IDS)).dtype == np.int32


def test_inputs_by_name_reach_the_network_as_they_are(key):
    x = {
        "ids": IDS,
        "numbers": IDS.astype(np.int64),
        "pixels": np.full((20, 2), 51, np.uint8),
    }
    network = network_from_linen(Kinds())
    recipe = source_only(network, classes=2)
    data = ArrayData(source=[(x, Y), (x, Y)], target=x)
    assert data.source.pool["ids"].shape == (40, 4)
    result = fit(recipe, data, key, steps=2, batch_size=4)
    predictions = result.predict(x)
    assert predictions.logits["target"].shape == (20, 2)
    # Prediction scales like training: numbers as they are, pixels to [0, 1].
    np.testing.assert_array_equal(predictions.features[:, 3:7], IDS)
    np.testing.assert_allclose(predictions.features[:, 7:], 0.2)
    as_jax = result.predict(x | {"ids": jnp.asarray(IDS)})
    np.testing.assert_array_equal(as_jax.features, predictions.features)


def test_inputs_by_name_must_agree():
    with pytest.raises(ValueError, match=r"equal length.*'a': 20, 'b': 19"):
        make_stream({"a": IDS, "b": IDS[:19]})
    with pytest.raises(TypeError, match=r"source inputs\['a'\] must be numeric"):
        make_stream({"a": np.array([["x"]])})
    with pytest.raises(ValueError, match="all sources must have rows of one shape"):
        ArrayData(source=[({"a": IDS}, Y), ({"b": IDS}, Y)])
    with pytest.raises(ValueError, match="labels must have shape"):
        make_stream({"a": IDS}, Y[:3])
