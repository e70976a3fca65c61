"""Penalties beside each other, beside alignments, and in several stages."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import methods
from da_zoo.finetune import (
    FineTunePlan,
    Rule,
    Stage,
    alignment,
    bi_tuning,
    bss,
    co_tuning,
    delta,
    l2_sp,
    lwf,
)
from da_zoo.losses import coral, mmd_squared
from da_zoo.methods.dann import reversal_term
from da_zoo.supervised import discrepancy
from da_zoo.testing import check_adapter, toy_data
from tests.finetune.stages import NORMALISED, PLAIN, begun, elsewhere, end, tuned

CORAL = discrepancy(coral, "coral", "constant")
MMD = discrepancy(mmd_squared, "mmd_squared", "constant")
ALIGNMENTS = {"coral": CORAL, "mmd": MMD, "dann": reversal_term((4,), "constant")}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["dann", *(pytest.param(n, marks=pytest.mark.slow) for n in ("coral", "mmd"))],
)
def test_an_alignment_in_the_same_step(name):
    """The contract holds, and the total is the sum of what its parts are alone."""
    penalties = (
        delta(0.3, 0.1),
        lwf(0.5),
        l2_sp(0.2, 0.05),
        alignment(ALIGNMENTS[name], 0.7),
    )
    recipe = tuned(*penalties, network=NORMALISED)
    assert recipe[-1].uses == {"source", "target", "target_labelled"}
    check_adapter(recipe[1:], toy_data(), thorough=False)
    state, batch = begun(recipe)
    state = elsewhere(state)
    after, metrics = jax.jit(recipe[-1].adapter.update)(state, batch)
    head = sum(np.sum(np.square(v)) for v in state.params["head_target"].values())
    total = (
        metrics["source_loss"]
        + metrics["target_labelled_loss"]
        + 0.3 * metrics["feature_map_distance"]
        + 0.05 * head
        + 0.5 * metrics["distillation"]
        + 0.1 * metrics["squared_distance"]
        + 0.025 * head
        + {
            "coral": lambda: 0.7 * metrics["coral"],
            "mmd": lambda: 0.7 * metrics["mmd_squared"],
            "dann": lambda: metrics["domain_loss"],
        }[name]()
    )
    np.testing.assert_allclose(metrics["task_loss"], total, rtol=1e-4)
    for group in ("encoder", "head_source", "head_target"):
        moved = jax.tree.map(
            lambda a, b: jnp.abs(a - b).max(), after.params[group], state.params[group]
        )
        assert max(map(float, jax.tree.leaves(moved))) > 1e-5


def test_an_alignment_aligns():
    found = {}
    for weight in (0.0, 20.0):
        penalty = alignment(CORAL, weight)
        recipe = tuned(penalty, delta(), network=PLAIN)
        found[weight] = end(recipe, steps=60).history["tune/coral"][-5:].mean()
    assert found[20.0] < 0.5 * found[0.0]


def test_the_start_is_kept_once():
    recipe = tuned(delta(), lwf(), co_tuning())
    state, _ = begun(recipe)
    assert sorted(state.extra) == ["co_tuning_relationship", "start"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "policy", [pytest.param("joint", marks=pytest.mark.slow), "domain_specific"]
)
def test_everything_at_once(policy):
    penalties = (delta(attention=True), lwf(), co_tuning(), bss(), bi_tuning(queue=4))
    recipe = tuned(*penalties, network=NORMALISED, batch_norm=policy)
    run = end(recipe, steps=10)
    assert run.finite.all()
    assert int(run.state.extra["bi_tuning_queues"]["count"].sum()) == 4 * 8


@pytest.mark.slow
def test_seeds_and_sweeps():
    recipe = tuned(delta(attention=True), co_tuning(), bi_tuning(queue=4))
    run = end(recipe, steps=10, seeds=2, sweep={"behaviour": [0.0, 5.0]})
    kernels = np.asarray(run.state.params["encoder"]["Dense_0"]["kernel"])
    assert not np.array_equal(kernels[0], kernels[1])
    table = np.asarray(run.state.extra["co_tuning_relationship"])
    np.testing.assert_allclose(table.sum(axis=-1), 1.0, rtol=1e-4)
    # A seed starts alike at every point, and seeds apart.
    np.testing.assert_allclose(table[0], table[1], atol=1e-6)
    assert not np.allclose(table[0, 0], table[0, 1])


def test_stages_of_a_plan():
    plan = FineTunePlan(
        (
            Stage("probe", (Rule("^encoder", rate=0.0),), penalties=(lwf(),)),
            Stage("tune", penalties=(lwf(), alignment(MMD)), statistics="frozen"),
        )
    )
    recipe = plan.recipe(NORMALISED, classes=3)
    assert [sorted(phase.uses) for phase in recipe[1:]] == [
        ["target_labelled"],
        ["source", "target", "target_labelled"],
    ]
    assert end(recipe).finite.all()


def test_a_bad_weight_is_named():
    with pytest.raises(ValueError, match="trade_off must be"):
        alignment(CORAL, -1.0)
    with pytest.raises(ValueError, match="a penalty twice"):
        tuned(alignment(CORAL), alignment(MMD))


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["delta", "lwf", "co_tuning", "bi_tuning", "stoch_norm"]
)
def test_the_method_learns_the_toy_shift(name):
    recipe = getattr(methods, name)(
        NORMALISED, classes=3, optimizer="adam", schedule="constant"
    )
    run = end(recipe, steps=150)
    x, y = toy_data().target.pool, np.arange(24) % 3
    hits = np.argmax(run.predict(x).logits["target"], axis=1) == y
    assert hits.mean() > 0.7
