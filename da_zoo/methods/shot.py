"""SHOT: certain and diverse target predictions under the source's frozen classifier.

The source is gone when adaptation begins. Pseudo-labels come from class centroids of
the target's own features, once per epoch.
"""

import functools
from collections.abc import Mapping
from typing import Any, Unpack

import jax.numpy as jnp
from jaxtyping import Array, Float

from da_zoo.classifier import Forward
from da_zoo.losses.centroid_labels import centroid_labels
from da_zoo.losses.classification import cross_entropy
from da_zoo.losses.information import information_maximisation
from da_zoo.network import Network
from da_zoo.registry import Hyperparameter, MethodSpec
from da_zoo.row_scores import row_scores
from da_zoo.settings import Settings, resolve_settings, shared_classes
from da_zoo.source_free import (
    ENCODER,
    SOURCE_SHARE,
    Adaptation,
    adaptation_phase,
    smoothed_source_phase,
)
from da_zoo.supervised import supervised_model
from da_zoo.types import Examples, Recipe, TrainState, Views

__all__ = ["shot"]


def _loss(
    state: TrainState, forward: Forward, rows: Examples
) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]], dict[str, Any]]:
    logits = forward.logits["target"]
    information = information_maximisation(logits, weight=rows.weight)
    bank = state.extra["pseudo_labels"]
    # Before the first refresh the bank has rows of its own number: any index fits.
    labels = bank[rows.index % bank.shape[0]]
    supervised = cross_entropy(logits, labels, weight=rows.weight)
    total = information + state.hparams["beta"] * supervised
    metrics = {"information_loss": information, "pseudo_label_loss": supervised}
    return total, metrics, {}


def _empty_bank(rows: int, features_dim: int, width: int) -> dict[str, Any]:
    del features_dim, width
    return {"pseudo_labels": jnp.zeros(rows, jnp.int32)}


@functools.lru_cache(maxsize=64)
def _adaptation(network: Network, batch_norm: str) -> Adaptation:
    scores = row_scores(network, batch_norm)

    def refresh(state: TrainState, views: Views) -> TrainState:
        assert views.target is not None
        features, logits = scores(state, views.target.x)
        labels = centroid_labels(features, logits, weight=views.target.weight)
        return state._replace(extra=state.extra | {"pseudo_labels": labels})

    return Adaptation(_loss, _empty_bank, refresh)


def shot(
    network: Network,
    *,
    classes: int | Mapping[str, int],
    beta: float = 0.3,
    label_smoothing: float = 0.1,
    adaptation_factor: float = 1.0,
    source_share: float = SOURCE_SHARE,
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds source hypothesis transfer.

    Args:
        network: the encoder.
        classes: number of classes; the target's are the source's.
        beta: weight of the cross-entropy on pseudo-labels; the paper takes 0.3, and 0.1
            on digits.
        label_smoothing: of the source training, in [0, 1).
        adaptation_factor: learning rate on the target as a multiple of the source's.
        source_share: share of the steps spent on the source.
        **settings: see :class:`da_zoo.Settings`.

    Returns:
        Two phases: source, then the target without it.

    Raises:
        ValueError: for an invalid setting or class count, two label spaces, or a value
            out of range.

    Example:
        >>> from da_zoo import network_by_name
        >>> [sorted(phase.uses) for phase in shot(network_by_name("mlp"), classes=3)]
        [['source'], ['target']]

    References:
        Liang et al., "Do We Really Need to Access the Source Data? Source Hypothesis
        Transfer for Unsupervised Domain Adaptation", ICML 2020.
    """
    training = resolve_settings(**settings)
    spaces = shared_classes(classes, training.width, "shot")
    model = supervised_model(
        network, spaces, training.batch_norm, labelled_target=False
    )
    return (
        smoothed_source_phase(
            network,
            spaces,
            training,
            label_smoothing=label_smoothing,
            share=source_share,
        ),
        adaptation_phase(
            model,
            spaces,
            training,
            _adaptation(network, training.batch_norm),
            wrt=ENCODER,
            hparams={"beta": beta, "adaptation_factor": adaptation_factor},
            share=1.0 - source_share,
        ),
    )


SPEC = MethodSpec(
    name="shot",
    factory=shot,
    summary="Without the source: certain, diverse predictions and centroid labels.",
    setting="labelled source first, then only its model and the unlabelled target",
    tracks=frozenset("U"),
    paper=(
        "Liang, Hu and Feng, Do We Really Need to Access the Source Data? Source "
        "Hypothesis Transfer for Unsupervised Domain Adaptation, ICML, 2020."
    ),
    year=2020,
    bibtex="""@inproceedings{liang2020we,
  title = {Do We Really Need to Access the Source Data? Source Hypothesis Transfer for
           Unsupervised Domain Adaptation},
  author = {Liang, Jian and Hu, Dapeng and Feng, Jiashi},
  booktitle = {International Conference on Machine Learning},
  year = {2020}
}""",
    hparams=(
        Hyperparameter(
            "beta", 0.3, 0.03, 3.0, source="Liang et al. 2020: 0.3; 0.1 on digits"
        ),
        Hyperparameter(
            "adaptation_factor",
            1.0,
            0.1,
            10.0,
            source="the authors' code: 1 (0.1 for a pre-trained backbone)",
        ),
        Hyperparameter(
            "label_smoothing",
            0.1,
            scale="choice",
            traced=False,
            choices=(0.0, 0.1),
            source="Liang et al. 2020: 0.1",
        ),
        Hyperparameter(
            "source_share",
            0.5,
            scale="choice",
            traced=False,
            choices=(0.3, 0.5, 0.7),
            source="ours: half of the steps",
        ),
    ),
    departures=(
        "No bottleneck layer of its own, and a plain linear classifier without weight "
        "normalisation. Entropies are exact (the authors add 1e-5 inside the "
        "logarithms). Pseudo-labels are renewed once per target epoch, as the paper "
        "does with 15 epochs; a run of fewer epochs renews them less often."
    ),
)
