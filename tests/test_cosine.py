import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import network_by_name
from da_zoo.cosine import normalised_network, unit_rows


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_unit_rows(scale):
    rows = np.random.default_rng(0).normal(size=(5, 3))
    ours = unit_rows(jnp.float32(scale * rows))
    expected = [row / np.sqrt(sum(v * v for v in row)) for row in rows]
    np.testing.assert_allclose(ours, expected, rtol=1e-5)


def test_the_gradient_is_orthogonal_to_the_row_and_0_at_0(x64):
    rows = jnp.asarray(np.random.default_rng(0).normal(size=(4, 3))).at[2].set(0.0)
    weights = jnp.asarray(np.random.default_rng(1).normal(size=(4, 3)))
    slope = jax.grad(lambda r: jnp.sum(unit_rows(r) * weights))(rows)
    assert np.isfinite(slope).all()
    assert not slope[2].any()
    np.testing.assert_allclose(jnp.sum(slope * rows, axis=1), 0.0, atol=1e-12)
    norms = np.linalg.norm(rows, axis=1)
    for i in (0, 1, 3):
        unit = np.asarray(rows[i]) / norms[i]
        expected = (weights[i] - unit * np.dot(unit, weights[i])) / norms[i]
        np.testing.assert_allclose(slope[i], expected, rtol=1e-9)


def test_a_linear_head_sees_directions_alone():
    plain = network_by_name("mlp", hidden=(8, 4))
    network = normalised_network(plain, 0.05)
    assert network is normalised_network(plain, 0.05)
    x = jax.random.normal(jax.random.key(0), (6, 5))
    params, stats = network.init(jax.random.key(1), x)
    ours, new = network.apply(params, stats, x, train=True)
    theirs, same = plain.apply(params, stats, x, train=True)
    lengths = np.linalg.norm(theirs.features, axis=1, keepdims=True)
    alive = lengths[:, 0] > 0
    np.testing.assert_allclose(
        ours.features[alive], (theirs.features / lengths)[alive] / 0.05, rtol=1e-5
    )
    for a, b in zip(jax.tree.leaves(new), jax.tree.leaves(same), strict=True):
        assert np.array_equal(a, b)
    assert set(ours.stages) == set(theirs.stages)


def test_bad_temperature():
    with pytest.raises(ValueError, match="temperature must be positive, got 0"):
        normalised_network(network_by_name("mlp"), 0.0)
