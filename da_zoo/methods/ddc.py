"""DDC: match the mean features of source and target (MMD with a linear kernel)."""

from collections.abc import Mapping
from typing import Unpack

from da_zoo.losses.mmd import linear_mmd_squared
from da_zoo.network import Network
from da_zoo.registry import Hyperparameter, MethodSpec
from da_zoo.settings import Continuous, Settings, resolve_classes, resolve_settings
from da_zoo.supervised import aligned, discrepancy
from da_zoo.types import Recipe

__all__ = ["ddc"]


def ddc(
    network: Network,
    *,
    classes: int | Mapping[str, int] | Continuous,
    trade_off: float = 0.25,
    trade_off_schedule: str = "constant",
    labelled_target: bool = False,
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds deep domain confusion: the squared distance between mean features.

    Args:
        network: the encoder.
        classes: number of classes, or {"source": a, "target": b} (then with
            ``labelled_target``);
            or ``Continuous(outputs)`` (regression).
        trade_off: weight of the term.
        trade_off_schedule: "constant" or "ramp" (0 to 1 over training).
        labelled_target: whether some target rows come with labels (track F).
        **settings: see :class:`da_zoo.Settings`.

    Returns:
        One training phase; under a batch-norm policy per domain, a second one that
        estimates the target's batch statistics.

    Raises:
        ValueError: for an invalid setting or class count.

    Example:
        >>> from da_zoo import network_by_name
        >>> [phase.name for phase in ddc(network_by_name("mlp"), classes=3)]
        ['adapt']

    References:
        Tzeng et al., "Deep Domain Confusion: Maximizing for Domain Invariance", 2014
        (arXiv:1412.3474).
    """
    training = resolve_settings(**settings)
    return aligned(
        network,
        resolve_classes(classes, training.width, continuous=True),
        training,
        discrepancy(linear_mmd_squared, "mmd_squared", trade_off_schedule),
        hparams={"trade_off": trade_off},
        labelled_target=labelled_target,
    )


SPEC = MethodSpec(
    name="ddc",
    factory=ddc,
    summary="Match the mean features of source and target (linear-kernel MMD).",
    setting="labelled source and unlabelled target (and labelled target rows if any)",
    tracks=frozenset("UF"),
    regression=True,
    paper=(
        "Tzeng, Hoffman, Zhang, Saenko and Darrell, Deep Domain Confusion: Maximizing "
        "for Domain Invariance, arXiv:1412.3474, 2014."
    ),
    year=2014,
    bibtex="""@article{tzeng2014deep,
  title = {Deep Domain Confusion: Maximizing for Domain Invariance},
  author = {Tzeng, Eric and Hoffman, Judy and Zhang, Ning and Saenko, Kate and
            Darrell, Trevor},
  journal = {arXiv preprint arXiv:1412.3474},
  year = {2014}
}""",
    hparams=(
        Hyperparameter("trade_off", 0.25, 0.01, 10.0, source="Tzeng et al. 2014: 0.25"),
        Hyperparameter(
            "trade_off_schedule",
            "constant",
            scale="choice",
            traced=False,
            choices=("constant", "ramp"),
            source="Tzeng et al. 2014: constant",
        ),
    ),
    departures="On the last features, without the paper's search for layer and width.",
)
