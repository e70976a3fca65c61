"""Source-only: train on the source, predict the target. The baseline of track U."""

from collections.abc import Mapping
from typing import Unpack

from da_zoo.finetune.tuning import source_phase
from da_zoo.network import Network
from da_zoo.registry import MethodSpec
from da_zoo.settings import Continuous, Settings, resolve_classes, resolve_settings
from da_zoo.types import Recipe

__all__ = ["source_only"]


def source_only(
    network: Network,
    *,
    classes: int | Mapping[str, int] | Continuous,
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds source-only training.

    Args:
        network: the encoder.
        classes: number of classes, or ``Continuous(outputs)`` (regression).
        **settings: see :class:`da_zoo.Settings`. Batch statistics are the source's, at
            test too.

    Returns:
        A recipe of one phase, which reads the labelled source.

    Raises:
        ValueError: for an invalid setting or class count.

    Example:
        >>> from da_zoo import network_by_name
        >>> [phase.name for phase in source_only(network_by_name("mlp"), classes=3)]
        ['source']
    """
    training = resolve_settings(**settings)
    label_spaces = resolve_classes(classes, training.width, continuous=True)
    return (source_phase(network, label_spaces, training),)


SPEC = MethodSpec(
    name="source_only",
    factory=source_only,
    summary="Train on the source and hope: the baseline without target labels.",
    setting="labelled source; the target is not looked at",
    tracks=frozenset("U"),
    regression=True,
    paper="Baseline; empirical risk minimisation on the source domain.",
    year=None,
    bibtex="",
    baseline=True,
)
