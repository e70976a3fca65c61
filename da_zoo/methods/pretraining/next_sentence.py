"""Next sentence: tell whether one segment of text followed another (BERT)."""

import functools
from collections.abc import Mapping
from typing import Any, Unpack

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Shaped

from da_zoo.losses.classification import cross_entropy
from da_zoo.losses.weighting import weighted_mean
from da_zoo.methods.pretraining.masked_tokens import SPEC as MASKED_TOKENS
from da_zoo.methods.pretraining.objective import (
    Objective,
    Prepared,
    resolve_pretraining,
    self_supervised,
)
from da_zoo.methods.pretraining.spec import TaskSpec
from da_zoo.methods.pretraining.vocabulary import check_id, check_texts
from da_zoo.network import Network, make_head
from da_zoo.settings import Settings
from da_zoo.types import Examples, Key, Outputs, Params, Recipe

__all__ = ["exchange_rows", "join_segments", "next_sentence"]


def join_segments(
    first: Int[Array, "n a"],
    second: Int[Array, "n b"],
    *,
    cls_id: int,
    sep_id: int,
    pad_id: int,
) -> dict[str, Int[Array, "n t"]]:
    """Joins two segments: [CLS] first [SEP] second [SEP], and padding behind it all.

    Args:
        first: ids [n, a], padded anywhere.
        second: ids [n, b].
        cls_id: of [CLS].
        sep_id: of [SEP].
        pad_id: of padding.

    Returns:
        "tokens" and "segments" [n, a + b + 3]; segment 1 is ``second`` and its [SEP].

    Example:
        >>> joined = join_segments(
        ...     jnp.array([[7, 0]]), jnp.array([[8, 9]]), cls_id=1, sep_id=2, pad_id=0
        ... )
        >>> joined["tokens"].tolist(), joined["segments"].tolist()
        ([[1, 7, 2, 8, 9, 2, 0]], [[0, 0, 0, 1, 1, 1, 0]])
    """
    n = first.shape[0]

    def column(value: int) -> Array:
        return jnp.full((n, 1), value, first.dtype)

    parts = [column(cls_id), first, column(sep_id), second, column(sep_id)]
    tokens = jnp.concatenate(parts, axis=1)
    before = first.shape[1] + 2
    segments = (jnp.arange(tokens.shape[1]) >= before).astype(jnp.int32)
    segments = jnp.broadcast_to(segments[None], tokens.shape)
    order = jnp.argsort(tokens == pad_id, axis=1, stable=True)
    tokens = jnp.take_along_axis(tokens, order, axis=1)
    segments = jnp.take_along_axis(segments, order, axis=1)
    return {"tokens": tokens, "segments": jnp.where(tokens == pad_id, 0, segments)}


def exchange_rows(
    key: Key, rows: int, weight: Float[Array, " n"] | None = None
) -> tuple[Int[Array, " n"], Bool[Array, " n"]]:
    """Draws, for half of the rows, another row to take the second segment from.

    Args:
        key: of the draws.
        rows: n.
        weight: [n]; rows of weight 0 are padding, from which nothing is taken.

    Returns:
        Where each row's second segment comes from, [n], and whether that is its own.
        A row is never drawn to replace itself, unless it is the only one.

    Example:
        >>> taken, own = exchange_rows(jax.random.key(0), 4)
        >>> bool(((taken == jnp.arange(4)) == own).all())
        True
    """
    key_swap, key_other = jax.random.split(key)
    counts = jnp.ones(rows, bool) if weight is None else weight > 0
    total = jnp.maximum(jnp.sum(counts), 1)
    # The rows that count, first; where each stands among them.
    order = jnp.argsort(~counts, stable=True)
    rank = jnp.clip(jnp.cumsum(counts) - 1, 0)
    offset = jax.random.randint(key_other, (rows,), 1, jnp.maximum(total, 2))
    other = order[(rank + offset) % total]
    itself = jnp.arange(rows)
    swapped = jax.random.bernoulli(key_swap, 0.5, (rows,)) & counts
    taken = jnp.where(swapped, other, itself)
    return taken, taken == itself


@functools.lru_cache(maxsize=64)
def _objective(cls_id: int, sep_id: int, pad_id: int) -> Objective:
    join = functools.partial(join_segments, cls_id=cls_id, sep_id=sep_id, pad_id=pad_id)

    def view(x: Array) -> dict[str, Array]:
        pairs = x.astype(jnp.int32)
        return join(pairs[:, 0], pairs[:, 1])

    def prepare(key: Key, rows: Examples, hparams: dict[str, Array]) -> Prepared:
        del hparams
        if rows.x.ndim != 3 or rows.x.shape[1] != 2:
            raise ValueError(
                f"token ids must have shape [n, 2, length], got {list(rows.x.shape)}"
            )
        pairs = rows.x.astype(jnp.int32)
        taken, follows = exchange_rows(key, pairs.shape[0], rows.weight)
        x = join(pairs[:, 0], pairs[taken, 1])
        return Prepared(x, rows.weight, follows.astype(jnp.int32))

    def init(key: Key, prepared: Prepared, outputs: Outputs) -> Params:
        del prepared
        return {"next_head": make_head(outputs.features.shape[1], 2).init(key)}

    def loss(
        params: Params, outputs: Outputs, prepared: Prepared, hparams: dict[str, Array]
    ) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
        del hparams
        head = make_head(outputs.features.shape[1], 2)
        logits = head.apply(params["next_head"], outputs.features)
        right = (jnp.argmax(logits, axis=1) == prepared.goal).astype(logits.dtype)
        return cross_entropy(logits, prepared.goal, weight=prepared.weight), {
            "accuracy": weighted_mean(right, prepared.weight)
        }

    return Objective(prepare, init, loss, view)


def next_sentence(
    network: Network,
    *,
    vocabulary: int,
    cls_id: int,
    sep_id: int,
    pad_id: int = 0,
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds next-sentence prediction on pairs of segments that follow each other.

    Half of the second segments are taken from another row of the batch.

    Args:
        network: an encoder of texts with segments, for texts of 2 length + 3 tokens.
        vocabulary: number of token ids, the network's own.
        cls_id: of [CLS], which is put in front.
        sep_id: of [SEP], which is put behind each segment.
        pad_id: of padding.
        **settings: see :func:`resolve_pretraining`.

    Returns:
        One phase, which reads the unlabelled stream "target": ids [n, 2, length],
        int32, without [CLS] and [SEP]. Predictions take pairs too.

    Raises:
        ValueError: for an invalid setting or id; before training, for inputs of
            another shape or texts too long for the network.

    Example:
        >>> from da_zoo import network_by_name
        >>> network = network_by_name("bert", vocabulary=30, width=8, depth=1, heads=2)
        >>> recipe = next_sentence(network, vocabulary=30, cls_id=1, sep_id=2)
        >>> [phase.name for phase in recipe]
        ['pretrain']

    References:
        Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers for
        Language Understanding", NAACL 2019, section 3.1.
    """
    ids = {"cls_id": cls_id, "sep_id": sep_id, "pad_id": pad_id}
    for name, value in ids.items():
        check_id(name, value, vocabulary)
    if len(set(ids.values())) < len(ids):
        raise ValueError(f"[CLS], [SEP] and padding must have ids of their own: {ids}")
    training = resolve_pretraining(**settings)
    return self_supervised(network, _objective(cls_id, sep_id, pad_id), training, {})


def _check(x: Shaped[np.ndarray, "n ..."], options: Mapping[str, Any]) -> None:
    check_texts(x, options["vocabulary"], 3)


SPEC = TaskSpec(
    name="next_sentence",
    factory=next_sentence,
    summary="Tell whether the second of two segments followed the first (BERT).",
    inputs="tokens",
    paper=MASKED_TOKENS.paper,
    year=MASKED_TOKENS.year,
    bibtex=MASKED_TOKENS.bibtex,
    departures=(
        "Other segments come from the batch, not from the whole corpus. Alone: "
        "masked_tokens is a task of its own, and one may start from the other."
    ),
    check=_check,
)
