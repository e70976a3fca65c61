"""Seven traps of freezing in optax and Flax: each shown, then our step beside it.

What optax does by itself stands here so that a change of optax is noticed.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from da_zoo import Aux, Batch, Update, from_updates, network_by_name
from da_zoo.finetune import FineTunePlan, Rule, Stage, presets
from da_zoo.finetune.rules import planned_optimizer
from da_zoo.optimizers import make_optimizer
from da_zoo.partition import paths, split
from da_zoo.testing import example_batch, toy_data

FREEZE = (Rule("^encoder", rate=0.0),)


def ones():
    return {"encoder": jnp.ones(3), "head": jnp.ones(2)}


def hparams(decay=0.0):
    return {"learning_rate": jnp.float32(0.1), "weight_decay": jnp.float32(decay)}


def trained(optimizer, wrt=("head",), gradient=1.0):
    """One step of our own from ones, with gradient 1 everywhere (or what it says)."""

    def loss(params, state, batch, key):
        scale = {"encoder": gradient, "head": 1.0}
        total = sum(scale[name] * jnp.sum(w) for name, w in params.items())
        return total, Aux(state.stats, {}, state.extra)

    adapter = from_updates(
        lambda key, batch: (ones(), {}, {}),
        (Update("task", loss, wrt, optimizer),),
        predict=lambda *args, **options: None,
        hparams={"learning_rate": 0.1, "weight_decay": 0.0},
    )
    state = adapter.init(jax.random.key(0), Batch())
    after, _ = jax.jit(adapter.update)(state, Batch())
    return {name: np.asarray(w) for name, w in after.params.items()}, after


def optaxs(transform, gradient=1.0):
    params = ones()
    gradients = {"encoder": gradient * params["encoder"], "head": params["head"]}
    updates, _ = transform.update(gradients, transform.init(params), params)
    return optax.apply_updates(params, updates)


def test_1_masked_passes_the_raw_gradients_of_what_it_leaves_out():
    theirs = optaxs(optax.masked(optax.sgd(0.1), {"encoder": False, "head": True}))
    np.testing.assert_allclose(theirs["encoder"], 2.0)  # and upwards
    ours, _ = trained(lambda h: optax.sgd(h["learning_rate"]))
    np.testing.assert_array_equal(ours["encoder"], 1.0)
    np.testing.assert_allclose(ours["head"], 0.9)


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_2_weight_decay_reaches_what_a_mask_froze(name):
    frozen = optax.masked(optax.set_to_zero(), {"encoder": True, "head": False})
    theirs = optaxs(optax.chain(frozen, optax.adamw(0.1, weight_decay=0.1)))
    np.testing.assert_allclose(theirs["encoder"], 0.99)
    optimizer = make_optimizer(name)
    ours, _ = trained(lambda h: optimizer(hparams(0.1)))
    np.testing.assert_array_equal(ours["encoder"], 1.0)


def test_3_scaled_gradients_leave_adams_step_as_it_is():
    labels = optax.masked(optax.scale(0.1), {"encoder": True, "head": False})
    before = optaxs(optax.chain(labels, optax.adam(0.1)))
    after = optaxs(optax.chain(optax.adam(0.1), labels))
    np.testing.assert_allclose(before["encoder"], 0.9, rtol=1e-5)
    np.testing.assert_allclose(after["encoder"], 0.99, rtol=1e-5)
    optimizer = planned_optimizer("adam", (Rule("^encoder", rate=0.1),))
    ours, _ = trained(optimizer, ("encoder", "head"))
    np.testing.assert_allclose(ours["encoder"], 0.99, rtol=1e-5)
    np.testing.assert_allclose(ours["head"], 0.9, rtol=1e-5)


def test_4_a_norm_over_everything_counts_frozen_gradients():
    clip = optax.clip_by_global_norm(1.0)
    kinds = {"train": optax.sgd(0.1), "frozen": optax.set_to_zero()}
    labels = {"encoder": "frozen", "head": "train"}
    theirs = optaxs(optax.chain(clip, optax.partition(kinds, labels)), gradient=100.0)
    assert (1 - theirs["head"] < 0.001).all()
    ours, _ = trained(
        lambda h: optax.chain(clip, optax.sgd(h["learning_rate"])), gradient=100.0
    )
    # Of the head's own gradient (1, 1): a hundredth of it would be next to nothing.
    np.testing.assert_allclose(ours["head"], 1 - 0.1 / np.sqrt(2), rtol=1e-5)


def flops(plan, optimizer="adam"):
    network = network_by_name("mlp", hidden=(64,) * 6, batch_norm=False)
    network = network._replace(pretrained=True)  # or nothing of it may be frozen
    recipe = plan.recipe(network, classes=3, source_share=0.0, optimizer=optimizer)
    phase = recipe[1]
    batch = example_batch(toy_data(), phase.uses)
    state = jax.eval_shape(phase.adapter.init, jax.random.key(0), batch)
    cost = jax.jit(phase.adapter.update).lower(state, batch).compile().cost_analysis()
    return cost["flops"]


def test_4_the_backward_pass_of_what_is_frozen_is_not_computed():
    """A forward pass is a third of a step, and most of what a probe costs."""
    full, probe = flops(presets.full()), flops(presets.linear_probe())
    assert probe < 0.45 * full
    # Halfway: nothing is propagated back below the lowest layer that trains.
    half = FineTunePlan((Stage("tune", (Rule("Dense_[0-2]/", rate=0.0),)),))
    assert 1.2 * probe < flops(half) < 0.8 * full


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_5_moments_are_kept_for_what_trains_alone(name):
    selected, _ = split(ones(), ("head",))
    state = planned_optimizer(name, FREEZE)(hparams()).init(selected)
    assert not [path for path in paths(state) if "encoder" in path]
    moments = [leaf for leaf in jax.tree.leaves(state) if leaf.ndim]
    copies = {"sgd": 1, "adam": 2}[name]
    assert sum(leaf.size for leaf in moments) == copies * 2
    _, after = trained(planned_optimizer(name, FREEZE))
    assert not [path for path in paths(after.opt_state) if "encoder" in path]


@pytest.mark.parametrize(
    "pattern",
    ["^encoder", "^encoder/", "", "scale$"],
    ids=lambda p: p or "all but head",
)
def test_6_frozen_layers_keep_their_statistics(pattern):
    network = network_by_name("mlp", hidden=(4,))
    params, stats = network.init(jax.random.key(0), jnp.ones((2, 6)))
    x = jnp.float32(np.random.default_rng(0).normal(3.0, 2.0, size=(8, 6)))
    moved = network.apply(params, stats, x, train=True)[1]
    gap = jax.tree.map(lambda a, b: float(jnp.max(jnp.abs(a - b))), moved, stats)
    assert min(jax.tree.leaves(gap)) > 0.05  # whatever trains, in a plain module
    rules = (Rule("^head"), Rule(pattern, rate=0.0))
    recipe = FineTunePlan((Stage("tune", rules),)).recipe(network, classes=3)
    phase = recipe[1]
    batch = example_batch(toy_data(), phase.uses)
    state = jax.jit(phase.adapter.init)(jax.random.key(0), batch)
    after, _ = jax.jit(phase.adapter.update)(state, batch)
    same = jax.tree.map(np.array_equal, after.stats, state.stats)
    assert jax.tree.all(same)


def test_7_running_variances_are_biased():
    """Flax divides by n, others by n - 1: small batches tell them apart."""
    x = jnp.sqrt(0.501) * jnp.array([[-1.0], [-1.0], [1.0], [1.0]])
    layer = nn.BatchNorm(momentum=0.9, use_running_average=False)
    variables = layer.init(jax.random.key(0), x)
    after = layer.apply(variables, x, mutable=["batch_stats"])[1]["batch_stats"]
    np.testing.assert_allclose(after["var"], 0.9501, rtol=1e-5)
    unbiased = 0.9 + 0.1 * np.var(np.asarray(x), ddof=1)
    np.testing.assert_allclose(unbiased, 0.9668, rtol=1e-5)
