"""DALN: one classifier is both learner and critic."""

import jax
import jax.numpy as jnp
import numpy as np

from da_zoo import fit, methods, network_by_name
from da_zoo.losses.nuclear_wasserstein import nuclear_wasserstein
from da_zoo.methods.daln import _alignment
from da_zoo.settings import resolve_classes
from da_zoo.supervised import supervised_model
from da_zoo.testing import example_batch, toy_data

NETWORK = network_by_name("mlp", hidden=(8, 4))


def test_there_is_no_discriminator_and_the_classifier_is_the_critic():
    (phase,) = methods.daln(NETWORK, classes=3)
    batch = example_batch(toy_data(), phase.uses)
    state = jax.jit(phase.adapter.init)(jax.random.key(0), batch)
    assert sorted(state.params) == ["encoder", "head_source"]
    # A fifth of the way: the reversal is neither 0 nor 1.
    state = state._replace(total_steps=jnp.float32(10), step=jnp.int32(2))
    model = supervised_model(
        NETWORK, resolve_classes(3), "joint", labelled_target=False
    )

    def term(params):
        forward = model.forward(params, state, batch)
        return _alignment("ramp").loss(params, state, forward, jax.random.key(0))[0]

    def plain(params):
        logits = model.forward(params, state, batch).logits
        return nuclear_wasserstein(logits["source"], logits["target"])

    ours, theirs = (jax.jit(jax.grad(f))(state.params) for f in (term, plain))
    strength = np.tanh(0.5 * 10 * 0.2)
    assert 0.5 < strength < 0.9
    # The classifier climbs the discrepancy, the encoder goes down it.
    head = ours["head_source"]["kernel"]
    np.testing.assert_allclose(
        head, -theirs["head_source"]["kernel"], rtol=1e-4, atol=1e-6
    )
    for a, b in zip(
        jax.tree.leaves(ours["encoder"]),
        jax.tree.leaves(theirs["encoder"]),
        strict=True,
    ):
        np.testing.assert_allclose(a, strength * b, rtol=1e-3, atol=1e-6)
    assert float(jnp.abs(head).max()) > 1e-3
    first = ours["encoder"]["Dense_0"]["kernel"]
    assert float(jnp.abs(first).max()) > 1e-4


def test_the_reversal_reaches_one_and_not_at_once():
    recipe = methods.daln(NETWORK, classes=3)
    history = fit(
        recipe, toy_data(), jax.random.key(0), steps=100, batch_size=8
    ).history
    reversal = history["adapt/reversal"]
    assert reversal[0] == 0.0
    assert reversal[20] < 0.85
    assert reversal[-1] > 0.999
