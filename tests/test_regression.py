"""Continuous targets, from the loss to the report."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import METHODS, ArrayData, Continuous, build_recipe, fit, network_by_name
from da_zoo.losses import squared_error
from da_zoo.testing import check_adapter, toy_data, toy_regression

NETWORK = network_by_name("mlp", hidden=(8, 4))
ABLE = [name for name, spec in METHODS.items() if spec.regression]


def recipe_of(name, outputs=1, **values):
    spec = METHODS[name]
    labelled = "U" not in spec.tracks
    return build_recipe(
        spec,
        NETWORK,
        classes=Continuous(outputs),
        labelled_target=labelled,
        **{"batch_norm": "separate"} | values,
    )


def test_squared_error_against_numpy():
    rng = np.random.default_rng(0)
    predicted, values = rng.normal(size=(7, 3)), rng.normal(size=(7, 3))
    weight = np.array([1.0, 0.0, 2.0, 1.0, 0.0, 1.0, 0.5])
    total = sum(
        weight[i] * sum((predicted[i, j] - values[i, j]) ** 2 for j in range(3)) / 3
        for i in range(7)
    )
    found = squared_error(
        jnp.float32(predicted), jnp.float32(values), weight=jnp.float32(weight)
    )
    np.testing.assert_allclose(found, total / weight.sum(), rtol=1e-5)
    whole = squared_error(jnp.float32(predicted), jnp.float32(values))
    np.testing.assert_allclose(whole, np.mean((predicted - values) ** 2), rtol=1e-5)


def test_squared_error_ignores_padding_and_refuses_to_broadcast():
    predicted = jnp.array([[1.0], [jnp.nan]])
    weight = jnp.array([1.0, 0.0])
    value, gradient = jax.value_and_grad(squared_error)(
        predicted, jnp.zeros((2, 1)), weight=weight
    )
    assert float(value) == 1.0
    assert gradient.tolist() == [[2.0], [0.0]]
    # The tests check types on top, so either says so.
    with pytest.raises((ValueError, TypeError), match=r"2,1|\(2, 1\)"):
        squared_error(jnp.zeros((2, 1)), jnp.zeros(2))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dann", "dan", "deep_coral", "rsd", "fine_tuning"])
def test_the_contract_holds_for_continuous_targets(name):
    check_adapter(recipe_of(name, 2), toy_regression(outputs=2), thorough=name == "rsd")


@pytest.mark.parametrize("name", list(METHODS))
def test_the_registry_says_who_takes_continuous_targets(name):
    if METHODS[name].regression:
        assert recipe_of(name)[0].adapter.init.keywords["hparams"]["outputs"] == 1.0
    else:
        with pytest.raises(ValueError, match=f"{name} needs classes.*continuous"):
            recipe_of(name)


def test_who_takes_them():
    expected = {"source_only", "target_only", "dann", "dan", "deep_coral", "rsd"}
    assert expected <= set(ABLE)
    assert not {"mcc", "cdan", "entropy_minimization", "bnm", "jan"} & set(ABLE)
    assert METHODS["mcc"].undefined(3, "U", continuous=True).startswith("needs classes")
    assert METHODS["dann"].undefined(3, "U", continuous=True) == ""
    assert METHODS["fine_tuning"].undefined(3, "U", continuous=True) != ""


@pytest.mark.slow
@pytest.mark.parametrize("name", ABLE)
def test_every_able_method_learns_the_function(name):
    data = toy_regression()
    result = fit(
        recipe_of(name, learning_rate=0.01, optimizer="adam", schedule="constant"),
        data,
        jax.random.key(0),
        steps=200,
        batch_size=24,
    )
    stream, domain = data.source, "source"
    if "source" not in recipe_of(name)[-1].uses | recipe_of(name)[0].uses:
        stream, domain = data.target_labelled, "target"
    if METHODS[name].tracks == {"F"}:
        stream, domain = data.target_labelled, "target"
    x, y = stream.pool, stream.labels[0]
    values = np.asarray(result.predict(x, domain=domain).logits[domain])
    assert values.shape == y.shape
    assert np.mean((values - y) ** 2) < 0.4 * y.var()


def test_predictions_are_values_not_masked_logits():
    wide = recipe_of("source_only", 3, width=10)
    result = fit(
        wide, toy_regression(outputs=3), jax.random.key(0), steps=2, batch_size=8
    )
    logits = np.asarray(result.predict(toy_regression().target.pool).logits["target"])
    assert logits.shape == (24, 3)
    assert np.abs(logits).max() < 1e3


def test_the_first_loss_is_the_squared_error_of_the_first_prediction():
    recipe = recipe_of("source_only", batch_norm="joint")
    data = toy_regression()
    batch = ArrayData((data.source.pool[:8], data.source.labels[0, :8]))
    result = fit(recipe, batch, jax.random.key(0), steps=1, batch_size=8)
    loss = result.history["source/source_loss"][0]
    assert loss == pytest.approx(result.history["source/task_loss"][0])
    assert 0.0 < loss < 100.0


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        (np.array(["low", "high"] * 12), TypeError, "regression floats"),
        (np.zeros(24), TypeError, r"floats of shape \[n, k\]"),
        (np.full((24, 1), np.nan), ValueError, "NaN or infinite values in 24 rows"),
        (np.zeros((23, 1)), ValueError, r"\[24, k\]"),
        (np.zeros((24, 0)), ValueError, r"\[24, k\]"),
        (np.zeros((24, 1), int), ValueError, r"continuous targets are floats \[n, k\]"),
    ],
)
def test_bad_targets_are_named(y, error, message):
    with pytest.raises(error, match=message):
        ArrayData((np.ones((24, 6)), y))


def test_targets_that_do_not_fit_the_recipe():
    def train(recipe, data):
        fit(recipe, data, jax.random.key(0), steps=1, batch_size=8)

    with pytest.raises(ValueError, match=r"source labels must be floats.*\[n, 2\]"):
        train(recipe_of("source_only", 2), toy_regression())
    with pytest.raises(ValueError, match=r"floats.*Continuous\(1\), got int32 \[n\]"):
        train(recipe_of("source_only"), toy_data())
    classes = build_recipe(METHODS["source_only"], NETWORK, classes=3)
    with pytest.raises(ValueError, match=r"integers for classes=3.*Continuous\(1\)"):
        train(classes, toy_regression())


@pytest.mark.parametrize(
    ("outputs", "error"), [(0, ValueError), (True, TypeError), (1.0, TypeError)]
)
def test_bad_numbers_of_outputs(outputs, error):
    with pytest.raises(error, match=r"Continuous\(outputs\)"):
        build_recipe(METHODS["dann"], NETWORK, classes=Continuous(outputs))


def test_rsd_refuses_no_directions():
    with pytest.raises(ValueError, match="directions must be at least 1 or None"):
        recipe_of("rsd", directions=0)


def test_rsd_brings_the_subspaces_together():
    data = toy_regression()
    values = {"optimizer": "adam", "schedule": "constant", "batch_norm": "joint"}
    ends = []
    for trade_off in (0.0, 1.0):
        recipe = recipe_of("rsd", trade_off=trade_off, **values)
        result = fit(recipe, data, jax.random.key(0), steps=150, batch_size=24)
        ends.append(result.history["adapt/subspace_distance"][-20:].mean())
    assert ends[1] < 0.5 * ends[0]
