"""Full fine-tuning: everything trains on target labels at one learning rate."""

from collections.abc import Mapping
from typing import Unpack

from da_zoo.finetune import presets
from da_zoo.network import Network
from da_zoo.registry import MethodSpec
from da_zoo.settings import Continuous, Settings
from da_zoo.types import Recipe

__all__ = ["full_fine_tuning"]


def full_fine_tuning(
    network: Network,
    *,
    classes: int | Mapping[str, int] | Continuous,
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds fine-tuning of all parameters at one rate.

    Args:
        network: the encoder.
        classes: number of classes (the target head starts from the source's), or
            {"source": a, "target": b} (it starts fresh);
            or ``Continuous(outputs)`` (regression).
        **settings: see :class:`da_zoo.Settings`.

    Returns:
        Two phases: source (60 % of the steps), then the labelled target (40 %).

    Raises:
        ValueError: for an invalid setting or class count.

    Example:
        >>> from da_zoo import network_by_name
        >>> [
        ...     phase.name
        ...     for phase in full_fine_tuning(network_by_name("mlp"), classes=3)
        ... ]
        ['source', 'tune']

    References:
        Girshick et al., "Rich Feature Hierarchies for Accurate Object Detection and
        Semantic Segmentation", CVPR 2014.
    """
    return presets.full().recipe(network, classes=classes, **settings)


SPEC = MethodSpec(
    name="full_fine_tuning",
    factory=full_fine_tuning,
    summary="Pre-train on the source, tune everything on target labels at one rate.",
    setting="labelled source, then the labelled target share",
    tracks=frozenset("F"),
    regression=True,
    paper=(
        "Girshick, Donahue, Darrell and Malik, Rich Feature Hierarchies for Accurate "
        "Object Detection and Semantic Segmentation, CVPR 2014."
    ),
    year=2014,
    bibtex="""@inproceedings{girshick2014rich,
  title = {Rich Feature Hierarchies for Accurate Object Detection and Semantic
           Segmentation},
  author = {Girshick, Ross and Donahue, Jeff and Darrell, Trevor and Malik, Jitendra},
  booktitle = {IEEE Conference on Computer Vision and Pattern Recognition},
  year = {2014}
}""",
    departures=(
        "The source phase is part of the recipe: 60 % of the steps. fine_tuning is the "
        "variant with a slower encoder. It has no hyper-parameter of its own."
    ),
)
