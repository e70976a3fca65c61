"""Entropy minimisation: confident predictions on the target, whatever they are."""

from collections.abc import Mapping
from typing import Unpack

from jaxtyping import Array, Float

from da_zoo.classifier import Forward
from da_zoo.losses.prediction import mean_entropy
from da_zoo.network import Network
from da_zoo.registry import Hyperparameter, MethodSpec
from da_zoo.settings import Settings, resolve_classes, resolve_settings
from da_zoo.supervised import aligned, forward_term
from da_zoo.types import Recipe

__all__ = ["entropy_minimization"]


def _value(forward: Forward) -> Float[Array, ""]:
    return mean_entropy(forward.logits["target"], weight=forward.weights["target"])


def entropy_minimization(
    network: Network,
    *,
    classes: int | Mapping[str, int],
    trade_off: float = 0.1,
    trade_off_schedule: str = "constant",
    labelled_target: bool = False,
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds training with the mean entropy of target predictions beside the task.

    Args:
        network: the encoder.
        classes: number of classes, or {"source": a, "target": b} (then with
            ``labelled_target``).
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
        >>> [
        ...     phase.name
        ...     for phase in entropy_minimization(network_by_name("mlp"), classes=3)
        ... ]
        ['adapt']

    References:
        Grandvalet and Bengio, "Semi-supervised Learning by Entropy Minimization",
        NeurIPS 2004.
    """
    training = resolve_settings(**settings)
    return aligned(
        network,
        resolve_classes(classes, training.width),
        training,
        forward_term(_value, "target_entropy", trade_off_schedule),
        hparams={"trade_off": trade_off},
        labelled_target=labelled_target,
    )


SPEC = MethodSpec(
    name="entropy_minimization",
    factory=entropy_minimization,
    summary="Make predictions on the target confident (low entropy).",
    setting="labelled source and unlabelled target (and labelled target rows if any)",
    tracks=frozenset("UF"),
    paper=(
        "Grandvalet and Bengio, Semi-supervised Learning by Entropy Minimization, "
        "NeurIPS 17, 2004."
    ),
    year=2004,
    bibtex="""@inproceedings{grandvalet2004semi,
  title = {Semi-supervised Learning by Entropy Minimization},
  author = {Grandvalet, Yves and Bengio, Yoshua},
  booktitle = {Advances in Neural Information Processing Systems},
  volume = {17},
  year = {2004}
}""",
    hparams=(
        Hyperparameter(
            "trade_off",
            0.1,
            0.001,
            1.0,
            source="RTN (Long et al. 2016) and others: of order 0.1",
        ),
        Hyperparameter(
            "trade_off_schedule",
            "constant",
            scale="choice",
            traced=False,
            choices=("constant", "ramp"),
            source="the paper: constant",
        ),
    ),
    departures=(
        "The paper is about unlabelled rows of the same domain. Nothing stops the "
        "collapse into one class: bnm and mcc are the remedies."
    ),
)
