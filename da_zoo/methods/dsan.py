"""DSAN: match source and target class by class (local MMD)."""

import functools
from collections.abc import Callable, Mapping
from typing import Unpack

from jaxtyping import Array, Float

from da_zoo.classifier import Forward
from da_zoo.losses.local_mmd import local_mmd_squared
from da_zoo.network import Network
from da_zoo.registry import Hyperparameter, MethodSpec
from da_zoo.settings import Settings, resolve_settings, shared_classes
from da_zoo.supervised import aligned, forward_term
from da_zoo.types import Recipe

__all__ = ["dsan"]


@functools.lru_cache(maxsize=64)
def _value(
    bandwidths: tuple[float, ...] | None,
) -> Callable[[Forward], Float[Array, ""]]:
    def value(forward: Forward) -> Float[Array, ""]:
        return local_mmd_squared(
            forward.features["source"],
            forward.labels["source"],
            forward.features["target"],
            forward.logits["target"],
            bandwidths,
            weight_source=forward.weights["source"],
            weight_target=forward.weights["target"],
        )

    return value


def dsan(
    network: Network,
    *,
    classes: int | Mapping[str, int],
    trade_off: float = 0.5,
    bandwidths: tuple[float, ...] | None = None,
    trade_off_schedule: str = "ramp",
    labelled_target: bool = False,
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds training with a local MMD term.

    Args:
        network: the encoder.
        classes: number of classes; source and target must share them.
        trade_off: largest weight of the term.
        bandwidths: absolute widths of the Gaussian kernels; None takes five around the
            mean squared distance of each batch.
        trade_off_schedule: "ramp" (0 to 1 over training, the paper's) or "constant".
        labelled_target: whether some target rows come with labels (track F).
        **settings: see :class:`da_zoo.Settings`.

    Returns:
        One training phase; under a batch-norm policy per domain, a second one that
        estimates the target's batch statistics.

    Raises:
        ValueError: for an invalid setting, class count or bandwidth, or two label
            spaces.

    Example:
        >>> from da_zoo import network_by_name
        >>> [phase.name for phase in dsan(network_by_name("mlp"), classes=3)]
        ['adapt']

    References:
        Zhu et al., "Deep Subdomain Adaptation Network for Image Classification", IEEE
        Transactions on Neural Networks and Learning Systems, 2020.
    """
    training = resolve_settings(**settings)
    if bandwidths is not None and (not bandwidths or min(bandwidths) <= 0):
        raise ValueError(f"bandwidths must be positive and non-empty, got {bandwidths}")
    return aligned(
        network,
        shared_classes(classes, training.width, "dsan"),
        training,
        forward_term(
            _value(None if bandwidths is None else tuple(bandwidths)),
            "local_mmd_squared",
            trade_off_schedule,
        ),
        hparams={"trade_off": trade_off},
        labelled_target=labelled_target,
    )


SPEC = MethodSpec(
    name="dsan",
    factory=dsan,
    summary="Match features class by class: by labels there, by predictions here.",
    setting="labelled source and unlabelled target (and labelled target rows if any)",
    tracks=frozenset("UF"),
    same_task=True,
    paper=(
        "Zhu, Zhuang, Wang, Ke, Chen, Bian, Xiong and He, Deep Subdomain Adaptation "
        "Network for Image Classification, IEEE TNNLS, 2020."
    ),
    year=2020,
    bibtex="""@article{zhu2020deep,
  title = {Deep Subdomain Adaptation Network for Image Classification},
  author = {Zhu, Yongchun and Zhuang, Fuzhen and Wang, Jindong and Ke, Guolin and
            Chen, Jingwu and Bian, Jiang and Xiong, Hui and He, Qing},
  journal = {IEEE Transactions on Neural Networks and Learning Systems},
  year = {2020}
}""",
    hparams=(
        Hyperparameter(
            "trade_off", 0.5, 0.05, 5.0, source="the authors' code and DeepDA: 0.5"
        ),
        Hyperparameter(
            "trade_off_schedule",
            "ramp",
            scale="choice",
            traced=False,
            choices=("ramp", "constant"),
            source="Zhu et al. 2020: ramp",
        ),
        Hyperparameter(
            "bandwidths",
            None,
            scale="choice",
            traced=False,
            source="the authors' code: five kernels",
        ),
    ),
    departures=(
        "As in the authors' code and not the paper's formula, the mean is over classes "
        "that the batch has in both domains, and predictions are under stop-gradient."
    ),
)
