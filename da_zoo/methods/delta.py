"""DELTA: fine-tuning that keeps the source's feature maps, rather than its weights."""

from collections.abc import Mapping
from typing import Unpack

from da_zoo.finetune import FineTunePlan, Rule, Stage
from da_zoo.finetune import delta as penalty
from da_zoo.finetune.freezing import ENCODER
from da_zoo.network import Network
from da_zoo.registry import Hyperparameter, MethodSpec
from da_zoo.settings import Continuous, Settings
from da_zoo.types import Recipe

__all__ = ["delta"]


def delta(
    network: Network,
    *,
    classes: int | Mapping[str, int] | Continuous,
    behaviour: float = 0.01,
    head_shrinkage: float = 0.01,
    attention: bool = False,
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds fine-tuning with a penalty on how far feature maps move.

    Args:
        network: the encoder; its stages are the maps.
        classes: number of classes (the target head starts from the source's), or
            {"source": a, "target": b} (it starts fresh);
            or ``Continuous(outputs)`` (regression).
        behaviour: weight of half the maps' squared distance to the source's.
        head_shrinkage: weight of half the head's squared norm.
        attention: weigh each channel by what the loss gains without it. A probe trains
            the head first, for a quarter of the target's steps.
        **settings: see :class:`da_zoo.Settings`.

    Returns:
        Two phases: source (60 % of the steps), then the labelled target (40 %); with
        attention a probe between them.

    Raises:
        ValueError: for an invalid setting, class count or weight; when it is traced, if
            the encoder has no stages, or with attention ones that its
            ``layer_patterns`` do not match one to one.

    Example:
        >>> from da_zoo import network_by_name
        >>> network = network_by_name("mlp")
        >>> [phase.name for phase in delta(network, classes=3, attention=True)]
        ['source', 'probe', 'tune']

    References:
        Li et al., "DELTA: Deep Learning Transfer using Feature Map with Attention for
        Convolutional Networks", ICLR 2019.
    """
    term = penalty(behaviour, head_shrinkage, attention=attention)
    # The penalty is in the place of weight decay.
    stage = Stage("tune", (Rule("", decay=False),), 3.0, penalties=(term,))
    probe = Stage("probe", (ENCODER, Rule("", decay=False)))
    stages = (probe, stage) if attention else (stage,)
    return FineTunePlan(stages).recipe(network, classes=classes, **settings)


SPEC = MethodSpec(
    name="delta",
    factory=delta,
    summary="Fine-tuning that keeps feature maps close to those of the source.",
    setting="labelled source, then the labelled target share",
    tracks=frozenset("F"),
    regression=True,
    paper=(
        "Li, Xiong, Wang, Rao, Liu, Chen and Huan, DELTA: Deep Learning Transfer using "
        "Feature Map with Attention for Convolutional Networks, ICLR 2019."
    ),
    year=2019,
    bibtex="""@inproceedings{li2019delta,
  title = {DELTA: Deep Learning Transfer using Feature Map with Attention for
           Convolutional Networks},
  author = {Li, Xingjian and Xiong, Haoyi and Wang, Hanchao and Rao, Yuxuan and
            Liu, Liping and Chen, Zeyu and Huan, Jun},
  booktitle = {International Conference on Learning Representations},
  year = {2019}
}""",
    hparams=(
        Hyperparameter("behaviour", 0.01, 0.0001, 10.0, source="TLLib: 0.01"),
        Hyperparameter("head_shrinkage", 0.01, 0.0001, 1.0, source="TLLib: 0.01"),
        Hyperparameter(
            "attention",
            False,
            scale="choice",
            traced=False,
            choices=(False, True),
            source="ours: the attention takes one more pass per channel",
        ),
    ),
    departures=(
        "Channels weigh alike unless attention is on. The distance is averaged over "
        "rows, like the task loss; TLLib sums it over its batch of 48. All stages of "
        "the encoder count, the paper's four of a ResNet among them. The source's "
        "maps are normalised by running statistics: where the tuned network uses the "
        "batch's, the distance is not 0 at the start. To cut a channel sets all "
        "parameters of its layer that make it to 0, normalisation included; TLLib "
        "sets the convolution's. The attention's head is a probe of a quarter of the "
        "target's steps, with the encoder frozen."
    ),
)
