"""Neighbours and their agreement against loops over float64 rows."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo.losses.neighbourhood import (
    Neighbours,
    find_neighbours,
    neighbourhood_agreement,
)

RNG = np.random.default_rng(0)
BANK = RNG.normal(size=(20, 3))
BANK /= np.linalg.norm(BANK, axis=1, keepdims=True)
SCORES = RNG.dirichlet(np.ones(4), size=20)
INDEX = np.array([3, 0, 17, 9])
NEAR, EXPANDED = 4, 3


def ranked(i, count, valid=None):
    """Numbers of the rows that make the smallest angles with row i, without it."""
    others = [j for j in range(len(BANK)) if j != i and (valid is None or valid[j] > 0)]
    return sorted(others, key=lambda j: -float(BANK[i] @ BANK[j]))[:count]


def test_neighbours_against_numpy(x64):
    found = find_neighbours(
        jnp.asarray(BANK),
        jnp.asarray(INDEX),
        near=NEAR,
        expanded=EXPANDED,
        valid=jnp.ones(20),
    )
    reciprocal = []
    for row, i in enumerate(INDEX):
        near = ranked(i, NEAR)
        assert found.near[row].tolist() == near
        for column, j in enumerate(near):
            wide = ranked(j, EXPANDED)
            assert found.expanded[row, column].tolist() == wide
            assert float(found.reciprocal[row, column]) == float(i in wide)
            reciprocal.append(i in wide)
    assert {True, False} == set(reciprocal)


def test_invalid_rows_are_nobodys_neighbours(x64):
    valid = np.ones(20)
    valid[[1, 5, 12]] = 0
    found = find_neighbours(
        jnp.asarray(BANK),
        jnp.asarray(INDEX),
        near=NEAR,
        expanded=EXPANDED,
        valid=jnp.asarray(valid),
    )
    seen = set(np.asarray(found.near).ravel()) | set(np.asarray(found.expanded).ravel())
    assert not seen & {1, 5, 12}
    for row, i in enumerate(INDEX):
        assert found.near[row].tolist() == ranked(i, NEAR, valid)


def test_a_row_is_never_its_own_neighbour_even_among_copies():
    bank = jnp.tile(jnp.array([[1.0, 0.0]]), (6, 1))
    found = find_neighbours(
        bank, jnp.array([2, 4]), near=3, expanded=2, valid=jnp.ones(6)
    )
    for row, i in enumerate((2, 4)):
        assert i not in found.near[row].tolist()


def test_agreement_against_loops(x64):
    found = find_neighbours(
        jnp.asarray(BANK),
        jnp.asarray(INDEX),
        near=NEAR,
        expanded=EXPANDED,
        valid=jnp.ones(20),
    )
    p = RNG.dirichlet(np.ones(4), size=4)
    ours = neighbourhood_agreement(
        jnp.asarray(p), jnp.asarray(SCORES), found, affinity=0.2
    )
    for row, i in enumerate(INDEX):
        near = wide = 0.0
        for j in ranked(i, NEAR):
            weight = 1.0 if i in ranked(j, EXPANDED) else 0.2
            near += weight * sum(p[row, c] * SCORES[j, c] for c in range(4))
            for m in ranked(j, EXPANDED):
                wide += 0.2 * sum(p[row, c] * SCORES[m, c] for c in range(4))
        np.testing.assert_allclose(ours["near"][row], near, rtol=1e-9)
        np.testing.assert_allclose(ours["expanded"][row], wide, rtol=1e-9)
        np.testing.assert_allclose(ours["self"][row], np.sum(p[row] ** 2), rtol=1e-9)


def test_gradients_reach_the_predictions_and_no_bank():
    found = Neighbours(
        jnp.array([[1, 2]]), jnp.array([[[0], [3]]]), jnp.array([[1.0, 0.0]])
    )

    def loss(p, scores):
        terms = neighbourhood_agreement(p, scores, found)
        return -sum(jnp.sum(v) for v in terms.values())

    p, scores = jnp.asarray(SCORES[:1], jnp.float32), jnp.asarray(SCORES, jnp.float32)
    into_p, into_bank = jax.grad(loss, argnums=(0, 1))(p, scores)
    assert not np.asarray(into_bank).any()
    # Of p . p only one factor is a variable.
    expected = scores[1] + 0.1 * scores[2] + 0.1 * (scores[0] + scores[3]) + p[0]
    np.testing.assert_allclose(into_p[0], -expected, rtol=1e-6)


def test_too_small_a_bank_is_named():
    with pytest.raises(ValueError, match="fewer neighbours"):
        find_neighbours(
            jnp.eye(3), jnp.array([0]), near=3, expanded=1, valid=jnp.ones(3)
        )


def test_rows_of_one_direction_tie_whatever_their_rounding():
    """The order of rows decides, not the last bit of a cosine."""
    direction = jnp.array([0.6, 0.8])
    bank = direction[None, :] * (1.0 + 1e-6 * jnp.arange(6.0))[:, None]
    found = find_neighbours(bank, jnp.array([2]), near=3, expanded=1, valid=jnp.ones(6))
    assert found.near[0].tolist() == [0, 1, 3]
