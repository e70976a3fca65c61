"""MixUp: the loss is the mixture, padding mixes with nothing."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import network_by_name
from da_zoo.finetune import FineTunePlan, Stage, co_tuning
from da_zoo.finetune.mixup import _draw
from da_zoo.settings import Continuous
from da_zoo.testing import check_adapter, example_batch, toy_data, toy_regression

NETWORK = network_by_name("mlp", hidden=(4,), batch_norm=False)


def tuning(mixup, classes=3, data=None):
    plan = FineTunePlan((Stage("tune", mixup=mixup),))
    phase = plan.recipe(NETWORK, classes=classes, source_share=0.0)[1]
    batch = example_batch(data or toy_data(), phase.uses)
    return phase, batch, jax.jit(phase.adapter.init)(jax.random.key(3), batch)


def loss_of(phase, state, batch):
    return float(jax.jit(phase.adapter.update)(state, batch)[1]["task_loss"])


def log_probabilities(params, x):
    layer, head = params["encoder"]["Dense_0"], params["head_target"]
    features = np.maximum(x @ layer["kernel"] + layer["bias"][None], 0)
    logits = np.float64(features @ head["kernel"] + head["bias"][None])
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def test_the_loss_is_that_of_zhang_et_al():
    phase, batch, state = tuning(0.8)
    rows = batch.target_labelled
    share, partner = _draw(state, jnp.ones(8))
    share, partner = np.asarray(share), np.asarray(partner)
    assert len(set(share)) == 1
    assert 0.01 < share[0] < 0.99
    assert sorted(partner) == list(range(8))
    x, y = np.asarray(rows.x), np.asarray(rows.y)
    mixed = share[:, None] * x + (1 - share[:, None]) * x[partner]
    log_p = log_probabilities(jax.tree.map(np.asarray, state.params), mixed)
    each = np.arange(8)
    expected = -np.mean(share * log_p[each, y] + (1 - share) * log_p[each, y[partner]])
    np.testing.assert_allclose(loss_of(phase, state, batch), expected, rtol=1e-5)


def test_shares_change_from_step_to_step():
    _, _, state = tuning(0.8)
    later = state._replace(step=state.step + 1)
    assert float(_draw(state, jnp.ones(8))[0][0]) != float(
        _draw(later, jnp.ones(8))[0][0]
    )


def test_padding_is_nobodys_partner():
    phase, batch, state = tuning(0.8)
    rows = batch.target_labelled
    weight = jnp.array([1.0] * 5 + [0.0] * 3)
    losses, ends = [], []
    for filling in (0.0, 1e4):
        x = jnp.where(weight[:, None] > 0, rows.x, filling)
        padded = rows._replace(x=x, weight=weight)
        after, metrics = jax.jit(phase.adapter.update)(
            state, batch._replace(target_labelled=padded)
        )
        losses.append(float(metrics["task_loss"]))
        ends.append(after.params)
    assert losses[0] == losses[1]
    assert jax.tree.all(jax.tree.map(np.array_equal, *ends))
    share, partner = _draw(state, weight)
    lonely = np.asarray(weight)[np.asarray(partner)] == 0
    assert (np.asarray(share)[lonely] == 1).all()
    assert (np.asarray(share)[~lonely] < 1).all()


def test_the_smallest_parameter_gives_numbers():
    """A sweep may hold a 0: rows are then swapped or not, never mixed."""
    phase, batch, state = tuning(0.1)
    state = state._replace(hparams=state.hparams | {"mixup": jnp.float32(0.0)})
    assert np.isfinite(loss_of(phase, state, batch))
    share = _draw(state, jnp.ones(8))[0]
    assert float(jnp.min(jnp.minimum(share, 1 - share))) < 0.01


def test_without_mixup_nothing_changes():
    plain, batch, state = tuning(0.0)
    assert "mixup" not in state.hparams
    bare = FineTunePlan((Stage("tune"),)).recipe(NETWORK, classes=3, source_share=0.0)
    assert plain.adapter.update is bare[1].adapter.update
    del batch


@pytest.mark.slow
@pytest.mark.parametrize("classes", [3, Continuous(1)], ids=["classes", "numbers"])
def test_the_contract(classes):
    data = toy_data() if classes == 3 else toy_regression()
    plan = FineTunePlan((Stage("tune", mixup=0.4),))
    recipe = plan.recipe(NETWORK, classes=classes, source_share=0.0)
    check_adapter(recipe[1:], data, thorough=False)


def test_tokens_do_not_mix():
    phase, batch, state = tuning(0.4)
    rows = batch.target_labelled
    tokens = rows._replace(x=rows.x.astype(jnp.int32))
    with pytest.raises(ValueError, match=r"continuous inputs.*mixup=0"):
        phase.adapter.update(state, batch._replace(target_labelled=tokens))


def test_mixed_rows_have_no_one_label_for_a_penalty():
    plan = FineTunePlan((Stage("tune", mixup=0.2, penalties=(co_tuning(),)),))
    with pytest.raises(ValueError, match="mixup and a penalty that compares rows"):
        plan.recipe(network_by_name("mlp"), classes=3)
