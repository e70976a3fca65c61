"""StochNorm: fine-tuning whose normalisation draws batch or running statistics."""

from collections.abc import Mapping
from typing import Unpack

from da_zoo.finetune import FineTunePlan, Stage
from da_zoo.network import Network
from da_zoo.registry import Hyperparameter, MethodSpec
from da_zoo.settings import Continuous, Settings
from da_zoo.types import Recipe

__all__ = ["stoch_norm"]


def stoch_norm(
    network: Network,
    *,
    classes: int | Mapping[str, int] | Continuous,
    probability: float = 0.5,
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds fine-tuning of everything with stochastic normalisation.

    Args:
        network: an encoder with ``flax.linen.BatchNorm``.
        classes: number of classes (the target head starts from the source's), or
            {"source": a, "target": b} (it starts fresh);
            or ``Continuous(outputs)`` (regression).
        probability: that a channel uses the batch's statistics, not the running ones,
            in [0, 1]; 1 is full fine-tuning.
        **settings: see :class:`da_zoo.Settings`.

    Returns:
        Two phases: source (60 % of the steps), then the labelled target (40 %).

    Raises:
        ValueError: for an invalid setting, class count or probability, or
            ``batch_norm="frozen"``; when it is traced, if the encoder has no such
            layer.

    Example:
        >>> from da_zoo import network_by_name
        >>> [phase.name for phase in stoch_norm(network_by_name("mlp"), classes=3)]
        ['source', 'tune']

    References:
        Kou et al., "Stochastic Normalization", NeurIPS 2020.
    """
    stage = Stage("tune", stochastic_norm=probability)
    return FineTunePlan((stage,)).recipe(network, classes=classes, **settings)


SPEC = MethodSpec(
    name="stoch_norm",
    factory=stoch_norm,
    summary="Fine-tuning whose channels draw the batch's or the running statistics.",
    setting="labelled source, then the labelled target share",
    tracks=frozenset("F"),
    regression=True,
    paper="Kou, You, Long and Wang, Stochastic Normalization, NeurIPS 33, 2020.",
    year=2020,
    bibtex="""@inproceedings{kou2020stochastic,
  title = {Stochastic Normalization},
  author = {Kou, Zhi and You, Kaichao and Long, Mingsheng and Wang, Jianmin},
  booktitle = {Advances in Neural Information Processing Systems},
  volume = {33},
  year = {2020}
}""",
    hparams=(
        Hyperparameter(
            "probability",
            0.5,
            scale="choice",
            traced=False,
            choices=(0.25, 0.5, 0.75),
            source="Kou et al. 2020: 0.5",
        ),
    ),
    departures=(
        "The source phase has ordinary batch normalisation, whose parameters and "
        "statistics the target phase goes on with. As in TLLib, the running "
        "statistics that a step uses are those before its own update."
    ),
)
