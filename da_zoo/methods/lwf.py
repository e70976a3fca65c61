"""LwF: fine-tuning under which the source's head goes on to say what it said."""

from collections.abc import Mapping
from typing import Unpack

from da_zoo.finetune import FineTunePlan, Stage
from da_zoo.finetune import lwf as penalty
from da_zoo.network import Network
from da_zoo.registry import Hyperparameter, MethodSpec
from da_zoo.settings import Settings
from da_zoo.types import Recipe

__all__ = ["lwf"]


def lwf(
    network: Network,
    *,
    classes: int | Mapping[str, int],
    distillation: float = 4.0,
    distillation_temperature: float = 3.0,
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds fine-tuning with distillation from the source's own head.

    Args:
        network: the encoder.
        classes: number of classes (the target head starts from the source's), or
            {"source": a, "target": b} (it starts fresh).
        distillation: weight of the divergence from the source head's predictions on
            target rows as they were.
        distillation_temperature: what both predictions' logits are divided by.
        **settings: see :class:`da_zoo.Settings`.

    Returns:
        Two phases: source (60 % of the steps), then the labelled target (40 %).

    Raises:
        ValueError: for an invalid setting, class count or weight.

    Example:
        >>> from da_zoo import network_by_name
        >>> [phase.name for phase in lwf(network_by_name("mlp"), classes=3)]
        ['source', 'tune']

    References:
        Li and Hoiem, "Learning without Forgetting", ECCV 2016.
    """
    stage = Stage("tune", penalties=(penalty(distillation, distillation_temperature),))
    return FineTunePlan((stage,)).recipe(network, classes=classes, **settings)


SPEC = MethodSpec(
    name="lwf",
    factory=lwf,
    summary="Fine-tuning that keeps the source head's predictions on target rows.",
    setting="labelled source, then the labelled target share",
    tracks=frozenset("F"),
    paper="Li and Hoiem, Learning without Forgetting, ECCV 2016.",
    year=2016,
    bibtex="""@inproceedings{li2016learning,
  title = {Learning without Forgetting},
  author = {Li, Zhizhong and Hoiem, Derek},
  booktitle = {European Conference on Computer Vision},
  year = {2016}
}""",
    hparams=(
        Hyperparameter("distillation", 4.0, 0.1, 100.0, source="TLLib: 4"),
        Hyperparameter("distillation_temperature", 3.0, 1.0, 10.0, source="TLLib: 3"),
    ),
    departures=(
        "Weight and temperature are TLLib's; the paper takes 1 and 2. As in TLLib the "
        "divergence is not multiplied by the square of the temperature, and no warm- "
        "up trains the new head alone: put a probe stage in front for the paper's. "
        "The recorded predictions are computed in the step, from the starting weights "
        "and their running statistics. Where both domains share their classes, the "
        "target's head starts from the source's and answers for both."
    ),
)
