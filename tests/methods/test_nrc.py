"""NRC: banks renewed at the right rows, filled once, and a source out of reach."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import ArrayData, fit, methods, network_by_name
from da_zoo.programs import forget_programs
from da_zoo.testing import example_batch, toy_data
from da_zoo.types import Batch, Views

NETWORK = network_by_name("mlp", hidden=(8, 4))


@pytest.fixture(autouse=True, scope="module")
def _few_programs():
    yield
    forget_programs()


def recipe(**values):
    values.setdefault("batch_norm", "separate")
    return methods.nrc(NETWORK, classes=3, neighbours=3, expanded=2, **values)


def start(phase):
    batch = example_batch(toy_data(), phase.uses)
    return jax.jit(phase.adapter.init)(jax.random.key(0), batch), batch


def whole_target(phase):
    """The view of all rows, as a refresh sees it."""
    rows = example_batch(toy_data(), phase.uses).target
    pool = jnp.asarray(toy_data().target.pool)
    n = len(pool)
    return rows._replace(
        x=pool,
        y=jnp.zeros(n, int),
        labelled=jnp.zeros(n, bool),
        index=jnp.arange(n),
        domain=jnp.zeros(n, int),
        weight=jnp.ones(n),
    )


def test_a_step_renews_its_own_rows_of_the_banks_and_no_others():
    phase = recipe()[1]
    state, batch = start(phase)
    view = whole_target(phase)
    state = jax.jit(phase.adapter.refresh)(state, Views(None, view))
    chosen = np.array([5, 3, 2, 23, 0, 11, 7, 8])
    rows = batch.target._replace(x=view.x[chosen], index=jnp.asarray(chosen))
    end = jax.jit(phase.adapter.update)(state, Batch(target=rows))[0]
    others = np.setdiff1d(np.arange(24), chosen)
    for name in ("features", "scores"):
        before, after = state.extra[name], end.extra[name]
        assert np.array_equal(before[others], after[others])
        assert (np.abs(before[chosen] - after[chosen]).max(axis=1) > 0).all()
    np.testing.assert_allclose(end.extra["scores"][chosen].sum(axis=1), 1.0, rtol=1e-5)
    lengths = np.linalg.norm(end.extra["features"], axis=1)
    assert np.all((np.abs(lengths - 1) < 1e-4) | (lengths < 1e-6))


def test_the_banks_are_filled_at_the_first_refresh_only():
    phase = recipe()[1]
    state, _ = start(phase)
    view = whole_target(phase)
    first = jax.jit(phase.adapter.refresh)(state, Views(None, view))
    assert first.extra["features"].shape == (24, 4)
    predicted = phase.adapter.predict(first, view.x)
    np.testing.assert_allclose(
        first.extra["scores"],
        jax.nn.softmax(predicted.logits["target"]),
        atol=1e-6,
    )
    kept = first._replace(
        step=jnp.int32(3), extra=first.extra | {"scores": -view.x[:, :3]}
    )
    again = jax.jit(phase.adapter.refresh)(kept, Views(None, view))
    assert np.array_equal(again.extra["scores"], kept.extra["scores"])
    # A bank that had the size of the target by chance is filled all the same.
    refilled = jax.jit(phase.adapter.refresh)(
        kept._replace(step=jnp.int32(0)), Views(None, view)
    )
    assert np.array_equal(refilled.extra["scores"], first.extra["scores"])


def test_the_loss_is_the_sum_of_its_terms():
    phase = recipe()[1]
    state, batch = start(phase)
    state = jax.jit(phase.adapter.refresh)(state, Views(None, whole_target(phase)))
    metrics = jax.jit(phase.adapter.update)(state, batch)[1]
    total = -sum(
        float(metrics[name])
        for name in (
            "agreement_near",
            "agreement_expanded",
            "agreement_self",
            "diversity",
        )
    )
    np.testing.assert_allclose(metrics["adapt_loss"], total, rtol=1e-5)


def test_the_source_is_out_of_reach():
    adapt = recipe()[1:]
    assert adapt[0].uses == {"target"}
    clean = toy_data()
    x, y = clean.source.pool, clean.source.labels[0]
    poisoned = ArrayData((1e3 * np.ones_like(x), (y + 1) % 3), clean.target.pool)
    ends = [
        fit(adapt, data, jax.random.key(0), steps=6, batch_size=8).state
        for data in (clean, poisoned)
    ]
    for a, b in zip(
        jax.tree.leaves((ends[0].params, ends[0].extra)),
        jax.tree.leaves((ends[1].params, ends[1].extra)),
        strict=True,
    ):
        assert np.array_equal(a, b)


def test_it_learns_the_toy_shift():
    data = toy_data()
    result = fit(
        recipe(optimizer="adam", schedule="constant"),
        data,
        jax.random.key(3),
        steps=400,
        batch_size=8,
    )
    hits = result.predict(data.target.pool).logits["target"].argmax(1)
    assert (np.asarray(hits) == np.arange(24) % 3).mean() > 0.8
    near = result.history["adapt/agreement_near"]
    assert near[-10:].mean() > near[:10].mean()


def test_bad_values_are_named():
    with pytest.raises(ValueError, match="expanded"):
        methods.nrc(NETWORK, classes=3, expanded=0)
    with pytest.raises(ValueError, match="fewer neighbours"):
        fit(
            methods.nrc(NETWORK, classes=3, neighbours=24),
            toy_data(),
            jax.random.key(0),
            steps=4,
            batch_size=8,
        )
