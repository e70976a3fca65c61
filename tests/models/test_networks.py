"""What holds of every network by name; traced, not run."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo.models import module_by_name, network_by_name
from da_zoo.network import network_from_linen
from da_zoo.partition import paths

SHAPES = {
    "mlp": (2, 9),
    "lenet": (2, 16, 16, 1),
    "cnn1d": (2, 64, 9),
    "resnet18": (2, 32, 32, 3),
    "resnet34": (2, 32, 32, 3),
    "resnet50": (2, 32, 32, 3),
    "resnet101": (2, 32, 32, 3),
    "vgg16": (2, 32, 32, 3),
    "vgg16_bn": (2, 32, 32, 3),
    "alexnet": (2, 64, 64, 3),
}
PARAMETERS = {
    # torchvision's counts, without the head (a dense layer of 1000 classes).
    "resnet18": 11_689_512 - 513_000,
    "resnet34": 21_797_672 - 513_000,
    "resnet50": 25_557_032 - 2_049_000,
    "resnet101": 44_549_160 - 2_049_000,
    "vgg16": 138_357_544 - 4_097_000,
    "vgg16_bn": 138_365_992 - 4_097_000,
    "alexnet": 61_100_840 - 4_097_000,
}


@pytest.mark.parametrize("name", list(SHAPES))
def test_stages_layers_and_features_agree(name):
    network = network_by_name(name)
    x = jax.ShapeDtypeStruct(SHAPES[name], jnp.float32)
    params, stats = jax.eval_shape(network.init, jax.random.key(0), x)
    outputs, _ = jax.eval_shape(network.apply, params, stats, x)
    assert outputs.features.shape == (2, network.features_dim)
    assert len(outputs.stages) == len(network.layer_patterns)
    for path in paths(params):
        hits = [p for p in network.layer_patterns if re.search(p, f"encoder/{path}")]
        assert len(hits) == 1, path

    if name in PARAMETERS:
        count = sum(np.prod(leaf.shape) for leaf in jax.tree.leaves(params))
        assert count == PARAMETERS[name]


@pytest.mark.parametrize("name", list(PARAMETERS))
def test_every_layout_has_every_variable_once(name):
    module = module_by_name(name)
    x = jnp.zeros(module.example_input.shape)
    params, stats = jax.eval_shape(
        network_from_linen(module).init, jax.random.key(0), x
    )
    expected = {f"params/{p}" for p in paths(params)} | set(paths(stats))
    for layout in module.weight_layouts:
        ours = [entry.ours for entry in layout.entries]
        assert sorted(ours) == sorted(expected | {"head/kernel", "head/bias"})
        theirs = [entry.theirs[0] for entry in layout.entries]
        assert len(set(theirs)) == len(theirs)


@pytest.mark.parametrize(
    ("name", "options", "shape"),
    [
        ("resnet50", {"blocks": (1, 1), "width": 2}, (4, 16, 16, 3)),
        ("vgg16_bn", {"blocks": (1, 1), "width": 2, "hidden": 4}, (4, 8, 8, 3)),
        ("cnn1d", {"channels": (4, 4)}, (4, 20, 3)),
    ],
)
def test_padding_rows_do_not_count(name, options, shape):
    network = network_by_name(name, **options)
    x = jax.random.normal(jax.random.key(0), shape)
    params, stats = jax.jit(network.init)(jax.random.key(1), x)
    run = jax.jit(lambda x, w: network.apply(params, stats, x, weight=w, train=True))
    weight = jnp.array([1.0, 1.0, 1.0, 0.0])
    (ours, _), new = run(x, weight)
    (theirs, _), wild = run(x.at[3].set(1e3), weight)
    (_, _), padded = run(x.at[3].set(1e3), jnp.ones(4))
    np.testing.assert_allclose(ours[:3], theirs[:3], rtol=1e-5)
    assert bool(jnp.any(ours[:3] != 0))
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), new, wild
    )
    moved = jax.tree.map(lambda a, b: float(jnp.max(jnp.abs(a - b))), new, padded)
    assert min(jax.tree.leaves(moved)) > 1e-4


def test_a_convolution_over_time_is_numpys(x64):
    module = module_by_name("cnn1d", channels=(2,), normalise=False, kernel_size=3)
    x = jax.random.normal(jax.random.key(0), (1, 8, 2))
    variables = module.init(jax.random.key(1), x, train=False)
    stage = module.apply(variables, x, train=False).stages["conv_0"]
    kernel = np.asarray(variables["params"]["conv_0"]["kernel"])
    padded = np.pad(np.asarray(x[0]), ((1, 1), (0, 0)))
    y = np.stack([np.einsum("ki,kio->o", padded[t : t + 3], kernel) for t in range(8)])
    expected = np.maximum(y, 0).reshape(4, 2, 2).max(axis=1)
    np.testing.assert_allclose(stage[0], expected, rtol=1e-10)


def test_dropout_is_on_only_when_asked():
    network = network_by_name("alexnet", channels=(2,) * 5, hidden=16)
    x = jax.random.normal(jax.random.key(0), (2, 64, 64, 3))
    params, stats = jax.jit(network.init)(jax.random.key(0), x)
    run = jax.jit(lambda key: network.apply(params, stats, x, key=key)[0].features)
    still = run(None)
    np.testing.assert_array_equal(still, run(None))
    assert bool(jnp.any(run(jax.random.key(1)) != still))


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("vgg16", (1, 16, 64, 3), "at least 32 x 32"),
        ("alexnet", (1, 62, 64, 3), "at least 63 x 63"),
        ("cnn1d", (1, 7, 3), "at least 8 samples"),
        ("cnn1d", (1, 16, 16, 3), "takes signals"),
    ],
)
def test_inputs_that_are_too_small_are_refused(name, shape, message):
    with pytest.raises(ValueError, match=message):
        jax.eval_shape(network_by_name(name).init, jax.random.key(0), jnp.ones(shape))


def test_options_and_names_are_checked():
    with pytest.raises(ValueError, match="did you mean 'resnet18'"):
        module_by_name("resnet_18")
    with pytest.raises(ValueError, match="unknown resnet50 option 'widht'"):
        network_by_name("resnet50", widht=3)
    assert network_by_name("resnet50") is network_by_name("resnet50")
    assert network_by_name("mlp", hidden=[3, 2]).features_dim == 2
