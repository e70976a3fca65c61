"""Deep LogCORAL: match the logarithms of covariances."""

import functools
from collections.abc import Callable, Mapping
from typing import Unpack

from jaxtyping import Array, Float

from da_zoo.losses.log_coral import log_coral as log_coral_distance
from da_zoo.network import Network
from da_zoo.registry import Hyperparameter, MethodSpec
from da_zoo.settings import Continuous, Settings, resolve_classes, resolve_settings
from da_zoo.supervised import aligned, discrepancy
from da_zoo.types import Recipe

__all__ = ["log_coral"]


@functools.lru_cache(maxsize=64)
def _distance(regularisation: float) -> Callable[..., Float[Array, ""]]:
    if not regularisation > 0:
        raise ValueError(
            f"regularisation must be positive, got {regularisation}; 0.01 times the "
            "mean variance is a usual start"
        )
    return functools.partial(log_coral_distance, regularisation=regularisation)


def log_coral(
    network: Network,
    *,
    classes: int | Mapping[str, int] | Continuous,
    trade_off: float = 1.0,
    regularisation: float = 0.01,
    trade_off_schedule: str = "constant",
    labelled_target: bool = False,
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds training with the term ||log Cs - log Ct||^2 / (4 d^2) of covariances.

    Args:
        network: the encoder.
        classes: number of classes, or {"source": a, "target": b} (then with
            ``labelled_target``); or ``Continuous(outputs)`` (regression).
        trade_off: weight of the term. It does not depend on the scale of features.
        regularisation: added to the covariances' diagonals, as a multiple of the mean
            variance; batches of at most d rows have singular covariances without it.
        trade_off_schedule: "constant" or "ramp" (0 to 1 over training).
        labelled_target: whether some target rows come with labels (track F).
        **settings: see :class:`da_zoo.Settings`.

    Returns:
        One training phase; under a batch-norm policy per domain, a second one that
        estimates the target's batch statistics.

    Raises:
        ValueError: for an invalid setting, class count or regularisation.

    Example:
        >>> from da_zoo import network_by_name
        >>> [phase.name for phase in log_coral(network_by_name("mlp"), classes=3)]
        ['adapt']

    References:
        Wang et al., "Deep Domain Adaptation by Geodesic Distance Minimization", ICCV
        workshops 2017.
    """
    training = resolve_settings(**settings)
    return aligned(
        network,
        resolve_classes(classes, training.width, continuous=True),
        training,
        discrepancy(_distance(float(regularisation)), "log_coral", trade_off_schedule),
        hparams={"trade_off": trade_off},
        labelled_target=labelled_target,
    )


SPEC = MethodSpec(
    name="log_coral",
    factory=log_coral,
    summary="Match the logarithms of source and target covariances (log-Euclidean).",
    setting="labelled source and unlabelled target (and labelled target rows if any)",
    tracks=frozenset("UF"),
    regression=True,
    paper=(
        "Wang, Li, Dai and Van Gool, Deep Domain Adaptation by Geodesic Distance "
        "Minimization, ICCV workshops 2017."
    ),
    year=2017,
    bibtex="""@inproceedings{wang2017deep,
  title = {Deep Domain Adaptation by Geodesic Distance Minimization},
  author = {Wang, Yifei and Li, Wen and Dai, Dengxin and Van Gool, Luc},
  booktitle = {ICCV Workshops},
  year = {2017}
}""",
    hparams=(
        Hyperparameter("trade_off", 1.0, 0.1, 100.0, source="ours, as deep_coral's"),
        Hyperparameter(
            "regularisation",
            0.01,
            0.001,
            0.1,
            traced=False,
            source="ours, for float32: at 0.001 gradients round seven times as badly",
        ),
        Hyperparameter(
            "trade_off_schedule",
            "constant",
            scale="choice",
            traced=False,
            choices=("constant", "ramp"),
            source="as deep_coral's",
        ),
    ),
    departures=(
        "The second-order term alone: the paper's extension that matches means too is "
        "left out. The ridge on covariances is a multiple of the mean variance."
    ),
)
