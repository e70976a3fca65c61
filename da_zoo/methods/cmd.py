"""CMD: match means and marginal central moments."""

import functools
from collections.abc import Mapping
from typing import Unpack

from da_zoo.losses.moments import central_moment_discrepancy
from da_zoo.network import Network
from da_zoo.registry import Hyperparameter, MethodSpec
from da_zoo.settings import Continuous, Settings, resolve_classes, resolve_settings
from da_zoo.supervised import aligned, discrepancy
from da_zoo.types import Recipe

__all__ = ["cmd"]


@functools.lru_cache(maxsize=64)
def _distance(moments: int) -> functools.partial:
    return functools.partial(central_moment_discrepancy, moments=moments)


def cmd(
    network: Network,
    *,
    classes: int | Mapping[str, int] | Continuous,
    trade_off: float = 1.0,
    moments: int = 5,
    trade_off_schedule: str = "constant",
    labelled_target: bool = False,
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds training with a central moment discrepancy term.

    Args:
        network: the encoder.
        classes: number of classes, or {"source": a, "target": b} (then with
            ``labelled_target``);
            or ``Continuous(outputs)`` (regression).
        trade_off: weight of the term.
        moments: how many are matched, at least 1.
        trade_off_schedule: "constant" or "ramp" (0 to 1 over training).
        labelled_target: whether some target rows come with labels (track F).
        **settings: see :class:`da_zoo.Settings`.

    Returns:
        One training phase; under a batch-norm policy per domain, a second one that
        estimates the target's batch statistics.

    Raises:
        ValueError: for an invalid setting or class count,
            or fewer than one moment.

    Example:
        >>> from da_zoo import network_by_name
        >>> [phase.name for phase in cmd(network_by_name("mlp"), classes=3)]
        ['adapt']

    References:
        Zellinger et al., "Central Moment Discrepancy (CMD) for Domain-Invariant
        Representation Learning", ICLR 2017.
    """
    if moments < 1:
        raise ValueError(f"moments must be at least 1, got {moments}")
    training = resolve_settings(**settings)
    return aligned(
        network,
        resolve_classes(classes, training.width, continuous=True),
        training,
        discrepancy(_distance(moments), "moment_discrepancy", trade_off_schedule),
        hparams={"trade_off": trade_off},
        labelled_target=labelled_target,
    )


SPEC = MethodSpec(
    name="cmd",
    factory=cmd,
    summary="Match means and marginal central moments of features up to the fifth.",
    setting="labelled source and unlabelled target (and labelled target rows if any)",
    tracks=frozenset("UF"),
    regression=True,
    paper=(
        "Zellinger, Grubinger, Lughofer, Natschlaeger and Saminger-Platz, Central "
        "Moment Discrepancy (CMD) for Domain-Invariant Representation Learning, "
        "ICLR, 2017."
    ),
    year=2017,
    bibtex="""@inproceedings{zellinger2017central,
  title = {Central Moment Discrepancy (CMD) for Domain-Invariant Representation
           Learning},
  author = {Zellinger, Werner and Grubinger, Thomas and Lughofer, Edwin and
            Natschl{\\"a}ger, Thomas and Saminger-Platz, Susanne},
  booktitle = {International Conference on Learning Representations},
  year = {2017}
}""",
    hparams=(
        Hyperparameter("trade_off", 1.0, 0.001, 1.0, source="Zellinger et al. 2017: 1"),
        Hyperparameter(
            "trade_off_schedule",
            "constant",
            scale="choice",
            traced=False,
            choices=("constant", "ramp"),
            source="the paper: constant",
        ),
        Hyperparameter(
            "moments",
            5,
            scale="choice",
            traced=False,
            choices=(3, 5),
            source="Zellinger et al. 2017: 5",
        ),
    ),
    departures=(
        "The paper's features are bounded (sigmoid, tanh) and its k-th term is "
        "divided by the k-th power of their range; ours may be ReLU features, whose "
        "range is taken as 1."
    ),
)
