"""AdaBN: source training, then the target's own batch statistics. No target gradient.

It explains much of any aligner's gain, so it stands beside them in every table.
"""

from collections.abc import Mapping
from typing import Unpack

from da_zoo.finetune.tuning import source_phase
from da_zoo.network import Network
from da_zoo.registry import MethodSpec
from da_zoo.settings import Continuous, Settings, resolve_classes, resolve_settings
from da_zoo.supervised import supervised_model
from da_zoo.target_statistics import target_statistics
from da_zoo.types import Recipe

__all__ = ["adabn"]


def adabn(
    network: Network,
    *,
    classes: int | Mapping[str, int] | Continuous,
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds adaptive batch normalisation.

    Args:
        network: the encoder; without batch normalisation this is source-only.
        classes: number of classes, or ``Continuous(outputs)`` (regression).
        **settings: see :class:`da_zoo.Settings`. Statistics are per domain by nature,
            so ``batch_norm="joint"`` is read as "separate".

    Returns:
        Two phases: source, then 32 batches of target forwards that train nothing and
        count towards no budget.

    Raises:
        ValueError: for an invalid setting, or ``batch_norm="frozen"``.

    Example:
        >>> from da_zoo import network_by_name
        >>> [phase.name for phase in adabn(network_by_name("mlp"), classes=3)]
        ['source', 'target_statistics']

    References:
        Li et al., "Revisiting Batch Normalization For Practical Domain Adaptation",
        2016 (arXiv:1603.04779).
    """
    training = resolve_settings(**settings)
    if training.batch_norm == "frozen":
        raise ValueError(
            'batch_norm="frozen" leaves AdaBN nothing to adapt; use "separate"'
        )
    if training.batch_norm == "joint":
        training = training._replace(batch_norm="separate")
    spaces = resolve_classes(classes, training.width, continuous=True)
    model = supervised_model(
        network, spaces, training.batch_norm, labelled_target=False
    )
    return (
        source_phase(network, spaces, training),
        target_statistics(network, training.batch_norm, model, spaces),
    )


SPEC = MethodSpec(
    name="adabn",
    factory=adabn,
    summary="Source training, then batch statistics re-estimated on the target.",
    setting="labelled source, then the unlabelled target",
    tracks=frozenset("U"),
    regression=True,
    paper=(
        "Li, Wang, Shi, Liu and Hou, Revisiting Batch Normalization For Practical "
        "Domain Adaptation, arXiv:1603.04779, 2016."
    ),
    year=2016,
    bibtex="""@article{li2016revisiting,
  title = {Revisiting Batch Normalization For Practical Domain Adaptation},
  author = {Li, Yanghao and Wang, Naiyan and Shi, Jianping and Liu, Jiaying and
            Hou, Xiaodi},
  journal = {arXiv preprint arXiv:1603.04779},
  year = {2016}
}""",
    departures=(
        "A cumulative average over 32 target batches replaces the exponential one, "
        "which would remember only the last few batches. The method has no "
        "hyper-parameter."
    ),
)
