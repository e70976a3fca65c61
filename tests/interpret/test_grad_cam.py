import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from da_zoo import network_by_name, network_from_linen, network_from_nnx
from da_zoo.interpret import Model, grad_cam
from da_zoo.interpret.stage_gradient import stage_gradient
from da_zoo.network import Network
from da_zoo.types import Outputs

RNG = np.random.default_rng(0)


def hand_built(stage_of=lambda x: x, jit=False):
    """Two channels; the stage is the image less nothing, the features are its means."""

    def apply(params, stats, x, **options):
        def inside(x):
            stage = jnp.maximum(x * params["gain"], 0.0)
            return stage_of(stage), jnp.mean(stage, axis=(1, 2))

        stage, features = (jax.jit(inside) if jit else inside)(x)
        return Outputs(features, {"map": stage}), stats

    head = {"kernel": jnp.array([[1.0, -2.0], [0.0, 4.0]]), "bias": jnp.zeros(2)}
    network = Network(lambda key, x: ({"gain": jnp.float32(3.0)}, {}), apply)
    return Model(network, {"gain": jnp.float32(3.0)}, {}, head)


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("which", [0, 1])
def test_pooled_channels_and_a_linear_head_give_the_closed_form(jit, which):
    x = jnp.asarray(RNG.normal(size=(3, 4, 5, 2)), jnp.float32)
    model = hand_built(jit=jit)
    found = grad_cam(model, x, classes=which)
    # d logit / d stage is the head's weight over the number of places.
    weight = np.asarray(model.head["kernel"])[:, which] / 20.0
    expected = np.maximum(np.sum(np.maximum(3.0 * x, 0.0) * weight, axis=3), 0.0)
    np.testing.assert_allclose(found.stage_map, expected, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(found.map, found.stage_map, rtol=1e-5, atol=1e-7)
    assert float(jnp.max(found.map)) > 0


def test_a_copy_or_the_input_is_no_stage():
    x = jnp.asarray(RNG.normal(size=(2, 4, 4, 2)), jnp.float32)
    for copy in (jax.lax.stop_gradient, lambda s: s + 0.0, lambda s: s * 2.0):
        with pytest.raises(ValueError, match="do not depend on"):
            grad_cam(hand_built(copy), x)
    # A copy that a cast goes on with, but not the logits.
    with pytest.raises(ValueError, match="do not depend on"):
        grad_cam(
            hand_built(lambda s: (s.astype(jnp.bfloat16) * 2).astype(jnp.float32)), x
        )
    constant = hand_built(lambda s: jnp.ones((2, 4, 4, 2)))
    with pytest.raises(ValueError, match="do not depend on"):
        grad_cam(constant, x)

    def same(params, stats, x, **options):
        return Outputs(jnp.mean(x, axis=(1, 2)), {"map": x}), stats

    model = hand_built()
    model = model._replace(network=model.network._replace(apply=same))
    with pytest.raises(ValueError, match="is the input itself"):
        grad_cam(model, x)


class Corner(nn.Module):
    """Bright squares are what decides; the corner is pooled away only at the end."""

    @nn.compact
    def __call__(self, x, *, train: bool = False):
        x = nn.relu(nn.Conv(2, (3, 3), name="edge")(x))
        x = nn.BatchNorm(use_running_average=not train, name="norm")(x)
        stages = {"early": x}
        x = nn.avg_pool(x, (2, 2), (2, 2))
        stages["late"] = x
        return Outputs(jnp.mean(x, axis=(1, 2)), stages)


class CornerNnx(nnx.Module):
    def __init__(self, rngs):
        self.edge = nnx.Conv(1, 2, (3, 3), rngs=rngs)

    def __call__(self, x):
        stage = nnx.relu(self.edge(x))
        return jnp.mean(stage, axis=(1, 2)), {"late": stage}


def bright_corner():
    x = np.zeros((1, 8, 8, 1), np.float32)
    x[0, :3, 5:] = 1.0
    return jnp.asarray(x)


@pytest.mark.parametrize(
    "network", [network_from_linen(Corner()), network_from_nnx(lambda r: CornerNnx(r))]
)
def test_the_deciding_corner_lights_up(network):
    x = bright_corner()
    params, stats = network.init(jax.random.key(0), x)
    params = jax.tree.map(jnp.abs, params)  # every filter answers to brightness
    head = {"kernel": jnp.array([[1.0, -1.0], [1.0, -1.0]]), "bias": jnp.zeros(2)}
    model = Model(network, params, stats, head)
    found = grad_cam(model, x, classes=0)
    assert found.map.shape == (1, 8, 8)
    place = np.unravel_index(np.argmax(found.map[0]), (8, 8))
    assert place[0] <= 2 and place[1] >= 5
    assert float(found.map[0, 6, 1]) < 0.05 * float(jnp.max(found.map))
    # What speaks against the class is cut off.
    assert float(jnp.max(grad_cam(model, x, classes=1).map)) == 0.0


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_the_zoo_s_lenet_is_differentiated_at_every_stage(precision):
    network = network_by_name(
        "lenet", channels=(4, 6), hidden=(8,), precision=precision
    )
    x = jnp.asarray(RNG.uniform(size=(2, 8, 8, 1)), jnp.float32)
    params, stats = network.init(jax.random.key(0), x)
    kernel = jax.random.normal(jax.random.key(1), (8, 3))
    model = Model(network, params, stats, {"kernel": kernel, "bias": jnp.zeros(3)})
    for stage, shape in {"conv_0": (2, 4, 4), "conv_1": (2, 2, 2)}.items():
        found = grad_cam(model, x, stage=stage)
        assert found.stage_map.shape == shape
    assert grad_cam(model, x).stage_map.shape == (2, 2, 2)  # the last map of them all
    with pytest.raises(ValueError, match="no map"):
        grad_cam(model, x, stage="dense_0")
    with pytest.raises(ValueError, match="did you mean 'conv_"):
        grad_cam(model, x, stage="conv_2")


def test_the_stage_gradient_is_a_finite_difference():
    network = network_by_name("lenet", channels=(2, 3), hidden=(6,), batch_norm=False)
    x = jnp.asarray(RNG.uniform(size=(1, 8, 8, 1)), jnp.float32)
    params, stats = network.init(jax.random.key(0), x)
    kernel = jax.random.normal(jax.random.key(1), (6, 2))
    model = Model(network, params, stats, {"kernel": kernel, "bias": jnp.zeros(2)})
    value, gradient = stage_gradient(model, jnp.asarray(x), jnp.array([1]), "conv_1")
    assert value.shape == (1, 2, 2, 3) and float(jnp.max(jnp.abs(gradient))) > 1e-3

    def onwards(stage):  # the rest of the network, by hand
        hidden = nn.relu(
            stage.reshape(1, -1) @ params["Dense_0"]["kernel"]
            + params["Dense_0"]["bias"][None]
        )
        return (hidden @ kernel)[0, 1]

    np.testing.assert_allclose(gradient, jax.grad(onwards)(value), rtol=1e-4, atol=1e-6)


def test_wrong_inputs_are_refused():
    model = hand_built()
    with pytest.raises(ValueError, match="must be images"):
        grad_cam(model, np.zeros((2, 4), np.float32))
    network = network_by_name("mlp", hidden=(4,))
    x = jnp.zeros((2, 4, 4, 1))
    params, stats = network.init(jax.random.key(0), x)
    head = {"kernel": jnp.ones((4, 2)), "bias": jnp.zeros(2)}
    with pytest.raises(ValueError, match="no map"):
        grad_cam(Model(network, params, stats, head), x)
