"""Relative gradient norms against NumPy, alone and in a plan's step."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from da_zoo import network_by_name
from da_zoo.finetune import FineTunePlan, Rule, Stage, presets
from da_zoo.finetune.rates import MEMORY, RATES, relative_gradient_norm
from da_zoo.finetune.rules import planned_optimizer
from da_zoo.partition import paths
from da_zoo.testing import check_adapter, example_batch, toy_data

NETWORK = network_by_name("mlp", hidden=(5, 4))


def start():
    rng = np.random.default_rng(0)
    return {"low": rng.normal(size=(3, 2)), "top": 5 * rng.normal(size=4)}


def float32(tree):
    return jax.tree.map(jnp.float32, tree)


@pytest.mark.parametrize("memory", [0.0, MEMORY])
def test_factors_are_the_papers_with_a_moving_average(memory):
    params = start()
    optimizer = relative_gradient_norm(optax.sgd(0.5), memory)
    state = optimizer.init(float32(params))
    rng = np.random.default_rng(1)
    averages = {name: 0.0 for name in params}
    for step in range(4):
        gradients = {name: rng.normal(size=w.shape) for name, w in params.items()}
        updates, state = optimizer.update(float32(gradients), state, float32(params))
        for name, w in params.items():
            ratio = np.linalg.norm(gradients[name]) / np.linalg.norm(w)
            averages[name] = memory * averages[name] + (1 - memory) * ratio
        debiased = {k: a / (1 - memory ** (step + 1)) for k, a in averages.items()}
        for name in params:
            factor = debiased[name] / max(debiased.values())
            np.testing.assert_allclose(
                updates[name], -0.5 * factor * gradients[name], rtol=1e-5
            )
            params[name] = params[name] - 0.5 * factor * gradients[name]
    assert int(state.step) == 4


def test_updates_are_scaled_not_gradients():
    """Adam's first step has the size of the learning rate, whatever the gradient's."""
    params = {"low": jnp.float32(1.0), "top": jnp.float32(10.0)}
    gradients = {"low": jnp.float32(3.0), "top": jnp.float32(3.0)}
    optimizer = relative_gradient_norm(optax.adam(0.1))
    steps, state = optimizer.update(gradients, optimizer.init(params), params)
    np.testing.assert_allclose(steps["low"], -0.1, rtol=1e-4)
    np.testing.assert_allclose(steps["top"], -0.01, rtol=1e-4)
    # The moments are those of the gradients themselves.
    (moments, *_) = state.inner
    np.testing.assert_allclose(moments.mu["low"], moments.mu["top"])


def test_what_starts_at_zero_trains_at_the_full_rate_and_counts_in_no_maximum():
    params = {"bias": jnp.zeros(3), "low": jnp.float32(1.0), "top": jnp.float32(2.0)}
    gradients = jax.tree.map(jnp.ones_like, params)
    optimizer = relative_gradient_norm(optax.sgd(1.0))
    state = optimizer.init(params)
    for _ in range(2):  # the bias is not 0 at the second, and yet
        steps, state = optimizer.update(gradients, state, params)
        params = params | {"bias": params["bias"] + 1e-6}
        np.testing.assert_allclose(steps["bias"], -1.0)
        np.testing.assert_allclose(steps["low"], -1.0, rtol=1e-6)
        np.testing.assert_allclose(steps["top"], -0.5, rtol=1e-6)


def test_no_gradient_at_all_is_no_nan():
    params = {"low": jnp.ones(2), "top": jnp.ones(2)}
    zero = jax.tree.map(jnp.zeros_like, params)
    optimizer = relative_gradient_norm(optax.sgd(1.0, momentum=0.9))
    steps, _ = optimizer.update(zero, optimizer.init(params), params)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(steps))


def test_types_stay():
    params = {"low": jnp.ones(2, jnp.bfloat16), "top": jnp.ones(2)}
    optimizer = relative_gradient_norm(optax.sgd(1.0))
    steps, _ = optimizer.update(params, optimizer.init(params), params)
    assert (steps["low"].dtype, steps["top"].dtype) == (jnp.bfloat16, jnp.float32)


def test_frozen_tensors_count_in_no_maximum():
    """The smaller a frozen tensor, the larger its relative norm would be."""
    rules = (Rule("low", rate=0.0), Rule("mid", rate=0.5))
    hparams = {"learning_rate": jnp.float32(1.0), "weight_decay": jnp.float32(0.0)}
    optimizer = planned_optimizer("adam", rules, 2.0, "relative_gradient_norm")(hparams)
    params = {"low": None, "mid": jnp.float32(1.0), "top": jnp.float32(1.0)}
    state = optimizer.init(params)
    assert not [path for path in paths(state) if "low" in path]
    steps, _ = optimizer.update(params, state, params)
    assert steps["low"] is None
    # Both have the largest relative norm; rule and stage multiply.
    np.testing.assert_allclose(steps["top"], -2.0, rtol=1e-4)
    np.testing.assert_allclose(steps["mid"], -1.0, rtol=1e-4)
    same = ("adam", rules, 2.0, "relative_gradient_norm")
    assert planned_optimizer(*same) is planned_optimizer(*same)


@pytest.mark.slow
def test_the_step_of_the_preset():
    """One step of the plan is one of plain tuning times the factors."""
    plain = FineTunePlan((Stage("tune", statistics="eval"),))
    moved = {}
    for name, plan in (("plain", plain), ("rgn", presets.auto_rgn())):
        recipe = plan.recipe(NETWORK, classes=3, learning_rate=1.0, schedule="constant")
        phase = recipe[1]
        batch = example_batch(toy_data(), phase.uses)
        state = jax.jit(phase.adapter.init)(jax.random.key(0), batch)
        after = jax.jit(phase.adapter.update)(state, batch)[0]
        moved[name] = jax.tree.map(lambda a, b: a - b, after.params, state.params)
    ratios = {}
    start_of = dict(
        zip(paths(state.params), jax.tree.leaves(state.params), strict=True)
    )
    for path, step in zip(
        paths(moved["plain"]), jax.tree.leaves(moved["plain"]), strict=True
    ):
        size = np.linalg.norm(start_of[path])
        if not path.startswith("head_source") and size > 0:
            ratios[path] = np.linalg.norm(step) / size  # Nesterov: 1.9 gradients
    assert len(ratios) > 4
    for path, ours, whole in zip(
        paths(moved["rgn"]),
        jax.tree.leaves(moved["rgn"]),
        jax.tree.leaves(moved["plain"]),
        strict=True,
    ):
        factor = ratios.get(path, max(ratios.values())) / max(ratios.values())
        np.testing.assert_allclose(ours, factor * whole, rtol=2e-3, atol=1e-6)


@pytest.mark.slow
def test_the_contract_and_the_table():
    recipe = presets.auto_rgn("train").recipe(NETWORK, classes=3)
    check_adapter(recipe[1:], toy_data(), thorough=False)
    params = {"encoder": {"kernel": np.ones((3, 2))}}
    assert "at most 0.02" in presets.auto_rgn().table(params, learning_rate=0.02)


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="memory must be"):
        relative_gradient_norm(optax.sgd(1.0), 1.0)
    with pytest.raises(ValueError, match="memory must be"):
        relative_gradient_norm(optax.sgd(1.0), -0.1)
    optimizer = relative_gradient_norm(optax.sgd(1.0))
    one = {"w": jnp.ones(1)}
    with pytest.raises(ValueError, match="needs params"):
        optimizer.update(one, optimizer.init(one))
    plan = FineTunePlan((Stage("tune", rates="relative_norm"),))
    with pytest.raises(ValueError, match=r"unknown rates.*relative_gradient_norm"):
        plan.recipe(NETWORK, classes=3)
    assert set(RATES) == {"relative_gradient_norm"}
