"""DAN: match domains by a multi-kernel maximum mean discrepancy of their features."""

import functools
from collections.abc import Callable, Mapping
from typing import Unpack

from jaxtyping import Array, Float

from da_zoo.losses.mmd import mmd_squared
from da_zoo.naming import choose
from da_zoo.network import Network
from da_zoo.registry import Hyperparameter, MethodSpec
from da_zoo.settings import Continuous, Settings, resolve_classes, resolve_settings
from da_zoo.supervised import aligned, discrepancy
from da_zoo.types import Recipe

__all__ = ["dan"]


@functools.lru_cache(maxsize=64)
def _distance(
    estimator: str, bandwidths: tuple[float, ...] | None
) -> Callable[..., Float[Array, ""]]:
    choose(dict.fromkeys(("u", "v", "linear"), 0), estimator, "estimator")
    return functools.partial(mmd_squared, bandwidths=bandwidths, estimator=estimator)


def dan(
    network: Network,
    *,
    classes: int | Mapping[str, int] | Continuous,
    trade_off: float = 1.0,
    estimator: str = "u",
    bandwidths: tuple[float, ...] | None = None,
    trade_off_schedule: str = "constant",
    labelled_target: bool = False,
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds training with a multi-kernel MMD term.

    Args:
        network: the encoder.
        classes: number of classes, or {"source": a, "target": b} (then with
            ``labelled_target``);
            or ``Continuous(outputs)`` (regression).
        trade_off: weight of the term.
        estimator: "u" (unbiased), "v" (biased, never negative) or "linear" (O(n)).
        bandwidths: absolute widths of the Gaussian kernels; None takes five around the
            mean squared distance of each batch.
        trade_off_schedule: "constant" or "ramp" (0 to 1 over training).
        labelled_target: whether some target rows come with labels (track F).
        **settings: see :class:`da_zoo.Settings`.

    Returns:
        One training phase; under a batch-norm policy per domain, a second one that
        estimates the target's batch statistics.

    Raises:
        ValueError: for an invalid setting, class count, estimator or bandwidth.

    Example:
        >>> from da_zoo import network_by_name
        >>> [phase.name for phase in dan(network_by_name("mlp"), classes=3)]
        ['adapt']

    References:
        Long et al., "Learning Transferable Features with Deep Adaptation Networks",
        ICML 2015.
    """
    training = resolve_settings(**settings)
    if bandwidths is not None and (not bandwidths or min(bandwidths) <= 0):
        raise ValueError(f"bandwidths must be positive and non-empty, got {bandwidths}")
    return aligned(
        network,
        resolve_classes(classes, training.width, continuous=True),
        training,
        discrepancy(
            _distance(estimator, None if bandwidths is None else tuple(bandwidths)),
            "mmd_squared",
            trade_off_schedule,
        ),
        hparams={"trade_off": trade_off},
        labelled_target=labelled_target,
    )


SPEC = MethodSpec(
    name="dan",
    factory=dan,
    summary="Match features by a multi-kernel maximum mean discrepancy (MK-MMD).",
    setting="labelled source and unlabelled target (and labelled target rows if any)",
    tracks=frozenset("UF"),
    regression=True,
    paper=(
        "Long, Cao, Wang and Jordan, Learning Transferable Features with Deep "
        "Adaptation Networks, ICML 2015."
    ),
    year=2015,
    bibtex="""@inproceedings{long2015learning,
  title = {Learning Transferable Features with Deep Adaptation Networks},
  author = {Long, Mingsheng and Cao, Yue and Wang, Jianmin and Jordan, Michael I.},
  booktitle = {International Conference on Machine Learning},
  year = {2015}
}""",
    hparams=(
        Hyperparameter("trade_off", 1.0, 0.1, 10.0, source="Long et al. 2015: 1"),
        Hyperparameter(
            "estimator",
            "u",
            scale="choice",
            traced=False,
            choices=("u", "v", "linear"),
            source="unbiased: the biased one can be lowered by killing features",
        ),
        Hyperparameter(
            "bandwidths",
            None,
            scale="choice",
            traced=False,
            source="TLLib: five kernels",
        ),
        Hyperparameter(
            "trade_off_schedule",
            "constant",
            scale="choice",
            traced=False,
            choices=("constant", "ramp"),
            source="Long et al. 2015: constant",
        ),
    ),
    departures=(
        "The unbiased quadratic estimator instead of the linear-time one; kernels are "
        "summed with equal weights, not learned; on the last features only."
    ),
)
