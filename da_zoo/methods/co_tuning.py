"""Co-Tuning: fine-tuning in which source classes that stand for a label teach too."""

from collections.abc import Mapping
from typing import Unpack

from da_zoo.finetune import FineTunePlan, Stage
from da_zoo.finetune import co_tuning as penalty
from da_zoo.network import Network
from da_zoo.registry import Hyperparameter, MethodSpec
from da_zoo.settings import Settings
from da_zoo.types import Recipe

__all__ = ["co_tuning"]


def co_tuning(
    network: Network,
    *,
    classes: int | Mapping[str, int],
    relation: float = 2.3,
    calibration: float = 1.0,
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds fine-tuning of both heads, the source's with translated target labels.

    Args:
        network: the encoder.
        classes: number of classes (the target head starts from the source's), or
            {"source": a, "target": b} (it starts fresh), which is what it is for.
        relation: weight of the source head's cross-entropy with the source classes
            that stand for a row's label.
        calibration: temperature of the predictions that say which classes those are.
        **settings: see :class:`da_zoo.Settings`.

    Returns:
        Two phases: source (60 % of the steps), then the labelled target (40 %).

    Raises:
        ValueError: for an invalid setting, class count or weight.

    Example:
        >>> from da_zoo import network_by_name
        >>> classes = {"source": 10, "target": 2}
        >>> [phase.name for phase in co_tuning(network_by_name("mlp"), classes=classes)]
        ['source', 'tune']

    References:
        You et al., "Co-Tuning for Transfer Learning", NeurIPS 2020.
    """
    stage = Stage("tune", penalties=(penalty(relation, calibration),))
    return FineTunePlan((stage,)).recipe(network, classes=classes, **settings)


SPEC = MethodSpec(
    name="co_tuning",
    factory=co_tuning,
    summary="Fine-tuning that also teaches the source head what stands for a label.",
    setting="labelled source, then the labelled target share",
    tracks=frozenset("F"),
    paper=(
        "You, Kou, Long and Wang, Co-Tuning for Transfer Learning, NeurIPS 33, 2020."
    ),
    year=2020,
    bibtex="""@inproceedings{you2020co,
  title = {Co-Tuning for Transfer Learning},
  author = {You, Kaichao and Kou, Zhi and Long, Mingsheng and Wang, Jianmin},
  booktitle = {Advances in Neural Information Processing Systems},
  volume = {33},
  year = {2020}
}""",
    hparams=(
        Hyperparameter("relation", 2.3, 0.1, 10.0, source="TLLib: 2.3"),
        Hyperparameter(
            "calibration",
            1.0,
            0.1,
            10.0,
            source="ours: no calibration",
        ),
    ),
    departures=(
        "The relationship is the mean of the source head's predictions over a class's "
        "labelled rows, the paper's direct approach; its reverse one learns p(target "
        "| source) and inverts it. The paper calibrates the source head on held-out "
        "source rows; here its temperature is a hyper-parameter, 1 unless given. A "
        "class without labelled rows has no relationship, and no row that would need "
        "one. Relationship and term use the rows as they are, without augmentation."
    ),
)
