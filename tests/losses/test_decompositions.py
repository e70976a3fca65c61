"""Decompositions: NumPy's in float64, and never a batch of matrices on a CPU."""

import pathlib
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import da_zoo
from da_zoo.losses.decompositions import eigh, nuclear_norm, svd
from da_zoo.losses.log_coral import log_coral
from da_zoo.losses.prediction import batch_nuclear_norm
from da_zoo.losses.subspace import subspace_distance


@pytest.fixture
def matrices():
    return np.random.default_rng(0).normal(size=(3, 6, 4))


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (5, 5)])
def test_svd_is_that_of_numpy(shape):
    matrix = np.random.default_rng(1).normal(size=shape)
    u, s, vt = map(np.asarray, svd(jnp.asarray(matrix, jnp.float32)))
    np.testing.assert_allclose(
        s, np.linalg.svd(matrix, compute_uv=False), rtol=1e-5, atol=1e-6
    )
    np.testing.assert_allclose(u * s @ vt, matrix, atol=1e-5)


def test_eigh_is_that_of_numpy(matrices):
    symmetric = matrices[0].T @ matrices[0]
    values, vectors = map(np.asarray, eigh(jnp.asarray(symmetric, jnp.float32)))
    np.testing.assert_allclose(values, np.linalg.eigvalsh(symmetric), rtol=1e-4)
    np.testing.assert_allclose(vectors * values @ vectors.T, symmetric, atol=1e-4)


def test_vmapped_is_one_by_one(matrices):
    stacked = jnp.asarray(matrices, jnp.float32)
    symmetric = jnp.swapaxes(stacked, 1, 2) @ stacked
    for function, inputs in ((svd, stacked), (eigh, symmetric)):
        together = jax.jit(jax.vmap(function))(inputs)
        alone = [function(matrix) for matrix in inputs]
        for index, part in enumerate(together):
            np.testing.assert_allclose(
                part, jnp.stack([each[index] for each in alone]), atol=1e-5
            )


def test_nuclear_norm_and_its_gradient(matrices):
    matrix, step = matrices[0], 1e-6
    norm = lambda m: np.linalg.svd(m, compute_uv=False).sum()  # noqa: E731
    value, gradient = jax.value_and_grad(nuclear_norm)(jnp.asarray(matrix, jnp.float32))
    np.testing.assert_allclose(value, norm(matrix), rtol=1e-5)
    expected = np.zeros_like(matrix)
    for index in np.ndindex(matrix.shape):
        moved = np.zeros_like(matrix)
        moved[index] = step
        expected[index] = (norm(matrix + moved) - norm(matrix - moved)) / (2 * step)
    np.testing.assert_allclose(gradient, expected, atol=1e-4)


def test_nuclear_norm_of_low_rank_has_a_finite_gradient():
    rank_one = jnp.outer(jnp.arange(1.0, 5.0), jnp.ones(3))
    gradient = jax.grad(nuclear_norm)(rank_one)
    assert np.isfinite(gradient).all()
    # A subgradient: the norm never grows slower than it says.
    for seed in range(5):
        direction = np.random.default_rng(seed).normal(size=(4, 3)).astype(np.float32)
        bound = nuclear_norm(rank_one) + jnp.sum(gradient * direction)
        assert nuclear_norm(rank_one + direction) >= bound - 1e-3


def _features(seeds: int):
    rng = np.random.default_rng(2)
    return jnp.asarray(rng.normal(size=(seeds, 12, 5)), jnp.float32)


@pytest.mark.parametrize(
    "loss",
    [
        lambda x: log_coral(x, x + 1.0),
        lambda x: batch_nuclear_norm(x),
        lambda x: subspace_distance(x, 2.0 * x + 1.0)[0],
    ],
    ids=["log_coral", "batch_nuclear_norm", "subspace_distance"],
)
def test_seeds_trained_together_hand_lapack_one_matrix_at_a_time(loss):
    # A batch of them waits in XLA:CPU's own pool of threads: two deadlock.
    program = jax.jit(jax.vmap(jax.grad(lambda x: jnp.sum(loss(x)))))
    text = program.lower(_features(3)).as_text()
    calls = [line for line in text.splitlines() if "@lapack_" in line]
    assert calls, "the loss decomposes nothing"
    for call in calls:
        shapes = re.findall(r"tensor<([0-9x]+)xf32>", call)
        for shape in shapes:
            sides = shape.split("x")
            assert len(sides) <= 2 or set(sides[:-2]) == {"1"}, call


def test_only_the_decompositions_call_lapack():
    root = pathlib.Path(da_zoo.__file__).parent
    callers = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        if re.search(
            r"(jnp|jax\.numpy|jax\.scipy|jsp|lax)\.linalg\.(?!norm\b)",
            path.read_text(encoding="utf-8"),
        )
    }
    assert callers == {"losses/decompositions.py"}
