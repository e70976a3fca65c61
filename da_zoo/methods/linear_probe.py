"""Linear probe: pre-train on the source, then train only a head on target labels.

Encoder weights and batch statistics stay what the source made them.
"""

from collections.abc import Mapping
from typing import Unpack

from da_zoo.finetune import presets
from da_zoo.network import Network
from da_zoo.registry import MethodSpec
from da_zoo.settings import Continuous, Settings
from da_zoo.types import Recipe

__all__ = ["linear_probe"]


def linear_probe(
    network: Network,
    *,
    classes: int | Mapping[str, int] | Continuous,
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds a linear probe on source features.

    Args:
        network: the encoder.
        classes: number of classes (the probe starts from the source head), or
            {"source": a, "target": b} (it starts fresh);
            or ``Continuous(outputs)`` (regression).
        **settings: see :class:`da_zoo.Settings`.

    Returns:
        Two phases: source (60 % of the steps), then the head (40 %).

    Raises:
        ValueError: for an invalid setting or class count.

    Example:
        >>> from da_zoo import network_by_name
        >>> [phase.name for phase in linear_probe(network_by_name("mlp"), classes=3)]
        ['source', 'probe']

    References:
        Alain and Bengio, "Understanding intermediate layers using linear classifier
        probes", ICLR workshop 2017.
    """
    return presets.linear_probe().recipe(network, classes=classes, **settings)


SPEC = MethodSpec(
    name="linear_probe",
    factory=linear_probe,
    summary="Pre-train on the source, freeze it, train a linear head on target labels.",
    setting="labelled source, then the labelled target share",
    tracks=frozenset("F"),
    regression=True,
    paper=(
        "Alain and Bengio, Understanding intermediate layers using linear classifier "
        "probes, ICLR workshop 2017."
    ),
    year=2017,
    bibtex="""@inproceedings{alain2017understanding,
  title = {Understanding intermediate layers using linear classifier probes},
  author = {Alain, Guillaume and Bengio, Yoshua},
  booktitle = {ICLR Workshop},
  year = {2017}
}""",
    departures=(
        "Used as a transfer method on the last features, not layer by layer. The "
        "method has no hyper-parameter."
    ),
)
