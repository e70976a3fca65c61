"""MixUp: train on convex combinations of labelled rows, in the step."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree

from da_zoo.classifier import Forward
from da_zoo.compose import named_key
from da_zoo.losses.classification import cross_entropy
from da_zoo.losses.regression import squared_error
from da_zoo.supervised import Alignment
from da_zoo.types import Batch, Key, Params, TrainState

__all__ = ["MIXUP", "mixed_forward"]

STREAM = "target_labelled"
SMALLEST = 1e-3
"""Of a beta distribution's parameter: at 0 there is none."""


def _draw(
    state: TrainState, weight: Float[Array, " n"]
) -> tuple[Float[Array, " n"], Int[Array, " n"]]:
    """Each row's share of itself, and its partner: one share for the batch.

    A row whose partner is padding keeps to itself.
    """
    key = named_key(jax.random.fold_in(state.key, state.step), "mixup")
    alpha = jnp.maximum(state.hparams["mixup"], SMALLEST)
    share = jax.random.beta(named_key(key, "share"), alpha, alpha)
    partner = jax.random.permutation(named_key(key, "partner"), weight.shape[0])
    return jnp.where(weight[partner] > 0, share, 1.0), partner


def _mix(
    x: PyTree, share: Float[Array, " n"], partner: Int[Array, " n"]
) -> PyTree[Float[Array, "n ..."]]:
    def leaf(own: Array) -> Array:
        if not jnp.issubdtype(own.dtype, jnp.floating):
            raise ValueError(
                f"mixup needs continuous inputs, got {own.dtype}: set mixup=0"
            )
        by = share.astype(own.dtype).reshape(-1, *(1 for _ in own.shape[1:]))
        # Padding may hold NaN: it is nobody's partner, so select it away.
        other = jnp.where(by < 1, own[partner], own)
        return by * own + (1 - by) * other

    return jax.tree.map(leaf, x)


@functools.lru_cache(maxsize=256)
def mixed_forward(forward: Callable[..., Forward]) -> Callable[..., Forward]:
    """Mixes the inputs of labelled target rows before a model sees them.

    Goes together with the term :data:`MIXUP`, which draws the same shares and mixes the
    losses; ``hparams["mixup"]`` is the beta distribution's parameter.

    Args:
        forward: of a classifier.

    Raises:
        ValueError: when traced, if inputs are not floats (tokens, say).

    References:
        Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR 2018; one share
        per batch, as in their code.
    """

    def mixed(params: Params, state: TrainState, batch: Batch) -> Forward:
        rows: Any = batch.target_labelled
        weight = rows.labelled.astype(jnp.float32)
        if rows.weight is not None:
            weight = weight * rows.weight
        x = _mix(rows.x, *_draw(state, weight))
        return forward(
            params, state, batch._replace(target_labelled=rows._replace(x=x))
        )

    return mixed


def _other_labels(
    params: Params, state: TrainState, forward: Forward, key: Key
) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
    """What turns the loss of the own labels into the mixture with the partners'."""
    del params, key
    logits, labels = forward.logits[STREAM], forward.labels[STREAM]
    weight: Any = forward.weights[STREAM]
    share, partner = _draw(state, weight)
    loss: Any = cross_entropy if labels.ndim == 1 else squared_error
    away = weight * (1.0 - share)
    gap = loss(logits, labels[partner], weight=away) - loss(logits, labels, weight=away)
    total = jnp.sum(weight)
    return gap * jnp.sum(away) / jnp.where(total > 0, total, 1.0), {}


MIXUP = Alignment(_other_labels)
"""The term beside the task loss of rows mixed by :func:`mixed_forward`."""
