"""SHOT-IM: SHOT without pseudo-labels, that is information maximisation alone."""

from collections.abc import Mapping
from typing import Any, Unpack

from jaxtyping import Array, Float

from da_zoo.classifier import Forward
from da_zoo.losses.information import information_maximisation
from da_zoo.network import Network
from da_zoo.registry import Hyperparameter, MethodSpec
from da_zoo.settings import Settings, resolve_settings, shared_classes
from da_zoo.source_free import (
    ENCODER,
    SOURCE_SHARE,
    Adaptation,
    adaptation_phase,
    smoothed_source_phase,
)
from da_zoo.supervised import supervised_model
from da_zoo.types import Examples, Recipe, TrainState

__all__ = ["shot_im"]


def _loss(
    state: TrainState, forward: Forward, rows: Examples
) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]], dict[str, Any]]:
    del state
    logits = forward.logits["target"]
    information = information_maximisation(logits, weight=rows.weight)
    return information, {"information_loss": information}, {}


ADAPTATION = Adaptation(_loss)


def shot_im(
    network: Network,
    *,
    classes: int | Mapping[str, int],
    label_smoothing: float = 0.1,
    adaptation_factor: float = 1.0,
    source_share: float = SOURCE_SHARE,
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds information maximisation under the source's frozen classifier.

    Args:
        network: the encoder.
        classes: number of classes; the target's are the source's.
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
        >>> [phase.name for phase in shot_im(network_by_name("mlp"), classes=3)]
        ['source', 'adapt']

    References:
        Liang et al., "Do We Really Need to Access the Source Data? Source Hypothesis
        Transfer for Unsupervised Domain Adaptation", ICML 2020 (its ablation).
    """
    training = resolve_settings(**settings)
    spaces = shared_classes(classes, training.width, "shot_im")
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
            ADAPTATION,
            wrt=ENCODER,
            hparams={"adaptation_factor": adaptation_factor},
            share=1.0 - source_share,
        ),
    )


SPEC = MethodSpec(
    name="shot_im",
    factory=shot_im,
    summary="SHOT without pseudo-labels: certain and diverse target predictions.",
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
        "logarithms)."
    ),
)
