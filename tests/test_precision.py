"""bf16 encoders: what is rounded, what is not, and that they learn the same."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import ArrayData, fit, methods, network_by_name
from da_zoo.bench import run
from da_zoo.precision import with_precision

IMAGES = jax.random.normal(jax.random.key(3), (6, 8, 8, 2))


def both(name, **options):
    """The same network in float32 and bf16, with its variables."""
    exact = network_by_name(name, **options)
    params, stats = exact.init(jax.random.key(0), IMAGES)
    return exact, network_by_name(name, precision="bf16", **options), params, stats


@pytest.mark.parametrize("name", ["mlp", "lenet"])
def test_values_and_gradients_are_close_and_float32_and_not_equal(name):
    exact, rounded, params, stats = both(name)

    def loss(params, network):
        outputs, new = network.apply(params, stats, IMAGES, train=True)
        assert outputs.features.dtype == jnp.float32
        return jnp.sum(jnp.sin(outputs.features)), new

    gradient = jax.grad(loss, has_aux=True)
    (expected, want), (got, have) = (gradient(params, n) for n in (exact, rounded))
    flat = [
        np.concatenate([np.ravel(x) for x in jax.tree.leaves(tree)])
        for tree in (expected, got)
    ]
    assert flat[1].dtype == np.float32
    cosine = flat[0] @ flat[1] / np.linalg.norm(flat[0]) / np.linalg.norm(flat[1])
    assert 0.97 < cosine < 0.99999 and not np.array_equal(*flat)
    for a, b in zip(jax.tree.leaves(want), jax.tree.leaves(have), strict=True):
        assert b.dtype == jnp.float32
        np.testing.assert_allclose(a, b, atol=0.02, rtol=0.02)


def test_batch_statistics_are_computed_in_float32():
    """A mean of 257 (no bfloat16 number) over identical rows is not rounded twice."""
    network = network_by_name("mlp", hidden=(4,), precision="bf16")
    x = jnp.ones((256, 3))
    params, stats = network.init(jax.random.key(0), x)
    _, new = network.apply(params, stats, x, train=True)
    inside = (
        x.astype(jnp.bfloat16) @ params["Dense_0"]["kernel"].astype(jnp.bfloat16)
    ).astype(jnp.float32)
    mean = new["batch_stats"]["BatchNorm_0"]["mean"]
    np.testing.assert_allclose(mean, 0.1 * inside.mean(0), rtol=1e-6)


def test_training_reaches_the_same_loss():
    generator = np.random.default_rng(0)
    y = generator.integers(0, 3, 240)
    x = (generator.normal(size=(240, 6)) + 2 * np.eye(6)[y]).astype(np.float32)
    losses = {}
    for precision in ("float32", "bf16"):
        network = network_by_name("mlp", hidden=(16,), precision=precision)
        recipe = methods.deep_coral(network, classes=3)
        data = ArrayData((x, y), x + 0.1)
        result = fit(recipe, data, jax.random.key(0), steps=150, seeds=2)
        losses[precision] = result.history["adapt/task_loss"][:, -50:].mean(axis=1)
    np.testing.assert_allclose(losses["bf16"], losses["float32"], rtol=0.1)
    assert not np.array_equal(losses["bf16"], losses["float32"])


def test_precision_is_part_of_a_row(tmp_path):
    rows = {}
    for precision in ("float32", "bf16"):
        result = run(
            scenarios=["plain_to_rot30"],
            methods=["source_only"],
            tracks="U",
            seeds=1,
            steps=3,
            precision=precision,
            out=tmp_path / precision,
            progress=False,
        )
        (rows[precision],) = result.leaderboard.rows
    assert rows["float32"]["key"] != rows["bf16"]["key"]
    assert rows["bf16"]["network"]["precision"] == "bf16"
    assert "--precision bf16" in rows["bf16"]["command"]


@pytest.mark.parametrize("call", ["network", "run", "wrapper"])
def test_unknown_precision_is_refused(call, tmp_path):
    with pytest.raises(ValueError, match=r"precision.*bf16"):
        if call == "network":
            network_by_name("mlp", precision="half")
        elif call == "run":
            run(precision="half", out=tmp_path)
        else:
            with_precision(network_by_name("mlp"), "half")
