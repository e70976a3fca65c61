"""Pseudo-label: the term by hand, and the paper's ramp."""

import jax
import jax.numpy as jnp
import numpy as np

from da_zoo import methods, network_by_name
from da_zoo.testing import example_batch, toy_data

NETWORK = network_by_name("mlp", hidden=(8, 4))


def stepped(step, **values):
    recipe = methods.pseudo_label(NETWORK, classes=3, batch_norm="frozen", **values)
    adapter = recipe[0].adapter
    batch = example_batch(toy_data(), recipe[0].uses)
    state = jax.jit(adapter.init)(jax.random.key(0), batch)
    state = state._replace(step=jnp.int32(step), total_steps=jnp.float32(10))
    logits = adapter.predict(state, batch.target.x).logits["target"]
    return jax.jit(adapter.update)(state, batch)[1], np.asarray(logits, np.float64)


def by_hand(logits, threshold):
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    sure = p.max(axis=1) >= threshold
    return -(np.log(p.max(axis=1)) * sure).mean(), sure.mean()


def test_the_term_is_the_cross_entropy_with_the_likeliest_class():
    _, logits = stepped(8)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    for threshold in (0.0, float(np.median(p.max(axis=1)))):
        metrics, _ = stepped(8, threshold=threshold)
        expected, kept = by_hand(logits, threshold)
        np.testing.assert_allclose(metrics["pseudo_label_loss"], expected, rtol=1e-4)
        assert float(metrics["kept"]) == kept


def test_the_weight_waits_rises_and_stays_at_three():
    weights = []
    for step in (0, 2, 4, 6, 10):
        metrics, _ = stepped(step, ramp_begin=0.2, ramp_end=0.6)
        term = metrics["task_loss"] - metrics["source_loss"]
        weights.append(float(term / metrics["pseudo_label_loss"]))
    np.testing.assert_allclose(weights, [0, 0, 1.5, 3, 3], atol=1e-4)
