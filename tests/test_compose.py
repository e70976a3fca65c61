import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from da_zoo import Aux, Batch, Update, from_updates, with_hparams
from da_zoo.optimizers import make_optimizer
from da_zoo.partition import merge, split
from da_zoo.schedules import adversarial_ramp, cosine, inverse_decay

HPARAMS = {"learning_rate": 0.1, "weight_decay": 0.0}


def adapter(*updates, **hparams):
    def init_params(key, batch):
        return {"encoder": jnp.ones(2), "head": jnp.ones(1)}, {}, {}

    return from_updates(
        init_params, updates, predict=lambda *a, **k: None, hparams=HPARAMS | hparams
    )


def linear(params, state, batch, key):
    value = jnp.sum(params["encoder"]) + jnp.sum(params["head"])
    return value, Aux(state.stats, {}, state.extra)


def square(params, state, batch, key):
    value = 0.5 * jnp.sum(params["head"] ** 2)
    return value, Aux(state.stats, {}, state.extra)


def step(built, count=1):
    state = jax.jit(built.init)(jax.random.key(0), Batch())
    state = state._replace(total_steps=jnp.float32(10))
    for _ in range(count):
        state, metrics = built.update(state, Batch())
    return state, metrics


def sgd(**options):
    return make_optimizer("sgd", **options)


def test_what_is_not_selected_keeps_every_bit_and_has_no_moments():
    built = adapter(Update("head", linear, ("head",), sgd()), weight_decay=0.5)
    state, metrics = step(built, 3)
    assert np.array_equal(state.params["encoder"], [1.0, 1.0])
    assert float(state.params["head"][0]) < 0.7
    assert len(jax.tree.leaves(state.opt_state)) == 1
    assert set(metrics) == {"head_loss"}


def test_updates_are_ordered_and_repeats_are_steps():
    once = adapter(Update("a", square, ("head",), sgd()))
    thrice = adapter(Update("a", square, ("head",), sgd(), repeat=3))
    assert np.allclose(step(once, 3)[0].params["head"], step(thrice)[0].params["head"])
    both = adapter(
        Update("first", linear, ("head",), sgd()),
        Update("then", square, ("head",), sgd()),
    )
    _, metrics = step(both)
    # Nesterov's first step is 1.9 gradients: 1 - 0.19, where the second one starts.
    np.testing.assert_allclose(metrics["then_loss"], 0.5 * 0.81**2, rtol=1e-6)
    with pytest.raises(ValueError, match="different names"):
        adapter(Update("a", linear, ("head",), sgd()), Update("a", square, (), sgd()))


def test_hyper_parameters_change_without_a_new_program():
    built = adapter(Update("a", linear, ("head",), sgd()))
    other = with_hparams(built, learning_rate=0.2)
    assert other.update is built.update
    moved = [1 - float(step(b)[0].params["head"][0]) for b in (built, other)]
    np.testing.assert_allclose(moved[1], 2 * moved[0], rtol=1e-6)
    with pytest.raises(ValueError, match="unknown hyper-parameters"):
        with_hparams(built, trade_off=1.0)


def test_a_schedule_scales_the_update():
    def half(progress):
        return 0.5 * jnp.ones_like(progress)

    whole = adapter(Update("a", linear, ("head",), make_optimizer("adam")))
    halved = adapter(Update("a", linear, ("head",), make_optimizer("adam"), half))
    moved = [1 - float(step(b)[0].params["head"][0]) for b in (whole, halved)]
    # Scaling Adam's gradient instead would change nothing.
    np.testing.assert_allclose(moved[1], 0.5 * moved[0], rtol=1e-5)


def test_learning_rate_factors_reach_adam_too():
    factors = {"encoder": 0.1, "head": 1.0}
    optimizer = make_optimizer("adam", factor=factors.__getitem__)
    state, _ = step(adapter(Update("a", linear, lambda path: True, optimizer)))
    moved = {k: 1 - float(v[0]) for k, v in state.params.items()}
    np.testing.assert_allclose(moved["encoder"], 0.1 * moved["head"], rtol=1e-4)


def test_masking_inside_optax_is_not_freezing():
    """Why the library splits parameters: the trap, as optax has it."""
    params = {"encoder": jnp.ones(()), "head": jnp.ones(())}
    mask = {"encoder": False, "head": True}
    masked = optax.masked(optax.sgd(0.1), mask)
    updates, _ = masked.update(params, masked.init(params), params)
    assert float(updates["encoder"]) == 1.0  # the raw gradient passes through


def test_split_and_merge_are_inverse():
    tree = {"encoder": {"a": 1.0, "b": 2.0}, "head": 3.0}
    chosen, rest = split(tree, lambda path: path.endswith("a"))
    assert chosen == {"encoder": {"a": 1.0, "b": None}, "head": None}
    assert merge(chosen, rest) == tree


def test_schedules_by_their_formulas():
    p = np.linspace(0, 1, 5)
    for schedule, expected in (
        (adversarial_ramp, 2 / (1 + np.exp(-10 * p)) - 1),
        (inverse_decay, (1 + 10 * p) ** -0.75),
        (cosine, (1 + np.cos(np.pi * p)) / 2),
    ):
        values = jax.vmap(schedule)(jnp.float32(p))
        np.testing.assert_allclose(values, expected, atol=1e-6)
