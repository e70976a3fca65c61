"""Pooled: source rows and labelled target rows trained on together.

With two label spaces the encoder is shared and each has its head (multi-task training).
"""

from collections.abc import Mapping
from typing import Unpack

from da_zoo.network import Network
from da_zoo.registry import MethodSpec
from da_zoo.settings import Continuous, Settings, resolve_classes, resolve_settings
from da_zoo.supervised import supervised_model, supervised_phase
from da_zoo.types import Recipe

__all__ = ["pooled"]


def pooled(
    network: Network,
    *,
    classes: int | Mapping[str, int] | Continuous,
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds joint training on both domains' labels.

    Every step takes a source batch and a labelled target batch; their mean
    cross-entropies count the same, however few target rows there are.

    Args:
        network: the encoder.
        classes: number of classes, or {"source": a, "target": b};
            or ``Continuous(outputs)`` (regression).
        **settings: see :class:`da_zoo.Settings`.

    Returns:
        A recipe of one phase, which reads labelled source and labelled target.

    Raises:
        ValueError: for an invalid setting or class count.

    Example:
        >>> from da_zoo import network_by_name
        >>> sorted(pooled(network_by_name("mlp"), classes=3)[0].uses)
        ['source', 'target_labelled']
    """
    training = resolve_settings(**settings)
    spaces = resolve_classes(classes, training.width, continuous=True)
    model = supervised_model(network, spaces, training.batch_norm, labelled_target=True)
    phase = supervised_phase(
        "pooled",
        model,
        spaces,
        training,
        uses=frozenset({"source", "target_labelled"}),
    )
    return (phase,)


SPEC = MethodSpec(
    name="pooled",
    factory=pooled,
    summary="Source and labelled target trained on together, one head per label space.",
    setting="labelled source and labelled target share",
    tracks=frozenset("F"),
    regression=True,
    paper="Baseline; joint (multi-task) training.",
    year=None,
    bibtex="",
    baseline=True,
)
