"""LwF and Co-Tuning in the step, against the network written in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import ArrayData, Continuous, Pretrained, fit, methods, start_from
from da_zoo.finetune import FineTunePlan, Rule, Stage, co_tuning, lwf
from da_zoo.testing import example_batch, toy_data
from da_zoo.types import Views
from tests.finetune.stages import (
    NESTEROV,
    NORMALISED,
    PLAIN,
    assert_trains_alike,
    begun,
    elsewhere,
    end,
    log_softmax,
    logits,
    tuned,
)

PLAINLY = {"learning_rate": 1.0, "schedule": "constant"}
OTHER_TASK = {"source": 3, "target": 4}


def added(recipe, state, batch, weight):
    """What a term adds to the loss and to the first step."""
    step = jax.jit(recipe[-1].adapter.update)
    off = state._replace(hparams=state.hparams | {weight: jnp.float32(0)})
    (after, metrics), (without, bare) = (step(s, batch) for s in (state, off))
    gap = jax.tree.map(lambda a, b: a - b, after.params, without.params)
    return gap, metrics, float(metrics["task_loss"] - bare["task_loss"])


def slope(value, params, group, path, place):
    """A derivative in float64, by differences."""
    sides = []
    for sign in (1, -1):
        tree = jax.tree.map(lambda w: np.array(w, np.float64), params)
        leaf = tree[group]
        for name in path:
            leaf = leaf[name]
        leaf[place] += sign * 1e-6
        sides.append(value(tree))
    return (sides[0] - sides[1]) / 2e-6


WHERE = [
    ("encoder", ("Dense_0", "kernel"), (2, 1)),
    ("encoder", ("Dense_1", "kernel"), (3, 2)),
    ("head_source", ("kernel",), (1, 0)),
]


@pytest.mark.slow
@pytest.mark.parametrize("classes", [3, OTHER_TASK])
def test_lwf_by_hand(classes):
    recipe = tuned(lwf(0.7, 2.0), classes=classes, **PLAINLY)
    state, batch = begun(recipe)
    state = elsewhere(state)
    start, x = state.extra["start"]["params"], batch.target_labelled.x

    def value(params):
        # The head may be wider than the source has classes.
        old, new = (
            log_softmax(logits(p, x, "source")[:, :3] / 2.0) for p in (start, params)
        )
        return np.mean(np.sum(np.exp(old) * (old - new), axis=1))

    gap, metrics, gained = added(recipe, state, batch, "distillation")
    np.testing.assert_allclose(metrics["distillation"], value(state.params), rtol=1e-4)
    np.testing.assert_allclose(gained, 0.7 * value(state.params), rtol=1e-3)
    for group, path, place in WHERE:
        leaf = gap[group]
        for name in path:
            leaf = leaf[name]
        expected = slope(value, state.params, group, path, place)
        assert abs(expected) > 1e-4
        np.testing.assert_allclose(
            leaf[place], -NESTEROV * 0.7 * expected, rtol=2e-2, atol=1e-5
        )
    np.testing.assert_array_equal(gap["head_target"]["kernel"], 0.0)


def test_lwf_is_least_at_the_start():
    frozen = Stage("tune", statistics="frozen")
    recipe = tuned(lwf(4.0), network=NORMALISED, stage=frozen, **PLAINLY)
    state, batch = begun(recipe)
    gap, metrics, _ = added(recipe, state, batch, "distillation")
    np.testing.assert_allclose(metrics["distillation"], 0.0, atol=1e-6)
    for leaf in jax.tree.leaves(gap):
        np.testing.assert_allclose(leaf, 0.0, atol=1e-5)
    for seed in range(3):
        moved = elsewhere(state, size=0.1 * (seed + 1))
        assert float(added(recipe, moved, batch, "distillation")[1]["distillation"]) > 0


def test_lwf_remembers_what_the_source_said():
    ends = {}
    for weight in (0.0, 4.0):
        recipe = tuned(lwf(weight), classes=OTHER_TASK, learning_rate=0.03)
        ends[weight] = end(recipe, steps=60).history["tune/distillation"][-5:].mean()
    assert ends[4.0] < 0.3 * ends[0.0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "values"),
    [("lwf", {"distillation": 0.0}), ("co_tuning", {"relation": 0.0})],
)
def test_no_weight_is_full_fine_tuning(method, values):
    assert_trains_alike(
        getattr(methods, method)(NORMALISED, classes=3, **values),
        methods.full_fine_tuning(NORMALISED, classes=3),
        groups=("encoder", "head_source", "head_target"),
    )


def labelled(recipe):
    """All six labelled rows, of which the last is not the seed's own."""
    rows = example_batch(toy_data(), recipe[-1].uses).target_labelled
    rows = jax.tree.map(lambda leaf: leaf[:6], rows._replace(weight=None))
    return rows._replace(weight=jnp.ones(6).at[5].set(0.0))


def relationship(start, rows, temperature, classes, width):
    z = logits(start, rows.x, "source")[:, :3] / temperature
    soft, y = np.exp(log_softmax(z))[:5], np.asarray(rows.y)[:5]
    found = np.zeros((width, width))
    for c in range(classes):
        if (y == c).any():
            found[c, :3] = soft[y == c].mean(axis=0)
    return found


@pytest.mark.parametrize(("classes", "width"), [(3, 3), (OTHER_TASK, 5)])
def test_co_tuning_by_hand(classes, width):
    recipe = tuned(co_tuning(0.7, 2.0), classes=classes, width=width, **PLAINLY)
    assert recipe[-1].refresh_once
    state, batch = begun(recipe)
    state = elsewhere(state)
    start, x = state.extra["start"]["params"], batch.target_labelled.x
    # Before the relationship is known the term is nothing.
    assert added(recipe, state, batch, "relation")[2] == 0.0

    rows = labelled(recipe)
    state = jax.jit(recipe[-1].adapter.refresh)(state, Views(None, None, rows))
    expected = relationship(start, rows, 2.0, 4, width)
    table = state.extra["co_tuning_relationship"]
    np.testing.assert_allclose(table, expected, rtol=1e-4, atol=1e-7)
    y = np.asarray(batch.target_labelled.y)

    def value(params):
        logs = log_softmax(logits(params, x, "source")[:, :3])
        return -np.mean(np.sum(expected[y][:, :3] * logs, axis=1))

    gap, metrics, gained = added(recipe, state, batch, "relation")
    found = metrics["source_cross_entropy"]
    np.testing.assert_allclose(found, value(state.params), rtol=1e-4)
    np.testing.assert_allclose(gained, 0.7 * value(state.params), rtol=1e-3)
    for group, path, place in WHERE:
        leaf = gap[group]
        for name in path:
            leaf = leaf[name]
        slope_here = slope(value, state.params, group, path, place)
        np.testing.assert_allclose(
            leaf[place], -NESTEROV * 0.7 * slope_here, rtol=2e-2, atol=1e-5
        )
    np.testing.assert_array_equal(gap["head_target"]["kernel"], 0.0)


def test_co_tuning_teaches_the_source_head_the_relationship():
    recipe = tuned(co_tuning(), classes=OTHER_TASK, learning_rate=0.03)
    run = end(recipe, steps=100, batch_size=6)
    table = np.asarray(run.state.extra["co_tuning_relationship"])
    np.testing.assert_allclose(table[:3].sum(axis=1), 1.0, rtol=1e-5)
    np.testing.assert_array_equal(table[3], 0.0)  # a class without labelled rows
    history = run.history["tune/source_cross_entropy"]
    assert history[-5:].mean() < history[:5].mean()


def test_the_relationship_stays_that_of_the_first_start():
    stages = tuple(Stage(name, penalties=(co_tuning(),)) for name in ("a", "b"))
    plan = FineTunePlan(stages)
    recipe = plan.recipe(PLAIN, classes=OTHER_TASK, learning_rate=0.03)
    tables = [
        end(recipe[:last], steps=steps).state.extra["co_tuning_relationship"]
        for last, steps in ((2, 16), (3, 20))
    ]
    np.testing.assert_allclose(*tables, rtol=1e-5, atol=1e-7)


def test_a_frozen_source_head_stays():
    rules = Stage("tune", (Rule("head_source", rate=0.0),))
    run = end(tuned(lwf(), stage=rules))
    before = end(tuned(lwf())[:1], steps=12).state.params["head_source"]["kernel"]
    np.testing.assert_array_equal(run.state.params["head_source"]["kernel"], before)
    table = FineTunePlan((rules._replace(penalties=(lwf(),)),)).table(run.state.params)
    assert any(
        "head_source/kernel" in row and "frozen" in row for row in table.split("\n")
    )


def test_from_pre_trained_variables():
    state = end(methods.source_only(PLAIN, classes=3)).state
    kept = Pretrained(state.params["encoder"], state.stats["joint"])
    head = state.params["head_source"]
    rows = toy_data().target_labelled
    data = ArrayData(target_labelled=rows)
    for term in (lwf(), co_tuning()):
        with pytest.raises(ValueError, match=r"'tune'.*needs the source's head"):
            tuned(term, network=start_from(PLAIN, kept), share=0.0)
        network = start_from(PLAIN, kept._replace(head=head))
        recipe = tuned(term, network=network, classes=OTHER_TASK, share=0.0)
        run = fit(recipe, data, jax.random.key(0), steps=4, batch_size=6)
        start = run.state.extra["start"]["params"]
        np.testing.assert_array_equal(
            start["head_source"]["kernel"][:, :3], head["kernel"]
        )
    found = run.state.extra["co_tuning_relationship"][:3, :3]
    x, y = np.asarray(rows.pool)[np.asarray(rows.rows[0])], np.asarray(rows.labels[0])
    soft = np.exp(log_softmax(logits(state.params, x, "source")))
    expected = np.stack([soft[y == c].mean(axis=0) for c in range(3)])
    np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: lwf(-1.0), "distillation must be"),
        (lambda: lwf(1.0, 0.0), "distillation_temperature must be above 0"),
        (lambda: co_tuning(float("inf")), "relation must be"),
        (lambda: co_tuning(1.0, 0.0), "calibration must be above 0"),
        (lambda: tuned(lwf(), classes=Continuous(1)), "lwf needs classes"),
        (lambda: tuned(co_tuning(), classes=Continuous(1)), "co_tuning needs classes"),
    ],
)
def test_mistakes_are_named(build, message):
    with pytest.raises(ValueError, match=message):
        build()
