"""ADDA: what is frozen, what moves, and where the target encoder starts and ends."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import fit, methods, network_by_name
from da_zoo.methods.adda import _updates
from da_zoo.partition import split
from da_zoo.testing import example_batch, toy_data

NETWORK = network_by_name("mlp", hidden=(8, 4))


def same(a, b):
    leaves = zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    return all(np.array_equal(x, y) for x, y in leaves)


def trained(steps=20, phases=None, **values):
    recipe = methods.adda(NETWORK, classes=3, discriminator=(16,), **values)
    data = toy_data()
    return fit(recipe[:phases], data, jax.random.key(1), steps=steps, batch_size=8)


@pytest.mark.parametrize("batch_norm", ["joint", "separate", "domain_specific"])
def test_the_source_encoder_its_statistics_and_the_classifier_are_frozen(batch_norm):
    # The first half of 20 steps is the source's: the first phase is the same run.
    source = trained(10, 1, batch_norm=batch_norm, weight_decay=0.1).state
    whole = trained(20, batch_norm=batch_norm, weight_decay=0.1).state
    for group in ("encoder", "head_source"):
        assert same(source.params[group], whole.params[group])
    name = "joint" if batch_norm == "joint" else "source"
    assert same(source.stats[name], whole.stats["source"])
    assert not same(source.stats[name], whole.stats["target"])
    assert not same(whole.params["encoder"], whole.params["encoder_target"])


def test_without_its_loss_the_target_encoder_stays_the_sources():
    state = trained(trade_off=0.0).state
    assert same(state.params["encoder"], state.params["encoder_target"])


def test_each_update_trains_one_part():
    recipe = methods.adda(NETWORK, classes=3)
    batch = example_batch(toy_data(), recipe[1].uses)
    state = jax.jit(recipe[1].adapter.init)(jax.random.key(0), batch)
    groups = [
        {k for k, v in split(state.params, u.wrt)[0].items() if jax.tree.leaves(v)}
        for u in _updates(NETWORK, (500, 500), False, "sgd", "constant")
    ]
    assert groups == [{"discriminator"}, {"encoder_target"}]


def phase_two(**values):
    recipe = methods.adda(NETWORK, classes=3, discriminator=(16,), **values)
    batch = example_batch(toy_data(), recipe[1].uses)
    state = jax.jit(recipe[1].adapter.init)(jax.random.key(0), batch)
    return recipe[1].adapter, state._replace(total_steps=jnp.float32(8)), batch


def test_the_labels_are_inverted_so_a_winning_discriminator_teaches_most():
    """A reversed cross-entropy would have no gradient left there."""
    _, state, batch = phase_two()
    discriminate, fool = _updates(NETWORK, (16,), False, "sgd", "constant")
    key = jax.random.key(0)
    last = state.params["discriminator"]["Dense_1"]

    def with_bias(bias):
        layers = state.params["discriminator"] | {
            "Dense_1": last | {"bias": jnp.full_like(last["bias"], bias)}
        }
        return state.params | {"discriminator": layers}

    @jax.jit
    def gradients(params):
        return (
            jax.grad(lambda p: fool.loss(p, state, batch, key)[0])(params),
            jax.grad(lambda p: discriminate.loss(p, state, batch, key)[0])(params),
        )

    winning = with_bias(-30.0)  # sure that target rows are the target's
    of_fool, of_reversed = gradients(winning)
    size = [
        max(float(jnp.abs(g).max()) for g in jax.tree.leaves(of["encoder_target"]))
        for of in (of_fool, of_reversed)
    ]
    assert size[0] > 1e-2
    assert size[1] < 1e-6
    # And its loss falls as target rows look more like the source.
    losses = [fool.loss(with_bias(b), state, batch, key)[0] for b in (-3.0, 0.0, 3.0)]
    assert losses[0] > losses[1] > losses[2]


def test_both_players_move_and_the_rates_are_their_own():
    moved = {}
    for name, values in {
        "both": {},
        "still": {"discriminator_factor": 0.0},
        "slow": {"encoder_factor": 0.0},
    }.items():
        adapter, state, batch = phase_two(**values)
        after = jax.jit(adapter.update)(state, batch)[0].params
        moved[name] = [
            not same(after[group], state.params[group])
            for group in ("discriminator", "encoder_target")
        ]
    assert moved == {
        "both": [True, True],
        "still": [False, True],
        "slow": [True, False],
    }


def test_the_target_is_predicted_through_its_own_encoder_and_statistics():
    result = trained(batch_norm="separate")
    state, x = result.state, jnp.asarray(toy_data().target.pool)

    def predicted(encoder, stats):
        outputs, _ = NETWORK.apply(state.params[encoder], state.stats[stats], x)
        head = state.params["head_source"]
        return outputs.features @ head["kernel"] + head["bias"][None, :]

    for domain, encoder in (("target", "encoder_target"), ("source", "encoder")):
        np.testing.assert_allclose(
            result.predict(x, domain=domain).logits["source"],
            predicted(encoder, domain),
            atol=1e-5,
        )


def test_the_last_phase_averages_the_statistics_of_the_target_encoder():
    # One batch holds the whole target, so the average of batches is the batch's own.
    data = toy_data()
    recipe = methods.adda(
        NETWORK, classes=3, batch_norm="separate", discriminator=(16,)
    )
    state = fit(recipe, data, jax.random.key(0), steps=10, batch_size=24).state
    x = jnp.asarray(data.target.pool)
    kernel = state.params["encoder_target"]["Dense_0"]["kernel"]
    stats = state.stats["target"]["batch_stats"]["BatchNorm_0"]
    np.testing.assert_allclose(stats["mean"], np.mean(x @ kernel, axis=0), atol=1e-4)


def test_frozen_statistics_do_not_move_in_either_phase():
    state = trained(batch_norm="frozen").state
    assert same(state.stats["source"], state.stats["target"])


def test_two_label_spaces_are_refused():
    with pytest.raises(ValueError, match=r"classifier.*classes="):
        methods.adda(NETWORK, classes={"source": 3, "target": 2})
