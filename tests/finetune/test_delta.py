"""DELTA in the step, and its attention, against the network written in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import ArrayData, fit, methods, network_by_name
from da_zoo.data.batches import on_device
from da_zoo.finetune import FineTunePlan, LoRA, Rule, Stage, delta
from da_zoo.losses.feature_maps import channel_importance
from da_zoo.testing import toy_data
from da_zoo.types import Examples, Views
from tests.finetune.stages import (
    NESTEROV,
    NORMALISED,
    PLAIN,
    assert_trains_alike,
    begun,
    elsewhere,
    end,
    forward,
    log_softmax,
    tuned,
)

PLAINLY = {"learning_rate": 1.0, "schedule": "constant"}


def distance(params, start, x):
    return sum(
        0.5 * np.mean(np.sum((a - b) ** 2, axis=1))
        for a, b in zip(forward(params, x), forward(start, x), strict=True)
    )


def test_the_penalty_and_its_gradient_by_hand():
    recipe = tuned(delta(0.7, 0.2), **PLAINLY)
    state, batch = begun(recipe)
    state = elsewhere(state)
    start, x = state.extra["start"]["params"], batch.target_labelled.x
    step = jax.jit(recipe[-1].adapter.update)
    after, metrics = step(state, batch)
    found = metrics["feature_map_distance"]
    np.testing.assert_allclose(found, distance(state.params, start, x), rtol=1e-5)
    off = state._replace(
        hparams=state.hparams
        | {"behaviour": jnp.float32(0), "head_shrinkage": jnp.float32(0)}
    )
    without, bare = step(off, batch)
    norm = sum(np.sum(np.square(v)) for v in state.params["head_target"].values())
    np.testing.assert_allclose(
        metrics["task_loss"] - bare["task_loss"], 0.7 * found + 0.1 * norm, rtol=1e-4
    )
    # What the penalty alone adds to the first step, for one weight of each layer.
    for layer, place in (("Dense_0", (2, 1)), ("Dense_1", (3, 2))):
        kernel = np.asarray(state.params["encoder"][layer]["kernel"], np.float64)
        sides = []
        for sign in (1, -1):
            moved = kernel.copy()
            moved[place] += sign * 1e-6
            encoder = state.params["encoder"] | {
                layer: state.params["encoder"][layer] | {"kernel": moved}
            }
            sides.append(distance({"encoder": encoder}, start, x))
        slope = (sides[0] - sides[1]) / 2e-6
        gap = [
            np.asarray(s.params["encoder"][layer]["kernel"][place])
            for s in (after, without)
        ]
        assert abs(slope) > 1e-3
        np.testing.assert_allclose(gap[0] - gap[1], -NESTEROV * 0.7 * slope, rtol=1e-2)
    heads = [s.params["head_target"]["kernel"] for s in (after, without)]
    np.testing.assert_allclose(
        heads[0] - heads[1],
        -NESTEROV * 0.2 * state.params["head_target"]["kernel"],
        rtol=1e-3,
        atol=1e-5,
    )


def test_at_the_start_it_is_nothing_and_pulls_nowhere():
    frozen = Stage("tune", statistics="frozen")
    recipe = tuned(delta(5.0, 0.0), network=NORMALISED, stage=frozen, **PLAINLY)
    state, batch = begun(recipe)
    off = state._replace(hparams=state.hparams | {"behaviour": jnp.float32(0)})
    step = jax.jit(recipe[-1].adapter.update)
    (after, metrics), (without, _) = (step(s, batch) for s in (state, off))
    assert float(metrics["feature_map_distance"]) == 0.0
    for a, b in zip(
        jax.tree.leaves(after.params), jax.tree.leaves(without.params), strict=True
    ):
        np.testing.assert_array_equal(a, b)


def test_the_start_is_seen_with_its_own_statistics():
    recipe = tuned(delta(), network=NORMALISED)
    state, batch = begun(recipe)
    step = jax.jit(recipe[-1].adapter.update)
    before = step(state, batch)[1]["feature_map_distance"]
    assert float(before) > 0  # the batch's statistics against the running ones
    other = jax.tree.map(lambda leaf: leaf + 1.0, state.stats)
    after = step(state._replace(stats=other), batch)[1]["feature_map_distance"]
    np.testing.assert_array_equal(before, after)


def test_no_weight_is_full_fine_tuning():
    values = {"batch_norm": "joint"}
    assert_trains_alike(
        methods.delta(
            NORMALISED, classes=3, behaviour=0.0, head_shrinkage=0.0, **values
        ),
        methods.full_fine_tuning(NORMALISED, classes=3, **values),
    )


def test_a_strong_weight_keeps_the_maps():
    moved = {}
    for weight in (0.0, 1.0):
        recipe = tuned(delta(weight, 0.0), learning_rate=0.01)
        moved[weight] = end(recipe, steps=60).history["tune/feature_map_distance"]
    assert moved[0.0][0] == moved[1.0][0] == 0.0
    assert 0.0 < moved[1.0][-1] < 0.3 * moved[0.0][-1]


def test_stages_by_name():
    distances = {}
    for names in (("dense_0",), ("dense_1",), None):
        recipe = tuned(delta(stages=names))
        state, batch = begun(recipe)
        metrics = jax.jit(recipe[-1].adapter.update)(elsewhere(state), batch)[1]
        distances[names] = float(metrics["feature_map_distance"])
    parts = distances.pop(None), sum(distances.values())
    np.testing.assert_allclose(*parts, rtol=1e-5)


def labelled_rows():
    stream = toy_data().target_labelled
    device = on_device(stream, 1)
    n = len(device.rows[0])
    return Examples(
        device.pool[device.rows[0]],
        device.labels[0],
        jnp.ones(n, bool),
        jnp.arange(n),
        jnp.zeros(n, int),
        jnp.ones(n).at[0].set(0.0),  # a row that is not the seed's own
    )


def test_attention_by_hand():
    recipe = tuned(delta(attention=True))
    assert recipe[-1].refresh_once
    state, batch = begun(recipe)
    state = elsewhere(state)  # the head of that moment, the encoder of the start
    step = jax.jit(recipe[-1].adapter.update)
    before = step(state, batch)[1]["feature_map_distance"]
    plain = tuned(delta())
    assert state.extra["delta_importance"] == {}
    even = jax.jit(plain[-1].adapter.update)(
        state._replace(extra={"start": state.extra["start"]}), batch
    )[1]["feature_map_distance"]
    np.testing.assert_allclose(before, even, rtol=1e-6)

    rows = labelled_rows()
    refreshed = jax.jit(recipe[-1].adapter.refresh)(state, Views(None, None, rows))
    found = refreshed.extra["delta_importance"]
    start = state.extra["start"]["params"]
    x, y = np.asarray(rows.x)[1:], np.asarray(rows.y)[1:]
    head = {
        k: np.asarray(v, np.float64) for k, v in state.params["head_target"].items()
    }

    def loss(cut=None):
        layers = [start["encoder"][name] for name in ("Dense_0", "Dense_1")]
        features = np.asarray(x, np.float64)
        for depth, layer in enumerate(layers):
            features = features @ np.asarray(layer["kernel"], np.float64)
            features = np.maximum(features + np.asarray(layer["bias"]), 0.0)
            if cut is not None and cut[0] == depth:
                features[:, cut[1]] = 0.0
        logs = log_softmax(features @ head["kernel"] + head["bias"])
        return -np.mean(logs[np.arange(len(y)), y])

    for depth, width in enumerate((5, 4)):
        gains = np.array([loss((depth, c)) - loss() for c in range(width)])
        z = (gains - gains.mean()) / gains.std()
        expected = width * np.exp(z / 5) / np.exp(z / 5).sum()
        np.testing.assert_allclose(found[f"dense_{depth}"], expected, rtol=1e-3)
        np.testing.assert_allclose(
            channel_importance(jnp.float32(gains)), expected, rtol=1e-3
        )
    # And the step weighs by it.
    maps = forward(state.params, batch.target_labelled.x)
    start_maps = forward(start, batch.target_labelled.x)
    weighted = sum(
        0.5 * np.mean(np.sum(np.asarray(found[name]) * (a - b) ** 2, axis=1))
        for name, a, b in zip(("dense_0", "dense_1"), maps, start_maps, strict=True)
    )
    after = jax.jit(recipe[-1].adapter.update)(refreshed, batch)[1]
    np.testing.assert_allclose(after["feature_map_distance"], weighted, rtol=1e-4)


@pytest.mark.slow
def test_the_method_with_attention_probes_first():
    run = end(methods.delta(NORMALISED, classes=3, attention=True))
    lengths = {k: len(v) for k, v in run.history.items() if k.endswith("task_loss")}
    assert lengths == {
        "source/task_loss": 12,
        "probe/task_loss": 2,
        "tune/task_loss": 6,
    }
    importance = run.state.extra["delta_importance"]
    assert {k: v.shape for k, v in importance.items()} == {
        "dense_0": (5,),
        "dense_1": (4,),
    }
    for values in importance.values():
        np.testing.assert_allclose(values.mean(), 1.0, rtol=1e-5)
        assert float(values.std()) > 0


@pytest.mark.slow
def test_attention_of_a_chosen_convolution():
    network = network_by_name("lenet", channels=(2, 3), hidden=(4,))
    rng = np.random.default_rng(0)
    x, y = rng.uniform(size=(12, 8, 8, 1)).astype(np.float32), np.arange(12) % 3
    data = ArrayData((x, y), None, (x[:6], y[:6]))
    for term in (
        delta(attention=True, stages=("conv_1",)),
        delta(attention=True, stages=("conv_1",), layers=("Conv_1/kernel",)),
    ):
        recipe = tuned(term, network=network)
        run = fit(recipe, data, jax.random.key(0), steps=5, batch_size=4)
        assert run.state.extra["delta_importance"]["conv_1"].shape == (3,)


@pytest.mark.slow
def test_later_stages_and_lora_keep_the_first_start():
    stages = (
        Stage("a", penalties=(delta(),)),
        Stage("b", (Rule("Dense_0", rate=0.0),), penalties=(delta(),)),
        Stage("c", penalties=(delta(),), lora=LoRA(2)),
    )
    recipe = FineTunePlan(stages).recipe(PLAIN, classes=3, learning_rate=0.05)
    run = end(recipe, steps=40)
    ends = {name: run.history[f"{name}/feature_map_distance"] for name in "abc"}
    assert ends["a"][0] == 0.0
    for before, after in (("a", "b"), ("b", "c")):
        assert ends[after][0] > 0.5 * ends[before][-1] > 0.0


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: delta(-1.0), "behaviour must be"),
        (lambda: delta(0.1, float("nan")), "head_shrinkage must be"),
        (lambda: delta(layers=("a",)), "attention=True"),
        (
            lambda: delta(attention=True, stages=("a", "b"), layers=("c",)),
            "one per stage",
        ),
        (lambda: delta(attention=True, layers=("(",)), "regular expression"),
        (lambda: end(tuned(delta(stages=("dense_7",)))), r"no stages \['dense_7'\]"),
        (
            lambda: end(tuned(delta(attention=True, layers=("Dense_0",)))),
            "one layer pattern per stage",
        ),
        (
            lambda: end(tuned(delta(attention=True, layers=("Dense_1", "Dense_0")))),
            r"last axis is its 5 channels, got shapes \[\(4,\), \(5, 4\)\]",
        ),
    ],
)
def test_mistakes_are_named(build, message):
    with pytest.raises(ValueError, match=message):
        build()
