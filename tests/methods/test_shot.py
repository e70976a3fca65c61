"""SHOT and SHOT-IM: what is frozen, what cannot be read, what the bank holds."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import ArrayData, fit, methods, network_by_name
from da_zoo.data.streams import Stream
from da_zoo.losses.centroid_labels import centroid_labels
from da_zoo.programs import forget_programs
from da_zoo.row_scores import BLOCK, row_scores
from da_zoo.testing import example_batch, toy_data
from da_zoo.types import Batch, Examples, Views

NETWORK = network_by_name("mlp", hidden=(8, 4))


@pytest.fixture(autouse=True, scope="module")
def _few_programs():
    yield
    forget_programs()


def trained(method=methods.shot, data=None, steps=24, phases=2, **values):
    values.setdefault("batch_norm", "separate")
    recipe = method(NETWORK, classes=3, **values)
    if phases == 1:
        recipe, steps = recipe[:1], steps // 2
    return fit(
        recipe,
        data or toy_data(),
        jax.random.key(3),
        steps=steps,
        batch_size=8,
        loop="scan",
    )


def same(a, b):
    return all(
        np.array_equal(x, y)
        for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    )


@pytest.mark.parametrize("method", [methods.shot, methods.shot_im])
def test_the_head_stays_bit_for_bit_and_the_encoder_moves(method):
    before = trained(method, phases=1, weight_decay=0.1).state
    after = trained(method, weight_decay=0.1).state
    assert same(before.params["head_source"], after.params["head_source"])
    assert not same(before.params["encoder"], after.params["encoder"])
    assert not any(
        "head" in jax.tree_util.keystr(path)
        for path, _ in jax.tree_util.tree_leaves_with_path(after.opt_state)
    )
    # The source's statistics belong to the source; the target has its own.
    assert same(before.stats["source"], after.stats["source"])
    assert not same(before.stats["target"], after.stats["target"])


def test_the_source_cannot_be_read_once_adaptation_begins():
    recipe = methods.shot(NETWORK, classes=3)
    assert recipe[1].uses == {"target"}
    batch = example_batch(toy_data(), recipe[1].uses)
    assert batch.source is None
    assert batch.target_labelled is None


def test_a_poisoned_source_changes_no_step_of_the_adaptation():
    clean = toy_data()
    x, y = clean.source.pool, clean.source.labels[0]
    poisoned = ArrayData((1e3 * np.ones_like(x), (y + 1) % 3), clean.target.pool)
    adapt = methods.shot(NETWORK, classes=3)[1:]
    ends = [
        fit(adapt, data, jax.random.key(0), steps=6, batch_size=8).state
        for data in (clean, poisoned)
    ]
    assert same(ends[0].params, ends[1].params)
    assert same(ends[0].extra, ends[1].extra)


def test_the_first_pseudo_labels_are_those_of_the_source_model():
    """The refresh at step 0 sees the source's encoder, head and statistics."""
    data = toy_data()
    source = trained(phases=1, batch_norm="frozen").predict(data.target.pool)
    expected = centroid_labels(source.features, source.logits["target"])
    # Nothing moves at factor 0, so the last refresh saw what the first one did.
    bank = trained(adaptation_factor=0.0, batch_norm="frozen").state.extra
    assert np.array_equal(bank["pseudo_labels"], expected)
    assert len(set(expected.tolist())) > 1


def test_a_row_gets_its_own_pseudo_label():
    """Labels for each row alone move the encoder as the bank says they do."""
    phase = methods.shot(NETWORK, classes=3, beta=1.0)[1]
    batch = example_batch(toy_data(), phase.uses)
    state = jax.jit(phase.adapter.init)(jax.random.key(0), batch)
    bank = jnp.arange(24, dtype=jnp.int32) % 3
    state = state._replace(extra={"pseudo_labels": bank})
    rows = batch.target._replace(index=jnp.array([5, 3, 2, 23, 0, 11, 7, 8]))
    metrics = jax.jit(phase.adapter.update)(state, Batch(target=rows))[1]
    forward = jax.jit(phase.adapter.update)(
        state._replace(extra={"pseudo_labels": bank[rows.index]}),
        Batch(target=rows._replace(index=jnp.arange(8))),
    )[1]
    assert float(metrics["pseudo_label_loss"]) == float(forward["pseudo_label_loss"])
    other = jax.jit(phase.adapter.update)(state, batch)[1]["pseudo_label_loss"]
    assert float(other) != float(metrics["pseudo_label_loss"])


def test_beta_0_is_shot_im():
    ends = [
        trained(method, **values).state.params
        for method, values in (
            (methods.shot, {"beta": 0.0}),
            (methods.shot_im, {}),
        )
    ]
    for a, b in zip(*map(jax.tree.leaves, ends), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_it_sharpens_and_spreads_the_predictions():
    history = trained(steps=200, optimizer="adam", schedule="constant").history
    information = history["adapt/information_loss"]
    assert information[-10:].mean() < information[:10].mean() - 0.05


def test_it_learns_the_toy_shift():
    data = toy_data()
    result = trained(steps=400, optimizer="adam", schedule="constant")
    hits = result.predict(data.target.pool).logits["target"].argmax(1)
    assert (np.asarray(hits) == np.arange(24) % 3).mean() > 0.8


def test_rows_that_pad_a_seed_shape_no_label():
    """Of seeds with 24 and 16 rows, the second gets the labels it gets alone."""
    data = toy_data()
    pool = np.asarray(data.target.pool)
    rows = np.stack([np.arange(24), np.minimum(np.arange(24), 15)]).astype(np.int32)
    padded = ArrayData(
        data.source, Stream(pool, rows, None, np.array([24, 16]), None, None)
    )
    alone = ArrayData(data.source, pool[:16])
    recipe = methods.shot(NETWORK, classes=3, batch_norm="separate")
    keys = jax.vmap(jax.random.key)(jnp.arange(2))
    run = {"steps": 12, "batch_size": 8, "loop": "scan", "seeds_mode": "vmap"}
    both = fit(recipe, padded, keys, **run).state
    one = fit(recipe, alone, keys[1], **run).state
    assert np.array_equal(
        both.extra["pseudo_labels"][1][:16], one.extra["pseudo_labels"]
    )


def test_blocks_change_no_score():
    phase = methods.shot(NETWORK, classes=3)[1]
    state = jax.jit(phase.adapter.init)(
        jax.random.key(0), example_batch(toy_data(), phase.uses)
    )
    x = jax.random.normal(jax.random.key(1), (BLOCK + 7, 6))
    features, logits = row_scores(NETWORK, "joint")(state, x)
    expected = phase.adapter.predict(state, x)
    np.testing.assert_allclose(features, expected.features, atol=1e-6)
    np.testing.assert_allclose(logits, expected.logits["target"], atol=1e-6)


def test_refresh_counts_no_row_of_weight_0():
    phase = methods.shot(NETWORK, classes=3)[1]
    batch = example_batch(toy_data(), phase.uses)
    state = jax.jit(phase.adapter.init)(jax.random.key(0), batch)
    rows: Examples = batch.target
    junk = rows._replace(x=rows.x.at[4:].set(1e3))
    keep = jnp.array([1.0] * 4 + [0.0] * 4)
    labels = [
        jax.jit(phase.adapter.refresh)(
            state, Views(None, r._replace(weight=keep))
        ).extra["pseudo_labels"][:4]
        for r in (rows, junk)
    ]
    assert np.array_equal(*labels)


def test_label_smoothing_0_shares_the_program_of_source_only():
    plain = methods.shot(NETWORK, classes=3, label_smoothing=0.0)[0]
    source_only = methods.source_only(NETWORK, classes=3)[0]
    assert plain.adapter.update is source_only.adapter.update
    smoothed = [methods.shot(NETWORK, classes=3)[0] for _ in range(2)]
    assert smoothed[0].adapter.update is smoothed[1].adapter.update


def test_other_values_share_the_programs():
    one = methods.shot(NETWORK, classes=3, beta=0.1, adaptation_factor=0.5)
    other = methods.shot(NETWORK, classes=3)
    for a, b in zip(one, other, strict=True):
        assert a.adapter.update is b.adapter.update
        assert a.adapter.refresh is b.adapter.refresh


def test_bad_values_are_named():
    with pytest.raises(ValueError, match="shot"):
        methods.shot(NETWORK, classes={"source": 3, "target": 2})
    with pytest.raises(ValueError, match="label_smoothing"):
        methods.shot(NETWORK, classes=3, label_smoothing=1.0)
    with pytest.raises(ValueError, match="source_share"):
        methods.shot_im(NETWORK, classes=3, source_share=1.0)
