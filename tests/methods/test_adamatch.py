"""AdaMatch: the loss by hand, its memory, and the mixing of logits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import methods, network_by_name
from da_zoo.classifier import Forward
from da_zoo.methods.adamatch import (
    WINDOW,
    _method,
    interpolate_logits,
    window_mean,
)
from da_zoo.testing import example_batch, toy_data

NETWORK = network_by_name("mlp", hidden=(8, 4))
RNG = np.random.default_rng(0)
SOURCE, TARGET = (jnp.asarray(RNG.normal(size=(16, 3)) * 2) for _ in range(2))


def forward_of(**parts):
    """A pass of which only some parts are given."""
    return Forward(**({name: {} for name in Forward._fields} | parts))


def softmax(logits):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def method_of(**values):
    options = {
        "augmentation": "auto",
        "augment_labelled": True,
        "interpolate": False,
        "reference": "source",
        "schedule": "half_cosine",
        "predict_with": "teacher",
    } | values
    return _method(*options.values())


def started(step=0, total=8, **values):
    recipe = methods.adamatch(NETWORK, classes=3, **values)
    batch = example_batch(toy_data(), recipe[0].uses)
    state = jax.jit(recipe[0].adapter.init)(jax.random.key(0), batch)
    state = state._replace(step=jnp.int32(step), total_steps=jnp.float32(total))
    return recipe[0].adapter, state, batch


def answers(target):
    def forward(params, state, batch):
        del params
        weights = {"source": jnp.ones(16), "target": None}
        assert batch.source.x.shape[0] == batch.target.x.shape[0] == 16
        logits = {"source": SOURCE, "target": target}
        return forward_of(logits=logits, stats=state.stats, weights=weights)

    return forward


def test_the_loss_by_hand():
    _, state, batch = started()  # at the first step the windows hold this batch
    forward = answers(TARGET)
    key = jax.random.key(1)
    _, aux = method_of().loss(forward, state.params, state, batch, key)
    source, target = (np.asarray(z, np.float64) for z in (SOURCE, TARGET))
    p_s, p_t = softmax(source[:8]), softmax(target[:8])
    aligned = p_t * (p_s.mean(axis=0) / p_t.mean(axis=0))[None]
    aligned /= aligned.sum(axis=1, keepdims=True)
    cut = 0.9 * p_s.max(axis=1).mean()
    kept = aligned.max(axis=1) >= cut
    assert 0 < kept.sum() < 8
    log_strong = np.log(softmax(target[8:]))
    labels = aligned.argmax(axis=1)
    expected = -sum(log_strong[i, labels[i]] for i in range(8) if kept[i]) / 8
    np.testing.assert_allclose(aux.metrics["threshold"], cut, rtol=1e-5)
    np.testing.assert_allclose(aux.metrics["kept"], kept.mean())
    np.testing.assert_allclose(aux.metrics["pseudo_label_loss"], expected, rtol=1e-4)
    y = np.tile(np.asarray(batch.source.y), 2)
    task = -np.log(softmax(source))[np.arange(16), y].mean()  # weak and strong alike
    np.testing.assert_allclose(aux.metrics["source_loss"], task, rtol=1e-5)


@pytest.mark.parametrize(("step", "weight"), [(0, 0.0), (2, 0.5), (4, 1.0), (8, 1.0)])
def test_the_weight_is_half_a_cosine_over_the_first_half(step, weight):
    _, state, batch = started(step=step)
    arguments = (answers(TARGET), state.params, state, batch, jax.random.key(1))
    loss, aux = method_of().loss(*arguments)
    term = loss - aux.metrics["source_loss"]
    expected = weight * aux.metrics["pseudo_label_loss"]
    np.testing.assert_allclose(term, expected, atol=1e-5)


def test_alignment_threshold_and_labels_carry_no_gradient():
    _, state, batch = started(step=8)
    key = jax.random.key(1)

    def loss(z):
        method = method_of()
        return method.loss(answers(z), state.params, state, batch, key)[0]

    gradient = jax.grad(loss)(TARGET)
    assert not np.any(gradient[:8])
    assert np.any(gradient[8:])


def test_windows_average_what_they_have_seen_of_the_last_steps():
    values = RNG.normal(size=(7, 2)).astype(np.float32)
    window = jnp.zeros((4, 2))
    for step, value in enumerate(values):
        window, mean = window_mean(window, jnp.asarray(value), jnp.int32(step))
        expected = values[max(0, step - 3) : step + 1].mean(axis=0)
        np.testing.assert_allclose(mean, expected, rtol=1e-5, atol=1e-6)


def test_the_memory_is_in_the_state_and_holds_class_shares():
    adapter, state, batch = started(ema=0.9)
    state, _ = jax.jit(adapter.update)(state, batch)
    for shares in state.extra["class_shares"].values():
        assert shares.shape == (WINDOW, 3)
        np.testing.assert_allclose(shares[0].sum(), 1.0, rtol=1e-5)
        assert not np.any(shares[1:])


def test_mixed_logits_lie_between_the_two_passes_each_with_its_own_share():
    joint, alone = jnp.zeros((50, 3)), jnp.ones((50, 3))
    blank = forward_of(logits={"source": joint, "target": joint})
    other = blank._replace(logits={"source": alone})
    mixed = interpolate_logits(jax.random.key(0), blank, other).logits
    share = np.asarray(mixed["source"])
    assert share.min() >= 0 and share.max() <= 1
    assert len(np.unique(share)) == 150
    assert abs(share.mean() - 0.5) < 0.1
    assert np.array_equal(mixed["target"], joint)


def test_only_joint_normalisation_needs_a_second_pass():
    """There the source's logits depend on the target rows of the batch."""
    losses = {}
    for policy in ("joint", "separate"):
        adapter, state, batch = started(
            batch_norm=policy, augmentation="none", augment_labelled=False
        )
        outputs = []
        for scale in (1.0, 5.0):
            moved = batch._replace(
                target=batch.target._replace(x=scale * batch.target.x)
            )
            metrics = jax.jit(adapter.update)(state, moved)[1]
            outputs.append(float(metrics["source_loss"]))
        losses[policy] = abs(outputs[0] - outputs[1])
    assert losses["separate"] == 0.0
    assert losses["joint"] > 1e-4


def test_another_label_space_is_aligned_with_labelled_target_rows():
    recipe = methods.adamatch(
        NETWORK, classes={"source": 3, "target": 2}, labelled_target=True
    )
    data = toy_data()
    batch = example_batch(data, recipe[0].uses)
    y = batch.target_labelled.y % 2
    batch = batch._replace(target_labelled=batch.target_labelled._replace(y=y))
    state = jax.jit(recipe[0].adapter.init)(jax.random.key(0), batch)
    state, metrics = jax.jit(recipe[0].adapter.update)(state, batch)
    assert np.isfinite(float(metrics["task_loss"]))
    for shares in state.extra["class_shares"].values():
        assert float(shares[0, 2]) == 0.0  # a class that the target does not have
