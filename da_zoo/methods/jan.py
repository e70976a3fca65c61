"""JAN: match joint distributions of features and predictions (JMMD)."""

import functools
from collections.abc import Callable, Mapping
from typing import Unpack

import jax
from jaxtyping import Array, Float

from da_zoo.classifier import Forward
from da_zoo.losses.joint_mmd import joint_mmd_squared
from da_zoo.naming import choose
from da_zoo.network import Network
from da_zoo.registry import Hyperparameter, MethodSpec
from da_zoo.settings import Settings, resolve_classes, resolve_settings
from da_zoo.supervised import aligned, forward_term
from da_zoo.types import Recipe

__all__ = ["jan"]


SOFTMAX_BANDWIDTH = 0.92
"""The authors' fixed sigma for predictions, which lie on a simplex."""


@functools.lru_cache(maxsize=64)
def _value(estimator: str) -> Callable[[Forward], Float[Array, ""]]:
    choose(dict.fromkeys(("u", "v"), 0), estimator, "estimator")

    def value(forward: Forward) -> Float[Array, ""]:
        source, target = (
            (forward.features[name], jax.nn.softmax(forward.logits[name], axis=1))
            for name in ("source", "target")
        )
        bandwidths = (None, SOFTMAX_BANDWIDTH)
        return joint_mmd_squared(source, target, bandwidths, estimator)

    return value


def jan(
    network: Network,
    *,
    classes: int | Mapping[str, int],
    trade_off: float = 1.0,
    estimator: str = "u",
    trade_off_schedule: str = "constant",
    labelled_target: bool = False,
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds training with a joint maximum mean discrepancy term.

    Args:
        network: the encoder.
        classes: number of classes, or {"source": a, "target": b} (then with
            ``labelled_target``).
        trade_off: weight of the term.
        estimator: "u" (unbiased) or "v" (biased, never negative).
        trade_off_schedule: "constant" or "ramp" (0 to 1 over training).
        labelled_target: whether some target rows come with labels (track F).
        **settings: see :class:`da_zoo.Settings`.

    Returns:
        One training phase; under a batch-norm policy per domain, a second one that
        estimates the target's batch statistics.

    Raises:
        ValueError: for an invalid setting or class count or estimator.

    Example:
        >>> from da_zoo import network_by_name
        >>> [phase.name for phase in jan(network_by_name("mlp"), classes=3)]
        ['adapt']

    References:
        Long et al., "Deep Transfer Learning with Joint Adaptation Networks", ICML
        2017.
    """
    training = resolve_settings(**settings)
    return aligned(
        network,
        resolve_classes(classes, training.width),
        training,
        forward_term(_value(estimator), "joint_mmd_squared", trade_off_schedule),
        hparams={"trade_off": trade_off},
        labelled_target=labelled_target,
    )


SPEC = MethodSpec(
    name="jan",
    factory=jan,
    summary="Match features and predictions jointly (joint MMD).",
    setting="labelled source and unlabelled target (and labelled target rows if any)",
    tracks=frozenset("UF"),
    paper=(
        "Long, Zhu, Wang and Jordan, Deep Transfer Learning with Joint Adaptation "
        "Networks, ICML, 2017."
    ),
    year=2017,
    bibtex="""@inproceedings{long2017deep,
  title = {Deep Transfer Learning with Joint Adaptation Networks},
  author = {Long, Mingsheng and Zhu, Han and Wang, Jianmin and Jordan, Michael I.},
  booktitle = {International Conference on Machine Learning},
  year = {2017}
}""",
    hparams=(
        Hyperparameter("trade_off", 1.0, 0.01, 10.0, source="Long et al. 2017: 1"),
        Hyperparameter(
            "trade_off_schedule",
            "constant",
            scale="choice",
            traced=False,
            choices=("constant", "ramp"),
            source="the paper: constant",
        ),
        Hyperparameter(
            "estimator",
            "u",
            scale="choice",
            traced=False,
            choices=("u", "v"),
            source="ours: the biased estimator can be lowered by killing features",
        ),
    ),
    departures=(
        "The quadratic unbiased estimator is the default where the paper has the "
        "linear-time one. Where source and target have label spaces of their own, "
        "predictions of different meaning are compared."
    ),
)
