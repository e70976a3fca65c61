"""FixMatch: sure predictions on a weak view are the labels of a strong view."""

import functools
from collections.abc import Mapping
from typing import Unpack

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from da_zoo.augment import AUGMENTATIONS, augmentation_by_name
from da_zoo.classifier import task_loss
from da_zoo.compose import progress
from da_zoo.losses.pseudo_labels import pseudo_label_loss, pseudo_labels
from da_zoo.network import Network
from da_zoo.registry import Hyperparameter, MethodSpec
from da_zoo.self_training import (
    ForwardFn,
    SelfTraining,
    check_fraction,
    ramp_by_name,
    self_trained,
    with_views,
)
from da_zoo.settings import Settings, resolve_classes, resolve_settings
from da_zoo.types import Aux, Batch, Key, Params, Recipe, TrainState

__all__ = ["fixmatch"]


@functools.lru_cache(maxsize=64)
def _method(augmentation: str, augment_labelled: bool, schedule: str) -> SelfTraining:
    views = augmentation_by_name(augmentation)
    ramp = ramp_by_name(schedule)
    labelled = ("weak",) if augment_labelled else ("plain",)

    def loss(
        forward: ForwardFn, params: Params, state: TrainState, batch: Batch, key: Key
    ) -> tuple[Float[Array, ""], Aux]:
        augmented = with_views(
            batch, views, key, labelled=labelled, target=("weak", "strong")
        )
        # One pass over all views, so that they share batch statistics.
        seen = forward(params, state, augmented)
        task, metrics = task_loss(seen, augmented)
        weak, strong = jnp.split(seen.logits["target"], 2)
        labels, kept = pseudo_labels(
            jax.nn.softmax(weak, axis=1), state.hparams["threshold"]
        )
        weight = None if batch.target is None else batch.target.weight
        term = pseudo_label_loss(strong, labels, kept, weight=weight)
        metrics |= {"pseudo_label_loss": term, "kept": jnp.mean(kept)}
        total = task + state.hparams["trade_off"] * ramp(progress(state)) * term
        return total, Aux(seen.stats, metrics, state.extra)

    return SelfTraining(loss)


def fixmatch(
    network: Network,
    *,
    classes: int | Mapping[str, int],
    trade_off: float = 1.0,
    threshold: float = 0.95,
    augmentation: str = "auto",
    augment_labelled: bool = True,
    trade_off_schedule: str = "constant",
    labelled_target: bool = False,
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds FixMatch, with the source as the labelled rows.

    Args:
        network: the encoder.
        classes: number of classes, or {"source": a, "target": b} (then with
            ``labelled_target``).
        trade_off: weight of the target's cross-entropy.
        threshold: the least probability of a weak view's class that makes it a label.
        augmentation: how views are drawn: "auto" (by the rank of the inputs),
            "images", "images_flip", "vectors" or "none"; see ``da_zoo.augment``.
        augment_labelled: show labelled rows in a weak view (the paper's) rather than
            as they are.
        trade_off_schedule: "constant" (the paper's), "ramp", "sigmoid" or
            "half_cosine".
        labelled_target: whether some target rows come with labels (track F).
        **settings: see :class:`da_zoo.Settings`.

    Returns:
        One training phase; under a batch-norm policy per domain, a second one that
        estimates the target's batch statistics.

    Raises:
        ValueError: for an invalid setting, class count or augmentation, or a threshold
            outside [0, 1].
        TypeError: for a threshold that is no number.

    Example:
        >>> from da_zoo import network_by_name
        >>> [phase.name for phase in fixmatch(network_by_name("mlp"), classes=3)]
        ['adapt']

    References:
        Sohn et al., "FixMatch: Simplifying Semi-Supervised Learning with Consistency
        and Confidence", NeurIPS 2020.
    """
    training = resolve_settings(**settings)
    return self_trained(
        network,
        resolve_classes(classes, training.width),
        training,
        _method(augmentation, augment_labelled, trade_off_schedule),
        hparams={
            "trade_off": trade_off,
            "threshold": check_fraction("threshold", threshold),
        },
        labelled_target=labelled_target,
    )


SPEC = MethodSpec(
    name="fixmatch",
    factory=fixmatch,
    summary="Sure predictions on weak views label strong views of the target.",
    setting="labelled source and unlabelled target (and labelled target rows if any)",
    tracks=frozenset("UF"),
    paper=(
        "Sohn, Berthelot, Li, Zhang, Carlini, Cubuk, Kurakin, Zhang and Raffel, "
        "FixMatch: Simplifying Semi-Supervised Learning with Consistency and "
        "Confidence, NeurIPS 33, 2020."
    ),
    year=2020,
    bibtex="""@inproceedings{sohn2020fixmatch,
  title = {FixMatch: Simplifying Semi-Supervised Learning with Consistency and
           Confidence},
  author = {Sohn, Kihyuk and Berthelot, David and Li, Chun-Liang and
            Zhang, Zizhao and Carlini, Nicholas and Cubuk, Ekin D. and
            Kurakin, Alex and Zhang, Han and Raffel, Colin},
  booktitle = {Advances in Neural Information Processing Systems},
  volume = {33},
  year = {2020}
}""",
    hparams=(
        Hyperparameter("trade_off", 1.0, 0.1, 10.0, source="Sohn et al. 2020: 1"),
        Hyperparameter(
            "threshold",
            0.95,
            0.5,
            0.99,
            scale="linear",
            source="Sohn et al. 2020: 0.95; TLLib: 0.9",
        ),
        Hyperparameter(
            "trade_off_schedule",
            "constant",
            scale="choice",
            traced=False,
            choices=("constant", "ramp", "half_cosine"),
            source="Sohn et al. 2020: constant",
        ),
        Hyperparameter(
            "augmentation",
            "auto",
            scale="choice",
            traced=False,
            choices=tuple(AUGMENTATIONS),
            source="ours; the paper: flips and shifts, RandAugment or CTAugment",
        ),
        Hyperparameter(
            "augment_labelled",
            True,
            scale="choice",
            traced=False,
            choices=(True, False),
            source="Sohn et al. 2020: yes",
        ),
    ),
    departures=(
        "As many unlabelled as labelled rows per step (the paper: 7 times as many). "
        "Views are shifts, light and cut-outs for images, noise and dropped features "
        "for vectors; nothing is mirrored, because digits are not what their mirror "
        "images are. No moving average of the weights."
    ),
)
