"""HoMM: match higher-order moment tensors."""

import functools
from collections.abc import Mapping
from typing import Unpack

from da_zoo.losses.moments import higher_order_moments
from da_zoo.network import Network
from da_zoo.registry import Hyperparameter, MethodSpec
from da_zoo.settings import Continuous, Settings, resolve_classes, resolve_settings
from da_zoo.supervised import aligned, discrepancy
from da_zoo.types import Recipe

__all__ = ["homm"]


@functools.lru_cache(maxsize=64)
def _distance(order: int) -> functools.partial:
    return functools.partial(higher_order_moments, order=order)


def homm(
    network: Network,
    *,
    classes: int | Mapping[str, int] | Continuous,
    trade_off: float = 1.0,
    order: int = 3,
    trade_off_schedule: str = "constant",
    labelled_target: bool = False,
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds training with a distance of higher-order moment tensors.

    Args:
        network: the encoder.
        classes: number of classes, or {"source": a, "target": b} (then with
            ``labelled_target``);
            or ``Continuous(outputs)`` (regression).
        trade_off: weight of the term.
        order: of the moment tensors, at least 1.
        trade_off_schedule: "constant" or "ramp" (0 to 1 over training).
        labelled_target: whether some target rows come with labels (track F).
        **settings: see :class:`da_zoo.Settings`.

    Returns:
        One training phase; under a batch-norm policy per domain, a second one that
        estimates the target's batch statistics.

    Raises:
        ValueError: for an invalid setting or class count,
            or an order below 1.

    Example:
        >>> from da_zoo import network_by_name
        >>> [phase.name for phase in homm(network_by_name("mlp"), classes=3)]
        ['adapt']

    References:
        Chen et al., "HoMM: Higher-order Moment Matching for Unsupervised Domain
        Adaptation", AAAI 2020.
    """
    if order < 1:
        raise ValueError(f"order must be at least 1, got {order}")
    training = resolve_settings(**settings)
    return aligned(
        network,
        resolve_classes(classes, training.width, continuous=True),
        training,
        discrepancy(_distance(order), "moment_distance", trade_off_schedule),
        hparams={"trade_off": trade_off},
        labelled_target=labelled_target,
    )


SPEC = MethodSpec(
    name="homm",
    factory=homm,
    summary="Match third-order moment tensors of source and target features.",
    setting="labelled source and unlabelled target (and labelled target rows if any)",
    tracks=frozenset("UF"),
    regression=True,
    paper=(
        "Chen, Fu, Chen, Jin, Cheng, Jin and Hua, HoMM: Higher-order Moment "
        "Matching for Unsupervised Domain Adaptation, AAAI, 2020."
    ),
    year=2020,
    bibtex="""@inproceedings{chen2020homm,
  title = {HoMM: Higher-order Moment Matching for Unsupervised Domain Adaptation},
  author = {Chen, Chao and Fu, Zhihang and Chen, Zhihong and Jin, Sheng and
            Cheng, Zhaowei and Jin, Xinyu and Hua, Xian-sheng},
  booktitle = {AAAI Conference on Artificial Intelligence},
  year = {2020}
}""",
    hparams=(
        Hyperparameter(
            "trade_off",
            1.0,
            0.01,
            10000.0,
            source="ours: the paper's weight depends on its feature range",
        ),
        Hyperparameter(
            "trade_off_schedule",
            "constant",
            scale="choice",
            traced=False,
            choices=("constant", "ramp"),
            source="the paper: constant",
        ),
        Hyperparameter(
            "order",
            3,
            scale="choice",
            traced=False,
            choices=(2, 3, 4),
            source="Chen et al. 2020: 3",
        ),
    ),
    departures=(
        "All entries of the tensors count, by a polynomial kernel, where the paper "
        "samples some of them. Without its class-centre clustering term."
    ),
)
