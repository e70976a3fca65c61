"""AFN: let feature norms grow, step by step, in both domains."""

import functools
from collections.abc import Callable, Mapping
from typing import Unpack

from jaxtyping import Array, Float

from da_zoo.classifier import Forward
from da_zoo.losses.feature_norm import stepwise_feature_norm
from da_zoo.network import Network
from da_zoo.registry import Hyperparameter, MethodSpec
from da_zoo.settings import Continuous, Settings, resolve_classes, resolve_settings
from da_zoo.supervised import aligned, forward_term
from da_zoo.types import Recipe

__all__ = ["afn"]


@functools.lru_cache(maxsize=64)
def _value(step: float) -> Callable[[Forward], Float[Array, ""]]:
    def value(forward: Forward) -> Float[Array, ""]:
        source, target = (
            stepwise_feature_norm(
                forward.features[name], step, weight=forward.weights[name]
            )
            for name in ("source", "target")
        )
        return source + target

    return value


def afn(
    network: Network,
    *,
    classes: int | Mapping[str, int] | Continuous,
    trade_off: float = 0.05,
    step: float = 1.0,
    trade_off_schedule: str = "constant",
    labelled_target: bool = False,
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds stepwise adaptive feature norm (SAFN) training.

    Args:
        network: the encoder.
        classes: number of classes, or {"source": a, "target": b} (then with
            ``labelled_target``);
            or ``Continuous(outputs)`` (regression).
        trade_off: weight of the term.
        step: by how much norms are asked to grow, above 0.
        trade_off_schedule: "constant" or "ramp" (0 to 1 over training).
        labelled_target: whether some target rows come with labels (track F).
        **settings: see :class:`da_zoo.Settings`.

    Returns:
        One training phase; under a batch-norm policy per domain, a second one that
        estimates the target's batch statistics.

    Raises:
        ValueError: for an invalid setting or class count,
            or a step that is not positive.

    Example:
        >>> from da_zoo import network_by_name
        >>> [phase.name for phase in afn(network_by_name("mlp"), classes=3)]
        ['adapt']

    References:
        Xu et al., "Larger Norm More Transferable: An Adaptive Feature Norm
        Approach for Unsupervised Domain Adaptation", ICCV 2019.
    """
    if step <= 0:
        raise ValueError(f"step must be positive, got {step}")
    training = resolve_settings(**settings)
    return aligned(
        network,
        resolve_classes(classes, training.width, continuous=True),
        training,
        forward_term(_value(step), "feature_norm", trade_off_schedule),
        hparams={"trade_off": trade_off},
        labelled_target=labelled_target,
    )


SPEC = MethodSpec(
    name="afn",
    factory=afn,
    summary="Enlarge feature norms of both domains by a constant pull.",
    setting="labelled source and unlabelled target (and labelled target rows if any)",
    tracks=frozenset("UF"),
    regression=True,
    paper=(
        "Xu, Li, Yang and Lin, Larger Norm More Transferable: An Adaptive Feature "
        "Norm Approach for Unsupervised Domain Adaptation, ICCV, 2019."
    ),
    year=2019,
    bibtex="""@inproceedings{xu2019larger,
  title = {Larger Norm More Transferable: An Adaptive Feature Norm Approach for
           Unsupervised Domain Adaptation},
  author = {Xu, Ruijia and Li, Guanbin and Yang, Jihan and Lin, Liang},
  booktitle = {IEEE/CVF International Conference on Computer Vision},
  year = {2019}
}""",
    hparams=(
        Hyperparameter("trade_off", 0.05, 0.001, 1.0, source="Xu et al. 2019: 0.05"),
        Hyperparameter(
            "trade_off_schedule",
            "constant",
            scale="choice",
            traced=False,
            choices=("constant", "ramp"),
            source="the paper: constant",
        ),
        Hyperparameter(
            "step",
            1.0,
            scale="choice",
            traced=False,
            choices=(0.1, 0.3, 1.0),
            source="Xu et al. 2019: 1; smaller for digits",
        ),
    ),
    departures=(
        "Without the paper's L2-preserving dropout and its optional entropy term. "
        "The logged value is constant (2 step^2): the method is its gradient."
    ),
)
