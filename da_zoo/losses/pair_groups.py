"""Pairs of rows by whether they share their class and their domain."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from da_zoo.losses.weighting import without_padding
from da_zoo.types import Key

__all__ = ["GROUPS", "pair_groups", "random_partners"]

GROUPS = ("same, source", "same, target", "different, source", "different, target")
"""Class of a source row's partner against its own, and the partner's domain."""


def random_partners(
    key: Key, allowed: Bool[Array, "n m"]
) -> tuple[Int[Array, " n"], Bool[Array, " n"]]:
    """Draws for each row one of the columns that it may pair with, evenly.

    Args:
        key: of the draw.
        allowed: [n, m].

    Returns:
        A column for each row (0 where none is allowed), and whether one is.

    Example:
        >>> allowed = jnp.array([[False, True], [False, False]])
        >>> index, found = random_partners(jax.random.key(0), allowed)
        >>> index.tolist(), found.tolist()
        ([1, 0], [True, False])
    """
    noise = jax.random.uniform(key, allowed.shape)
    index = jnp.argmax(jnp.where(allowed, noise, -1.0), axis=1)
    return index, jnp.any(allowed, axis=1)


def pair_groups(
    key: Key,
    features_source: Float[Array, "n d"],
    labels_source: Int[Array, " n"],
    features_target: Float[Array, "m d"],
    labels_target: Int[Array, " m"],
    *,
    weight_source: Float[Array, " n"] | None = None,
    weight_target: Float[Array, " m"] | None = None,
) -> tuple[Float[Array, "4 n e"], Float[Array, "4 n"]]:
    """Pairs each source row with one random row of each of the four groups.

    Args:
        key: of the draws.
        features_source: [n, d].
        labels_source: [n].
        features_target: [m, d] of LABELLED target rows.
        labels_target: [m], of the same label space.
        weight_source: [n], 0 = padding, which pairs with nothing.
        weight_target: [m], likewise.

    Returns:
        Pairs [4, n, 2 d] in the order of ``GROUPS``, and their weights [4, n]: that of
        the source row, 0 where the batch has no partner for it.

    Example:
        >>> x, y = jnp.eye(3), jnp.array([0, 0, 1])
        >>> pairs, weight = pair_groups(jax.random.key(0), x, y, 2 * x[:1], y[:1])
        >>> weight.tolist()[:2]
        [[1.0, 1.0, 0.0], [1.0, 1.0, 0.0]]
        >>> pairs[1, 0].tolist()
        [1.0, 0.0, 0.0, 2.0, 0.0, 0.0]

    References:
        Motiian et al., "Few-Shot Adversarial Domain Adaptation", NeurIPS 2017.
    """
    n = features_source.shape[0]
    w_s = jnp.ones(n) if weight_source is None else weight_source
    w_t = jnp.ones(features_target.shape[0]) if weight_target is None else weight_target
    f_s = without_padding(features_source, w_s)
    f_t = without_padding(features_target, w_t)
    same_s = labels_source[:, None] == labels_source[None, :]
    same_t = labels_source[:, None] == labels_target[None, :]
    itself = jnp.eye(n, dtype=bool)
    counts_s, counts_t = (w_s > 0)[None, :], (w_t > 0)[None, :]
    groups = (
        (f_s, same_s & ~itself & counts_s),
        (f_t, same_t & counts_t),
        (f_s, ~same_s & counts_s),
        (f_t, ~same_t & counts_t),
    )
    pairs, weights = [], []
    for i, (others, allowed) in enumerate(groups):
        index, found = random_partners(jax.random.fold_in(key, i), allowed)
        pairs.append(jnp.concatenate([f_s, others[index]], axis=1))
        weights.append(w_s * found)
    return jnp.stack(pairs), jnp.stack(weights)
