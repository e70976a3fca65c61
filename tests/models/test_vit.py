import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import network_by_name
from da_zoo.models.vit import resize_positions

X = jnp.float32(np.random.default_rng(0).random((2, 8, 12, 3)))


@pytest.fixture(scope="module")
def network():
    return network_by_name("vit_ti16", patch=4, width=8, depth=2, heads=2)


@pytest.fixture(scope="module")
def variables(network):
    return network.init(jax.random.key(0), X)


@pytest.mark.parametrize(
    ("name", "width", "heads", "millions"),
    [("vit_ti16", 192, 3, 5.5), ("vit_s16", 384, 6, 21.7), ("vit_b16", 768, 12, 85.8)],
)
def test_sizes_are_the_published_ones(name, width, heads, millions):
    network = network_by_name(name)
    images = jax.ShapeDtypeStruct((1, 224, 224, 3), jnp.float32)
    params, _ = jax.eval_shape(network.init, jax.random.key(0), images)
    count = sum(leaf.size for leaf in jax.tree.leaves(params))
    assert network.features_dim == width
    assert count / 1e6 == pytest.approx(millions, abs=0.06)
    assert len(network.layer_patterns) == 13


def test_the_embedding_is_a_convolution_with_a_strided_window(network, variables):
    params, stats = variables
    embed = network.apply(params, stats, X)[0].stages["embed"]
    kernel = params["embed"]["kernel"].reshape(4, 4, 3, 8)
    rows = jax.lax.conv_general_dilated(
        X, kernel, (4, 4), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    expected = (
        rows.reshape(2, 6, 8)
        + params["embed"]["bias"][None, None]
        + params["positions"].reshape(1, 6, 8)
    )
    np.testing.assert_allclose(embed[:, 1:], expected, atol=1e-5)
    first = params["class_token"] + params["class_position"]
    np.testing.assert_allclose(embed[:, :1], np.repeat(first, 2, 0), atol=1e-6)


def test_the_features_are_the_class_tokens(network, variables):
    outputs, _ = network.apply(*variables, X)
    assert list(outputs.stages) == ["embed", "block_0", "block_1", "tokens"]
    assert np.array_equal(outputs.features, outputs.stages["tokens"][:, 0])


def test_keeping_every_patch_in_any_order_gives_the_same_features(network, variables):
    whole = network.apply(*variables, X)[0]
    order = jnp.array([[5, 3, 0, 1, 2, 4], [0, 1, 2, 3, 4, 5]])
    some = network.apply(*variables, {"pixels": X, "keep": order})[0]
    np.testing.assert_allclose(some.features, whole.features, atol=1e-5)
    back = jnp.take_along_axis(whole.stages["tokens"][:, 1:], order[:, :, None], 1)
    np.testing.assert_allclose(some.stages["tokens"][:, 1:], back, atol=1e-5)


def test_what_is_not_kept_is_not_seen(network, variables):
    keep = jnp.array([[0, 1], [4, 5]])
    hidden = X.at[0, 4:].set(9.0).at[1, :4].set(9.0)
    one, two = (
        network.apply(*variables, {"pixels": x, "keep": keep})[0].features
        for x in (X, hidden)
    )
    assert np.array_equal(one, two)


def test_any_size_of_image_goes_through_the_same_parameters(network):
    square = X[:, :8, :8]
    params, stats = network.init(jax.random.key(0), square)
    assert params["positions"].shape == (1, 2, 2, 8)
    wider = network.apply(params, stats, X)[0].stages["embed"]
    fitted = {**params, "positions": resize_positions(params["positions"], (2, 3))}
    assert fitted["positions"].shape == (1, 2, 3, 8)
    same = network.apply(fitted, stats, X)[0].stages["embed"]
    assert wider.shape == (2, 7, 8) and np.array_equal(wider, same)


def test_interpolation_keeps_constants_and_lines():
    line = jnp.broadcast_to(jnp.arange(8.0)[None, :, None, None], (1, 8, 8, 1))
    assert resize_positions(line, (8, 8)) is line
    inside = resize_positions(line, (16, 16))[0, 4:12, :, 0]
    np.testing.assert_allclose(inside, inside[:, :1].repeat(16, 1), atol=1e-5)
    np.testing.assert_allclose(np.diff(inside[:, 0]), 0.5, atol=1e-5)
    ones = resize_positions(jnp.ones((1, 8, 8, 2)), (3, 5))
    np.testing.assert_allclose(ones, 1.0, atol=1e-6)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (
            jnp.ones((2, 10, 8, 3)),
            r"whole patches of 4 x 4 pixels, got \(2, 10, 8, 3\)",
        ),
        (jnp.ones((2, 192)), "vit takes images"),
        ({"pixels": jnp.ones((2, 8, 8, 3))}, r"got the keys \['pixels'\]"),
    ],
)
def test_what_is_no_image_is_refused(network, x, message):
    with pytest.raises(ValueError, match=message):
        network.init(jax.random.key(0), x)
