"""NT-Xent: the contrastive loss of two views of the same rows (SimCLR)."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from da_zoo.cosine import unit_rows
from da_zoo.losses.weighting import weighted_mean, without_padding

__all__ = ["ntxent"]

_RULED_OUT = -1e9
"""Similarity of what is no candidate: probability 0, never a gradient."""


def ntxent(
    first: Float[Array, "n d"],
    second: Float[Array, "n d"],
    *,
    temperature: float | Float[Array, ""] = 0.1,
    weight: Float[Array, " n"] | None = None,
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Normalised temperature-scaled cross-entropy of telling a row's other view.

    Each of the 2n embeddings picks its other view among the 2n - 1 others, by cosine
    over ``temperature``. The losses of the two views are added, not averaged, as in
    the authors' code: n equal embeddings give 2 log(2n - 1).

    Args:
        first: embeddings of one view, [n, d]; their lengths do not count.
        second: of the other view, row by row.
        temperature: above 0; not checked, because it may be traced.
        weight: [n] row weights; a row of weight 0 is padding: nobody's candidate, and
            no part of the mean.

    Returns:
        The loss in nats, at least 0, and the share of rows whose other view is the
        nearest candidate, in [0, 1]: 1/(2n - 1) by chance, and for ties 1.

    Example:
        >>> loss, _ = ntxent(jnp.ones((8, 3)), jnp.ones((8, 3)))
        >>> round(float(loss), 4)
        5.4161

    References:
        Chen et al., "A Simple Framework for Contrastive Learning of Visual
        Representations", ICML 2020, equation 1.
    """
    n = first.shape[0]
    views = [unit_rows(without_padding(view, weight)) for view in (first, second)]
    itself = jnp.eye(n, dtype=bool)
    excluded = jnp.zeros(n, bool) if weight is None else weight <= 0
    loss: Float[Array, ""] = jnp.zeros(())
    hits: Float[Array, ""] = jnp.zeros(())
    for anchor, other in (views, views[::-1]):
        across = anchor @ other.T / temperature
        within = anchor @ anchor.T / temperature
        within = jnp.where(itself, _RULED_OUT, within)
        across, within = (
            jnp.where(excluded[None, :], _RULED_OUT, s) for s in (across, within)
        )
        candidates = jnp.concatenate([across, within], axis=1)
        positive = jnp.diagonal(across)
        own = jax.nn.logsumexp(candidates, axis=1) - positive
        loss = loss + weighted_mean(own, weight)
        found = (positive >= jnp.max(candidates, axis=1)).astype(own.dtype)
        hits = hits + weighted_mean(found, weight) / 2
    return loss, hits
