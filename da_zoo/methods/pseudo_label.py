"""Pseudo-label: train on the target with the model's own predictions as labels."""

import functools
from collections.abc import Mapping
from typing import Any, Unpack

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from da_zoo.classifier import task_loss
from da_zoo.compose import progress
from da_zoo.losses.pseudo_labels import pseudo_label_loss, pseudo_labels
from da_zoo.network import Network
from da_zoo.registry import Hyperparameter, MethodSpec
from da_zoo.self_training import (
    ForwardFn,
    SelfTraining,
    check_fraction,
    linear_ramp,
    self_trained,
)
from da_zoo.settings import Settings, resolve_classes, resolve_settings
from da_zoo.types import Aux, Batch, Key, Params, Recipe, TrainState

__all__ = ["pseudo_label"]


@functools.lru_cache(maxsize=1)
def _method() -> SelfTraining:
    def loss(
        forward: ForwardFn, params: Params, state: TrainState, batch: Batch, key: Key
    ) -> tuple[Float[Array, ""], Aux]:
        del key
        seen = forward(params, state, batch)
        task, metrics = task_loss(seen, batch)
        hparams, logits = state.hparams, seen.logits["target"]
        labels, kept = pseudo_labels(
            jax.nn.softmax(logits, axis=1), hparams["threshold"]
        )
        term = pseudo_label_loss(logits, labels, kept, weight=seen.weights["target"])
        ramp = linear_ramp(progress(state), hparams["ramp_begin"], hparams["ramp_end"])
        metrics |= {"pseudo_label_loss": term, "kept": jnp.mean(kept)}
        total = task + hparams["trade_off"] * ramp * term
        return total, Aux(seen.stats, metrics, state.extra)

    return SelfTraining(loss)


def pseudo_label(
    network: Network,
    *,
    classes: int | Mapping[str, int],
    trade_off: float = 3.0,
    threshold: float = 0.0,
    ramp_begin: float = 0.1,
    ramp_end: float = 0.6,
    labelled_target: bool = False,
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds training with pseudo-labels of the target, drawn anew at every step.

    The cross-entropy with the likeliest class of each target row is added to the task
    loss with a weight that is 0 until ``ramp_begin``, rises linearly until
    ``ramp_end`` and is ``trade_off`` from then on.

    Args:
        network: the encoder.
        classes: number of classes, or {"source": a, "target": b} (then with
            ``labelled_target``).
        trade_off: the largest weight of the term.
        threshold: rows whose largest probability is smaller are left out; the paper
            takes every row.
        ramp_begin: when the weight starts to grow, as a share of training.
        ramp_end: when it is reached, not before ``ramp_begin``.
        labelled_target: whether some target rows come with labels (track F).
        **settings: see :class:`da_zoo.Settings`.

    Returns:
        One training phase; under a batch-norm policy per domain, a second one that
        estimates the target's batch statistics.

    Raises:
        ValueError: for an invalid setting or class count, a threshold or share
            outside [0, 1], or a ramp that ends before it begins.
        TypeError: for a threshold or share that is no number.

    Example:
        >>> from da_zoo import network_by_name
        >>> [phase.name for phase in pseudo_label(network_by_name("mlp"), classes=3)]
        ['adapt']

    References:
        Lee, "Pseudo-Label: The Simple and Efficient Semi-Supervised Learning Method
        for Deep Neural Networks", ICML workshop on Challenges in Representation
        Learning, 2013.
    """
    own: dict[str, Any] = {
        "threshold": threshold,
        "ramp_begin": ramp_begin,
        "ramp_end": ramp_end,
    }
    own = {name: check_fraction(name, value) for name, value in own.items()}
    if ramp_end < ramp_begin:
        raise ValueError(
            f"ramp_end={ramp_end} is before ramp_begin={ramp_begin}; it must not be"
        )
    training = resolve_settings(**settings)
    return self_trained(
        network,
        resolve_classes(classes, training.width),
        training,
        _method(),
        hparams={"trade_off": trade_off, **own},
        labelled_target=labelled_target,
    )


SPEC = MethodSpec(
    name="pseudo_label",
    factory=pseudo_label,
    summary="Train on the target with its likeliest classes as labels.",
    setting="labelled source and unlabelled target (and labelled target rows if any)",
    tracks=frozenset("UF"),
    paper=(
        "Lee, Pseudo-Label: The Simple and Efficient Semi-Supervised Learning Method "
        "for Deep Neural Networks, ICML Workshop on Challenges in Representation "
        "Learning, 2013."
    ),
    year=2013,
    bibtex="""@inproceedings{lee2013pseudo,
  title = {Pseudo-Label: The Simple and Efficient Semi-Supervised Learning Method for
           Deep Neural Networks},
  author = {Lee, Dong-Hyun},
  booktitle = {ICML Workshop on Challenges in Representation Learning},
  year = {2013}
}""",
    hparams=(
        Hyperparameter("trade_off", 3.0, 0.1, 10.0, source="Lee 2013: alpha_f = 3"),
        Hyperparameter(
            "threshold", 0.0, 0.0, 0.99, scale="linear", source="Lee 2013: every row"
        ),
        Hyperparameter(
            "ramp_begin",
            0.1,
            0.0,
            0.5,
            scale="linear",
            source="ours; Lee 2013: epoch 100, of a number not given",
        ),
        Hyperparameter(
            "ramp_end",
            0.6,
            0.5,
            1.0,
            scale="linear",
            source="ours; Lee 2013: epoch 600, of a number not given",
        ),
    ),
    departures=(
        "The source takes the place of the labelled rows. The ramp is in shares of "
        "training. No denoising pre-training and no dropout of its own."
    ),
)
