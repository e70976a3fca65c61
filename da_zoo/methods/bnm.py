"""BNM: batch nuclear-norm maximisation on target predictions."""

import functools
from collections.abc import Callable, Mapping
from typing import Unpack

from jaxtyping import Array, Float

from da_zoo.classifier import Forward
from da_zoo.losses.prediction import batch_nuclear_norm
from da_zoo.network import Network
from da_zoo.registry import Hyperparameter, MethodSpec
from da_zoo.settings import Settings, resolve_classes, resolve_settings
from da_zoo.supervised import aligned, forward_term
from da_zoo.types import Recipe

__all__ = ["bnm"]


@functools.lru_cache(maxsize=64)
def _value(fast: bool) -> Callable[[Forward], Float[Array, ""]]:
    def value(forward: Forward) -> Float[Array, ""]:
        return -batch_nuclear_norm(
            forward.logits["target"], fast=fast, weight=forward.weights["target"]
        )

    return value


def bnm(
    network: Network,
    *,
    classes: int | Mapping[str, int],
    trade_off: float = 1.0,
    fast: bool = False,
    trade_off_schedule: str = "constant",
    labelled_target: bool = False,
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds training that also maximises the nuclear norm of target predictions.

    Args:
        network: the encoder.
        classes: number of classes, or {"source": a, "target": b} (then with
            ``labelled_target``).
        trade_off: weight of the term.
        fast: approximate the norm by the largest column norms, without an SVD.
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
        >>> [phase.name for phase in bnm(network_by_name("mlp"), classes=3)]
        ['adapt']

    References:
        Cui et al., "Towards Discriminability and Diversity: Batch Nuclear-norm
        Maximization under Label Insufficient Situations", CVPR 2020; ``fast``:
        Cui et al., 2021 (arXiv:2107.06154).
    """
    training = resolve_settings(**settings)
    return aligned(
        network,
        resolve_classes(classes, training.width),
        training,
        forward_term(_value(fast), "negative_nuclear_norm", trade_off_schedule),
        hparams={"trade_off": trade_off},
        labelled_target=labelled_target,
    )


SPEC = MethodSpec(
    name="bnm",
    factory=bnm,
    summary="Make target predictions confident and diverse (nuclear norm).",
    setting="labelled source and unlabelled target (and labelled target rows if any)",
    tracks=frozenset("UF"),
    paper=(
        "Cui, Wang, Zhuo, Li, Huang and Tian, Towards Discriminability and "
        "Diversity: Batch Nuclear-norm Maximization under Label Insufficient "
        "Situations, CVPR, 2020."
    ),
    year=2020,
    bibtex="""@inproceedings{cui2020towards,
  title = {Towards Discriminability and Diversity: Batch Nuclear-norm Maximization
           under Label Insufficient Situations},
  author = {Cui, Shuhao and Wang, Shuhui and Zhuo, Junbao and Li, Liang and
            Huang, Qingming and Tian, Qi},
  booktitle = {IEEE/CVF Conference on Computer Vision and Pattern Recognition},
  year = {2020}
}""",
    hparams=(
        Hyperparameter("trade_off", 1.0, 0.01, 10.0, source="Cui et al. 2020: 1"),
        Hyperparameter(
            "trade_off_schedule",
            "constant",
            scale="choice",
            traced=False,
            choices=("constant", "ramp"),
            source="the paper: constant",
        ),
        Hyperparameter(
            "fast",
            False,
            scale="choice",
            traced=False,
            choices=(False, True),
            source="Cui et al. 2021",
        ),
    ),
    departures=(
        "The norm is divided by the rows of the batch, as in the paper's equation; "
        "the authors' script takes the mean of the singular values."
    ),
)
