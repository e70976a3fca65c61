import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from da_zoo import network_by_name, network_from_linen, network_from_nnx
from da_zoo.batch_norm import adopt_source, domain_encoder
from da_zoo.types import Examples

X = jnp.float32(np.random.default_rng(0).normal(size=(10, 5)))


class FlagInConstructor(nn.Module):
    """Normalises as many user modules do: the flag goes to the constructor."""

    @nn.compact
    def __call__(self, x, train):
        x = nn.BatchNorm(use_running_average=not train, name="first")(nn.Dense(4)(x))
        return nn.BatchNorm(name="second")(x, use_running_average=not train)


def statistics(stats, layer):
    return np.asarray(stats["batch_stats"][layer]["mean"])


def test_single_normalisation_layers_can_be_frozen():
    network = network_from_linen(FlagInConstructor())
    params, stats = network.init(jax.random.key(0), X)
    _, new = network.apply(params, stats, X, train=lambda layer: layer == "first")
    assert not np.array_equal(statistics(new, "first"), statistics(stats, "first"))
    assert np.array_equal(statistics(new, "second"), statistics(stats, "second"))
    _, new = network.apply(params, stats, X, train=False)
    assert jax.tree.all(jax.tree.map(np.array_equal, new, stats))


def test_equal_modules_are_one_network():
    one, two = (network_from_linen(FlagInConstructor()) for _ in range(2))
    assert one is two
    assert network_by_name("mlp", hidden=[4]) is network_by_name("mlp", hidden=(4,))


class Nnx(nnx.Module):
    def __init__(self, rngs):
        self.dense = nnx.Linear(5, 6, rngs=rngs)
        self.norm = nnx.BatchNorm(6, momentum=0.9, rngs=rngs)
        self.dropout = nnx.Dropout(0.5, rngs=rngs)

    def __call__(self, x):
        return self.dropout(nnx.relu(self.norm(self.dense(x))))


def test_nnx_modules_compute_what_they_would_alone():
    network = network_from_nnx(Nnx)
    params, stats = jax.jit(network.init)(jax.random.key(0), X)
    alone = Nnx(nnx.Rngs(0))
    nnx.update(alone, nnx.State(params))
    alone.eval()
    outputs, same = network.apply(params, stats, X)
    np.testing.assert_allclose(outputs.features, alone(X), atol=1e-6)
    assert jax.tree.all(jax.tree.map(np.array_equal, same, stats))
    alone.norm.use_running_average = False
    outputs, new = network.apply(params, stats, X, train=True)
    np.testing.assert_allclose(outputs.features, alone(X), atol=1e-6)
    np.testing.assert_allclose(new["batch_stats"]["norm"]["mean"], alone.norm.mean[...])


def test_dropout_follows_the_key():
    for network in (network_from_nnx(Nnx), network_by_name("mlp", dropout=0.5)):
        params, stats = network.init(jax.random.key(0), X)

        def features(key, network=network, params=params, stats=stats):
            return network.apply(params, stats, X, key=key)[0].features

        one, two = features(jax.random.key(1)), features(jax.random.key(2))
        assert not np.array_equal(one, two)
        assert np.array_equal(one, features(jax.random.key(1)))
        assert np.array_equal(features(None), features(None))


def rows(x, weight=None):
    n = len(x)
    zeros = jnp.zeros(n, jnp.int32)
    return Examples(jnp.asarray(x), zeros, jnp.ones(n, bool), zeros, zeros, weight)


def encode(policy, source, target, **options):
    encoder = domain_encoder(network_by_name("mlp", hidden=(4,)), policy)
    params, stats = encoder.init(jax.random.key(0), source)
    streams = {"source": rows(source), "target": rows(target)}
    outputs, new = encoder.forward(params, stats, streams, **options)
    return encoder, params, outputs, new


SHIFTED = 3.0 * X[:6] + 2.0


def test_joint_shares_statistics_and_separate_does_not():
    _, _, joint, stats = encode("joint", X, SHIFTED)
    assert set(stats) == {"joint"}
    _, _, other, _ = encode("joint", X, 5.0 * SHIFTED)
    assert not np.allclose(joint["source"].features, other["source"].features)
    _, _, one, stats_one = encode("separate", X, SHIFTED)
    _, _, two, stats_two = encode("separate", X, 5.0 * SHIFTED)
    assert np.array_equal(one["source"].features, two["source"].features)
    mean = [statistics(s["source"], "BatchNorm_0") for s in (stats_one, stats_two)]
    assert np.array_equal(*mean)
    mean = [statistics(s["target"], "BatchNorm_0") for s in (stats_one, stats_two)]
    assert not np.allclose(*mean)


def test_frozen_updates_nothing():
    _, _, _, stats = encode("frozen", X, SHIFTED, train=True)
    assert (statistics(stats["joint"], "BatchNorm_0") == 0).all()


def test_domain_specific_has_its_own_scale_for_the_target():
    encoder, params, _, stats = encode("domain_specific", X, SHIFTED)
    own = params["encoder_target_norms"]
    assert own["Dense_0"]["kernel"] is None
    doubled = jax.tree.map(lambda leaf: 2.0 * leaf, own)
    changed = params | {"encoder_target_norms": doubled}
    for domain, same in (("source", True), ("target", False)):
        before, after = (
            encoder.encode(p, stats, X, domain=domain).features
            for p in (params, changed)
        )
        assert np.array_equal(before, after) == same
    adopted, _ = adopt_source(changed, stats)
    scale = adopted["encoder_target_norms"]["BatchNorm_0"]["scale"]
    assert np.array_equal(scale, params["encoder"]["BatchNorm_0"]["scale"])


@pytest.mark.parametrize("name", ["mlp", "lenet"])
def test_padding_rows_leave_statistics_alone(name):
    network = network_by_name(name, hidden=(4,))
    x = jnp.float32(np.random.default_rng(0).random((6, 8, 8, 1)))
    params, stats = network.init(jax.random.key(0), x)
    padded = jnp.concatenate([x, jnp.full((3, 8, 8, 1), 100.0)])
    weight = jnp.array([1.0] * 6 + [0.0] * 3)
    _, plain = network.apply(params, stats, x, train=True)
    _, masked = network.apply(params, stats, padded, weight=weight, train=True)
    for a, b in zip(jax.tree.leaves(plain), jax.tree.leaves(masked), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("shape", [(2, 16, 16, 1), (2, 28, 28, 3)])
def test_lenet_takes_digits_of_every_size(shape):
    network = network_by_name("lenet")
    params, stats = network.init(jax.random.key(0), jnp.ones(shape))
    outputs, _ = network.apply(params, stats, jnp.ones(shape))
    assert outputs.features.shape == (2, 100)
    assert list(outputs.stages) == ["conv_0", "conv_1", "dense_0", "dense_1"]


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="unknown mlp option 'hiden'; did you mean"):
        network_by_name("mlp", hiden=(3,))
    with pytest.raises(ValueError, match="unknown batch_norm 'seperate'"):
        domain_encoder(network_by_name("mlp"), "seperate")
    with pytest.raises(ValueError, match="lenet takes images"):
        network_by_name("lenet").init(jax.random.key(0), jnp.ones((2, 5)))
