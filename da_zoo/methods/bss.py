"""BSS: fine-tuning that presses down the weakest directions of the features."""

from collections.abc import Mapping
from typing import Unpack

from da_zoo.finetune import FineTunePlan, Stage
from da_zoo.finetune import bss as penalty
from da_zoo.network import Network
from da_zoo.registry import Hyperparameter, MethodSpec
from da_zoo.settings import Continuous, Settings
from da_zoo.types import Recipe

__all__ = ["bss"]


def bss(
    network: Network,
    *,
    classes: int | Mapping[str, int] | Continuous,
    shrinkage: float = 0.001,
    count: int = 1,
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds fine-tuning with batch spectral shrinkage.

    Args:
        network: the encoder.
        classes: number of classes (the target head starts from the source's), or
            {"source": a, "target": b} (it starts fresh);
            or ``Continuous(outputs)`` (regression).
        shrinkage: weight of the penalty.
        count: how many of the smallest singular values it sums, squared.
        **settings: see :class:`da_zoo.Settings`.

    Returns:
        Two phases: source (60 % of the steps), then the labelled target (40 %).

    Raises:
        ValueError: for an invalid setting, class count, weight or number.

    Example:
        >>> from da_zoo import network_by_name
        >>> [phase.name for phase in bss(network_by_name("mlp"), classes=3)]
        ['source', 'tune']

    References:
        Chen et al., "Catastrophic Forgetting Meets Negative Transfer: Batch Spectral
        Shrinkage for Safe Transfer Learning", NeurIPS 2019.
    """
    stage = Stage("tune", penalties=(penalty(shrinkage, count),))
    return FineTunePlan((stage,)).recipe(network, classes=classes, **settings)


SPEC = MethodSpec(
    name="bss",
    factory=bss,
    summary="Fine-tuning that presses down the weakest directions of the features.",
    setting="labelled source, then the labelled target share",
    tracks=frozenset("F"),
    regression=True,
    paper=(
        "Chen, Wang, Fu, Long and Wang, Catastrophic Forgetting Meets Negative "
        "Transfer: Batch Spectral Shrinkage for Safe Transfer Learning, NeurIPS 2019."
    ),
    year=2019,
    bibtex="""@inproceedings{chen2019catastrophic,
  title = {Catastrophic Forgetting Meets Negative Transfer: Batch Spectral Shrinkage for
           Safe Transfer Learning},
  author = {Chen, Xinyang and Wang, Sinan and Fu, Bo and Long, Mingsheng and
            Wang, Jianmin},
  booktitle = {Advances in Neural Information Processing Systems},
  year = {2019}
}""",
    hparams=(
        Hyperparameter("shrinkage", 0.001, 0.00001, 0.1, source="TLLib: 0.001"),
        Hyperparameter(
            "count",
            1,
            scale="choice",
            traced=False,
            choices=(1, 2, 4),
            source="Chen et al. 2019: 1",
        ),
    ),
    departures=(
        "A row that fills up a batch by coming twice counts once: repeats would make "
        "the smallest singular values 0."
    ),
)
