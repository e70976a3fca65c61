import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import METHODS, ArrayData, fit, methods, network_by_name
from da_zoo.losses.open_set import unknown_log_odds
from da_zoo.testing import example_batch, toy_data

NETWORK = network_by_name("mlp", hidden=(16, 8))
STREAMS = frozenset({"source", "target"})


def stepped(**values):
    """Mean distance of the target's unknown probability from t, before and after.

    Only the named group moves, by a small step on the adversarial loss alone.
    """
    group = values.pop("group")
    recipe = methods.osbp(NETWORK, classes=3, learning_rate=1e-2, **values)
    adapter = recipe[0].adapter
    batch = example_batch(toy_data(), STREAMS)
    # No source row counts: what moves is the adversarial loss's doing.
    batch = batch._replace(source=batch.source._replace(weight=jnp.zeros(8)))
    state = adapter.init(jax.random.key(0), batch)
    after, metrics = jax.jit(adapter.update)(state, batch)
    moved = state._replace(params=state.params | {group: after.params[group]})
    again = jax.jit(adapter.update)(moved, batch)[1]
    return float(metrics["adversarial_loss"]), float(again["adversarial_loss"])


def test_the_classifier_pulls_the_unknown_probability_to_one_half():
    before, after = stepped(group="head_source")
    assert before > np.log(2)
    assert after < before


def test_the_encoder_pushes_it_away():
    before, after = stepped(group="encoder")
    assert after > before


def test_without_reversal_the_encoder_is_left_to_the_task():
    before, after = stepped(group="encoder", trade_off=0.0)
    np.testing.assert_allclose(after, before, rtol=1e-5)
    before, after = stepped(group="head_source", trade_off=0.0)
    assert after < before


def test_the_head_has_one_class_more_and_it_is_not_masked():
    data = toy_data()
    for width, columns in ((None, 4), (3, 4), (6, 6)):
        recipe = methods.osbp(NETWORK, classes=3, width=width)
        result = fit(recipe, data, jax.random.key(0), steps=2, batch_size=8)
        logits = np.asarray(result.predict(data.target.pool).logits["target"])
        assert logits.shape[1] == columns
        assert (logits[:, :4] > -1e8).all()
        assert (logits[:, 4:] < -1e8).all()


def test_it_rejects_a_class_that_the_source_lacks():
    rng = np.random.default_rng(0)
    means = 4.0 * rng.normal(size=(4, 6))
    y = np.arange(60) % 3
    labels = np.arange(60) % 4
    source = means[y] + rng.normal(size=(60, 6))
    target = means[labels] + rng.normal(size=(60, 6)) + 0.3
    options = {"optimizer": "adam", "learning_rate": 3e-3, "schedule": "constant"}
    recipe = methods.osbp(NETWORK, classes=3, trade_off=0.1, **options)
    data = ArrayData((source, y), target)
    result = fit(recipe, data, jax.random.key(0), steps=300, batch_size=20)
    predicted = np.argmax(result.predict(target).logits["target"], axis=1)
    unknown = labels == 3
    assert np.mean(predicted[unknown] == 3) > 0.8
    assert np.mean(predicted[~unknown] == labels[~unknown]) > 0.8


def test_the_boundary_moves_the_balance():
    recipe = methods.osbp(NETWORK, classes=3, boundary=0.3, trade_off=0.0)
    data = toy_data()
    result = fit(recipe, data, jax.random.key(0), steps=150, batch_size=24)
    odds = unknown_log_odds(result.predict(data.target.pool).logits["target"], 3)
    p = np.mean(jax.nn.sigmoid(odds))
    assert 0.1 < p < 0.45


def test_it_is_for_open_sets_alone():
    spec = METHODS["osbp"]
    assert spec.predicts_unknown
    assert spec.undefined(3, "U", label_sets="open") == ""
    for label_sets in ("closed", "partial"):
        reason = spec.undefined(3, "U", label_sets=label_sets)
        assert reason == f"is not for scenarios whose label sets are {label_sets}"
    assert not METHODS["dann"].predicts_unknown
    assert METHODS["dann"].undefined(3, "U", label_sets="open") == ""
    assert "see track U" in METHODS["dann"].undefined(3, "F", label_sets="open")


def test_bad_options_are_named():
    with pytest.raises(ValueError, match="boundary must be in"):
        methods.osbp(NETWORK, classes=3, boundary=1.0)
    with pytest.raises(ValueError, match="one label space"):
        methods.osbp(NETWORK, classes={"source": 3, "target": 2})


def test_source_labels_are_of_the_known_classes():
    x, y = np.ones((8, 2)), np.arange(8) % 4
    recipe = methods.osbp(NETWORK, classes=3)
    with pytest.raises(ValueError, match=r"0\.\.2 .* got 3"):
        fit(recipe, ArrayData((x, y), x), jax.random.key(0), steps=1)
