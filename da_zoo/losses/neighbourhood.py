"""Agreement with the neighbours in a bank of features, weighted by reciprocity."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

__all__ = ["Neighbours", "find_neighbours", "neighbourhood_agreement"]


GRID = 2.0**16
"""Cosines are told apart to this part of 1; of equal ones the first row counts."""


class Neighbours(NamedTuple):
    """Of a batch of rows, by their numbers in the bank."""

    near: Int[Array, "n k"]
    """The nearest rows of the bank, without the row itself."""
    expanded: Int[Array, "n k m"]
    """The nearest rows of each of those."""
    reciprocal: Float[Array, "n k"]
    """1 where the row is among its neighbour's neighbours, else 0."""


def find_neighbours(
    bank: Float[Array, "r d"],
    index: Int[Array, " n"],
    *,
    near: int,
    expanded: int,
    valid: Float[Array, " r"],
) -> Neighbours:
    """Looks the neighbours of bank rows up, by cosine.

    Args:
        bank: [r, d], rows of unit length.
        index: [n], the rows in question.
        near: how many neighbours; the bank needs more rows than that.
        expanded: how many neighbours of a neighbour.
        valid: [r]; rows where it is 0 are no one's neighbours as long as there are
            others.

    Raises:
        ValueError: if the bank has too few rows.

    Example:
        >>> angles = jnp.array([0.0, 0.1, 0.3, 2.0])
        >>> bank = jnp.stack([jnp.cos(angles), jnp.sin(angles)], axis=1)
        >>> found = find_neighbours(
        ...     bank, jnp.array([0]), near=2, expanded=1, valid=jnp.ones(4)
        ... )
        >>> found.near[0].tolist(), found.expanded[0, :, 0].tolist()
        ([1, 2], [0, 1])
        >>> found.reciprocal[0].tolist()
        [1.0, 0.0]

    References:
        Yang et al., "Exploiting the Intrinsic Neighborhood Structure for Source-free
        Domain Adaptation", NeurIPS 2021, section 3.
    """
    rows = bank.shape[0]
    if max(near, expanded) >= rows:
        raise ValueError(
            f"{max(near, expanded)} neighbours need more rows than the {rows} there "
            "are; ask for fewer neighbours"
        )
    bank = jax.lax.stop_gradient(bank)

    def nearest(queries: Int[Array, " q"], count: int) -> Int[Array, "q c"]:
        # Rows of one direction tie; rounding must not decide between them.
        cosine = jnp.round(bank[queries] @ bank.T * GRID) / GRID
        cosine = jnp.where(valid[None, :] > 0, cosine, -2.0)
        itself = queries[:, None] == jnp.arange(rows)[None, :]
        return jax.lax.top_k(jnp.where(itself, -3.0, cosine), count)[1]

    first = nearest(index, near)
    second = nearest(first.reshape(-1), expanded).reshape(*first.shape, expanded)
    back = jnp.any(second == index[:, None, None], axis=2)
    return Neighbours(first, second, back.astype(jnp.float32))


def neighbourhood_agreement(
    probabilities: Float[Array, "n k"],
    scores: Float[Array, "r k"],
    found: Neighbours,
    *,
    affinity: float | Float[Array, ""] = 0.1,
) -> dict[str, Float[Array, " n"]]:
    """How far each prediction agrees with the bank's scores of its neighbours.

    An agreement is the inner product of two distributions. Reciprocal neighbours count
    1, others ``affinity``; neighbours of neighbours always count ``affinity``.

    Args:
        probabilities: [n, k], of the rows in question; gradients flow into these.
        scores: [r, k], the bank's; constants.
        found: who the neighbours are.
        affinity: r in the paper, 0.1.

    Returns:
        [n] each: "near", "expanded" and "self" (with a constant copy of itself). A loss
        is minus their mean.

    Example:
        >>> found = Neighbours(jnp.array([[1]]), jnp.array([[[0]]]), jnp.ones((1, 1)))
        >>> p, bank = jnp.array([[1.0, 0.0]]), jnp.array([[1.0, 0.0], [0.5, 0.5]])
        >>> {k: float(v[0]) for k, v in neighbourhood_agreement(p, bank, found).items()}
        {'near': 0.5, 'expanded': 0.10000000149011612, 'self': 1.0}

    References:
        Yang et al., "Exploiting the Intrinsic Neighborhood Structure for Source-free
        Domain Adaptation", NeurIPS 2021, equations 3 to 6.
    """
    scores = jax.lax.stop_gradient(scores)
    weights = jnp.where(found.reciprocal > 0, 1.0, affinity)
    near = jnp.einsum("nk,njk,nj->n", probabilities, scores[found.near], weights)
    wide = jnp.einsum("nk,njmk->n", probabilities, scores[found.expanded])
    own = jnp.sum(probabilities * jax.lax.stop_gradient(probabilities), axis=1)
    return {"near": near, "expanded": affinity * wide, "self": own}
