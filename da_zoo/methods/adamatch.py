"""AdaMatch: FixMatch with aligned class distributions and a relative threshold."""

import functools
from collections.abc import Mapping
from typing import Any, Unpack

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from da_zoo.augment import AUGMENTATIONS, augmentation_by_name
from da_zoo.classifier import Forward, task_loss
from da_zoo.compose import named_key, progress
from da_zoo.losses.pseudo_labels import (
    align_distribution,
    mean_prediction,
    pseudo_label_loss,
    pseudo_labels,
)
from da_zoo.losses.weighting import weighted_mean
from da_zoo.network import Network
from da_zoo.registry import Hyperparameter, MethodSpec
from da_zoo.self_training import (
    ForwardFn,
    SelfTraining,
    check_fraction,
    check_predict_with,
    ramp_by_name,
    self_trained,
    with_views,
)
from da_zoo.settings import Settings, resolve_classes, resolve_settings
from da_zoo.types import Aux, Batch, Key, Params, Recipe, TrainState

__all__ = ["adamatch"]

WINDOW = 128
"""Steps over which predicted class shares are averaged."""


def _windows(width: int) -> dict[str, Any]:
    return {
        "class_shares": {
            "labelled": jnp.zeros((WINDOW, width)),
            "unlabelled": jnp.zeros((WINDOW, width)),
        }
    }


def window_mean(
    window: Float[Array, "s k"], new: Float[Array, " k"], step: Array
) -> tuple[Float[Array, "s k"], Float[Array, " k"]]:
    """Puts a vector into a ring of the last s, and averages those it has seen.

    Args:
        window: [s, k], zeros at first.
        new: [k].
        step: how many were put in before.

    Example:
        >>> window, mean = window_mean(jnp.zeros((2, 1)), jnp.ones(1), jnp.int32(0))
        >>> mean.tolist()
        [1.0]
    """
    size = window.shape[0]
    window = window.at[step % size].set(new)
    seen = jnp.minimum(step + 1, size).astype(window.dtype)
    return window, jnp.sum(window, axis=0) / seen


def interpolate_logits(key: Key, joint: Forward, alone: Forward) -> Forward:
    """Mixes labelled logits of two passes, each entry with a random share of its own.

    Args:
        key: of the draws.
        joint: a pass of labelled and unlabelled rows together.
        alone: a pass of the labelled rows; its logits are those that are mixed in.

    Returns:
        ``joint`` with mixed logits; features, statistics and the target are its own.
    """
    mixed = dict(joint.logits)
    for stream, logits in alone.logits.items():
        share = jax.random.uniform(named_key(key, stream), logits.shape)
        mixed[stream] = mixed[stream] + share * (logits - mixed[stream])
    return joint._replace(logits=mixed)


@functools.lru_cache(maxsize=64)
def _method(
    augmentation: str,
    augment_labelled: bool,
    interpolate: bool,
    reference: str,
    schedule: str,
    predict_with: str,
) -> SelfTraining:
    """``reference``: the labelled stream whose label space is the target's."""
    views = augmentation_by_name(augmentation)
    ramp = ramp_by_name(schedule)
    labelled = ("weak", "strong") if augment_labelled else ("plain",)

    def loss(
        forward: ForwardFn, params: Params, state: TrainState, batch: Batch, key: Key
    ) -> tuple[Float[Array, ""], Aux]:
        augmented = with_views(
            batch, views, key, labelled=labelled, target=("weak", "strong")
        )
        seen = forward(params, state, augmented)
        if interpolate:
            alone = forward(params, state, augmented._replace(target=None))
            seen = interpolate_logits(named_key(key, "interpolate"), seen, alone)
        task, metrics = task_loss(seen, augmented)

        rows = seen.logits[reference].shape[0] // len(labelled)  # the weak view's
        p_labelled = jax.nn.softmax(seen.logits[reference][:rows], axis=1)
        counts = seen.weights[reference]
        counts = None if counts is None else counts[:rows]
        weak, strong = jnp.split(seen.logits["target"], 2)
        p_target = jax.nn.softmax(weak, axis=1)
        weight = None if batch.target is None else batch.target.weight

        shares = state.extra["class_shares"]
        windows = {}
        windows["labelled"], wanted = window_mean(
            shares["labelled"], mean_prediction(p_labelled, counts), state.step
        )
        windows["unlabelled"], current = window_mean(
            shares["unlabelled"], mean_prediction(p_target, weight), state.step
        )
        aligned = align_distribution(p_target, wanted, current)
        confidence = weighted_mean(jnp.max(p_labelled, axis=1), counts)
        threshold = state.hparams["threshold"] * jax.lax.stop_gradient(confidence)
        labels, kept = pseudo_labels(aligned, threshold)
        term = pseudo_label_loss(strong, labels, kept, weight=weight)

        metrics |= {
            "pseudo_label_loss": term,
            "kept": jnp.mean(kept),
            "threshold": threshold,
        }
        total = task + state.hparams["trade_off"] * ramp(progress(state)) * term
        extra = state.extra | {"class_shares": windows}
        return total, Aux(seen.stats, metrics, extra)

    return SelfTraining(
        loss,
        extra=_windows,
        teacher=predict_with == "teacher",
        predict_with=predict_with,
    )


def adamatch(
    network: Network,
    *,
    classes: int | Mapping[str, int],
    trade_off: float = 1.0,
    threshold: float = 0.9,
    ema: float = 0.99,
    augmentation: str = "auto",
    augment_labelled: bool = True,
    predict_with: str = "teacher",
    trade_off_schedule: str = "half_cosine",
    labelled_target: bool = False,
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds AdaMatch, with the source (and labelled target rows) as labelled rows.

    Predictions on weak views of the target are rescaled to the class shares predicted
    for labelled rows; those at least ``threshold`` times as sure as the labelled ones
    are on average label the strong views. Labelled logits are mixed at random between
    a pass with the target and one without it, where batch normalisation is joint.

    Args:
        network: the encoder.
        classes: number of classes, or {"source": a, "target": b} (then with
            ``labelled_target``, and it is labelled target rows that say which class
            shares and which confidence to expect).
        trade_off: the largest weight of the target's cross-entropy.
        threshold: of confidence, relative to that on labelled rows.
        ema: decay of the average of weights that predicts; the first steps use less.
        augmentation: how views are drawn: "auto" (by the rank of the inputs),
            "images", "images_flip", "vectors" or "none"; see ``da_zoo.augment``.
        augment_labelled: show labelled rows in a weak and a strong view (the paper's)
            rather than once, as they are.
        predict_with: "teacher", the average (the paper's), or "student".
        trade_off_schedule: "half_cosine" (0 to 1 over the first half of training, the
            paper's), "constant", "ramp" or "sigmoid".
        labelled_target: whether some target rows come with labels (track F).
        **settings: see :class:`da_zoo.Settings`.

    Returns:
        One training phase; under a batch-norm policy per domain, a second one that
        estimates the target's batch statistics, of the average where it predicts.

    Raises:
        ValueError: for an invalid setting, class count or option, or a float outside
            [0, 1].
        TypeError: for a float that is no number.

    Example:
        >>> from da_zoo import network_by_name
        >>> [phase.name for phase in adamatch(network_by_name("mlp"), classes=3)]
        ['adapt']

    References:
        Berthelot et al., "AdaMatch: A Unified Approach to Semi-Supervised Learning
        and Domain Adaptation", ICLR 2022.
    """
    training = resolve_settings(**settings)
    resolved = resolve_classes(classes, training.width)
    return self_trained(
        network,
        resolved,
        training,
        _method(
            augmentation,
            augment_labelled,
            # Elsewhere the labelled rows' normalisation never sees the target.
            training.batch_norm == "joint",
            "source" if resolved.shared else "target_labelled",
            trade_off_schedule,
            check_predict_with(predict_with),
        ),
        hparams={
            "trade_off": trade_off,
            "threshold": check_fraction("threshold", threshold),
            "ema": check_fraction("ema", ema),
        },
        labelled_target=labelled_target,
    )


SPEC = MethodSpec(
    name="adamatch",
    factory=adamatch,
    summary="FixMatch with aligned class shares and a relative threshold.",
    setting="labelled source and unlabelled target (and labelled target rows if any)",
    tracks=frozenset("UF"),
    paper=(
        "Berthelot, Roelofs, Sohn, Carlini and Kurakin, AdaMatch: A Unified Approach "
        "to Semi-Supervised Learning and Domain Adaptation, ICLR, 2022."
    ),
    year=2022,
    bibtex="""@inproceedings{berthelot2022adamatch,
  title = {{AdaMatch}: A Unified Approach to Semi-Supervised Learning and Domain
           Adaptation},
  author = {Berthelot, David and Roelofs, Rebecca and Sohn, Kihyuk and
            Carlini, Nicholas and Kurakin, Alex},
  booktitle = {International Conference on Learning Representations},
  year = {2022}
}""",
    hparams=(
        Hyperparameter("trade_off", 1.0, 0.1, 10.0, source="Berthelot et al. 2022: 1"),
        Hyperparameter(
            "threshold",
            0.9,
            0.5,
            1.0,
            scale="linear",
            source="Berthelot et al. 2022: 0.9",
        ),
        Hyperparameter(
            "ema",
            0.99,
            0.9,
            0.999,
            scale="linear",
            source="ours, for short trainings; the authors' code: 0.999",
        ),
        Hyperparameter(
            "trade_off_schedule",
            "half_cosine",
            scale="choice",
            traced=False,
            choices=("half_cosine", "constant"),
            source="Berthelot et al. 2022: half a cosine over the first half",
        ),
        Hyperparameter(
            "augmentation",
            "auto",
            scale="choice",
            traced=False,
            choices=tuple(AUGMENTATIONS),
            source="ours; the authors' code: flips and shifts, CTAugment",
        ),
        Hyperparameter(
            "augment_labelled",
            True,
            scale="choice",
            traced=False,
            choices=(True, False),
            source="Berthelot et al. 2022: yes, weak and strong",
        ),
        Hyperparameter(
            "predict_with",
            "teacher",
            scale="choice",
            traced=False,
            choices=("teacher", "student"),
            source="Berthelot et al. 2022: the average of weights",
        ),
    ),
    departures=(
        "As many unlabelled as labelled rows per step (the paper: 3 times as many). "
        "Both class shares are means over up to 128 steps; the authors' code averages "
        "the labelled ones exponentially and starts both from even shares. Views as in "
        "fixmatch. Logits are mixed under joint batch normalisation only: elsewhere "
        "the two passes are one. The learning rate decays as elsewhere here (the "
        "paper: by cosine to a quarter)."
    ),
)
