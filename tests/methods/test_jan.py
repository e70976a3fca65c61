import jax
import jax.numpy as jnp
import numpy as np

from da_zoo import fit, methods, network_by_name
from da_zoo.testing import check_adapter, example_batch, toy_data

NETWORK = network_by_name("mlp", hidden=(8, 4))
PLAIN = {"schedule": "constant", "batch_norm": "separate"}


def compiled(phase):
    return phase.adapter._replace(update=jax.jit(phase.adapter.update))


def started(**values):
    """The adapter, a state in mid-training and a batch."""
    phase = methods.jan(NETWORK, classes=3, adversarial=True, **(PLAIN | values))[0]
    batch = example_batch(toy_data(), phase.uses)
    state = jax.jit(phase.adapter.init)(jax.random.key(0), batch)
    return compiled(phase), state._replace(total_steps=jnp.float32(8)), batch


def distance(adapter, state, batch):
    return float(jax.jit(adapter.update)(state, batch)[1]["joint_mmd_squared"])


def moved(state, after, *groups):
    """The state before the step, with some groups of parameters from after it."""
    return state._replace(
        params=state.params | {name: after.params[name] for name in groups}
    )


def test_it_starts_from_the_plain_distance():
    adapter, state, batch = started()
    plain = compiled(methods.jan(NETWORK, classes=3, **PLAIN)[0])
    without = jax.jit(plain.init)(jax.random.key(0), batch)
    without = without._replace(total_steps=jnp.float32(8))
    np.testing.assert_allclose(
        distance(adapter, state, batch), distance(plain, without, batch), rtol=1e-5
    )
    for layer in state.params["theta"].values():
        assert np.array_equal(layer["kernel"], np.eye(len(layer["kernel"])))


def test_theta_increases_the_distance_and_the_encoder_decreases_it():
    # A trade-off so large that the task has no say in the step.
    adapter, state, batch = started(trade_off=1e4, learning_rate=3e-6)
    before = distance(adapter, state, batch)
    after = jax.jit(adapter.update)(state, batch)[0]
    larger = distance(adapter, moved(state, after, "theta"), batch)
    smaller = distance(adapter, moved(state, after, "encoder", "head_source"), batch)
    assert larger > before + 1e-5
    assert smaller < before - 1e-5


def test_both_layers_of_theta_train():
    adapter, state, batch = started()
    after = jax.jit(adapter.update)(state, batch)[0]
    for name, layer in after.params["theta"].items():
        gap = np.abs(layer["kernel"] - state.params["theta"][name]["kernel"])
        assert gap.max() > 1e-6, name


def test_without_a_trade_off_theta_rests_and_predictions_do_not_see_it():
    states = {}
    for adversarial in (False, True):
        recipe = methods.jan(
            NETWORK, classes=3, adversarial=adversarial, trade_off=0.0, **PLAIN
        )
        result = fit(recipe, toy_data(), jax.random.key(0), steps=6, batch_size=8)
        states[adversarial] = result.state.params
    for group in ("encoder", "head_source"):
        for a, b in zip(
            jax.tree.leaves(states[True][group]),
            jax.tree.leaves(states[False][group]),
            strict=True,
        ):
            np.testing.assert_allclose(a, b, atol=1e-6)


def test_the_contract_holds():
    recipe = methods.jan(NETWORK, classes=3, adversarial=True)
    check_adapter(recipe, toy_data(), thorough=False)
