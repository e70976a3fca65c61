"""CDAN+E: conditional domain-adversarial training, weighted by certainty."""

from collections.abc import Mapping
from typing import Unpack

from da_zoo.methods.cdan import conditional_alignment
from da_zoo.network import Network
from da_zoo.registry import Hyperparameter, MethodSpec
from da_zoo.settings import Settings, resolve_classes, resolve_settings
from da_zoo.supervised import aligned
from da_zoo.types import Recipe

__all__ = ["cdan_e"]


def cdan_e(
    network: Network,
    *,
    classes: int | Mapping[str, int],
    trade_off: float = 1.0,
    discriminator: tuple[int, ...] = (100,),
    attached: bool = False,
    trade_off_schedule: str = "ramp",
    labelled_target: bool = False,
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds CDAN with rows weighted by the certainty of their predictions.

    Args:
        network: the encoder.
        classes: number of classes, or {"source": a, "target": b} (then with
            ``labelled_target``).
        trade_off: the largest reversal strength; 0 leaves the encoder to the task.
        discriminator: widths of the discriminator's hidden layers.
        attached: let the adversarial gradient through the predictions too.
        trade_off_schedule: "ramp" (0 to 1 over training, the paper's) or "constant".
        labelled_target: whether some target rows come with labels (track F).
        **settings: see :class:`da_zoo.Settings`.

    Returns:
        One training phase; under a batch-norm policy per domain, a second one that
        estimates the target's batch statistics.

    Raises:
        ValueError: for an invalid setting or class count.

    Example:
        >>> from da_zoo import network_by_name
        >>> [phase.name for phase in cdan_e(network_by_name("mlp"), classes=3)]
        ['adapt']

    References:
        Long et al., "Conditional Adversarial Domain Adaptation", NeurIPS 2018.
    """
    training = resolve_settings(**settings)
    resolved = resolve_classes(classes, training.width)
    return aligned(
        network,
        resolved,
        training,
        conditional_alignment(
            resolved.width, tuple(discriminator), trade_off_schedule, attached, True
        ),
        hparams={"trade_off": trade_off},
        labelled_target=labelled_target,
    )


SPEC = MethodSpec(
    name="cdan_e",
    factory=cdan_e,
    summary="CDAN that trusts certain predictions more (entropy conditioning).",
    setting="labelled source and unlabelled target (and labelled target rows if any)",
    tracks=frozenset("UF"),
    paper=(
        "Long, Cao, Wang and Jordan, Conditional Adversarial Domain Adaptation, "
        "NeurIPS 31, 2018."
    ),
    year=2018,
    bibtex="""@inproceedings{long2018conditional,
  title = {Conditional Adversarial Domain Adaptation},
  author = {Long, Mingsheng and Cao, Zhangjie and Wang, Jianmin and
            Jordan, Michael I.},
  booktitle = {Advances in Neural Information Processing Systems},
  volume = {31},
  year = {2018}
}""",
    hparams=(
        Hyperparameter("trade_off", 1.0, 0.01, 1.0, source="Long et al. 2018: 1"),
        Hyperparameter(
            "trade_off_schedule",
            "ramp",
            scale="choice",
            traced=False,
            choices=("ramp", "constant"),
            source="Long et al. 2018: ramp",
        ),
        Hyperparameter(
            "discriminator",
            (100,),
            scale="choice",
            traced=False,
            choices=((100,), (1024, 1024)),
            source="ours, for small networks; Long et al. 2018: two of 1024",
        ),
        Hyperparameter(
            "attached",
            False,
            scale="choice",
            traced=False,
            choices=(False, True),
            source="the authors' code: detached",
        ),
    ),
    departures=(
        "Weights have mean 1 in each domain and are detached; the authors' code also "
        "sends a reversed gradient through the entropy. Otherwise as cdan."
    ),
)
