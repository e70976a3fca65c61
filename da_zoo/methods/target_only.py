"""Target-only: train from scratch on the labelled target share.

The baseline of track F: transfer that does not beat it was not worth it. With all
target labels it is the oracle.
"""

from collections.abc import Mapping
from typing import Unpack

from da_zoo.classifier import classifier
from da_zoo.network import Network
from da_zoo.registry import MethodSpec
from da_zoo.settings import Continuous, Settings, resolve_classes, resolve_settings
from da_zoo.supervised import supervised_phase
from da_zoo.types import Recipe

__all__ = ["target_only"]


def target_only(
    network: Network,
    *,
    classes: int | Mapping[str, int] | Continuous,
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds training from scratch on labelled target rows.

    Args:
        network: the encoder.
        classes: number of classes, or {"source": a, "target": b};
            or ``Continuous(outputs)`` (regression).
        **settings: see :class:`da_zoo.Settings`.

    Returns:
        A recipe of one phase, which reads the labelled target.

    Raises:
        ValueError: for an invalid setting or class count.

    Example:
        >>> from da_zoo import network_by_name
        >>> sorted(target_only(network_by_name("mlp"), classes=3)[0].uses)
        ['target_labelled']
    """
    training = resolve_settings(**settings)
    spaces = resolve_classes(classes, training.width, continuous=True)
    answers = (("target", "target"), ("source", "target"))
    model = classifier(
        network,
        width=spaces.width,
        batch_norm=training.batch_norm,
        heads=("target",),
        answers=answers if spaces.shared else answers[:1],
        statistics="target",
    )
    phase = supervised_phase(
        "target", model, spaces, training, uses=frozenset({"target_labelled"})
    )
    return (phase,)


SPEC = MethodSpec(
    name="target_only",
    factory=target_only,
    summary="From scratch on the labelled target share; the oracle at 100 %.",
    setting="labelled target share; the source is not looked at",
    tracks=frozenset("F"),
    regression=True,
    paper="Baseline; training from scratch.",
    year=None,
    bibtex="",
    baseline=True,
)
