import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import ArrayData, fit, methods, network_by_name
from da_zoo.methods import pada as pada_factory
from da_zoo.testing import example_batch, toy_data
from da_zoo.types import Views

NETWORK = network_by_name("mlp", hidden=(16, 8))
STREAMS = frozenset({"source", "target"})
ADAM = {"optimizer": "adam", "learning_rate": 1e-2, "schedule": "constant"}


def partial_data(present=(0, 1), classes=4, rows=48):
    """Separable classes, a small shift, and a target that has some of them only."""
    rng = np.random.default_rng(0)
    means = 4.0 * rng.normal(size=(classes, 6))
    y = np.arange(rows) % classes
    y_target = np.asarray(present)[np.arange(rows) % len(present)]
    source = means[y] + rng.normal(size=(rows, 6))
    target = means[y_target] + rng.normal(size=(rows, 6)) + 0.3
    return ArrayData((source, y), target), target, y_target


def started(**values):
    adapter = methods.pada(NETWORK, classes=3, **values)[0].adapter
    batch = example_batch(toy_data(), STREAMS)
    return adapter, adapter.init(jax.random.key(0), batch), batch


def test_weights_of_absent_classes_fall_to_nothing():
    data, target, labels = partial_data()
    recipe = methods.pada(NETWORK, classes=4, trade_off=0.1, **ADAM)
    result = fit(recipe[:1], data, jax.random.key(0), steps=150, batch_size=16)
    weights = np.asarray(result.state.extra["class_weight"])
    assert weights[[0, 1]].min() > 0.5
    assert weights[[2, 3]].max() < 0.05
    assert weights.max() == 1.0
    hits = np.argmax(result.predict(target).logits["target"], axis=1) == labels
    assert hits.mean() > 0.9


def test_the_first_epoch_counts_every_class_alike():
    data, *_ = partial_data()
    recipe = methods.pada(NETWORK, classes=4)
    # 48 target rows in batches of 16: three steps an epoch.
    result = fit(recipe, data, jax.random.key(0), steps=7, batch_size=16)
    history = result.history["adapt/mean_class_weight"]
    assert np.array_equal(history[:3], np.ones(3))
    assert (history[3:] < 1.0).all()


def test_refresh_is_the_mean_prediction_over_the_largest():
    adapter, state, batch = started()
    state = state._replace(step=jnp.int32(5))
    after = adapter.refresh(state, Views(None, batch.target))
    found = adapter.predict(state, batch.target.x).logits["target"]
    p = np.exp(np.asarray(found, np.float64))
    mean = (p / p.sum(axis=1, keepdims=True)).mean(axis=0)
    np.testing.assert_allclose(
        after.extra["class_weight"], mean / mean.max(), rtol=1e-5
    )


def test_with_statistics_per_domain_predictions_are_those_of_training():
    adapter, state, batch = started(batch_norm="separate")
    state = state._replace(step=jnp.int32(5))
    after = adapter.refresh(state, Views(None, batch.target))
    features = NETWORK.apply(
        state.params["encoder"], state.stats["target"], batch.target.x, train=True
    )[0].features
    head = state.params["head_source"]
    p = jax.nn.softmax(features @ head["kernel"] + head["bias"][None, :], axis=1)
    mean = p.mean(axis=0)
    np.testing.assert_allclose(
        after.extra["class_weight"], mean / mean.max(), rtol=1e-5
    )
    for a, b in zip(*map(jax.tree.leaves, (after.stats, state.stats)), strict=True):
        assert np.array_equal(a, b)


def test_padding_rows_of_the_target_have_no_part_in_the_weights():
    adapter, state, batch = started()
    state = state._replace(step=jnp.int32(5))
    weight = jnp.asarray([1.0] * 5 + [0.0] * 3)
    padded = batch.target._replace(weight=weight)
    few = jax.tree.map(lambda leaf: leaf[:5], batch.target)
    ends = [adapter.refresh(state, Views(None, rows)) for rows in (padded, few)]
    np.testing.assert_allclose(*(end.extra["class_weight"] for end in ends), rtol=1e-5)


def test_many_target_rows_are_predicted_in_blocks(monkeypatch):
    adapter, state, batch = started()
    state = state._replace(step=jnp.int32(5))
    whole = adapter.refresh(state, Views(None, batch.target)).extra["class_weight"]
    module = __import__(pada_factory.__module__, fromlist=["BLOCK"])
    monkeypatch.setattr(module, "BLOCK", 3)
    cut = adapter.refresh(state, Views(None, batch.target)).extra["class_weight"]
    np.testing.assert_allclose(cut, whole, rtol=1e-5)


def test_a_class_without_weight_has_no_part_in_either_loss():
    adapter, state, batch = started(learning_rate=0.1, trade_off_schedule="constant")
    ignored = {"class_weight": jnp.array([1.0, 1.0, 0.0])}
    state = state._replace(extra=ignored)
    rows = batch.source
    moved = rows._replace(y=jnp.where(rows.y == 2, 2, rows.y))
    weighted = jax.jit(adapter.update)(state, batch._replace(source=moved))[0]
    # The same rows as padding, where 1/n is over all rows: rescale by hand.
    kept = (rows.y != 2).astype(jnp.float32)
    share = float(kept.mean())
    ones = state._replace(extra={"class_weight": jnp.full(3, share)})
    padded = jax.jit(adapter.update)(
        ones, batch._replace(source=rows._replace(weight=kept))
    )[1]
    metrics = jax.jit(adapter.update)(state, batch)[1]
    np.testing.assert_allclose(metrics["source_loss"], padded["source_loss"], rtol=2e-2)
    head = weighted.params["head_source"]["kernel"]
    assert np.isfinite(head).all()


def test_with_equal_weights_and_full_strength_it_is_dann():
    adapter, state, batch = started(trade_off_schedule="constant")
    plain = methods.dann(NETWORK, classes=3, trade_off_schedule="constant")[0].adapter
    other = plain.init(jax.random.key(0), batch)
    ours, theirs = (
        jax.jit(adapter.update)(state, batch)[0],
        jax.jit(plain.update)(other, batch)[0],
    )
    for a, b in zip(
        jax.tree.leaves(ours.params), jax.tree.leaves(theirs.params), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_other_label_spaces_are_refused():
    with pytest.raises(ValueError, match="one label space"):
        methods.pada(NETWORK, classes={"source": 3, "target": 2})
