import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo.schedules import (
    SCHEDULES,
    adversarial_ramp,
    constant,
    cosine,
    inverse_decay,
    schedule_by_name,
)

GRID = np.linspace(0.0, 1.0, 21)


def at(schedule, **options):
    return np.array([schedule(jnp.float32(p), **options) for p in GRID])


@pytest.mark.parametrize(
    ("schedule", "options", "formula"),
    [
        (constant, {}, np.ones_like),
        (adversarial_ramp, {}, lambda p: 2 / (1 + np.exp(-10 * p)) - 1),
        (adversarial_ramp, {"gamma": 3.0}, lambda p: 2 / (1 + np.exp(-3 * p)) - 1),
        (inverse_decay, {}, lambda p: (1 + 10 * p) ** -0.75),
        (inverse_decay, {"alpha": 2.0, "power": 1.0}, lambda p: 1 / (1 + 2 * p)),
        (cosine, {}, lambda p: (1 + np.cos(np.pi * p)) / 2),
    ],
)
def test_formulas(schedule, options, formula):
    np.testing.assert_allclose(at(schedule, **options), formula(GRID), atol=1e-6)


def test_ends():
    assert float(adversarial_ramp(jnp.float32(0.0))) == 0.0
    assert 0.9998 < float(adversarial_ramp(jnp.float32(1.0))) < 1.0
    for falling in (inverse_decay, cosine):
        assert float(falling(jnp.float32(0.0))) == 1.0
        assert (np.diff(at(falling)) < 0).all()
    assert float(cosine(jnp.float32(1.0))) == pytest.approx(0.0, abs=1e-7)
    assert float(cosine(jnp.float32(1.2))) == pytest.approx(0.0, abs=1e-7)


def test_a_steep_ramp_does_not_overflow():
    assert float(adversarial_ramp(jnp.float32(1.0), gamma=1e4)) == 1.0
    slope = jax.grad(lambda p: adversarial_ramp(p, gamma=1e4))(jnp.float32(1.0))
    assert np.isfinite(slope)


@pytest.mark.parametrize("name", sorted(SCHEDULES))
def test_schedules_trace_and_keep_their_type(name):
    schedule = schedule_by_name(name)
    out = jax.eval_shape(schedule, jax.ShapeDtypeStruct((), jnp.float32))
    assert out.shape == ()
    assert out.dtype == jnp.float32
    values = jax.vmap(schedule)(jnp.asarray(GRID, jnp.float32))
    np.testing.assert_allclose(values, at(schedule), atol=1e-6)


def test_unknown_names_get_the_nearest():
    with pytest.raises(ValueError, match=r"unknown schedule 'cosin'.*'cosine'"):
        schedule_by_name("cosin")
