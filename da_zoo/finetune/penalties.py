"""Penalties of a fine-tuning stage: terms beside the task loss, with their weights."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree

from da_zoo.classifier import Forward
from da_zoo.losses.spectral_shrinkage import batch_spectral_shrinkage
from da_zoo.network import Network
from da_zoo.settings import non_negative
from da_zoo.supervised import Alignment
from da_zoo.types import Batch, Key, Params, TrainState

__all__ = ["Penalty", "Tuned", "alignment", "bss", "l2_sp", "remember_start"]


class Tuned(NamedTuple):
    """What a term may know of the model that its stage tunes. Hashable."""

    network: Network
    batch_norm: str
    width: int
    """Outputs per head."""
    continuous: bool
    """Whether they are numbers to predict, not classes."""
    forward: Callable[[Params, TrainState, Batch], Forward]
    """As the stage trains: with its dropout and normalisation."""


class Penalty(NamedTuple):
    """A term and the traced floats that it reads from ``state.hparams``.

    Example:
        >>> from da_zoo.supervised import forward_term
        >>> term = forward_term(
        ...     lambda forward: forward.features["target_labelled"].var(),
        ...     "spread",
        ...     "constant",
        ... )
        >>> Penalty(term, (("trade_off", 0.1),)).uses
        frozenset()
    """

    term: Alignment | Callable[[Tuned], Alignment]
    """Or what builds it for the model at hand; the same object for equal models."""
    hparams: tuple[tuple[str, float], ...]
    uses: frozenset[str] = frozenset()
    """Streams that it needs beside the labelled target. The rows of a source stream are
    learned too, by the source's head."""
    source_head: bool = False
    """Whether it needs, and trains, what the source's head learned."""
    in_weights: bool = False
    """Whether it measures distances between weights, of which LoRA's are fresh."""


def alignment(term: Alignment, trade_off: float = 1.0) -> Penalty:
    """Puts a method's alignment of source and target features into a stage's step.

    The step then reads source rows and unlabelled target rows too, and learns the
    source's labels by the source's head.

    Args:
        term: as of :func:`da_zoo.supervised.discrepancy` (CORAL, MMD) or
            :func:`da_zoo.methods.dann.reversal_term`.
        trade_off: its weight, at least 0.

    Raises:
        ValueError: if the weight is negative or not finite.

    Example:
        >>> from da_zoo.losses import coral
        >>> from da_zoo.supervised import discrepancy
        >>> sorted(alignment(discrepancy(coral, "coral", "constant")).uses)
        ['source', 'target']
    """
    values = (("trade_off", non_negative("trade_off", trade_off)),)
    return Penalty(term, values, uses=frozenset({"source", "target"}))


def remember_start(params: Params, stats: dict[str, PyTree]) -> dict[str, Any]:
    """Keeps the model that a stage starts from, w0, as ``state.extra["start"]``.

    Terms that give it as their ``start`` share the one copy.

    Example:
        >>> kept = remember_start({"encoder": 1, "head_target": 2}, {"joint": 3})
        >>> kept["start"]
        {'params': {'encoder': 1}, 'stats': {'joint': 3}}
    """
    kept = {k: v for k, v in params.items() if k.startswith("encoder")}
    kept |= {k: v for k, v in params.items() if k == "head_source"}
    own = {k: v for k, v in stats.items() if k != "source"}
    return {"start": {"params": kept, "stats": own}}


def _squares(tree: PyTree) -> Float[Array, ""]:
    return sum(
        (jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(tree)), jnp.zeros(())
    )


def _encoder(params: Params) -> dict[str, Any]:
    """With the target's own scale and shift, where it has some."""
    return {k: v for k, v in params.items() if k.startswith("encoder")}


def _start(params: Params, stats: dict[str, PyTree]) -> dict[str, Any]:
    del stats
    return {"l2_sp": _encoder(params)}


def _l2_sp_loss(
    params: Params, state: TrainState, forward: Forward, key: Key
) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
    del forward, key
    start = state.extra["l2_sp"]
    moved = jax.tree.map(lambda w, w0: w - w0, _encoder(params), start)
    distance = _squares(moved)
    value = 0.5 * state.hparams["pull"] * distance
    value += 0.5 * state.hparams["head_pull"] * _squares(params["head_target"])
    return value, {"squared_distance": distance}


def l2_sp(pull: float = 0.01, head_pull: float = 0.01) -> Penalty:
    """Pulls the encoder to where it started, and the head to zero.

    ``pull / 2 * |w - w0|^2 + head_pull / 2 * |w_head|^2``, instead of weight decay: use
    it with ``Rule("", decay=False)``. Scale and shift of normalisation layers count
    too, statistics do not. w0 is where the first stage that has it begins.

    Args:
        pull: weight of the encoder's squared distance, at least 0.
        head_pull: weight of the head's squared norm, at least 0.

    Raises:
        ValueError: if a weight is negative or not finite.

    Example:
        >>> l2_sp(0.1).hparams
        (('pull', 0.1), ('head_pull', 0.01))

    References:
        Li, Grandvalet and Davoine, "Explicit Inductive Bias for Transfer Learning with
        Convolutional Networks", ICML 2018.
    """
    non_negative("pull", pull)
    non_negative("head_pull", head_pull)
    term = Alignment(_l2_sp_loss, start=_start)
    values = (("pull", pull), ("head_pull", head_pull))
    return Penalty(term, values, in_weights=True)


def _once(
    index: Int[Array, " n"], weight: Float[Array, " n"] | None
) -> Float[Array, " n"]:
    """Weighs a row 0 that came before in its batch.

    A stream shorter than a batch fills it with repeats, which lower the rank: the
    smallest singular values would be 0, and their penalty nothing.
    """
    weight = jnp.ones(index.shape[0]) if weight is None else weight
    same = (index[:, None] == index[None, :]) & (weight[None, :] > 0)
    return jnp.where(jnp.any(jnp.tril(same, k=-1), axis=1), 0.0, weight)


@functools.lru_cache(maxsize=16)
def _bss_term(count: int) -> Alignment:
    def loss(
        params: Params, state: TrainState, forward: Forward, key: Key
    ) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
        del params, key
        value = batch_spectral_shrinkage(
            forward.features["target_labelled"],
            count,
            weight=_once(
                forward.index["target_labelled"], forward.weights["target_labelled"]
            ),
        )
        return state.hparams["shrinkage"] * value, {"smallest_squares": value}

    return Alignment(loss)


def bss(shrinkage: float = 0.001, count: int = 1) -> Penalty:
    """Presses down the weakest directions of each batch's features.

    Args:
        shrinkage: weight of the penalty, at least 0.
        count: how many singular values, at least 1.

    Raises:
        ValueError: if the weight is negative or not finite, or ``count`` below 1.

    Example:
        >>> bss().hparams
        (('shrinkage', 0.001),)

    References:
        Chen et al., "Catastrophic Forgetting Meets Negative Transfer: Batch Spectral
        Shrinkage for Safe Transfer Learning", NeurIPS 2019.
    """
    non_negative("shrinkage", shrinkage)
    if count < 1:
        raise ValueError(f"count must be at least 1, got {count}")
    return Penalty(_bss_term(count), (("shrinkage", shrinkage),))
