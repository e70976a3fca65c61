"""Ramps, views of a batch, the teacher, and what methods of self-training share."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import METHODS, build_recipe, fit, methods, network_by_name
from da_zoo.augment import augmentation_by_name
from da_zoo.self_training import (
    RAMPS,
    check_fraction,
    linear_ramp,
    moving_average,
    stack_views,
    with_views,
)
from da_zoo.testing import example_batch, toy_data

NETWORK = network_by_name("mlp", hidden=(8, 4))
EVERY = frozenset({"source", "target", "target_labelled"})
NAMES = ("pseudo_label", "mean_teacher", "fixmatch", "adamatch")
PLAIN = {
    "pseudo_label": {},
    "mean_teacher": {"augment_labelled": False, "predict_with": "student"},
    "fixmatch": {"augment_labelled": False},
    "adamatch": {"augment_labelled": False, "predict_with": "student"},
}


def recipe_of(name, **values):
    values.setdefault("batch_norm", "separate")
    return build_recipe(METHODS[name], NETWORK, classes=3, **values)


def started(recipe, step=4, total=8):
    adapter = recipe[0].adapter
    batch = example_batch(toy_data(), recipe[0].uses)
    state = jax.jit(adapter.init)(jax.random.key(0), batch)
    state = state._replace(step=jnp.int32(step), total_steps=jnp.float32(total))
    return adapter, state, batch


@pytest.mark.parametrize(
    ("name", "points"),
    [
        ("constant", {0.0: 1.0, 1.0: 1.0}),
        ("half_cosine", {0.0: 0.0, 0.25: 0.5, 0.5: 1.0, 1.0: 1.0}),
        ("sigmoid", {0.0: np.exp(-5), 0.15: np.exp(-1.25), 0.3: 1.0, 1.0: 1.0}),
    ],
)
def test_ramps_at_their_ends(name, points):
    for p, expected in points.items():
        ours = RAMPS[name](jnp.float32(p))
        np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-7)


def test_the_linear_ramp_waits_rises_and_stays():
    values = [float(linear_ramp(jnp.float32(p), 0.2, 0.6)) for p in np.arange(6) / 5]
    np.testing.assert_allclose(values, [0, 0, 0.5, 1, 1, 1], atol=1e-6)
    jump = [float(linear_ramp(jnp.float32(p), 0.5, 0.5)) for p in (0.4, 0.5, 0.6)]
    assert jump == [0.0, 0.0, 1.0]


def test_views_are_stacked_view_by_view_with_everything_else_repeated():
    rows = example_batch(toy_data(), EVERY).source
    rows = rows._replace(weight=jnp.arange(8.0))
    both = stack_views(rows, rows.x, -rows.x)
    assert np.array_equal(both.x, jnp.concatenate([rows.x, -rows.x]))
    for name in ("y", "labelled", "index", "domain", "weight"):
        twice = jnp.tile(getattr(rows, name), 2)
        assert np.array_equal(getattr(both, name), twice), name


def test_each_stream_and_view_has_its_own_draw():
    batch = example_batch(toy_data(), EVERY)
    batch = batch._replace(target=batch.target._replace(x=batch.source.x))
    seen = with_views(
        batch,
        augmentation_by_name("auto"),
        jax.random.key(0),
        labelled=("plain", "weak"),
        target=("weak", "weak"),
    )
    assert np.array_equal(seen.source.x[:8], batch.source.x)
    draws = [seen.source.x[8:], seen.target.x[:8], seen.target.x[8:]]
    for i in range(3):
        assert not np.array_equal(draws[i], batch.source.x)
        assert not np.array_equal(draws[i], draws[i - 1])
    assert seen.target_labelled.x.shape[0] == 16


def test_moving_average_equals_its_closed_form():
    values = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
    average = {"w": jnp.asarray(values[0]), "count": jnp.int32(0)}
    for k, value in enumerate(values[1:]):
        new = {"w": jnp.asarray(value), "count": jnp.int32(k)}
        average = moving_average(average, new, 0.8)
    expected = 0.8**5 * values[0]
    for k in range(1, 6):
        expected = expected + 0.2 * 0.8 ** (5 - k) * values[k]
    np.testing.assert_allclose(average["w"], expected, rtol=1e-5)
    assert int(average["count"]) == 4  # an integer is taken over, not averaged


@pytest.mark.parametrize("ema", [0.5, 0.99])
def test_the_teacher_is_the_average_of_students_and_their_statistics(ema):
    adapter, state, batch = started(recipe_of("mean_teacher", ema=ema), step=0)
    update = jax.jit(adapter.update)
    seen = [(state.params, state.stats)]
    for _ in range(4):
        state, _ = update(state, batch)
        seen.append((state.params, state.stats))
    # 0.99 is more than the even average of five states needs: they weigh the same.
    weights = np.array([0.2] * 5)
    if ema == 0.5:
        weights = np.array([0.5**4, *(0.5 * 0.5 ** (4 - k) for k in range(1, 5))])
    expected = jax.tree.map(lambda *s: np.tensordot(weights, np.stack(s), 1), *seen)
    teacher = (state.extra["teacher"]["params"], state.extra["teacher"]["stats"])
    for ours, right in zip(*map(jax.tree.leaves, (teacher, expected)), strict=True):
        np.testing.assert_allclose(ours, right, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("policy", ["joint", "separate"])
def test_the_teacher_predicts_where_it_is_asked_to(policy):
    """It differs from the student: a large step, and an average that lags."""
    x = toy_data().target.pool
    outputs = {}
    for who in ("teacher", "student"):
        recipe = recipe_of(
            "mean_teacher",
            predict_with=who,
            batch_norm=policy,
            learning_rate=0.2,
            ema=0.9,
        )
        run = fit(recipe, toy_data(), jax.random.key(0), steps=8, batch_size=8)
        outputs[who] = run.predict(x).logits["target"]
        if policy == "joint":
            state = run.state
            if who == "teacher":
                state = state._replace(**state.extra["teacher"])
            plain = recipe_of("source_only", batch_norm="joint")[0].adapter
            expected = plain.predict(state, x).logits["target"]
            np.testing.assert_allclose(outputs[who], expected, atol=1e-5)
    assert float(jnp.abs(outputs["teacher"] - outputs["student"]).max()) > 1e-3


@pytest.mark.parametrize("name", NAMES[1:])  # the first has no views
def test_without_views_and_term_it_is_source_only_and_predicts_as_adabn(name):
    def trained(method, **values):
        recipe = recipe_of(method, **values)
        return fit(recipe, toy_data(), jax.random.key(3), steps=12, batch_size=8)

    ours = trained(name, trade_off=0.0, **PLAIN[name])
    plain, adabn = trained("source_only"), trained("adabn")
    for group in ("encoder", "head_source"):
        for a, b in zip(
            jax.tree.leaves(ours.state.params[group]),
            jax.tree.leaves(plain.state.params[group]),
            strict=True,
        ):
            np.testing.assert_allclose(a, b, atol=1e-6)
    x = np.random.default_rng(0).normal(size=(20, 6))
    np.testing.assert_allclose(
        ours.predict(x).logits["target"], adabn.predict(x).logits["target"], atol=1e-5
    )


@pytest.mark.parametrize("name", NAMES)
def test_the_unlabelled_term_reaches_the_encoder(name):
    ends = []
    for trade_off in (0.0, 10.0):
        values = {"threshold": 0.0, "trade_off": trade_off}
        adapter, state, batch = started(recipe_of(name, **values))
        ends.append(jax.jit(adapter.update)(state, batch)[0].params["encoder"])
    gaps = jax.tree.map(lambda a, b: float(jnp.abs(a - b).max()), *ends)
    assert max(jax.tree.leaves(gaps)) > 1e-5


@pytest.mark.parametrize("name", NAMES)
def test_equal_options_share_a_program_whatever_the_floats(name):
    one, other = recipe_of(name), recipe_of(name, trade_off=0.3, threshold=0.2)
    assert one[0].adapter.update is other[0].adapter.update
    assert one[0].adapter.init.func is other[0].adapter.init.func
    assert one[0].adapter.predict is other[0].adapter.predict


def test_images_are_augmented_by_rank():
    network = network_by_name("mlp", hidden=(4,))
    data = toy_data(shape=(8, 8, 1))
    recipe = methods.fixmatch(network, classes=3, threshold=0.0)
    run = fit(recipe, data, jax.random.key(0), steps=3, batch_size=8)
    assert np.isfinite(run.history["adapt/task_loss"]).all()


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("fixmatch", {"threshold": 1.5}, r"threshold must be in \[0, 1\]"),
        ("adamatch", {"ema": -0.1}, r"ema must be in \[0, 1\]"),
        ("pseudo_label", {"ramp_begin": 0.7}, r"ramp_end=0.6 is before"),
        ("fixmatch", {"augmentation": "vector"}, r"augmentation.*'vectors'"),
        ("mean_teacher", {"student_view": "stong"}, r"student_view.*'strong'"),
        ("mean_teacher", {"predict_with": "tutor"}, r"predict_with"),
        ("adamatch", {"trade_off_schedule": "cosine"}, r"did you mean 'half_cosine'"),
        ("fixmatch", {"classes": {"source": 3, "target": 2}}, r"labelled_target=True"),
    ],
)
def test_bad_arguments_are_named(name, values, message):
    arguments = {"classes": 3} | values
    with pytest.raises(ValueError, match=message):
        getattr(methods, name)(NETWORK, **arguments)


@pytest.mark.parametrize("value", [True, "high", None])
def test_a_fraction_is_a_number(value):
    with pytest.raises(TypeError, match="ema must be a number"):
        check_fraction("ema", value)
