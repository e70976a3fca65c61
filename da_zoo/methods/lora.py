"""LoRA: the encoder stays, low-rank updates beside its kernels are tuned."""

from collections.abc import Mapping
from typing import Unpack

from da_zoo.finetune import presets
from da_zoo.network import Network
from da_zoo.registry import Hyperparameter, MethodSpec
from da_zoo.settings import Continuous, Settings
from da_zoo.types import Recipe

__all__ = ["lora"]


def lora(
    network: Network,
    *,
    classes: int | Mapping[str, int] | Continuous,
    rank: int = 8,
    alpha: float = 8.0,
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds low-rank adaptation on target labels.

    Args:
        network: the encoder.
        classes: number of classes (the target head starts from the source's), or
            {"source": a, "target": b} (it starts fresh);
            or ``Continuous(outputs)`` (regression).
        rank: of the updates, at least 1.
        alpha: the product of the factors counts alpha / rank times.
        **settings: see :class:`da_zoo.Settings`.

    Returns:
        Two phases: source (60 % of the steps), then the labelled target (40 %).

    Raises:
        ValueError: for an invalid setting or class count; when training starts, for an
            invalid rank or alpha.

    Example:
        >>> from da_zoo import network_by_name
        >>> [phase.name for phase in lora(network_by_name("mlp"), classes=3)]
        ['source', 'tune']

    References:
        Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", ICLR 2022.
    """
    plan = presets.lora(rank, alpha)
    return plan.recipe(network, classes=classes, **settings)


SPEC = MethodSpec(
    name="lora",
    factory=lora,
    summary="The encoder stays; low-rank updates beside its kernels are tuned.",
    setting="labelled source, then the labelled target share",
    tracks=frozenset("F"),
    regression=True,
    paper=(
        "Hu, Shen, Wallis, Allen-Zhu, Li, Wang, Wang and Chen, LoRA: Low-Rank "
        "Adaptation of Large Language Models, ICLR 2022."
    ),
    year=2022,
    bibtex="""@inproceedings{hu2022lora,
  title = {{LoRA}: Low-Rank Adaptation of Large Language Models},
  author = {Hu, Edward J. and Shen, Yelong and Wallis, Phillip and Allen-Zhu, Zeyuan and
            Li, Yuanzhi and Wang, Shean and Wang, Lu and Chen, Weizhu},
  booktitle = {International Conference on Learning Representations},
  year = {2022}
}""",
    hparams=(
        Hyperparameter(
            "rank",
            8,
            scale="choice",
            traced=False,
            choices=(2, 4, 8, 16),
            source="peft: 8",
        ),
        Hyperparameter("alpha", 8.0, 1.0, 64.0, traced=False, source="peft: 8"),
    ),
    departures=(
        "Every kernel gets an update, convolutions too (the paper: attention only). "
        "Statistics of normalisation layers stay the source's. Not with "
        "batch_norm='domain_specific'."
    ),
)
