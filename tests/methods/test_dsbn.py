"""DSBN: norms per domain, centroids in the state, a teacher that stays, the ramp."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import fit, methods, network_by_name
from da_zoo.losses.moving_centroids import moved_centroids
from da_zoo.programs import forget_programs
from da_zoo.testing import example_batch, toy_data

NETWORK = network_by_name("mlp", hidden=(8, 4))


@pytest.fixture(autouse=True, scope="module")
def _few_programs():
    yield
    forget_programs()


def start(phase, step=4, seed=0):
    batch = example_batch(toy_data(), phase.uses)
    state = jax.jit(phase.adapter.init)(jax.random.key(seed), batch)
    state = state._replace(step=jnp.int32(step), total_steps=jnp.float32(8))
    return state, batch


def same(a, b):
    return all(
        np.array_equal(x, y)
        for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    )


def test_both_domains_train_scale_and_shift_of_their_own():
    (one, *_) = methods.dsbn(NETWORK, classes=3)
    state, batch = start(one)
    end = jax.jit(one.adapter.update)(state, batch)[0]
    own = end.params["encoder_target_norms"]["BatchNorm_0"]
    of_source = end.params["encoder"]["BatchNorm_0"]
    for name in ("scale", "bias"):
        assert not np.array_equal(own[name], of_source[name])
        assert not np.array_equal(
            own[name], state.params["encoder_target_norms"]["BatchNorm_0"][name]
        )


def test_stage_one_moves_the_centroids_by_labels_and_pseudo_labels():
    (one, *_) = methods.dsbn(NETWORK, classes=3)
    state, batch = start(one)
    end = jax.jit(one.adapter.update)(state, batch)[0].extra["centroids"]
    labels = set(np.asarray(batch.source.y).tolist())
    moved = set(np.flatnonzero(np.abs(end["source"]).sum(axis=1)).tolist())
    assert moved == labels
    assert np.abs(end["target"]).sum() > 0
    assert moved_centroids(jnp.zeros((3, 4)), jnp.ones((1, 4)), jnp.array([0])).any()


def test_stage_two_starts_from_stage_one_and_its_teacher_stays():
    recipe = methods.dsbn(NETWORK, classes=3)
    run = {"batch_size": 8, "loop": "scan"}
    first = fit(recipe[:1], toy_data(), jax.random.key(1), steps=10, **run).state
    whole = fit(recipe[:2], toy_data(), jax.random.key(1), steps=20, **run).state
    params, stats = whole.extra["teacher"]
    assert same(params["encoder"], first.params["encoder"])
    assert same(params["head_source"], first.params["head_source"])
    assert same(stats["target"], first.stats["target"])
    assert not same(whole.params["encoder"], first.params["encoder"])
    assert "discriminator" not in whole.params


def test_labels_come_from_the_teacher_first_and_from_the_student_last():
    two = methods.dsbn(NETWORK, classes=3)[1]
    state, batch = start(two, step=0)
    # The student says 0 everywhere, the teacher what it said at its own start.
    head = state.params["head_source"]
    certain = {
        "kernel": jnp.zeros_like(head["kernel"]),
        "bias": jnp.array([3.0, 0.0, 0.0]),
    }
    state = state._replace(params=state.params | {"head_source": certain})
    teacher, stats = state.extra["teacher"]
    said = teacher["head_source"] | {"bias": jnp.array([0.0, 9.0, 0.0])}
    extra = {"teacher": (teacher | {"head_source": said}, stats)}
    state = state._replace(extra=extra)
    changed = [
        float(
            jax.jit(two.adapter.update)(
                state._replace(step=jnp.int32(step), total_steps=jnp.float32(8)), batch
            )[1]["labels_changed"]
        )
        for step in (0, 8)
    ]
    assert changed == [0.0, 1.0]


def test_alignment_reaches_the_encoder_and_trade_off_0_turns_it_off():
    ends = []
    for value in (0.0, 1.0):
        (one, *_) = methods.dsbn(NETWORK, classes=3, trade_off=value)
        state, batch = start(one)
        ends.append(jax.jit(one.adapter.update)(state, batch)[0].params)
    assert not same(ends[0]["encoder"], ends[1]["encoder"])
    untouched = start(methods.dsbn(NETWORK, classes=3)[0])[0].params
    assert same(ends[0]["encoder_target_norms"], untouched["encoder_target_norms"])


def test_it_learns_the_toy_shift():
    data = toy_data()
    result = fit(
        methods.dsbn(NETWORK, classes=3, optimizer="adam", schedule="constant"),
        data,
        jax.random.key(3),
        steps=300,
        batch_size=8,
    )
    hits = result.predict(data.target.pool).logits["target"].argmax(1)
    assert (np.asarray(hits) == np.arange(24) % 3).mean() > 0.8


def test_bad_values_are_named():
    with pytest.raises(ValueError, match="frozen"):
        methods.dsbn(NETWORK, classes=3, batch_norm="frozen")
    with pytest.raises(ValueError, match="first_share"):
        methods.dsbn(NETWORK, classes=3, first_share=1.0)
    plain = network_by_name("mlp", hidden=(8, 4), batch_norm=False)
    with pytest.raises(ValueError, match="has none"):
        fit(methods.dsbn(plain, classes=3), toy_data(), jax.random.key(0), steps=4)
