"""Prototypes: class means against NumPy, another label space, classes without a row."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import ArrayData, fit, methods, network_by_name
from da_zoo.methods.prototypes import class_means
from da_zoo.programs import forget_programs
from da_zoo.testing import toy_data

NETWORK = network_by_name("mlp", hidden=(8, 4))


@pytest.fixture(autouse=True, scope="module")
def _few_programs():
    yield
    forget_programs()


def trained(classes=3, data=None):
    recipe = methods.prototypes(NETWORK, classes=classes)
    run = {"steps": 60, "batch_size": 4}
    return fit(recipe, data or toy_data(), jax.random.key(3), **run)


def test_means_against_numpy(x64):
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(12, 3)), rng.integers(0, 3, 12)
    weight = rng.integers(0, 2, 12).astype(float)
    means, counts = class_means(*map(jnp.asarray, (features, labels, weight)), 4)
    for c in range(3):
        chosen = features[(labels == c) & (weight > 0)]
        np.testing.assert_allclose(means[c], chosen.mean(axis=0), rtol=1e-9)
        assert counts[c] == len(chosen)
    assert counts[3] == 0 and not np.asarray(means[3]).any()


def test_predictions_are_distances_to_the_means_of_all_labelled_rows():
    data = toy_data()
    result = trained()
    labelled = np.asarray(data.target_labelled.pool)
    labels = data.target_labelled.labels[0]
    features = np.asarray(result.predict(labelled).features, np.float64)
    means = np.stack([features[labels == c].mean(axis=0) for c in range(3)])
    x = np.asarray(data.target.pool)
    predicted = result.predict(x)
    own = np.asarray(predicted.features, np.float64)
    expected = np.array([[-sum((f - m) ** 2) for m in means] for f in own])
    expected -= expected.max(axis=1, keepdims=True)
    np.testing.assert_allclose(
        predicted.logits["target"], expected, rtol=1e-3, atol=1e-4
    )


def test_the_encoder_and_the_source_head_are_source_only():
    source = fit(
        methods.source_only(NETWORK, classes=3),
        toy_data(),
        jax.random.key(3),
        steps=60,
        batch_size=4,
    )
    ours = trained()
    for a, b in zip(
        jax.tree.leaves(ours.state.params),
        jax.tree.leaves(source.state.params),
        strict=True,
    ):
        assert np.array_equal(a, b)
    x = toy_data().source.pool
    np.testing.assert_allclose(
        ours.predict(x, domain="source").logits["source"],
        source.predict(x, domain="source").logits["source"],
        atol=1e-6,
    )


def test_another_label_space_and_a_class_without_a_row():
    data = toy_data()
    x, y = data.target_labelled.pool, data.target_labelled.labels[0]
    other = ArrayData(data.source, data.target, (x, (y > 0).astype(int)))
    result = trained({"source": 3, "target": 2}, other)
    logits = np.asarray(result.predict(data.target.pool).logits["target"])
    assert set(logits.argmax(axis=1)) <= {0, 1}
    assert (logits[:, 2] < -1e8).all()
    missing = ArrayData(data.source, data.target, (x[y < 2], y[y < 2]))
    assert (trained(3, missing).predict(x).logits["target"][:, 2] < -1e8).all()
    hits = logits.argmax(axis=1) == (np.arange(24) % 3 > 0)
    assert hits.mean() > 0.6


def test_a_class_without_a_row_loses_however_far_the_means_are():
    result = trained()
    means = np.asarray(result.state.extra["means"]) + 1e6
    counts = np.array([3.0, 0.0, 3.0], np.float32)
    extra = result.state.extra | {"means": means, "counts": counts}
    state = result.state._replace(extra=extra)
    x = np.asarray(toy_data().target.pool)
    logits = result.adapter.predict(state, x, domain="target").logits["target"]
    assert not (np.asarray(logits).argmax(axis=1) == 1).any()
