"""MCD: three ordered steps, each with its own part of the model."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import methods, network_by_name
from da_zoo.losses.discrepancy import classifier_discrepancy
from da_zoo.partition import split
from da_zoo.settings import resolve_classes
from da_zoo.supervised import supervised_model
from da_zoo.testing import example_batch, toy_data
from da_zoo.two_heads import head_logits, minimax_updates, two_heads

NETWORK = network_by_name("mlp", hidden=(8, 4))
OTHER_TASK = {"source": 3, "target": 2}


def started(batch_norm="separate", **values):
    (phase, *_) = methods.mcd(NETWORK, classes=3, batch_norm=batch_norm, **values)
    batch = example_batch(toy_data(), phase.uses)
    state = jax.jit(phase.adapter.init)(jax.random.key(0), batch)
    return phase.adapter, state._replace(total_steps=jnp.float32(8)), batch


def gap(a, b):
    leaves = zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    return max((float(jnp.abs(x - y).max()) for x, y in leaves), default=0.0)


def test_the_heads_differ_at_the_start():
    _, state, _ = started()
    heads = [state.params[f"head_{name}"]["kernel"] for name in ("source", "second")]
    assert float(jnp.abs(heads[0] - heads[1]).min()) > 0.0


def steps(batch_norm="separate", num_k=4):
    """The three updates, with a state and a batch to run their losses on."""
    model = two_heads(
        supervised_model(NETWORK, resolve_classes(3), batch_norm, labelled_target=False)
    )
    _, state, batch = started(batch_norm, num_k=num_k)

    def distance(first, second, weight, key):
        return classifier_discrepancy(first, second, weight=weight)

    updates = minimax_updates(model.forward, distance, "sgd", "constant", num_k)
    return {update.name: update for update in updates}, model, state, batch


def test_the_discrepancy_has_a_gradient_on_encoder_and_heads_of_opposite_aims():
    updates, _, state, batch = steps()
    key = jax.random.key(1)

    @jax.jit
    def term(params, state):
        """What ``trade_off`` adds to the two losses."""
        off = state._replace(hparams=state.hparams | {"trade_off": jnp.float32(0)})
        return {
            name: updates[name].loss(params, state, batch, key)[0]
            - updates[name].loss(params, off, batch, key)[0]
            for name in ("heads", "encoder")
        }

    gradients = jax.jit(jax.jacrev(term))(state.params, state)
    before = term(state.params, state)["encoder"]
    for name, group, sign in (("heads", "head_second", 1), ("encoder", "encoder", -1)):
        gradient = gradients[name][group]
        assert gap(gradient, jax.tree.map(jnp.zeros_like, gradient)) > 1e-4
        # Down the heads' loss the discrepancy rises; down the encoder's it falls.
        moved = jax.tree.map(lambda p, g: p - 0.1 * g, state.params[group], gradient)
        after = term(state.params | {group: moved}, state)["encoder"]
        assert sign * float(after - before) > 0.0


def test_each_step_trains_its_own_part():
    updates, _, state, _ = steps()
    groups = {
        name: {
            k for k, v in split(state.params, u.wrt)[0].items() if jax.tree.leaves(v)
        }
        for name, u in updates.items()
    }
    heads = {"head_source", "head_second"}
    assert groups == {
        "task": heads | {"encoder"},
        "heads": heads,
        "encoder": {"encoder"},
    }
    assert [(u.name, u.repeat) for u in updates.values()] == [
        ("task", 1),
        ("heads", 1),
        ("encoder", 4),
    ]


def test_the_target_norms_of_domain_specific_are_part_of_the_encoder():
    updates, *_ = steps("domain_specific")
    _, state, _ = started("domain_specific")
    chosen = split(state.params, updates["encoder"].wrt)[0]
    assert jax.tree.leaves(chosen["encoder_target_norms"])


@pytest.mark.parametrize("batch_norm", ["separate", "joint"])
def test_statistics_move_once_per_step_whatever_the_number_of_updates(batch_norm):
    """As one forward of the parameters that the step started with moves them."""
    adapter, state, batch = started(batch_norm)
    _, model, *_ = steps(batch_norm)
    once = model.forward(state.params, state, batch).stats
    after, _ = jax.jit(adapter.update)(state, batch)
    assert gap(after.stats, once) < 1e-6
    assert gap(after.stats, state.stats) > 1e-3


def test_predictions_are_by_the_mean_of_the_two_heads():
    adapter, state, batch = started()
    found = adapter.predict(state, batch.target.x)
    logits = [
        head_logits(state.params, state, found.features, group)
        for group in ("head_source", "head_second")
    ]
    np.testing.assert_allclose(
        found.logits["target"], 0.5 * (logits[0] + logits[1]), atol=1e-6
    )


def test_padded_classes_are_masked_and_change_no_step():
    ends = []
    for width in (None, 5):
        (phase,) = methods.mcd(NETWORK, classes=3, width=width)
        batch = example_batch(toy_data(), phase.uses)
        state = jax.jit(phase.adapter.init)(jax.random.key(0), batch)
        if width:  # the same weights in the columns that count
            heads = {
                name: {
                    "kernel": state.params[name]["kernel"].at[:, :3].set(old["kernel"]),
                    "bias": state.params[name]["bias"],
                }
                for name, old in ends[0][0].items()
            }
            state = state._replace(params=state.params | heads)
        heads = {k: v for k, v in state.params.items() if k.startswith("head_")}
        state = state._replace(total_steps=jnp.float32(8))
        after, metrics = jax.jit(phase.adapter.update)(state, batch)
        logits = phase.adapter.predict(after, batch.target.x).logits["target"]
        ends.append((heads, metrics, logits))
    for name, value in ends[0][1].items():
        np.testing.assert_allclose(ends[1][1][name], value, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(ends[1][2][:, :3], ends[0][2], atol=1e-4)
    assert float(ends[1][2][:, 3:].max()) < -1e8


def test_more_encoder_moves_take_more_of_the_discrepancy_away():
    found = []
    for num_k in (1, 4):
        adapter, state, batch = started(num_k=num_k, trade_off=3.0)
        metrics = jax.jit(adapter.update)(state, batch)[1]
        found.append(metrics)
    # The metric is read before the last of the moves.
    assert float(found[0]["discrepancy_before"]) == pytest.approx(
        float(found[1]["discrepancy_before"]), abs=1e-6
    )
    assert found[1]["discrepancy"] < 0.99 * found[0]["discrepancy"]


def test_a_target_task_of_its_own_gets_a_head_that_stays_out_of_the_game():
    recipe = methods.mcd(NETWORK, classes=OTHER_TASK, labelled_target=True)
    batch = example_batch(toy_data(), recipe[0].uses)
    batch = batch._replace(
        target_labelled=batch.target_labelled._replace(y=batch.target_labelled.y % 2)
    )
    adapter = recipe[0].adapter
    state = jax.jit(adapter.init)(jax.random.key(0), batch)
    state = state._replace(total_steps=jnp.float32(8))
    assert {"head_source", "head_second", "head_target"} <= set(state.params)
    step = jax.jit(adapter.update)
    after, metrics = step(state, batch)
    assert all(np.isfinite(v) for v in metrics.values())
    logits = adapter.predict(after, batch.target.x).logits
    assert logits["source"].shape == logits["target"].shape
    assert float(logits["target"][:, 2].max()) < -1e8
    quiet = state._replace(hparams=state.hparams | {"trade_off": jnp.float32(0)})
    # The game reaches it through the encoder only, from the next step on.
    without = step(quiet, batch)[0].params["head_target"]
    assert gap(after.params["head_target"], without) < 1e-7


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match=r"num_k.*0"):
        methods.mcd(NETWORK, classes=3, num_k=0)
    with pytest.raises(ValueError, match=r"reduction.*'max'"):
        methods.mcd(NETWORK, classes=3, reduction="max")
    with pytest.raises(ValueError, match="labelled_target=True"):
        methods.mcd(NETWORK, classes=OTHER_TASK)


def test_equal_options_share_the_compiled_step():
    one, other = (methods.mcd(NETWORK, classes=3, trade_off=t) for t in (0.5, 2.0))
    assert one[0].adapter.update is other[0].adapter.update
    summed = methods.mcd(NETWORK, classes=3, reduction="sum")
    assert summed[0].adapter.update is not one[0].adapter.update


def test_the_third_head_learns_in_the_task_step_alone():
    recipe = methods.mcd(NETWORK, classes=OTHER_TASK, labelled_target=True)
    batch = example_batch(toy_data(), recipe[0].uses)
    batch = batch._replace(
        target_labelled=batch.target_labelled._replace(y=batch.target_labelled.y % 2)
    )
    state = jax.jit(recipe[0].adapter.init)(jax.random.key(0), batch)
    holding = [
        name
        for name, own in state.opt_state.items()
        for path, _ in jax.tree_util.tree_leaves_with_path(own)
        if "head_target" in str(path)
    ]
    assert set(holding) == {"task"}


def test_the_heads_step_leaves_the_targets_task_out():
    options = {"classes": OTHER_TASK, "labelled_target": True, "learning_rate": 0.0}
    phase = methods.mcd(NETWORK, **options)[0]
    batch = example_batch(toy_data(), phase.uses)
    state = jax.jit(phase.adapter.init)(jax.random.key(0), batch)
    step = jax.jit(phase.adapter.update)
    found = []
    for classes in (1, 2):
        rows = batch.target_labelled
        own = batch._replace(target_labelled=rows._replace(y=rows.y % classes))
        found.append(step(state, own)[1])
    assert abs(float(found[0]["task_loss"]) - float(found[1]["task_loss"])) > 1e-3
    assert float(found[0]["heads_loss"]) == float(found[1]["heads_loss"])
