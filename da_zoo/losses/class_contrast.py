"""Contrast with queues of keys per class, as in Bi-Tuning: no loop over rows."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from da_zoo.losses.weighting import weighted_mean, without_padding

__all__ = ["class_contrast", "queue_places"]

RULED_OUT = -1e9


def class_contrast(
    own: Float[Array, " n"],
    queued: Float[Array, "n c k"],
    filled: Bool[Array, "c k"],
    labels: Int[Array, " n"],
    *,
    weight: Float[Array, " n"] | None = None,
) -> Float[Array, ""]:
    """Mean cross-entropy between keys of a row's class and all keys.

    A row's keys are its own and those in the queues; the positives are its own and its
    class's queue, each with an equal share.

    Args:
        own: [n], similarity to the row's own key, over the temperature.
        queued: [n, c, k], similarity to the k keys of each of c classes, likewise.
        filled: [c, k], which places of the queues hold a key.
        labels: [n], 0..c-1.
        weight: [n], 0 = padding.

    Returns:
        Nats, at least 0: log of the number of positives where nothing else scores.

    Example:
        >>> queued, filled = jnp.zeros((1, 2, 1)), jnp.array([[False], [True]])
        >>> loss = class_contrast(jnp.zeros(1), queued, filled, jnp.array([0]))
        >>> round(float(loss), 4)  # its own key against one negative
        0.6931

    References:
        Zhong et al., "Bi-tuning of Pre-trained Representations", 2020, equations 3 and
        5.
    """
    n = own.shape[0]
    scores = jnp.where(filled[None], without_padding(queued, weight), RULED_OUT)
    same = labels[:, None] == jnp.arange(filled.shape[0])[None, :]
    positive = same[:, :, None] & filled[None]
    both = jnp.concatenate(
        [without_padding(own, weight)[:, None], scores.reshape(n, -1)], axis=1
    )
    chosen = jnp.concatenate([jnp.ones((n, 1), bool), positive.reshape(n, -1)], axis=1)
    logs = jnp.where(chosen, jax.nn.log_softmax(both, axis=1), 0.0)
    return weighted_mean(-jnp.sum(logs, axis=1) / jnp.sum(chosen, axis=1), weight)


def queue_places(
    labels: Int[Array, " n"],
    count: Int[Array, " c"],
    size: int,
    weight: Float[Array, " n"] | None = None,
) -> tuple[Int[Array, " n"], Int[Array, " n"], Int[Array, " c"]]:
    """Where in queues per class the rows of a batch go, oldest keys first out.

    Args:
        labels: [n], 0..c-1.
        count: [c], how many keys each queue has been given so far.
        size: of a queue.
        weight: [n]; rows of weight 0 go nowhere.

    Returns:
        [n] class and [n] place of each row, for ``queue.at[class, place].set(keys,
        mode="drop")`` (a row that goes nowhere, or that later rows of the batch would
        overwrite, has the class c, which there is not), and the new count.

    Example:
        >>> labels, count = jnp.array([1, 0, 1]), jnp.array([0, 3])
        >>> classes, places, count = queue_places(labels, count, 4)
        >>> classes.tolist(), places.tolist(), count.tolist()
        ([1, 0, 1], [3, 0, 0], [1, 5])
    """
    classes = count.shape[0]
    member = labels[:, None] == jnp.arange(classes)[None, :]
    if weight is not None:
        member = member & (weight > 0)[:, None]
    member = member.astype(count.dtype)
    total = jnp.sum(member, axis=0)
    rank = jnp.sum((jnp.cumsum(member, axis=0) - 1) * member, axis=1)
    counts = jnp.any(member > 0, axis=1) & (rank >= total[labels] - size)
    place = (count[labels] + rank) % size
    return jnp.where(counts, labels, classes), place, count + total
