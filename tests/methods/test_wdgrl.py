"""WDGRL: who trains on what, and that critic and encoder pull in opposite ways."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import fit, methods, network_by_name
from da_zoo.discriminator import make_discriminator
from da_zoo.methods.wdgrl import _updates
from da_zoo.partition import split
from da_zoo.settings import resolve_classes
from da_zoo.supervised import supervised_model
from da_zoo.testing import example_batch, toy_data

NETWORK = network_by_name("mlp", hidden=(8, 4))


def started(batch_norm="joint", **values):
    (phase, *_) = methods.wdgrl(NETWORK, classes=3, batch_norm=batch_norm, **values)
    batch = example_batch(toy_data(), phase.uses)
    state = jax.jit(phase.adapter.init)(jax.random.key(0), batch)
    return phase.adapter, state._replace(total_steps=jnp.float32(8)), batch


def model():
    return supervised_model(NETWORK, resolve_classes(3), "joint", labelled_target=False)


def distance(params, state, batch):
    """The critic's mean on the source less that on the target, from plain features."""
    features = model().forward(params, state, batch).features
    critic = make_discriminator((100,))
    means = [jnp.mean(critic.apply(params, features[n])) for n in ("source", "target")]
    return means[0] - means[1]


def steps():
    return _updates(model().forward, (100,), "constant", "sgd", "constant", 5)


def test_the_critic_comes_first_and_often_and_nothing_trains_twice():
    _, state, _ = started()
    critic, task = steps()
    assert (critic.name, critic.repeat, task.name, task.repeat) == (
        "critic",
        5,
        "task",
        1,
    )
    groups = [
        {k for k, v in split(state.params, u.wrt)[0].items() if jax.tree.leaves(v)}
        for u in (critic, task)
    ]
    assert groups == [{"discriminator"}, {"encoder", "head_source"}]


def test_critic_and_encoder_pull_in_opposite_ways():
    _, state, batch = started(penalty=0.0)
    critic, task = steps()
    key = jax.random.key(0)

    @jax.jit
    def gradients(params):
        def task_term(p):
            off = state._replace(hparams=state.hparams | {"trade_off": jnp.float32(0)})
            return task.loss(p, state, batch, key)[0] - task.loss(p, off, batch, key)[0]

        return (
            jax.grad(lambda p: critic.loss(p, state, batch, key)[0])(params),
            jax.grad(task_term)(params),
            jax.grad(lambda p: distance(p, state, batch))(params),
        )

    of_critic, of_task, of_distance = gradients(state.params)
    for a, b in zip(
        jax.tree.leaves(of_critic["discriminator"]),
        jax.tree.leaves(of_distance["discriminator"]),
        strict=True,
    ):
        np.testing.assert_allclose(a, -b, rtol=1e-4, atol=1e-6)
    for a, b in zip(
        jax.tree.leaves(of_task["encoder"]),
        jax.tree.leaves(of_distance["encoder"]),
        strict=True,
    ):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-6)
    for of in (of_critic["discriminator"], of_task["encoder"]):
        assert max(float(jnp.abs(g).max()) for g in jax.tree.leaves(of)) > 1e-4
    # The critic sees fixed features.
    assert all(not g.any() for g in jax.tree.leaves(of_critic["encoder"]))


def test_statistics_move_once_per_step_whatever_the_critics_steps():
    adapter, state, batch = started()
    after = jax.jit(adapter.update)(state, batch)[0]
    once = model().forward(state.params, state, batch).stats
    for a, b in zip(jax.tree.leaves(after.stats), jax.tree.leaves(once), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_the_critics_rate_is_its_own_and_it_has_no_decay():
    ends = []
    for factor in (1.0, 0.0):
        adapter, state, batch = started(critic_factor=factor, weight_decay=0.1)
        after = jax.jit(adapter.update)(state, batch)[0]
        ends.append((state.params, after.params))
    moved = [
        float(
            jnp.abs(
                a["discriminator"]["Dense_0"]["kernel"]
                - b["discriminator"]["Dense_0"]["kernel"]
            ).max()
        )
        for a, b in ends
    ]
    assert moved[0] > 1e-4
    assert moved[1] == 0.0


def test_the_critic_finds_a_distance_and_the_encoder_takes_it_away():
    values = {"classes": 3, "optimizer": "adam", "schedule": "constant"}
    run = {"steps": 150, "batch_size": 24}
    free, bound = (
        fit(
            methods.wdgrl(NETWORK, trade_off=weight, **values),
            toy_data(),
            jax.random.key(0),
            **run,
        ).history["adapt/wasserstein"][-20:]
        for weight in (0.0, 1.0)
    )
    assert free.mean() > 0.2
    assert abs(bound.mean()) < 0.5 * free.mean()


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match=r"critic_steps.*0"):
        methods.wdgrl(NETWORK, classes=3, critic_steps=0)
