import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import (
    ArrayData,
    NonFiniteLossError,
    fit,
    from_updates,
    methods,
    network_by_name,
)
from da_zoo import programs as programs_module
from da_zoo.data.order import KEPT_ORDER, order
from da_zoo.data.streams import Stream, make_stream
from da_zoo.loop import phase_steps
from da_zoo.programs import forget_programs
from da_zoo.testing import toy_data
from da_zoo.types import Phase

NETWORK = network_by_name("mlp", hidden=(6,))


@pytest.fixture(autouse=True)
def _few_programs():
    yield
    forget_programs()


def source_only(**values):
    return methods.source_only(NETWORK, classes=3, **values)


def learned(result, seed=None):
    leaves = jax.tree.leaves(result.state.params)
    return [np.asarray(leaf if seed is None else leaf[seed]) for leaf in leaves]


def test_history_seeds_and_determinism(key):
    recipe = methods.adabn(NETWORK, classes=3)
    one = fit(recipe, toy_data(), key, steps=250, batch_size=8)
    assert one.history["source/task_loss"].shape == (250,)
    assert one.finite.shape == ()
    three = fit(recipe, toy_data(), key, steps=10, batch_size=8, seeds=3)
    assert three.history["source/task_loss"].shape == (3, 10)
    assert three.predict(np.ones((2, 6))).logits["target"].shape == (3, 2, 3)
    again = fit(recipe, toy_data(), key, steps=10, batch_size=8, seeds=3)
    assert all(map(np.array_equal, learned(three), learned(again)))
    assert not np.array_equal(learned(three, 0)[-1], learned(three, 1)[-1])


def test_a_seed_of_a_group_is_the_seed_alone():
    keys = jax.vmap(jax.random.key)(jnp.arange(3))
    group = fit(source_only(), toy_data(), keys, steps=20, batch_size=8)
    alone = fit(source_only(), toy_data(), keys[2], steps=20, batch_size=8)
    for a, b in zip(learned(group, 2), learned(alone), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_steps_are_shared_out_exactly():
    recipe = methods.lp_ft(NETWORK, classes=3)
    assert phase_steps(recipe, 1000) == [600, 200, 200]
    assert sum(phase_steps(recipe, 7)) == 7
    assert phase_steps(methods.adabn(NETWORK, classes=3), 10) == [10, 32]


def test_programs_serve_every_length_and_every_trade_off(key):
    def run(steps, **values):
        recipe = methods.dan(NETWORK, classes=3, **values)
        fit(recipe, toy_data(), key, steps=steps, batch_size=8)
        return len(programs_module._EXECUTABLES)

    count = run(3)
    assert run(211) == count
    assert run(5, trade_off=7.0, learning_rate=0.5) == count
    assert run(5, estimator="v") > count


def test_a_sick_loss_stops_early_and_says_where(key):
    with pytest.raises(NonFiniteLossError, match=r"dann: .*step \d+ of phase 'adapt'"):
        fit(
            methods.dann(NETWORK, classes=3, learning_rate=1e30),
            toy_data(),
            key,
            steps=5000,
            batch_size=8,
            name="dann",
        )


def test_only_the_sick_seed_is_marked():
    x = np.random.default_rng(0).normal(size=(24, 6)).astype(np.float32)
    pool = np.concatenate([x, np.full_like(x, np.inf)])
    rows = np.stack([np.arange(24), np.arange(24) + 24]).astype(np.int32)
    labels = np.tile(np.arange(24) % 3, (2, 1)).astype(np.int32)
    data = ArrayData(source=Stream(pool, rows, labels, np.array([24, 24])))
    keys = jax.vmap(jax.random.key)(jnp.arange(2))
    result = fit(source_only(), data, keys, steps=5, batch_size=8, on_nonfinite="mark")
    assert result.finite.tolist() == [True, False]
    assert "step 0" in result.failures[0]


def test_metrics_are_reported_once_per_chunk(key):
    seen = []
    fit(
        source_only(),
        toy_data(),
        key,
        steps=450,
        batch_size=8,
        on_metrics=lambda *a: seen.append((a[0], a[1], a[2], a[3]["task_loss"].shape)),
    )
    assert seen == [
        ("source", 200, 450, (200,)),
        ("source", 400, 450, (200,)),
        ("source", 450, 450, (50,)),
    ]


def test_refresh_runs_once_per_epoch_and_sees_no_target_labels(key):
    def init_params(key, batch):
        return {"encoder": jnp.zeros(())}, {}, {"epochs": jnp.int32(0), "labels": 0.0}

    def refresh(state, views):
        labels = jnp.sum(views.target.y) + jnp.sum(views.target.labelled)
        extra = {"epochs": state.extra["epochs"] + 1, "labels": 0.0 + labels}
        return state._replace(extra=extra)

    adapter = from_updates(
        init_params, (), refresh=refresh, predict=lambda *a, **k: None
    )
    recipe = (Phase("banks", adapter, frozenset({"target"})),)
    state = fit(recipe, toy_data(), key, steps=9, batch_size=8, loop="scan").state
    assert int(state.extra["epochs"]) == 3  # 24 rows: 3 steps an epoch
    assert float(state.extra["labels"]) == 0.0


def test_convolutions_stay_out_of_loops_on_cpu(key):
    images = np.random.default_rng(0).random((8, 8, 8, 1))
    data = ArrayData((images, np.arange(8) % 2))
    lenet = network_by_name("lenet", channels=(2, 2), hidden=(4,))
    for network, source, plan in (
        (lenet, data, ("python", "sequential")),
        (NETWORK, toy_data(), ("scan", "vmap")),
    ):
        recipe = methods.source_only(network, classes=3)
        if jax.default_backend() == "cpu":
            result = fit(recipe, source, key, steps=2, batch_size=4, seeds=2)
            assert tuple(result.plan) == plan
    chosen = fit(recipe, source, key, steps=2, loop="python", seeds_mode="map").plan
    assert tuple(chosen) == ("python", "map")


def test_bad_arguments_are_named(key):
    data = toy_data()
    only_source = ArrayData(source=data.source)
    with pytest.raises(ValueError, match=r"needs \['target'\]"):
        fit(methods.dann(NETWORK, classes=3), only_source, key, steps=2)
    with pytest.raises(ValueError, match="steps must be an integer of at least 1"):
        fit(source_only(), data, key, steps=0)
    with pytest.raises(ValueError, match=r"source labels must be 0\.\.1"):
        fit(methods.source_only(NETWORK, classes=2), data, key, steps=2)
    with pytest.raises(ValueError, match="unknown loop 'while'"):
        fit(source_only(), data, key, steps=2, loop="while")
    with pytest.raises(ValueError, match="on_nonfinite"):
        fit(source_only(), data, key, steps=2, on_nonfinite="ignore")


def test_orders_are_permutations_resumable_and_their_own():
    whole = order((1, 2), "source", 10, 0, 5, 4)
    assert sorted(whole.reshape(-1)[:10]) == list(range(10))
    assert sorted(whole.reshape(-1)[10:]) == list(range(10))
    assert np.array_equal(order((1, 2), "source", 10, 2, 5, 4), whole[2:])
    assert not np.array_equal(order((1, 2), "target", 10, 0, 5, 4), whole)
    assert not np.array_equal(order((1, 3), "source", 10, 0, 5, 4), whole)
    # A chunk that is kept for others equals one that is too long to keep.
    long = order((1, 2), "source", 10, 0, 5, KEPT_ORDER)
    short = order((1, 2), "source", 10, 0, 5, KEPT_ORDER // 8)
    assert np.array_equal(short.ravel(), long.ravel()[: short.size])
    with pytest.raises(ValueError, match="read-only"):
        whole[0] = 0
    short = order((0,), "target_labelled", 3, 0, 2, 6)
    assert (np.bincount(short.reshape(-1)) == 4).all()
    assert order((0,), "source", 3, 2, 2, 6).shape == (0, 6)


def test_uint8_pixels_are_scaled(key):
    pixels = np.full((4, 2), 255, np.uint8)
    pixels[::2] = 0
    seen = {}

    def init_params(key, batch):
        seen["x"] = batch.source.x
        return {"encoder": jnp.zeros(())}, {}, {"x": batch.source.x}

    adapter = from_updates(init_params, (), predict=lambda *a, **k: None)
    recipe = (Phase("look", adapter, frozenset({"source"})),)
    data = ArrayData((pixels, np.zeros(4, int)))
    state = fit(recipe, data, key, steps=1, batch_size=4, loop="scan").state
    assert np.unique(state.extra["x"]).tolist() == [0.0, 1.0]


@pytest.mark.parametrize(
    ("x", "y", "error", "message"),
    [
        ([[np.nan, 1.0]], [0], ValueError, "NaN or infinite"),
        ([[np.inf, 1.0]], [0], ValueError, "NaN or infinite"),
        (np.zeros((0, 2)), [], ValueError, "empty"),
        ([1.0, 2.0], [0, 1], ValueError, "at least two axes"),
        ([["a", "b"]], [0], TypeError, "numeric"),
        ([[1.0]], [0.5], TypeError, "integers"),
        ([[1.0]], [-1], ValueError, "0..classes-1"),
        ([[1.0]], [0, 1], ValueError, "one label a row"),
    ],
)
def test_bad_arrays_are_named(x, y, error, message):
    with pytest.raises(error, match=message):
        make_stream(x, y)


def test_unlabelled_target_cannot_carry_labels():
    with pytest.raises(TypeError, match="target takes inputs only"):
        ArrayData(target=(np.ones((2, 2)), [0, 1]))
    with pytest.raises(ValueError, match="must not hold labels"):
        ArrayData(target=make_stream(np.ones((2, 2)), [0, 1]))
    with pytest.raises(ValueError, match="same shape"):
        ArrayData((np.ones((2, 3)), [0, 1]), np.ones((2, 4)))


def test_planning_and_compiling_share_one_trace(key):
    traced = []

    def network():
        plain = network_by_name("mlp", hidden=(5,))

        def apply(*args, **kwargs):
            traced.append(kwargs.get("train"))
            return plain.apply(*args, **kwargs)

        return plain._replace(apply=apply)

    fit(
        methods.source_only(network(), classes=3),
        toy_data(),
        key,
        steps=3,
        batch_size=4,
        seeds=2,
    )
    assert traced.count(True) == 1


def test_what_is_no_recipe_or_key_is_named():
    recipe = methods.source_only(network_by_name("mlp", hidden=(4,)), classes=3)
    plain = inspect.unwrap(fit)  # without the tests' own type checks
    with pytest.raises(TypeError, match="tuple of phases"):
        plain(recipe[0], toy_data(), jax.random.key(0), steps=1)
    with pytest.raises(TypeError, match=r"jax\.random\.key"):
        plain(recipe, toy_data(), 0, steps=1)
