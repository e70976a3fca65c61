"""MCD: two classifiers disagree on target rows; the encoder takes that away.

Per step: everything learns the task; the heads learn it and disagree on the target; the
encoder, ``num_k`` times, makes them agree.
"""

import functools
from collections.abc import Mapping
from typing import Unpack

from jaxtyping import Array, Float

from da_zoo.alternating import alternating
from da_zoo.losses.discrepancy import REDUCTIONS, classifier_discrepancy
from da_zoo.network import Network
from da_zoo.registry import Hyperparameter, MethodSpec
from da_zoo.settings import Settings, resolve_classes, resolve_settings
from da_zoo.supervised import supervised_model
from da_zoo.two_heads import Distance, minimax_updates, two_heads
from da_zoo.types import Key, Recipe

__all__ = ["mcd"]


@functools.lru_cache(maxsize=16)
def _distance(reduction: str) -> Distance:
    def distance(
        first: Float[Array, "n k"],
        second: Float[Array, "n k"],
        weight: Float[Array, " n"] | None,
        key: Key,
    ) -> Float[Array, ""]:
        del key
        return classifier_discrepancy(first, second, reduction=reduction, weight=weight)

    return distance


def mcd(
    network: Network,
    *,
    classes: int | Mapping[str, int],
    trade_off: float = 1.0,
    num_k: int = 4,
    reduction: str = "mean",
    labelled_target: bool = False,
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds training against the discrepancy of two classifiers.

    Predictions are by the mean of the two heads' logits.

    Args:
        network: the encoder.
        classes: number of classes, or {"source": a, "target": b} (then with
            ``labelled_target``).
        trade_off: weight of the discrepancy, for heads and encoder alike. With
            ``reduction="mean"`` over many classes it may have to be larger than 1.
        num_k: encoder steps per step, at least 1.
        reduction: of the discrepancy over classes, "mean" (the paper's) or "sum".
        labelled_target: whether some target rows come with labels (track F).
        **settings: see :class:`da_zoo.Settings`.

    Returns:
        One training phase; under a batch-norm policy per domain, a second one that
        estimates the target's batch statistics.

    Raises:
        ValueError: for an invalid setting, class count, ``num_k`` or ``reduction``.

    Example:
        >>> from da_zoo import network_by_name
        >>> [phase.name for phase in mcd(network_by_name("mlp"), classes=3)]
        ['adapt']

    References:
        Saito et al., "Maximum Classifier Discrepancy for Unsupervised Domain
        Adaptation", CVPR 2018.
    """
    if reduction not in REDUCTIONS:
        raise ValueError(f'reduction must be "mean" or "sum", got {reduction!r}')
    training = resolve_settings(**settings)
    resolved = resolve_classes(classes, training.width)
    model = two_heads(
        supervised_model(
            network, resolved, training.batch_norm, labelled_target=labelled_target
        )
    )
    updates = minimax_updates(
        model.forward,
        _distance(reduction),
        training.optimizer,
        training.schedule,
        num_k,
    )
    return alternating(
        network,
        resolved,
        training,
        model,
        updates,
        hparams={"trade_off": trade_off},
        labelled_target=labelled_target,
    )


SPEC = MethodSpec(
    name="mcd",
    factory=mcd,
    summary="Two classifiers disagree on the target; the encoder makes them agree.",
    setting="labelled source and unlabelled target (and labelled target rows if any)",
    tracks=frozenset("UF"),
    paper=(
        "Saito, Watanabe, Ushiku and Harada, Maximum Classifier Discrepancy for "
        "Unsupervised Domain Adaptation, CVPR, 2018."
    ),
    year=2018,
    bibtex="""@inproceedings{saito2018maximum,
  title = {Maximum Classifier Discrepancy for Unsupervised Domain Adaptation},
  author = {Saito, Kuniaki and Watanabe, Kohei and Ushiku, Yoshitaka and
            Harada, Tatsuya},
  booktitle = {IEEE/CVF Conference on Computer Vision and Pattern Recognition},
  year = {2018}
}""",
    hparams=(
        Hyperparameter("trade_off", 1.0, 0.1, 10.0, source="Saito et al. 2018: 1"),
        Hyperparameter(
            "num_k",
            4,
            scale="choice",
            traced=False,
            choices=(2, 3, 4),
            source="Saito et al. 2018: 2 to 4; the authors' code: 4",
        ),
        Hyperparameter(
            "reduction",
            "mean",
            scale="choice",
            traced=False,
            choices=REDUCTIONS,
            source="the authors' code: mean over classes",
        ),
    ),
    departures=(
        "Heads are linear (the authors' have hidden layers; on digits Adam at 2e-4, "
        "batches of 128). Each of the three steps "
        "keeps an optimiser state of its own (the authors' share one per part): under "
        "Adam the encoder's step is then as long as the task's, however small the "
        "discrepancy, so prefer SGD. Running statistics move once per step. Where "
        "the target has a task of its own, the source's two heads play the game on "
        "target rows and a third head learns the target's labels."
    ),
)
