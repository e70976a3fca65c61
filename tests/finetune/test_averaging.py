"""Moving averages of weights: against a loop, at the ends, across phases."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import fit, methods, network_by_name
from da_zoo.finetune import (
    FineTunePlan,
    Stage,
    averaged_state,
    interpolate,
    presets,
    with_average,
)
from da_zoo.testing import check_adapter, example_batch, toy_data

NETWORK = network_by_name("mlp", hidden=(4,))


def same(a, b):
    return jax.tree.all(jax.tree.map(np.array_equal, a, b))


def weights(state):
    return {"params": state.params, "stats": state.stats}


def steps(recipe, count=4, decay=None):
    """States of the tuning phase, from its first on."""
    phase = recipe[1]
    batch = example_batch(toy_data(), phase.uses)
    state = jax.jit(phase.adapter.init)(jax.random.key(0), batch)
    states, update = [state], jax.jit(phase.adapter.update)
    for number in range(count):
        batch = example_batch(toy_data(), phase.uses, number)
        states.append(update(states[-1], batch)[0])
    return states


def test_it_is_the_loops_average_and_training_goes_on_as_without():
    plan = presets.linear_probe()
    bare = plan.recipe(NETWORK, classes=3)
    plain, averaged = steps(bare), steps(with_average(bare, 0.7))
    expected = np.float64(plain[0].params["head_target"]["kernel"])
    for state in plain[1:]:
        new = np.float64(state.params["head_target"]["kernel"])
        expected = 0.7 * expected + 0.3 * new
    found = averaged[-1].extra["average"]["params"]
    np.testing.assert_allclose(found["head_target"]["kernel"], expected, rtol=1e-5)
    assert same(weights(plain[-1]), weights(averaged[-1]))
    # What does not move is its own average, to the bit.
    assert same(found["encoder"], plain[0].params["encoder"])


def test_statistics_are_averaged_too():
    recipe = with_average(presets.full().recipe(NETWORK, classes=3), 0.5)
    states = steps(recipe, 1)
    mean = [s.stats["joint"]["batch_stats"]["BatchNorm_0"]["mean"] for s in states]
    average = states[1].extra["average"]["stats"]["joint"]["batch_stats"]
    np.testing.assert_allclose(
        average["BatchNorm_0"]["mean"], 0.5 * (mean[0] + mean[1]), rtol=1e-6
    )
    assert not np.array_equal(mean[0], mean[1])


def test_decay_0_is_the_last_weights_and_1_the_first():
    bare = presets.full().recipe(NETWORK, classes=3)
    last, first = (steps(with_average(bare, d), 3) for d in (0.0, 1.0))
    assert same(last[-1].extra["average"], weights(last[-1]))
    assert same(first[-1].extra["average"], weights(first[0]))
    x = np.ones((2, 6), np.float32)
    predict = with_average(bare, 0.0)[1].adapter.predict
    plain = bare[1].adapter.predict(last[-1], x)
    assert np.array_equal(predict(last[-1], x).logits["target"], plain.logits["target"])
    assert not np.array_equal(
        predict(first[-1], x).logits["target"], plain.logits["target"]
    )
    out = averaged_state(first[-1])
    assert same(weights(out), weights(first[0]))


def test_equal_calls_share_their_programs():
    bare = presets.full().recipe(NETWORK, classes=3)
    one, other = (with_average(bare, decay)[1].adapter for decay in (0.9, 0.99))
    assert one.update is other.update
    assert one.predict is other.predict
    assert one.init.func is other.init.func


def test_a_phase_hands_on_its_average():
    plan = FineTunePlan((Stage("a"), Stage("b")))
    recipe = with_average(plan.recipe(NETWORK, classes=3), 0.8)
    batch = example_batch(toy_data(), recipe[1].uses)
    previous = steps(recipe, 2)[-1]
    fresh = jax.jit(recipe[2].adapter.init)(jax.random.key(1), batch)
    taken = recipe[2].warm_start(previous, fresh)
    assert same(taken.params["encoder"], previous.extra["average"]["params"]["encoder"])
    assert same(taken.extra["average"], weights(taken))
    assert jax.tree.structure(taken) == jax.tree.structure(fresh)


def test_statistics_of_the_target_are_taken_through_the_average():
    recipe = methods.adabn(NETWORK, classes=3)
    averaged = with_average(recipe, 0.9)
    assert averaged[-1].adapter is recipe[-1].adapter  # it trains nothing
    run = {"steps": 6, "batch_size": 8}
    ends = [
        fit(r, toy_data(), jax.random.key(0), **run).state
        for r in (averaged, averaged[:1])
    ]
    assert same(
        ends[0].params["encoder"], ends[1].extra["average"]["params"]["encoder"]
    )


def test_the_contract_and_a_sweep_of_the_decay():
    recipe = with_average(methods.source_only(NETWORK, classes=3), 0.9)
    check_adapter(recipe, toy_data(), thorough=False)
    result = fit(
        recipe,
        toy_data(),
        jax.random.key(0),
        steps=4,
        batch_size=8,
        sweep={"average_decay": [0.0, 0.5]},
    )
    logits = np.asarray(result.predict(np.ones((2, 6))).logits["source"])
    assert logits.shape == (2, 2, 3)
    assert not np.array_equal(logits[0], logits[1])


def test_interpolation_is_exact_where_it_can_be():
    rng = np.random.default_rng(0)
    start = {
        "w": jnp.float32(rng.normal(size=50)),
        "half": jnp.asarray(rng.normal(size=9), jnp.bfloat16),
        "zero": jnp.float32([-0.0, 0.0]),
        "count": jnp.int32(3),
    }
    end = {
        "w": start["w"] + jnp.float32(rng.normal(size=50)),
        "half": jnp.asarray(rng.normal(size=9), jnp.bfloat16),
        "zero": jnp.float32([1.0, -1.0]),
        "count": jnp.int32(5),
    }
    floats = ("w", "half", "zero")
    for alpha in (0.0, 0.3, 1.0):
        mixed = interpolate(start, end, alpha)
        for name in floats:
            own = {0.0: start, 1.0: end}.get(alpha)
            if own is not None:
                assert mixed[name].tobytes() == own[name].tobytes()
            else:
                a, b = (np.asarray(t[name], np.float64) for t in (start, end))
                np.testing.assert_allclose(
                    np.asarray(mixed[name], np.float64),
                    (1 - alpha) * a + alpha * b,
                    rtol=1e-2 if name == "half" else 1e-5,
                    atol=1e-6,
                )
            assert mixed[name].dtype == start[name].dtype
        assert int(mixed["count"]) == 5
    assert same(interpolate(start, start, 0.3), start)


@pytest.mark.parametrize("decay", [-0.1, 1.1])
def test_mistakes_are_named(decay):
    recipe = presets.full().recipe(NETWORK, classes=3)
    with pytest.raises(ValueError, match="decay must be in"):
        with_average(recipe, decay)
    with pytest.raises(ValueError, match="an average already"):
        with_average(with_average(recipe))
