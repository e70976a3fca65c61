"""FixMatch: weak views label strong ones, and one pass sees them all."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import methods, network_by_name
from da_zoo.classifier import Forward
from da_zoo.methods.fixmatch import _method
from da_zoo.testing import example_batch, toy_data

NETWORK = network_by_name("mlp", hidden=(8, 4))
SOURCE = jnp.zeros((8, 3))
WEAK = jnp.log(jnp.array([[0.97, 0.02, 0.01], [0.02, 0.94, 0.04]] * 4))
STRONG = jnp.asarray(np.random.default_rng(0).normal(size=(8, 3)), jnp.float32)


def forward_of(**parts):
    """A pass of which only some parts are given."""
    return Forward(**({name: {} for name in Forward._fields} | parts))


def loss_of(logits_target, threshold=0.95, trade_off=1.0):
    """The method's loss where the network's answers are given."""

    def forward(params, state, batch):
        del params
        assert batch.target.x.shape[0] == 16
        return forward_of(
            logits={"source": SOURCE, "target": logits_target},
            stats=state.stats,
            weights={"source": None, "target": None},
        )

    recipe = methods.fixmatch(
        NETWORK, classes=3, threshold=threshold, trade_off=trade_off
    )
    batch = example_batch(toy_data(), recipe[0].uses)
    state = jax.jit(recipe[0].adapter.init)(jax.random.key(0), batch)
    method = _method("auto", True, "constant")
    return method.loss(forward, state.params, state, batch, jax.random.key(1))


def test_the_loss_by_hand():
    loss, aux = loss_of(jnp.concatenate([WEAK, STRONG]), trade_off=2.0)
    z = np.asarray(STRONG, np.float64)
    log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    # Rows 0, 2, 4, 6 are sure enough (0.97), of class 0; the others (0.94) are not.
    expected = -sum(log_p[i, 0] for i in (0, 2, 4, 6)) / 8
    np.testing.assert_allclose(aux.metrics["pseudo_label_loss"], expected, rtol=1e-5)
    assert float(aux.metrics["kept"]) == 0.5
    np.testing.assert_allclose(loss, np.log(3) + 2.0 * expected, rtol=1e-5)


def test_the_gradient_goes_through_the_strong_view_only():
    logits = jnp.concatenate([WEAK, STRONG])
    gradient = jax.grad(lambda z: loss_of(z)[0])(logits)
    assert not np.any(gradient[:8])
    kept = np.abs(gradient[8:]).max(axis=1) > 0
    assert kept.tolist() == [True, False] * 4


@pytest.mark.parametrize("augmentation", ["auto", "none"])
def test_labelled_rows_are_shown_as_they_are_where_asked(augmentation):
    seen = {}

    def forward(params, state, batch):
        seen["batch"] = batch
        logits = {"source": SOURCE, "target": jnp.zeros((16, 3))}
        return forward_of(
            logits=logits,
            stats=state.stats,
            weights={"source": None, "target": None},
        )

    recipe = methods.fixmatch(NETWORK, classes=3)
    batch = example_batch(toy_data(), recipe[0].uses)
    state = jax.jit(recipe[0].adapter.init)(jax.random.key(0), batch)
    for augment_labelled in (True, False):
        method = _method(augmentation, augment_labelled, "constant")
        method.loss(forward, state.params, state, batch, jax.random.key(1))
        same = np.array_equal(seen["batch"].source.x, batch.source.x)
        assert same == (augmentation == "none" or not augment_labelled)
        views = seen["batch"].target.x
        assert np.array_equal(views[:8], views[8:]) == (augmentation == "none")
