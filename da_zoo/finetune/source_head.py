"""Penalties on what the source's head says about target rows: LwF and Co-Tuning."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from da_zoo.batch_norm import domain_encoder
from da_zoo.classifier import Forward
from da_zoo.finetune.penalties import Penalty, Tuned, remember_start
from da_zoo.losses.category_relationship import category_relationship
from da_zoo.losses.distillation import distillation, soft_cross_entropy
from da_zoo.network import make_head, mask_classes
from da_zoo.row_scores import row_scores
from da_zoo.settings import non_negative
from da_zoo.supervised import Alignment
from da_zoo.types import Key, Params, TrainState, Views

__all__ = ["co_tuning", "lwf"]

STREAM = "target_labelled"
RELATIONSHIP = "co_tuning_relationship"


def _positive(name: str, value: float) -> None:
    if non_negative(name, value) == 0:
        raise ValueError(f"{name} must be above 0, got {value}")


def _needs_classes(tuned: Tuned, name: str) -> None:
    if tuned.continuous:
        raise ValueError(
            f"{name} needs classes: it compares predictions of the source's classes, "
            "and continuous targets have none"
        )


def _source_logits(
    params: Params, features: Float[Array, "n d"], state: TrainState
) -> Float[Array, "n k"]:
    head = params["head_source"]
    raw = make_head(*head["kernel"].shape).apply(head, features)
    return mask_classes(raw, state.hparams["classes_source"])


@functools.lru_cache(maxsize=64)
def _lwf_term(tuned: Tuned) -> Alignment:
    _needs_classes(tuned, "lwf")
    encoder = domain_encoder(tuned.network, tuned.batch_norm)

    def loss(
        params: Params, state: TrainState, forward: Forward, key: Key
    ) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
        del key
        kept = state.extra["start"]
        start = encoder.encode(
            kept["params"], kept["stats"], forward.inputs[STREAM], domain="target"
        )
        value = distillation(
            _source_logits(params, forward.features[STREAM], state),
            _source_logits(kept["params"], start.features, state),
            state.hparams["distillation_temperature"],
            weight=forward.weights[STREAM],
        )
        return state.hparams["distillation"] * value, {"distillation": value}

    return Alignment(loss, start=remember_start)


def lwf(distillation: float = 4.0, distillation_temperature: float = 3.0) -> Penalty:
    """Lets the source's head go on to say about target rows what it said at the start.

    ``distillation * KL(softmax(z0 / T) | softmax(z / T))``, averaged over rows; z are
    the source head's logits, z0 those of w0, where the first stage that has it begins.
    The source's head trains too.

    Args:
        distillation: weight of the divergence, at least 0.
        distillation_temperature: T, above 0. The divergence is not multiplied by its
            square, as elsewhere: choose the weight along with it.

    Raises:
        ValueError: if a value is out of range; for a plan, if the target is
            continuous, or there is no source's head.

    Example:
        >>> lwf().hparams
        (('distillation', 4.0), ('distillation_temperature', 3.0))

    References:
        Li and Hoiem, "Learning without Forgetting", ECCV 2016.
    """
    non_negative("distillation", distillation)
    _positive("distillation_temperature", distillation_temperature)
    values = (
        ("distillation", distillation),
        ("distillation_temperature", distillation_temperature),
    )
    return Penalty(_lwf_term, values, source_head=True)


@functools.lru_cache(maxsize=64)
def _co_tuning_term(tuned: Tuned) -> Alignment:
    _needs_classes(tuned, "co_tuning")
    scores = row_scores(tuned.network, tuned.batch_norm)

    def loss(
        params: Params, state: TrainState, forward: Forward, key: Key
    ) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
        del key
        value = soft_cross_entropy(
            _source_logits(params, forward.features[STREAM], state),
            state.extra[RELATIONSHIP][forward.labels[STREAM]],
            weight=forward.weights[STREAM],
        )
        return state.hparams["relation"] * value, {"source_cross_entropy": value}

    def extra(key: Key, features_dim: int) -> dict[str, Any]:
        del key, features_dim
        # Nothing is known, and nothing counts, before the first refresh.
        return {RELATIONSHIP: jnp.zeros((tuned.width, tuned.width))}

    def refresh(state: TrainState, views: Views) -> dict[str, Any]:
        rows = views.target_labelled
        assert rows is not None
        logits = scores(state._replace(**state.extra["start"]), rows.x)[1]
        soft = jax.nn.softmax(logits / state.hparams["calibration"], axis=1)
        found = category_relationship(soft, rows.y, tuned.width, weight=rows.weight)
        return {RELATIONSHIP: found}

    return Alignment(loss, extra=extra, start=remember_start, refresh=refresh)


def co_tuning(relation: float = 2.3, calibration: float = 1.0) -> Penalty:
    """Teaches the source's head which source classes stand for a row's target class.

    ``relation * CE(p(source class | y), softmax(z))``, averaged over rows; z are the
    source head's logits. The relationship p is the mean prediction of w0, where the
    first stage that has it begins, on each target class's labelled rows; it is computed
    before the stage's first step. The source's head trains too.

    Args:
        relation: weight of the cross-entropy, at least 0.
        calibration: temperature of w0's predictions in the relationship, above 0; the
            paper finds it on held-out source rows.

    Raises:
        ValueError: if a value is out of range; for a plan, if the target is
            continuous, or there is no source's head.

    Example:
        >>> co_tuning().hparams
        (('relation', 2.3), ('calibration', 1.0))

    References:
        You et al., "Co-Tuning for Transfer Learning", NeurIPS 2020.
    """
    non_negative("relation", relation)
    _positive("calibration", calibration)
    values = (("relation", relation), ("calibration", calibration))
    return Penalty(_co_tuning_term, values, source_head=True)
