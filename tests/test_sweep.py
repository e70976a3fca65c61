import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import ArrayData, fit, methods, network_by_name
from da_zoo import loop as loop_module
from da_zoo import programs as programs_module
from da_zoo.data.streams import Stream
from da_zoo.programs import forget_programs
from da_zoo.sweep import group_width, resolve_sweep
from da_zoo.testing import toy_data

NETWORK = network_by_name("mlp", hidden=(6,))
RATES, TRADES = [0.05, 0.01], [0.0, 0.3, 3.0]


@pytest.fixture(autouse=True)
def _few_programs():
    yield
    forget_programs()


def dan(**values):
    return methods.dan(NETWORK, classes=3, **values)


def run(recipe, key, **settings):
    # One worker: widths must not follow from this machine's cores.
    options = {"steps": 12, "batch_size": 8, "workers": 1} | settings
    return fit(recipe, toy_data(), key, **options)


def learned(result, *at):
    return [np.asarray(leaf[at]) for leaf in jax.tree.leaves(result.state.params)]


def close(a, b):
    for one, other in zip(a, b, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_every_member_is_the_fit_of_its_own_values(key):
    sweep = {"learning_rate": RATES, "trade_off": TRADES}
    result = run(dan(), key, sweep=sweep, seeds=2)
    assert result.axes == {
        "learning_rate": tuple(RATES),
        "trade_off": tuple(TRADES),
        "seed": (0, 1),
    }
    assert result.history["adapt/task_loss"].shape == (2, 3, 2, 12)
    assert result.finite.shape == (2, 3, 2)
    assert result.width == 12
    for i, rate in enumerate(RATES):
        for j, trade in enumerate(TRADES):
            own = run(dan(learning_rate=rate, trade_off=trade), key, seeds=2)
            close(learned(result, i, j), learned(own, slice(None)))
    # The values matter, or the comparison above would not.
    first, last = learned(result, 0, 0, 0), learned(result, 0, 2, 0)
    assert max(np.abs(a - b).max() for a, b in zip(first, last, strict=True)) > 1e-3


def test_one_key_without_seeds_has_the_sweeps_axes_alone(key):
    result = run(dan(), key, sweep={"trade_off": TRADES})
    assert list(result.axes) == ["trade_off"]
    assert result.finite.shape == (3,)
    assert result.predict(np.ones((2, 6))).logits["target"].shape == (3, 2, 3)
    close(learned(result, 1), learned(run(dan(trade_off=0.3), key)))


def test_points_are_one_axis(key):
    points = [
        {},
        {"trade_off": 3.0, "learning_rate": 0.01},
    ]
    result = run(dan(), key, sweep=points)
    assert result.axes == {"point": (0, 1)}
    close(learned(result, 0), learned(run(dan(), key)))
    close(learned(result, 1), learned(run(dan(trade_off=3.0, learning_rate=0.01), key)))


def test_what_does_not_fit_is_trained_in_equal_groups(key, monkeypatch):
    widths = []
    real = loop_module.run_phases

    def spy(recipe, lengths, job, plan, seeds):
        widths.append(seeds.width)
        return real(recipe, lengths, job, plan, seeds)

    monkeypatch.setattr(loop_module, "run_phases", spy)
    whole = run(dan(), key, sweep={"trade_off": [0.1, 0.2, 0.4, 0.8, 1.6]})
    assert widths == [5]
    widths.clear()
    monkeypatch.setattr("da_zoo.fit_plan.group_width", lambda *_: 2)
    with pytest.warns(UserWarning, match="5 runs at once.*groups of 2"):
        parts = run(dan(), key, sweep={"trade_off": [0.1, 0.2, 0.4, 0.8, 1.6]})
    assert widths == [2, 2, 2]  # the last group is filled up with a repeat
    assert parts.width == 2
    assert parts.finite.shape == (5,)
    close(learned(parts, slice(None)), learned(whole, slice(None)))


def test_width_follows_memory_and_the_groups_are_equal():
    update, state = (lambda s, b: s + b), np.zeros(256, np.float32)  # 1 KiB
    share = 3 * 1024  # the state, old and new, and one sum
    for memory, width in ((1, 1), (2, 2), (3, 3), (4, 3), (5, 5), (99, 5)):
        found = group_width(5, update, state, state, memory * share)
        assert found == width
    assert group_width(5, update, state, state, 1) == 1


def test_a_sweep_compiles_nothing_new_for_other_values(key):
    run(dan(), key, sweep={"trade_off": [0.1, 0.2]})
    count = len(programs_module._EXECUTABLES)
    run(dan(), key, sweep={"trade_off": [1.0, 7.0]})
    run(dan(), key, sweep={"learning_rate": [0.1, 0.2]})
    assert len(programs_module._EXECUTABLES) == count


@pytest.mark.parametrize(
    ("loop", "seeds_mode"),
    [
        ("scan", "map"),
        ("scan", "sequential"),
        ("unroll", "vmap"),
        ("unroll", "map"),
        ("unroll", "sequential"),
        ("python", "vmap"),
        ("python", "map"),
        ("python", "sequential"),
    ],
)
def test_every_loop_trains_the_same(loop, seeds_mode, key):
    settings = {"sweep": {"trade_off": [0.3, 3.0]}, "seeds": 2}
    plain = run(dan(), key, loop="scan", seeds_mode="vmap", **settings)
    other = run(dan(), key, loop=loop, seeds_mode=seeds_mode, **settings)
    assert other.plan == (loop, seeds_mode)
    close(learned(other, slice(None)), learned(plain, slice(None)))
    for name, values in plain.history.items():
        np.testing.assert_allclose(other.history[name], values, atol=1e-4)


def test_phases_of_a_recipe_share_the_sweep(key):
    recipe = methods.lp_ft(NETWORK, classes=3)
    result = run(recipe, key, sweep={"learning_rate": [0.1, 0.01]})
    own = run(methods.lp_ft(NETWORK, classes=3, learning_rate=0.01), key)
    close(learned(result, 1), learned(own))


def test_a_seeds_own_rows_stay_its_own():
    x = np.random.default_rng(0).normal(size=(24, 6)).astype(np.float32)
    pool = np.concatenate([x, np.full_like(x, np.inf)])
    rows = np.stack([np.arange(24), np.arange(24) + 24]).astype(np.int32)
    labels = np.tile(np.arange(24) % 3, (2, 1)).astype(np.int32)
    data = ArrayData(source=Stream(pool, rows, labels, np.array([24, 24])))
    result = fit(
        methods.source_only(NETWORK, classes=3),
        data,
        jax.vmap(jax.random.key)(jnp.arange(2)),
        steps=5,
        batch_size=8,
        sweep={"learning_rate": [0.1, 0.01]},
        on_nonfinite="mark",
    )
    assert result.finite.tolist() == [[True, False], [True, False]]


@pytest.mark.parametrize(
    ("sweep", "error", "message"),
    [
        ({"trade_of": [1.0]}, ValueError, "trade_of.*did you mean 'trade_off'"),
        ({"classes_source": [3.0]}, ValueError, "classes_source"),
        ({"trade_off": []}, ValueError, "at least one value"),
        ({}, ValueError, "at least one value"),
        ({"trade_off": [1.0, float("nan")]}, ValueError, "finite.*got nan"),
        ({"trade_off": [-1.0]}, ValueError, "at least 0, got -1"),
        ({"trade_off": ["1"]}, TypeError, "must hold numbers, got '1'"),
        ({"estimator": ["u", "v"]}, ValueError, "estimator"),
        ([{}, {"trade_of": 1.0}], ValueError, "did you mean 'trade_off'"),
        ([], ValueError, "at least one value"),
    ],
)
def test_bad_sweeps_are_told_before_anything_runs(sweep, error, message):
    with pytest.raises(error, match=message):
        resolve_sweep(dan(), sweep)
