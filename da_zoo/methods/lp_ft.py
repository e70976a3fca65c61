"""LP-FT: a linear probe first, then fine-tuning from the probe's head.

A random head's first gradients distort good features; a probed head's do not.
"""

from collections.abc import Mapping
from typing import Unpack

from da_zoo.finetune import presets
from da_zoo.network import Network
from da_zoo.registry import Hyperparameter, MethodSpec
from da_zoo.settings import Continuous, Settings
from da_zoo.types import Recipe

__all__ = ["lp_ft"]


def lp_ft(
    network: Network,
    *,
    classes: int | Mapping[str, int] | Continuous,
    encoder_factor: float = 1.0,
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds linear probing followed by full fine-tuning.

    Args:
        network: the encoder.
        classes: number of classes, or {"source": a, "target": b};
            or ``Continuous(outputs)`` (regression).
        encoder_factor: the encoder's learning rate in the last phase as a multiple of
            the head's; the paper uses one rate for all.
        **settings: see :class:`da_zoo.Settings`.

    Returns:
        Three phases: source (60 % of the steps), probe (20 %), tune (20 %).

    Raises:
        ValueError: for an invalid setting or class count.

    Example:
        >>> from da_zoo import network_by_name
        >>> [phase.name for phase in lp_ft(network_by_name("mlp"), classes=3)]
        ['source', 'probe', 'tune']

    References:
        Kumar et al., "Fine-Tuning can Distort Pretrained Features and Underperform
        Out-of-Distribution", ICLR 2022.
    """
    plan = presets.lp_ft(encoder_factor)
    return plan.recipe(network, classes=classes, **settings)


SPEC = MethodSpec(
    name="lp_ft",
    factory=lp_ft,
    summary="Linear probe first, then fine-tune everything from the probe's head.",
    setting="labelled source, then the labelled target share",
    tracks=frozenset("F"),
    regression=True,
    paper=(
        "Kumar, Raghunathan, Jones, Ma and Liang, Fine-Tuning can Distort Pretrained "
        "Features and Underperform Out-of-Distribution, ICLR 2022."
    ),
    year=2022,
    bibtex="""@inproceedings{kumar2022finetuning,
  title = {Fine-Tuning can Distort Pretrained Features and Underperform
           Out-of-Distribution},
  author = {Kumar, Ananya and Raghunathan, Aditi and Jones, Robbie and Ma, Tengyu and
            Liang, Percy},
  booktitle = {International Conference on Learning Representations},
  year = {2022}
}""",
    hparams=(
        Hyperparameter(
            "encoder_factor", 1.0, 0.01, 1.0, traced=False, source="Kumar et al. 2022"
        ),
    ),
    departures=(
        "Probe and fine-tuning share one learning rate; the paper sweeps the second, "
        'and decays by cosine (`schedule="cosine"`).'
    ),
)
