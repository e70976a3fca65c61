"""Penalties of a fine-tuning stage: terms beside the task loss, with their weights."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from da_zoo.classifier import Forward
from da_zoo.losses.spectral_shrinkage import batch_spectral_shrinkage
from da_zoo.supervised import Alignment
from da_zoo.types import Key, Params, TrainState

__all__ = ["Penalty", "bss", "l2_sp"]


class Penalty(NamedTuple):
    """A term and the traced floats that it reads from ``state.hparams``."""

    term: Alignment
    hparams: tuple[tuple[str, float], ...]


def _squares(tree: PyTree) -> Float[Array, ""]:
    return sum(
        (jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(tree)), jnp.zeros(())
    )


def _start(params: Params) -> dict[str, Any]:
    return {"l2_sp": params["encoder"]}


def _l2_sp_loss(
    params: Params, state: TrainState, forward: Forward, key: Key
) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
    del forward, key
    moved = jax.tree.map(
        lambda w, start: w - start, params["encoder"], state.extra["l2_sp"]
    )
    distance = _squares(moved)
    value = 0.5 * state.hparams["l2_sp"] * distance
    value += 0.5 * state.hparams["l2_head"] * _squares(params["head_target"])
    return value, {"squared_distance": distance}


def l2_sp(weight: float = 0.01, head_weight: float = 0.01) -> Penalty:
    """Pulls the encoder to where it started, and the head to zero.

    ``weight / 2 * |w - w0|^2 + head_weight / 2 * |w_head|^2``; use it instead of weight
    decay. Scale and shift of normalisation layers count too, statistics do not.

    Args:
        weight: of the encoder's squared distance, at least 0.
        head_weight: of the head's squared norm, at least 0.

    Raises:
        ValueError: if a weight is negative or not finite.

    Example:
        >>> l2_sp(0.1).hparams
        (('l2_sp', 0.1), ('l2_head', 0.01))

    References:
        Li, Grandvalet and Davoine, "Explicit Inductive Bias for Transfer Learning with
        Convolutional Networks", ICML 2018.
    """
    _check("weight", weight)
    _check("head_weight", head_weight)
    term = Alignment(_l2_sp_loss, start=_start)
    return Penalty(term, (("l2_sp", weight), ("l2_head", head_weight)))


@functools.lru_cache(maxsize=16)
def _bss_term(k: int) -> Alignment:
    def loss(
        params: Params, state: TrainState, forward: Forward, key: Key
    ) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
        del params, key
        value = batch_spectral_shrinkage(
            forward.features["target_labelled"],
            k,
            weight=forward.weights["target_labelled"],
        )
        return state.hparams["bss"] * value, {"smallest_squares": value}

    return Alignment(loss)


def bss(weight: float = 0.001, k: int = 1) -> Penalty:
    """Presses down the k weakest directions of each batch's features.

    Args:
        weight: of the penalty, at least 0.
        k: how many singular values, at least 1.

    Raises:
        ValueError: if the weight is negative or not finite, or ``k`` below 1.

    Example:
        >>> bss().hparams
        (('bss', 0.001),)

    References:
        Chen et al., "Catastrophic Forgetting Meets Negative Transfer: Batch Spectral
        Shrinkage for Safe Transfer Learning", NeurIPS 2019.
    """
    _check("weight", weight)
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    return Penalty(_bss_term(k), (("bss", weight),))


def _check(name: str, value: float) -> None:
    if not 0 <= value < float("inf"):
        raise ValueError(f"{name} must be finite and at least 0, got {value}")
