"""Penalties against derivations by hand, alone and in the step."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import fit, network_by_name
from da_zoo.finetune import FineTunePlan, Stage, bss, l2_sp
from da_zoo.losses.spectral_shrinkage import batch_spectral_shrinkage
from da_zoo.supervised import Alignment, together
from da_zoo.testing import check_adapter, example_batch, toy_data

NETWORK = network_by_name("mlp", hidden=(8, 4))


@pytest.mark.parametrize("shape", [(7, 4), (4, 7)])
@pytest.mark.parametrize("k", [1, 3, 9])
def test_shrinkage_and_its_gradient(shape, k):
    matrix = np.random.default_rng(0).normal(size=shape)

    def value(m):
        return np.sum(np.sort(np.linalg.svd(m, compute_uv=False))[:k] ** 2)

    ours, slope = jax.value_and_grad(batch_spectral_shrinkage)(jnp.float32(matrix), k)
    np.testing.assert_allclose(ours, value(matrix), rtol=1e-4)
    for index in [(0, 0), (2, 3), (3, 1)]:
        moved = np.zeros(shape)
        moved[index] = 1e-6
        numeric = (value(matrix + moved) - value(matrix - moved)) / 2e-6
        np.testing.assert_allclose(slope[index], numeric, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("count", [3, 6])
def test_padding_adds_no_singular_values(count):
    rows = jnp.float32(np.random.default_rng(1).normal(size=(count, 4)))
    longer = jnp.concatenate([rows, jnp.full((2, 4), jnp.nan)])
    weight = jnp.array([1.0] * count + [0.0] * 2)
    alone, slope = jax.value_and_grad(batch_spectral_shrinkage)(rows, 2)
    padded, slopes = jax.value_and_grad(
        lambda x: batch_spectral_shrinkage(x, 2, weight=weight)
    )(longer)
    np.testing.assert_allclose(padded, alone, rtol=1e-5)
    np.testing.assert_allclose(slopes[:count], slope, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(slopes[count:], 0.0)


def test_equal_and_zero_singular_values_have_finite_gradients():
    for matrix in (jnp.eye(3), jnp.zeros((3, 3)), jnp.ones((4, 2))):
        assert np.isfinite(jax.grad(batch_spectral_shrinkage)(matrix)).all()


def tune(*penalties, **settings):
    plan = FineTunePlan((Stage("tune", penalties=penalties),))
    return plan.recipe(NETWORK, classes=3, **settings)


def test_l2_sp_by_hand():
    recipe = tune(l2_sp(0.3, 0.2), learning_rate=1.0, schedule="constant")
    bare = tune(learning_rate=1.0, schedule="constant")
    batch = example_batch(toy_data(), recipe[1].uses)
    first = jax.jit(recipe[0].adapter.init)(
        jax.random.key(0), example_batch(toy_data(), recipe[0].uses)
    )
    moved = {}
    for name, phase in (("with", recipe[1]), ("without", bare[1])):
        fresh = jax.jit(phase.adapter.init)(jax.random.key(1), batch)
        state = phase.warm_start(first, fresh)
        # As if training had moved everything by 1.
        state = state._replace(params=jax.tree.map(lambda w: w + 1.0, state.params))
        after, metrics = jax.jit(phase.adapter.update)(state, batch)
        moved[name] = jax.tree.map(lambda a, b: a - b, after.params, state.params)
        if name == "with":
            size = sum(leaf.size for leaf in jax.tree.leaves(state.params["encoder"]))
            np.testing.assert_allclose(metrics["squared_distance"], size, rtol=1e-5)
            heads = state.params["head_target"]
    gaps = jax.tree.map(lambda a, b: a - b, moved["with"], moved["without"])
    for leaf in jax.tree.leaves(gaps["encoder"]):
        np.testing.assert_allclose(leaf, -1.9 * 0.3, atol=1e-4)
    for gap, weight in zip(
        jax.tree.leaves(gaps["head_target"]), jax.tree.leaves(heads), strict=True
    ):
        np.testing.assert_allclose(gap, -1.9 * 0.2 * np.asarray(weight), atol=1e-4)


def test_a_strong_pull_keeps_the_encoder_at_the_source():
    distance = {}
    for weight in (0.0, 10.0):
        recipe = tune(l2_sp(weight, 0.0), learning_rate=0.03)
        run = fit(recipe, toy_data(), jax.random.key(0), steps=60, batch_size=8)
        distance[weight] = run.history["tune/squared_distance"]
    assert distance[0.0][0] == distance[10.0][0] == 0.0
    assert 0.0 < distance[10.0][-1] < 0.2 * distance[0.0][-1]


def test_shrinkage_lowers_the_smallest_singular_value():
    smallest = {}
    for weight in (0.0, 1.0):
        run = fit(
            tune(bss(weight), learning_rate=0.03),
            toy_data(),
            jax.random.key(0),
            steps=60,
            batch_size=8,
        )
        smallest[weight] = run.history["tune/smallest_squares"][-5:].mean()
    assert smallest[1.0] < 0.5 * smallest[0.0]


def test_penalties_add_up_and_the_contract_holds():
    recipe = tune(l2_sp(), bss())
    check_adapter(recipe, toy_data(), thorough=False)
    batch = example_batch(toy_data(), recipe[1].uses)
    metrics = {}
    for name, phase in {
        "both": recipe[1],
        "l2_sp": tune(l2_sp())[1],
        "bss": tune(bss())[1],
        "none": tune()[1],
    }.items():
        state = jax.jit(phase.adapter.init)(jax.random.key(0), batch)
        metrics[name] = float(
            jax.jit(phase.adapter.update)(state, batch)[1]["task_loss"]
        )
    np.testing.assert_allclose(
        metrics["both"] - metrics["none"],
        metrics["l2_sp"] + metrics["bss"] - 2 * metrics["none"],
        rtol=1e-2,
    )
    hparams = recipe[1].adapter.init.keywords["hparams"]
    assert {"pull", "head_pull", "shrinkage"} <= set(hparams)


def test_terms_may_not_share_names_and_draw_apart():
    def term(**parts):
        def loss(params, state, forward, key):
            return jax.random.normal(key), {}

        return Alignment(loss, **parts)

    twice = together((term(init=lambda key, d: {"a": 1}),) * 2)
    with pytest.raises(ValueError, match="two terms name the same init"):
        twice.init(jax.random.key(0), 3)
    loss = inspect.unwrap(together((term(), term())).loss)
    total = loss({}, None, None, jax.random.key(0))[0]
    alone = jax.random.normal(jax.random.key(0))
    assert float(total) != float(2 * alone)


def test_rows_that_come_twice_shrink_nothing():
    """Five labelled rows in batches of 16 have rank 5, however often they come."""
    from da_zoo import ArrayData

    whole = toy_data()
    x = np.asarray(whole.target_labelled.pool)[np.asarray(whole.target_labelled.rows)]
    x = x.reshape(-1, x.shape[-1])[:3]
    data = ArrayData(whole_source(whole), None, (x, np.arange(3)))
    wide = network_by_name("mlp", hidden=(4,), batch_norm=False)
    plan = FineTunePlan((Stage("tune", penalties=(bss(0.1),)),))
    run = fit(
        plan.recipe(wide, classes=3), data, jax.random.key(0), steps=5, batch_size=16
    )
    assert run.history["tune/smallest_squares"].min() > 1e-4


def whole_source(data):
    x = np.asarray(data.source.pool)[np.asarray(data.source.rows)].reshape(-1, 6)
    return x, np.arange(len(x)) % 3


def test_later_stages_are_pulled_to_where_the_first_began():
    stages = [Stage(name, penalties=(l2_sp(0.5, 0.0),)) for name in ("a", "b")]
    recipe = FineTunePlan(tuple(stages)).recipe(NETWORK, classes=3, learning_rate=0.03)
    run = fit(recipe, toy_data(), jax.random.key(0), steps=40, batch_size=8)
    assert run.history["a/squared_distance"][0] == 0.0
    assert (
        run.history["b/squared_distance"][0]
        > 0.5 * run.history["a/squared_distance"][-1]
    )


def test_the_targets_own_scales_are_pulled_too():
    plan = FineTunePlan((Stage("tune", penalties=(l2_sp(),)),))
    phase = plan.recipe(NETWORK, classes=3, batch_norm="domain_specific")[1]
    batch = example_batch(toy_data(), phase.uses)
    state = jax.jit(phase.adapter.init)(jax.random.key(0), batch)
    norms = jax.tree.map(lambda w: w + 1.0, state.params["encoder_target_norms"])
    state = state._replace(params=state.params | {"encoder_target_norms": norms})
    distance = jax.jit(phase.adapter.update)(state, batch)[1]["squared_distance"]
    np.testing.assert_allclose(
        distance, sum(leaf.size for leaf in jax.tree.leaves(norms)), rtol=1e-5
    )


def test_penalties_are_swept():
    run = fit(
        tune(bss(0.1)),
        toy_data(),
        jax.random.key(0),
        steps=10,
        batch_size=8,
        sweep={"shrinkage": [0.0, 1.0]},
    )
    kernels = np.asarray(run.state.params["encoder"]["Dense_0"]["kernel"])
    assert not np.array_equal(kernels[0], kernels[1])


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: l2_sp(-1.0), "pull must be"),
        (lambda: l2_sp(0.1, float("inf")), "head_pull must be"),
        (lambda: bss(-1.0), "shrinkage must be"),
        (lambda: bss(count=0), "count must be"),
        (lambda: batch_spectral_shrinkage(jnp.ones((2, 2)), 0), "k must be"),
    ],
)
def test_mistakes_are_named(build, message):
    with pytest.raises(ValueError, match=message):
        build()
