import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import METHODS, ArrayData, build_recipe, fit, methods, network_by_name
from da_zoo.losses.moments import multi_source_moments
from da_zoo.multi_source import mean_prediction
from da_zoo.testing import check_adapter, example_batch
from da_zoo.types import Batch

NETWORK = network_by_name("mlp", hidden=(8, 4))
STREAMS = frozenset({"source", "target"})


def data(sources=3, shift=2.0):
    rng = np.random.default_rng(0)
    means = 3.0 * rng.normal(size=(3, 6))
    y = np.arange(12) % 3
    offsets = shift * rng.normal(size=(sources, 6))
    pairs = [(means[y] + rng.normal(size=(12, 6)) + o, y) for o in offsets]
    return ArrayData(pairs, means[y] + rng.normal(size=(12, 6)))


def recipe(sources=3, **values):
    values.setdefault("batch_norm", "joint")
    return methods.m3sda(NETWORK, classes=3, sources=sources, **values)


def started(sources=3, **values):
    adapter = recipe(sources, **values)[0].adapter
    batch = balanced_batch(data(sources))
    return adapter, adapter.init(jax.random.key(0), batch), batch


def balanced_batch(arrays):
    whole = example_batch(arrays, STREAMS)
    rows = jnp.asarray([0, 1, 2, 12, 13, 14, 24, 25, 26]) % len(arrays.source.rows[0])
    stream = arrays.source
    source = whole.source._replace(
        x=jnp.asarray(stream.pool)[rows],
        y=jnp.asarray(stream.labels[0])[rows],
        labelled=jnp.ones(9, bool),
        index=rows,
        domain=jnp.asarray(stream.domain[0])[rows],
    )
    return Batch(source, whole.target)


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["joint", "separate", "domain_specific"])
def test_the_contract_holds_with_several_sources(policy):
    check_adapter(recipe(2, batch_norm=policy), data(2), thorough=policy == "separate")


def test_the_metric_is_the_distance_over_domain_ids():
    adapter, state, batch = started(weight_decay=0.0)
    metrics = jax.jit(adapter.update)(state, batch)[1]
    # Recomputed from what the trained encoder of the same state sees.
    outputs = NETWORK.apply(
        state.params["encoder"],
        state.stats["joint"],
        jnp.concatenate([batch.source.x, batch.target.x]),
        train=True,
    )[0].features
    expected = multi_source_moments(
        outputs[:9], batch.source.domain, outputs[9:], sources=3
    )
    np.testing.assert_allclose(metrics["moment_distance"], expected, rtol=1e-5)


def test_ids_permuted_with_their_rows_change_nothing_and_alone_do():
    adapter, state, batch = started()
    moved = np.random.default_rng(2).permutation(9)
    rows = batch.source
    together = rows._replace(
        **{
            f: getattr(rows, f)[moved]
            for f in ("x", "y", "labelled", "index", "domain")
        }
    )
    alone = rows._replace(domain=rows.domain[moved])

    def losses(source):
        metrics = jax.jit(adapter.update)(state, batch._replace(source=source))[1]
        return [float(metrics[n]) for n in ("source_loss", "moment_distance")]

    np.testing.assert_allclose(losses(together), losses(rows), rtol=1e-5)
    assert np.abs(np.subtract(losses(alone), losses(rows))).min() > 1e-4


def test_each_head_learns_from_its_own_source_alone():
    adapter, state, batch = started(learning_rate=0.1, trade_off=0.0)
    only = batch._replace(
        source=batch.source._replace(weight=(batch.source.domain == 1) * 1.0)
    )
    after = jax.jit(adapter.update)(state, only)[0].params
    for name, moves in (
        ("head_source", False),
        ("head_source_1", True),
        ("head_source_2", False),
    ):
        gap = jnp.abs(after[name]["kernel"] - state.params[name]["kernel"]).max()
        assert (float(gap) > 1e-4) == moves, name


def test_predictions_average_the_heads_probabilities():
    logits = np.random.default_rng(0).normal(size=(3, 4, 5))
    p = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    ours = jax.nn.softmax(mean_prediction(jnp.asarray(logits)), axis=1)
    np.testing.assert_allclose(ours, p.mean(axis=0), rtol=1e-5)
    result = fit(recipe(), data(), jax.random.key(0), steps=3, batch_size=9)
    found = result.predict(np.ones((4, 6))).logits["target"]
    np.testing.assert_allclose(jnp.sum(jnp.exp(found), axis=1), 1.0, rtol=1e-5)


def test_padded_classes_stay_impossible():
    wide = methods.m3sda(NETWORK, classes=3, sources=2, width=6)
    result = fit(wide, data(2), jax.random.key(0), steps=3, batch_size=8)
    found = result.predict(np.ones((4, 6))).logits["target"]
    assert (found[:, 3:] < -1e8).all()
    assert np.isfinite(found[:, :3]).all()


def test_training_brings_the_domains_together():
    options = {"optimizer": "adam", "learning_rate": 1e-2, "schedule": "constant"}
    ends = []
    for trade_off in (0.0, 5.0):
        found = fit(
            recipe(trade_off=trade_off, **options),
            data(),
            jax.random.key(0),
            steps=150,
            batch_size=24,
        )
        ends.append(found.history["adapt/moment_distance"][-20:].mean())
    assert ends[1] < 0.5 * ends[0]


def test_the_registry_hands_over_the_number_of_sources():
    built = build_recipe(METHODS["m3sda"], NETWORK, classes=3, sources=4)
    assert built[0].adapter.init.keywords["hparams"]["sources"] == 4
    # A method without a notion of sources is built all the same.
    assert build_recipe(METHODS["dann"], NETWORK, classes=3, sources=4)
    assert recipe(3)[0].adapter.update is recipe(3, trade_off=2.0)[0].adapter.update


def test_too_few_sources_are_refused_before_training():
    with pytest.raises(ValueError, match="the data have 3 sources"):
        fit(recipe(2), data(3), jax.random.key(0), steps=2, batch_size=9)
    with pytest.raises(ValueError, match="sources must be at least 1"):
        recipe(0)
    with pytest.raises(ValueError, match="moments must be at least 1"):
        recipe(2, moments=0)
    with pytest.raises(ValueError, match="one label space"):
        methods.m3sda(NETWORK, classes={"source": 3, "target": 2})
