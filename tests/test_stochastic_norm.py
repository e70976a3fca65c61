"""Stochastic normalisation against the layer written in NumPy."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from da_zoo import methods, network_by_name, network_from_linen, network_from_nnx
from da_zoo.finetune import FineTunePlan, Stage
from da_zoo.stochastic_norm import mix_channels, stochastic_norm_network
from tests.finetune.stages import NORMALISED, assert_trains_alike, end, tuned

KEY = jax.random.key(0)


class Norm(nn.Module):
    """One layer, and nothing else."""

    axis: int = -1

    @nn.compact
    def __call__(self, x, *, train, weight=None):
        mask = None
        if weight is not None:
            mask = (weight > 0).reshape(-1, *(1 for _ in x.shape[1:]))
        layer = nn.BatchNorm(momentum=0.9, epsilon=1e-3, axis=self.axis, name="norm")
        x = layer(x, use_running_average=not train, mask=mask)
        return x.reshape(x.shape[0], -1)


def built(shape=(8, 3, 200), axis=-1):
    rng = np.random.default_rng(0)
    x = rng.normal(2.0, 1.5, size=shape)
    channels = shape[axis]
    network = network_from_linen(Norm(axis))
    params = {
        "norm": {
            name: jnp.float32(rng.normal(size=channels)) for name in ("scale", "bias")
        }
    }
    stats = {
        "batch_stats": {
            "norm": {
                "mean": jnp.float32(rng.normal(size=channels)),
                "var": jnp.float32(rng.uniform(0.5, 2.0, size=channels)),
            }
        }
    }
    return network, params, stats, x


@pytest.mark.parametrize(("shape", "axis"), [((8, 3, 200), -1), ((8, 200, 3), 1)])
@pytest.mark.parametrize("padded", [False, True])
def test_the_layer_by_hand(shape, axis, padded):
    network, params, stats, x = built(shape, axis)
    weight = np.ones(8)
    if padded:
        weight[[1, 6]] = 0.0
    counted = np.moveaxis(x, axis, -1)[weight > 0].reshape(-1, 200)
    own = {k: np.asarray(v, np.float64) for k, v in params["norm"].items()}
    old = {
        k: np.asarray(v, np.float64) for k, v in stats["batch_stats"]["norm"].items()
    }
    rows = np.moveaxis(x, axis, -1)

    def normal(mean, var):
        return own["scale"] * (rows - mean) / np.sqrt(var + 1e-3) + own["bias"]

    running = normal(old["mean"], old["var"])
    mean, var = counted.mean(axis=0), counted.var(axis=0)
    batch = normal(mean, var)
    out, new = stochastic_norm_network(network, 0.3).apply(
        params,
        stats,
        jnp.float32(x),
        weight=jnp.float32(weight) if padded else None,
        train=True,
        key=KEY,
    )
    out = np.moveaxis(np.asarray(out.features).reshape(shape), axis, -1)
    drawn = [
        np.abs(out - branch).max(axis=(0, 1)) < 1e-4 for branch in (batch, running)
    ]
    # Each channel whole from one branch, and a share of 0.3 from the batch's.
    assert (drawn[0] ^ drawn[1]).all()
    assert 0.2 < drawn[0].mean() < 0.4
    # The statistics move as ever, whichever branch was drawn.
    moved = new["batch_stats"]["norm"]
    np.testing.assert_allclose(moved["mean"], 0.9 * old["mean"] + 0.1 * mean, rtol=1e-4)
    np.testing.assert_allclose(moved["var"], 0.9 * old["var"] + 0.1 * var, rtol=1e-4)


def test_certain_draws_are_the_two_branches():
    network, params, stats, x = built()
    args = params, stats, jnp.float32(x)
    for probability, train in ((1.0, True), (0.0, False)):
        mixed = stochastic_norm_network(network, probability)
        out = mixed.apply(*args, train=True, key=KEY)[0]
        plain = network.apply(*args, train=train)[0]
        np.testing.assert_allclose(out.features, plain.features, rtol=1e-5, atol=1e-5)


def test_evaluation_and_a_forward_without_a_key_are_as_ever():
    network, params, stats, x = built()
    x = jnp.float32(x)
    mixed = stochastic_norm_network(network, 0.5)
    for options in ({"train": False, "key": KEY}, {"train": True}):
        for a, b in zip(
            jax.tree.leaves(mixed.apply(params, stats, x, **options)),
            jax.tree.leaves(network.apply(params, stats, x, **options)),
            strict=True,
        ):
            np.testing.assert_array_equal(a, b)


def test_the_gradient_of_each_channel_is_its_branchs():
    network, params, stats, x = built((6, 12))
    x = jnp.float32(x)
    toward = jax.random.normal(KEY, x.shape)

    def slope(network, train):
        def value(x):
            out = network.apply(params, stats, x, train=train, key=KEY)[0]
            return jnp.sum(toward * out.features)

        return np.asarray(jax.grad(value)(x))

    mixed = slope(stochastic_norm_network(network, 0.5), True)
    branches = [slope(network, train) for train in (True, False)]
    same = [np.abs(mixed - branch).max(axis=0) < 1e-4 for branch in branches]
    assert (same[0] ^ same[1]).all()
    assert same[0].any()
    assert same[1].any()


def test_layers_and_keys_draw_apart():
    network = network_by_name("mlp", hidden=(40, 40))
    params, stats = network.init(KEY, jnp.ones((2, 4)))
    x = 3.0 + jax.random.normal(KEY, (16, 4))
    mixed = stochastic_norm_network(network, 0.5)

    def stages(key):
        return mixed.apply(params, stats, x, train=True, key=key)[0].stages

    first, again, other = stages(KEY), stages(KEY), stages(jax.random.key(1))
    plain = network.apply(params, stats, x, train=True)[0].stages
    drawn = {
        name: np.abs(stage["dense_0"] - plain["dense_0"]).max(axis=0) < 1e-5
        for name, stage in (("first", first), ("again", again), ("other", other))
    }
    np.testing.assert_array_equal(drawn["first"], drawn["again"])
    assert (drawn["first"] != drawn["other"]).any()


def test_a_frozen_layer_uses_its_running_statistics():
    network = network_by_name("mlp", hidden=(6, 5))
    params, stats = network.init(KEY, jnp.ones((2, 4)))
    x = 3.0 + jax.random.normal(KEY, (16, 4))
    mixed = stochastic_norm_network(network, 1.0)

    def second(layer):
        return layer == "BatchNorm_1"

    ours, theirs = (
        n.apply(params, stats, x, train=second, key=KEY) for n in (mixed, network)
    )
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_a_network_without_such_layers_is_refused():
    def build(rngs):
        return nnx.Sequential(nnx.Linear(3, 4, rngs=rngs), nnx.BatchNorm(4, rngs=rngs))

    for network in (network_by_name("mlp", batch_norm=False), network_from_nnx(build)):
        x = jnp.ones((4, 3))
        params, stats = network.init(KEY, x)
        mixed = stochastic_norm_network(network)
        with pytest.raises(ValueError, match=r"no flax.linen.BatchNorm"):
            mixed.apply(params, stats, x, train=True, key=KEY)


def test_certainty_of_the_batch_is_full_fine_tuning():
    assert_trains_alike(
        methods.stoch_norm(NORMALISED, classes=3, probability=1.0),
        methods.full_fine_tuning(NORMALISED, classes=3),
        tolerance=1e-6,  # programs that differ round apart
    )


def test_a_stage_mixes():
    recipe = tuned(stage=Stage("tune", stochastic_norm=0.5), network=NORMALISED)
    ours = end(recipe).state
    plain = end(methods.full_fine_tuning(NORMALISED, classes=3)).state
    kernels = [s.params["encoder"]["Dense_0"]["kernel"] for s in (ours, plain)]
    assert not np.array_equal(*kernels)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: stochastic_norm_network(NORMALISED, 1.5), "probability must be"),
        (lambda: methods.stoch_norm(NORMALISED, classes=3, probability=-1.0), "proba"),
        (
            lambda: methods.stoch_norm(NORMALISED, classes=3, batch_norm="frozen"),
            "batch_norm='frozen'",
        ),
        (
            lambda: FineTunePlan(
                (Stage("tune", statistics="frozen", stochastic_norm=0.5),)
            ).recipe(NORMALISED, classes=3),
            "only statistics that train",
        ),
        (
            lambda: end(tuned(stage=Stage("tune", stochastic_norm=0.5))),
            "no flax.linen.BatchNorm",
        ),
    ],
)
def test_mistakes_are_named(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_mixing_takes_channels_whole():
    x = jnp.ones((50, 4, 30))
    drawn = mix_channels(KEY, x, 0 * x, 0.5)
    assert set(np.unique(drawn.sum(axis=(0, 1)))) == {0.0, 200.0}
