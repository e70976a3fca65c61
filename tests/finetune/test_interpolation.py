"""WiSE-FT and soups: exact ends, NumPy's between, axes of seeds."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import Pretrained, fit, methods, network_by_name, start_from
from da_zoo.finetune import presets, uniform_soup, wise_ft, with_average
from da_zoo.testing import toy_data

NETWORK = network_by_name("mlp", hidden=(4,))
RUN = {"steps": 10, "batch_size": 8}
X = np.random.default_rng(2).normal(size=(5, 6)).astype(np.float32)


def same(a, b):
    return jax.tree.all(jax.tree.map(np.array_equal, a, b))


@pytest.fixture(scope="module")
def recipe():
    return presets.full().recipe(NETWORK, classes=3, batch_norm="separate")


@pytest.fixture(scope="module")
def source(recipe):
    return fit(recipe[:1], toy_data(), jax.random.key(0), steps=6, batch_size=8)


@pytest.fixture(scope="module")
def tuned(recipe):
    return fit(recipe, toy_data(), jax.random.key(0), **RUN)


def test_ends_are_the_two_models(source, tuned):
    swept = wise_ft(tuned, source.state, (0.0, 0.25, 1.0))
    assert list(swept.axes) == ["alpha"]
    first, between, last = (
        jax.tree.map(lambda leaf, i=i: leaf[i], swept.state.params) for i in range(3)
    )
    assert same(last, tuned.state.params)
    start = source.state.params
    assert same(first["encoder"], start["encoder"])
    assert same(first["head_target"], start["head_source"])
    np.testing.assert_allclose(
        between["head_target"]["kernel"],
        0.75 * np.float64(start["head_source"]["kernel"])
        + 0.25 * np.float64(tuned.state.params["head_target"]["kernel"]),
        rtol=1e-5,
        atol=1e-6,
    )
    # Statistics too: the target's began as the source's.
    stats = [s.stats for s in (source.state, tuned.state, swept.state)]
    variances = [
        np.float64(tree["batch_stats"]["BatchNorm_0"]["var"])
        for tree in (stats[0]["source"], stats[1]["target"], stats[2]["target"])
    ]
    assert not np.allclose(variances[0], variances[1])
    np.testing.assert_allclose(variances[2][0], variances[0])
    np.testing.assert_allclose(
        variances[2][1], 0.75 * variances[0] + 0.25 * variances[1], rtol=1e-5
    )


def test_predictions_by_alpha(source, tuned):
    swept = wise_ft(tuned, source.state, (0.0, 1.0))
    for domain in ("source", "target"):
        logits = swept.predict(X, domain=domain).logits["target"]
        assert logits.shape == (2, 5, 3)
        np.testing.assert_allclose(
            logits[1], tuned.predict(X, domain=domain).logits["target"], atol=1e-5
        )
        # At 0 it is the source model (with the source's statistics, as tuning began).
        np.testing.assert_allclose(
            logits[0], source.predict(X, domain="source").logits["source"], atol=1e-5
        )
    assert len(wise_ft(tuned, source.state).axes["alpha"]) == 11
    assert swept.history["tune/task_loss"].shape == (2, 4)
    assert swept.finite.shape == (2,)


def test_from_pretrained_variables(source):
    stats = source.state.stats["source"]
    head = source.state.params["head_source"]
    given = Pretrained(source.state.params["encoder"], stats, head)
    plan = with_average(
        presets.full().recipe(
            start_from(NETWORK, given), classes=3, width=4, source_share=0.0
        ),
        0.5,
    )
    result = fit(plan, toy_data(), jax.random.key(0), steps=4, batch_size=8, seeds=2)
    swept = wise_ft(result, given, (0.0, 0.5, 1.0))
    assert list(swept.axes) == ["alpha", "seed"]
    logits = swept.predict(X).logits["target"]
    assert logits.shape == (3, 2, 5, 4)
    np.testing.assert_allclose(logits[2], result.predict(X).logits["target"], atol=1e-5)
    # Both seeds start at the same.
    assert np.array_equal(logits[0, 0], logits[0, 1])
    assert not np.array_equal(logits[1, 0], logits[1, 1])
    # The head is padded to the recipe's width.
    kernel = np.asarray(swept.state.params["head_target"]["kernel"])
    assert np.array_equal(kernel[0, 0, :, :3], head["kernel"])


def test_a_soup_is_the_mean():
    runs = fit(
        methods.source_only(NETWORK, classes=3),
        toy_data(),
        jax.random.key(0),
        steps=3,
        batch_size=8,
        sweep={"learning_rate": [0.01, 0.03, 0.1]},
    )
    soup = uniform_soup(runs)
    assert soup.axes == {}
    for mean, parts in zip(
        jax.tree.leaves((soup.state.params, soup.state.stats)),
        jax.tree.leaves((runs.state.params, runs.state.stats)),
        strict=True,
    ):
        np.testing.assert_allclose(
            mean, np.float64(parts).mean(axis=0), rtol=1e-5, atol=1e-6
        )
    assert soup.predict(X).logits["source"].shape == (5, 3)


def test_mistakes_are_named(source, tuned):
    params, stats = source.state.params, source.state.stats["source"]
    bare = Pretrained(params["encoder"], stats)
    head = params["head_source"]
    for start, alphas, message in (
        (source.state, (0.0, 1.5), "alphas must be in"),
        (source.state, (), "alphas must hold"),
        (bare, (0.5,), "has no head"),
        (Pretrained({}, stats, head), (0.5,), "different variables"),
        (
            Pretrained(jax.tree.map(lambda w: w[:2], params["encoder"]), stats, head),
            (0.5,),
            "has shape",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            wise_ft(tuned, start, alphas)
    with pytest.raises(TypeError):
        wise_ft(tuned, params, (0.5,))
    other = tuned.state.hparams | {"classes_target": jnp.float32(2)}
    with pytest.raises(ValueError, match="different classes"):
        wise_ft(tuned._replace(state=tuned.state._replace(hparams=other)), source.state)
    adapted = params["encoder"]
    mixed = tuned.state.params | {"encoder": {"base": adapted, "lora": {}}}
    with pytest.raises(ValueError, match="merge"):
        wise_ft(tuned._replace(state=tuned.state._replace(params=mixed)), source.state)
    with pytest.raises(ValueError, match="several runs"):
        uniform_soup(tuned)
