"""JAN: match joint distributions of features and predictions (JMMD)."""

import functools
from collections.abc import Callable, Mapping
from typing import Unpack

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from da_zoo.classifier import Forward
from da_zoo.compose import progress
from da_zoo.layers import reverse_gradient
from da_zoo.losses.joint_mmd import ESTIMATORS, joint_mmd_squared
from da_zoo.naming import choose
from da_zoo.network import Network, make_head
from da_zoo.registry import Hyperparameter, MethodSpec
from da_zoo.schedules import schedule_by_name
from da_zoo.settings import Settings, resolve_classes, resolve_settings
from da_zoo.supervised import Alignment, aligned, forward_term
from da_zoo.types import Key, Params, Recipe, TrainState

__all__ = ["jan"]


SOFTMAX_BANDWIDTH = 0.92
"""The authors' fixed sigma for predictions, which lie on a simplex."""

BANDWIDTHS = (None, SOFTMAX_BANDWIDTH)


def _layers(forward: Forward, stream: str) -> tuple[Array, Array]:
    return forward.features[stream], jax.nn.softmax(forward.logits[stream], axis=1)


@functools.lru_cache(maxsize=64)
def _value(estimator: str) -> Callable[[Forward], Float[Array, ""]]:
    choose(dict.fromkeys(ESTIMATORS, 0), estimator, "estimator")

    def value(forward: Forward) -> Float[Array, ""]:
        source, target = (_layers(forward, name) for name in ("source", "target"))
        return joint_mmd_squared(
            source,
            target,
            BANDWIDTHS,
            estimator,
            weight_source=forward.weights["source"],
            weight_target=forward.weights["target"],
        )

    return value


@functools.lru_cache(maxsize=64)
def _adversarial(estimator: str, schedule: str, width: int) -> Alignment:
    """Puts a dense layer theta before each kernel, which maximises the distance."""
    choose(dict.fromkeys(ESTIMATORS, 0), estimator, "estimator")
    ramp = schedule_by_name(schedule)

    def init(key: Key, features_dim: int) -> Params:
        # The identity: training begins at the plain distance.
        del key
        return {
            "theta": {
                f"Dense_{i}": {"kernel": jnp.eye(size), "bias": jnp.zeros(size)}
                for i, size in enumerate((features_dim, width))
            }
        }

    def loss(
        params: Params, state: TrainState, forward: Forward, key: Key
    ) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
        del key
        # Reversed in theta alone: it climbs what encoder and heads descend.
        theta = reverse_gradient(params["theta"])

        def mapped(stream: str) -> list[Array]:
            return [
                make_head(*layer["kernel"].shape).apply(layer, rows)
                for layer, rows in zip(
                    (theta["Dense_0"], theta["Dense_1"]),
                    _layers(forward, stream),
                    strict=True,
                )
            ]

        found = joint_mmd_squared(
            mapped("source"),
            mapped("target"),
            BANDWIDTHS,
            estimator,
            weight_source=forward.weights["source"],
            weight_target=forward.weights["target"],
        )
        weight = state.hparams["trade_off"] * ramp(progress(state))
        return weight * found, {"joint_mmd_squared": found}

    return Alignment(loss, init)


def jan(
    network: Network,
    *,
    classes: int | Mapping[str, int],
    trade_off: float = 1.0,
    estimator: str = "u",
    adversarial: bool = False,
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
        estimator: "u" (unbiased), "v" (biased, never negative) or "linear" (O(n)).
        adversarial: put a dense layer in front of each kernel and train it to maximise
            the distance (the paper's JAN-A).
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
    resolved = resolve_classes(classes, training.width)
    if adversarial:
        alignment = _adversarial(estimator, trade_off_schedule, resolved.width)
    else:
        alignment = forward_term(
            _value(estimator), "joint_mmd_squared", trade_off_schedule
        )
    return aligned(
        network,
        resolved,
        training,
        alignment,
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
            choices=ESTIMATORS,
            source="ours: the biased estimator can be lowered by killing features",
        ),
        Hyperparameter(
            "adversarial",
            False,
            scale="choice",
            traced=False,
            choices=(False, True),
            source="Long et al. 2017: both, as JAN and JAN-A",
        ),
    ),
    departures=(
        "The quadratic unbiased estimator is the default where the paper has the "
        "linear-time one. Where source and target have label spaces of their own, "
        "predictions of different meaning are compared."
    ),
)
