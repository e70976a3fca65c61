"""MCC: minimum class confusion of target predictions."""

import functools
from collections.abc import Callable, Mapping
from typing import Unpack

from jaxtyping import Array, Float

from da_zoo.classifier import Forward
from da_zoo.losses.prediction import minimum_class_confusion
from da_zoo.network import Network
from da_zoo.registry import Hyperparameter, MethodSpec
from da_zoo.settings import Settings, resolve_classes, resolve_settings
from da_zoo.supervised import aligned, forward_term
from da_zoo.types import Recipe

__all__ = ["mcc"]


@functools.lru_cache(maxsize=64)
def _value(temperature: float) -> Callable[[Forward], Float[Array, ""]]:
    def value(forward: Forward) -> Float[Array, ""]:
        return minimum_class_confusion(
            forward.logits["target"], temperature, weight=forward.weights["target"]
        )

    return value


def mcc(
    network: Network,
    *,
    classes: int | Mapping[str, int],
    trade_off: float = 1.0,
    temperature: float = 2.5,
    trade_off_schedule: str = "constant",
    labelled_target: bool = False,
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds training with minimum class confusion on the target beside the task.

    Args:
        network: the encoder.
        classes: number of classes, or {"source": a, "target": b} (then with
            ``labelled_target``).
        trade_off: weight of the term.
        temperature: of the softmax, above 0.
        trade_off_schedule: "constant" or "ramp" (0 to 1 over training).
        labelled_target: whether some target rows come with labels (track F).
        **settings: see :class:`da_zoo.Settings`.

    Returns:
        One training phase; under a batch-norm policy per domain, a second one that
        estimates the target's batch statistics.

    Raises:
        ValueError: for an invalid setting or class count,
            or a temperature that is not positive.

    Example:
        >>> from da_zoo import network_by_name
        >>> [phase.name for phase in mcc(network_by_name("mlp"), classes=3)]
        ['adapt']

    References:
        Jin et al., "Minimum Class Confusion for Versatile Domain Adaptation",
        ECCV 2020.
    """
    if temperature <= 0:
        raise ValueError(f"temperature must be positive, got {temperature}")
    training = resolve_settings(**settings)
    return aligned(
        network,
        resolve_classes(classes, training.width),
        training,
        forward_term(_value(temperature), "class_confusion", trade_off_schedule),
        hparams={"trade_off": trade_off},
        labelled_target=labelled_target,
    )


SPEC = MethodSpec(
    name="mcc",
    factory=mcc,
    summary="Make target predictions confuse no two classes within a batch.",
    setting="labelled source and unlabelled target (and labelled target rows if any)",
    tracks=frozenset("UF"),
    paper=(
        "Jin, Wang, Long and Wang, Minimum Class Confusion for Versatile Domain "
        "Adaptation, ECCV, 2020."
    ),
    year=2020,
    bibtex="""@inproceedings{jin2020minimum,
  title = {Minimum Class Confusion for Versatile Domain Adaptation},
  author = {Jin, Ying and Wang, Ximei and Long, Mingsheng and Wang, Jianmin},
  booktitle = {European Conference on Computer Vision},
  year = {2020}
}""",
    hparams=(
        Hyperparameter("trade_off", 1.0, 0.01, 10.0, source="Jin et al. 2020: 1"),
        Hyperparameter(
            "trade_off_schedule",
            "constant",
            scale="choice",
            traced=False,
            choices=("constant", "ramp"),
            source="the paper: constant",
        ),
        Hyperparameter(
            "temperature",
            2.5,
            scale="choice",
            traced=False,
            choices=(1.0, 2.5, 4.0),
            source="Jin et al. 2020: 2.5",
        ),
    ),
    departures=(
        "No bottleneck layer of its own. Certainty weights are detached, as in the "
        "authors' code."
    ),
)
