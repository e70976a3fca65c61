"""SWD: what differs from MCD is the distance of the two heads' outputs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import methods, network_by_name
from da_zoo.methods.swd import _distance
from da_zoo.testing import example_batch, toy_data

NETWORK = network_by_name("mlp", hidden=(8, 4))
RNG = np.random.default_rng(2)
FIRST, SECOND = (jnp.float32(2 * RNG.normal(size=(6, 3))) for _ in range(2))


def test_the_distance_is_of_softmax_outputs_as_sets_of_rows():
    distance = _distance(64)
    value = distance(FIRST, SECOND, None, jax.random.key(0))
    assert float(value) > 1e-3
    mixed = distance(FIRST, SECOND[::-1], None, jax.random.key(0))
    np.testing.assert_allclose(value, mixed, rtol=1e-5)
    # A constant added to every logit changes no softmax.
    shifted = distance(FIRST + 5.0, SECOND, None, jax.random.key(0))
    np.testing.assert_allclose(value, shifted, rtol=1e-4)


def test_directions_are_drawn_anew_and_many_agree():
    few, many = _distance(2), _distance(4096)
    keys = [jax.random.key(i) for i in range(2)]
    rough = [float(few(FIRST, SECOND, None, key)) for key in keys]
    fine = [float(many(FIRST, SECOND, None, key)) for key in keys]
    assert rough[0] != rough[1]
    np.testing.assert_allclose(*fine, rtol=0.1)


def test_padded_classes_scale_nothing():
    wide = [
        jnp.concatenate([z, jnp.full((6, 9), -1e9)], axis=1) for z in (FIRST, SECOND)
    ]
    distance, key = _distance(4096), jax.random.key(0)
    np.testing.assert_allclose(
        distance(*wide, None, key), distance(FIRST, SECOND, None, key), rtol=0.1
    )
    gradient = jax.grad(lambda z: distance(z, wide[1], None, key))(wide[0])
    assert bool(jnp.isfinite(gradient).all())
    np.testing.assert_array_equal(gradient[:, 3:], 0.0)


def test_the_heads_and_the_encoder_get_a_gradient():
    (phase,) = methods.swd(NETWORK, classes=3, trade_off=10.0)
    batch = example_batch(toy_data(), phase.uses)
    state = jax.jit(phase.adapter.init)(jax.random.key(0), batch)
    state = state._replace(total_steps=jnp.float32(8))
    step = jax.jit(phase.adapter.update)
    after, metrics = step(state, batch)
    off = state._replace(hparams=state.hparams | {"trade_off": jnp.float32(0)})
    without, _ = step(off, batch)
    for group in ("encoder", "head_source", "head_second"):
        gaps = [
            float(jnp.abs(a - b).max())
            for a, b in zip(
                jax.tree.leaves(after.params[group]),
                jax.tree.leaves(without.params[group]),
                strict=True,
            )
        ]
        assert max(gaps) > 1e-4, group
    assert float(metrics["discrepancy"]) > 0.0


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match=r"projections.*0"):
        methods.swd(NETWORK, classes=3, projections=0)
