"""LoRA: what it starts at, what its first step does, and that merging is adding."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import network_by_name
from da_zoo.finetune import LoRA, lora_factors, merge_lora, presets, unmerge_lora
from da_zoo.finetune.lora import lora_network
from da_zoo.testing import check_adapter, example_batch, toy_data

NETWORK = network_by_name("mlp", hidden=(8, 4))
LENET = network_by_name("lenet", channels=(2, 3), hidden=(4,))


def drawn(params, factors):
    """Factors of which none is 0."""
    return jax.tree.map(
        lambda leaf: jax.random.normal(jax.random.key(leaf.size), leaf.shape), factors
    )


@pytest.mark.parametrize(
    ("network", "x"),
    [(NETWORK, jnp.ones((2, 6))), (LENET, jnp.ones((2, 8, 8, 1)))],
    ids=["mlp", "lenet"],
)
def test_merged_is_kernel_plus_product(network, x):
    params, stats = network.init(jax.random.key(0), x)
    lora = LoRA(rank=2, alpha=6.0)
    factors = drawn(params, lora_factors(jax.random.key(1), params, lora))
    merged = merge_lora(params, factors, lora.scale)
    for module, leaves in params.items():
        for name, leaf in leaves.items():
            expected = np.asarray(leaf, np.float64)
            if name == "kernel":
                own = factors[f"{module}/kernel"]
                product = np.asarray(own["a"], np.float64) @ np.asarray(own["b"])
                expected = expected + 3.0 * product.reshape(leaf.shape)
            np.testing.assert_allclose(
                merged[module][name], expected, rtol=1e-4, atol=1e-5
            )
    back = unmerge_lora(merged, factors, lora.scale)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4), back, params)
    wrapped = lora_network(network, lora)
    ours = wrapped.apply({"base": params, "lora": factors}, stats, x)[0].features
    np.testing.assert_allclose(ours, network.apply(merged, stats, x)[0].features)


def test_it_starts_at_the_base_with_a_from_kaimings_law():
    params, _ = NETWORK.init(jax.random.key(0), jnp.ones((2, 6)))
    factors = lora_factors(jax.random.key(1), params, LoRA(rank=64))
    a = np.asarray(factors["Dense_0/kernel"]["a"])
    bound = 1 / math.sqrt(6)
    assert np.abs(a).max() <= bound
    np.testing.assert_allclose(a.std(), bound / math.sqrt(3), rtol=0.1)
    assert not any(np.any(own["b"]) for own in factors.values())
    assert not np.array_equal(a[:4, :4], factors["Dense_1/kernel"]["a"][:4, :4])
    jax.tree.map(
        np.testing.assert_array_equal, merge_lora(params, factors, 1.0), params
    )


def test_the_first_gradients():
    """b is 0, so a's gradient is; b's is a' x' g, scaled by alpha over rank."""
    lora = LoRA(rank=2, alpha=8.0)
    x = jax.random.normal(jax.random.key(0), (5, 3))
    params = {"kernel": jax.random.normal(jax.random.key(1), (3, 4))}
    factors = lora_factors(jax.random.key(2), params, lora)

    def loss(factors):
        return jnp.sum(
            jnp.square(x @ merge_lora(params, factors, lora.scale)["kernel"])
        )

    slopes = jax.grad(loss)(factors)["kernel"]
    np.testing.assert_array_equal(slopes["a"], 0.0)
    g = 2.0 * np.asarray(x @ params["kernel"])
    expected = 4.0 * np.asarray(factors["kernel"]["a"]).T @ np.asarray(x).T @ g
    np.testing.assert_allclose(slopes["b"], expected, rtol=1e-4)


def test_the_base_and_its_statistics_stay_and_the_factors_move():
    recipe = presets.lora(rank=2).recipe(
        NETWORK, classes=3, batch_norm="separate", weight_decay=0.1
    )
    from da_zoo import fit

    run = {"batch_size": 8}
    key = jax.random.key(0)
    source = fit(recipe[:1], toy_data(), key, steps=6, **run).state
    end = fit(recipe, toy_data(), key, steps=10, **run).state
    same = jax.tree.map(
        np.array_equal, end.params["encoder"]["base"], source.params["encoder"]
    )
    assert jax.tree.all(same)
    jax.tree.map(
        np.testing.assert_array_equal, end.stats["target"], source.stats["source"]
    )
    for own in end.params["encoder"]["lora"].values():
        assert np.any(own["b"])


@pytest.mark.slow
@pytest.mark.parametrize("network", [NETWORK], ids=["mlp"])
def test_the_contract_holds(network):
    check_adapter(presets.lora(rank=2).recipe(network, classes=3), toy_data())


def test_factors_of_another_tree_are_refused():
    params, _ = NETWORK.init(jax.random.key(0), jnp.ones((2, 6)))
    factors = lora_factors(jax.random.key(1), params, LoRA(rank=2))
    with pytest.raises(ValueError, match="base"):
        merge_lora({"base": params, "lora": factors}, factors, 1.0)


def test_per_domain_scales_are_refused():
    with pytest.raises(ValueError, match="domain_specific"):
        presets.lora().recipe(NETWORK, classes=3, batch_norm="domain_specific")


def test_seeds_draw_factors_of_their_own():
    recipe = presets.lora(rank=2).recipe(NETWORK, classes=3)
    batch = example_batch(toy_data(), recipe[1].uses)
    a = [
        jax.jit(recipe[1].adapter.init)(jax.random.key(seed), batch).params["encoder"]
        for seed in (0, 1)
    ]
    first, second = (p["lora"]["Dense_0/kernel"]["a"] for p in a)
    assert not np.array_equal(first, second)
