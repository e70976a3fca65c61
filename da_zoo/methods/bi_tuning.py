"""Bi-Tuning: fine-tuning that contrasts rows with keys of their own class."""

from collections.abc import Mapping
from typing import Unpack

from da_zoo.finetune import FineTunePlan, Stage
from da_zoo.finetune import bi_tuning as penalty
from da_zoo.network import Network
from da_zoo.registry import Hyperparameter, MethodSpec
from da_zoo.settings import Settings
from da_zoo.types import Recipe

__all__ = ["bi_tuning"]


def bi_tuning(
    network: Network,
    *,
    classes: int | Mapping[str, int],
    contrast: float = 1.0,
    contrast_temperature: float = 0.07,
    key_decay: float = 0.999,
    queue: int = 40,
    projection: int = 128,
    augmentation: str = "auto",
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds fine-tuning with two contrastive terms beside the task loss.

    Args:
        network: the encoder.
        classes: number of classes (the target head starts from the source's), or
            {"source": a, "target": b} (it starts fresh).
        contrast: weight of both terms.
        contrast_temperature: what cosines are divided by.
        key_decay: of the moving average that the key encoder is, in [0, 1].
        queue: keys kept per class.
        projection: width of the projection.
        augmentation: how a key's view is drawn: "auto" (by the rank of the inputs),
            "images", "images_flip", "vectors" or "none"; see ``da_zoo.augment``.
        **settings: see :class:`da_zoo.Settings`.

    Returns:
        Two phases: source (60 % of the steps), then the labelled target (40 %).

    Raises:
        ValueError: for an invalid setting, class count or value.

    Example:
        >>> from da_zoo import network_by_name
        >>> [phase.name for phase in bi_tuning(network_by_name("mlp"), classes=3)]
        ['source', 'tune']

    References:
        Zhong et al., "Bi-tuning of Pre-trained Representations", 2020.
    """
    term = penalty(
        contrast,
        contrast_temperature,
        key_decay,
        queue=queue,
        projection=projection,
        augmentation=augmentation,
    )
    stage = Stage("tune", penalties=(term,))
    return FineTunePlan((stage,)).recipe(network, classes=classes, **settings)


SPEC = MethodSpec(
    name="bi_tuning",
    factory=bi_tuning,
    summary="Fine-tuning that contrasts rows with queues of keys, one per class.",
    setting="labelled source, then the labelled target share",
    tracks=frozenset("F"),
    paper=(
        "Zhong, Wang, Kou, Wang and Long, Bi-tuning of Pre-trained Representations, "
        "arXiv:2011.06182, 2020."
    ),
    year=2020,
    bibtex="""@article{zhong2020bi,
  title = {Bi-tuning of Pre-trained Representations},
  author = {Zhong, Jincheng and Wang, Ximei and Kou, Zhi and Wang, Jianmin and
            Long, Mingsheng},
  journal = {arXiv preprint arXiv:2011.06182},
  year = {2020}
}""",
    hparams=(
        Hyperparameter("contrast", 1.0, 0.01, 10.0, source="TLLib: 1"),
        Hyperparameter("contrast_temperature", 0.07, 0.01, 1.0, source="TLLib: 0.07"),
        Hyperparameter(
            "key_decay", 0.999, 0.9, 0.9999, scale="linear", source="TLLib: 0.999"
        ),
        Hyperparameter(
            "queue",
            40,
            scale="choice",
            traced=False,
            choices=(8, 24, 40),
            source="TLLib: 40",
        ),
        Hyperparameter(
            "projection",
            128,
            scale="choice",
            traced=False,
            choices=(32, 64, 128),
            source="TLLib: 128",
        ),
        Hyperparameter(
            "augmentation",
            "auto",
            scale="choice",
            traced=False,
            choices=("auto", "images", "images_flip", "vectors", "none"),
            source="ours: digits and letters are not mirrored",
        ),
    ),
    departures=(
        "The query is the row as the task loss sees it, and only the key is a random "
        "view; TLLib draws both. Places of a queue that hold no key yet do not count; "
        "TLLib fills them at random. Both terms see the queues as they were before "
        "the batch; in TLLib the head's term sees the batch's keys too. As there, the "
        "head's weights get no gradient of that term, and the projection, a linear "
        "layer, keeps the encoder's learning rate. The key encoder normalises by its "
        "own batch where the tuned one does; its keys are not shuffled over devices."
    ),
)
