"""Bi-Tuning: contrast with keys of the same class, for the features and a projection.

Keys come from a slow copy of the encoder and wait in one queue per class; the queues
and the copy are part of the state, so training that is resumed goes on as it would.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from da_zoo.augment import Augmentation, augmentation_by_name
from da_zoo.classifier import Forward
from da_zoo.compose import named_key
from da_zoo.cosine import unit_rows
from da_zoo.finetune.penalties import Penalty, Tuned
from da_zoo.losses.class_contrast import class_contrast, queue_places
from da_zoo.network import make_head
from da_zoo.self_training import check_fraction, moving_average
from da_zoo.settings import non_negative
from da_zoo.supervised import Alignment
from da_zoo.types import Batch, Examples, Key, Params, TrainState

__all__ = ["bi_tuning"]

STREAM = "target_labelled"
KEYS, QUEUES = "bi_tuning_encoder", "bi_tuning_queues"


def bi_tuning(
    contrast: float = 1.0,
    contrast_temperature: float = 0.07,
    key_decay: float = 0.999,
    *,
    queue: int = 40,
    projection: int = 128,
    augmentation: str = "auto",
) -> Penalty:
    """Contrasts rows with keys of their own class against keys of all classes.

    ``contrast * (L_z + L_y)``: L_z compares a row's projection with keys' projections,
    L_y its class's head weights with keys' features; each is the cross-entropy of
    :func:`da_zoo.losses.class_contrast.class_contrast` over ``contrast_temperature``.
    The query is the row as the task loss sees it; the key is a weak view of it, through
    the slow encoder.

    Args:
        contrast: weight of both, at least 0.
        contrast_temperature: what similarities (cosines) are divided by, above 0.
        key_decay: of the moving average that the slow encoder is, in [0, 1].
        queue: keys kept per class.
        projection: width of the projection.
        augmentation: how the key's view is drawn, see ``da_zoo.augment``.

    Raises:
        TypeError: if a decay is no number.
        ValueError: if a value is out of range, or there is no such augmentation; for a
            plan, if the target is continuous.

    Example:
        >>> bi_tuning().hparams
        (('contrast', 1.0), ('contrast_temperature', 0.07), ('key_decay', 0.999))

    References:
        Zhong et al., "Bi-tuning of Pre-trained Representations", 2020,
        https://arxiv.org/abs/2011.06182.
    """
    non_negative("contrast", contrast)
    if non_negative("contrast_temperature", contrast_temperature) == 0:
        raise ValueError("contrast_temperature must be above 0, got 0")
    check_fraction("key_decay", key_decay)
    for name, value in (("queue", queue), ("projection", projection)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    views = augmentation_by_name(augmentation)
    values = (
        ("contrast", contrast),
        ("contrast_temperature", contrast_temperature),
        ("key_decay", key_decay),
    )
    return Penalty(_builder(queue, projection, views), values)


@functools.lru_cache(maxsize=64)
def _builder(queue: int, projection: int, views: Augmentation) -> Any:
    return functools.lru_cache(maxsize=64)(
        functools.partial(_term, queue=queue, projection=projection, views=views)
    )


def _slow(params: Params) -> Params:
    """What the key encoder is a slow copy of."""
    return {
        k: v for k, v in params.items() if k.startswith("encoder") or k == "projector"
    }


def _with_one(features: Float[Array, "n d"]) -> Float[Array, "n e"]:
    """Of length 1 after a constant for the head's bias."""
    return unit_rows(jnp.concatenate([features, jnp.ones((len(features), 1))], axis=1))


def _project(params: Params, features: Float[Array, "n d"]) -> Float[Array, "n p"]:
    own = params["projector"]
    return unit_rows(make_head(*own["kernel"].shape).apply(own, features))


def _term(
    tuned: Tuned, *, queue: int, projection: int, views: Augmentation
) -> Alignment:
    if tuned.continuous:
        raise ValueError(
            "bi_tuning needs classes: it contrasts them, and continuous targets have "
            "none"
        )

    def init(key: Key, features_dim: int) -> Params:
        head = make_head(features_dim, projection)
        return {"projector": head.init(named_key(key, "projector"))}

    def extra(key: Key, features_dim: int) -> dict[str, Any]:
        del key
        empty = {
            "features": jnp.zeros((tuned.width, queue, features_dim + 1)),
            "projections": jnp.zeros((tuned.width, queue, projection)),
            "count": jnp.zeros(tuned.width, jnp.int32),
        }
        return {QUEUES: empty}

    def start(params: Params, stats: dict[str, PyTree]) -> dict[str, Any]:
        del stats
        return {KEYS: _slow(params)}

    def keys_of(
        params: Params, state: TrainState, forward: Forward, key: Key
    ) -> tuple[Params, Array, Array]:
        """The slow encoder's next weights, and its keys for a view of the rows."""
        slow = jax.lax.stop_gradient(
            moving_average(state.extra[KEYS], _slow(params), state.hparams["key_decay"])
        )
        weight, index = forward.weights[STREAM], forward.index[STREAM]
        rows = Examples(
            views.weak(named_key(key, "view"), forward.inputs[STREAM], weight),
            forward.labels[STREAM],
            jnp.ones(index.shape, bool),
            index,
            forward.domains[STREAM],
            weight,
        )
        # Another key: with the query's dropout the key would be less of a view.
        other = state._replace(key=named_key(state.key, "keys"))
        whole = slow | {k: v for k, v in params.items() if k.startswith("head_")}
        seen = tuned.forward(whole, other, Batch(target_labelled=rows))
        features = jax.lax.stop_gradient(seen.features[STREAM])
        return slow, _with_one(features), _project(slow, features)

    def loss(
        params: Params, state: TrainState, forward: Forward, key: Key
    ) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
        _, _, key_projections = keys_of(params, state, forward, key)
        queues, labels = state.extra[QUEUES], forward.labels[STREAM]
        features, weight = forward.features[STREAM], forward.weights[STREAM]
        filled = jnp.arange(queue)[None, :] < queues["count"][:, None]
        hot = state.hparams["contrast_temperature"]

        projected = _project(params, features)
        by_projection = class_contrast(
            jnp.sum(projected * jax.lax.stop_gradient(key_projections), axis=1) / hot,
            jnp.einsum("np,ckp->nck", projected, queues["projections"]) / hot,
            filled,
            labels,
            weight=weight,
        )
        head = jax.lax.stop_gradient(params["head_target"])
        rows = jnp.concatenate([head["kernel"], head["bias"][None, :]]).T
        prototypes = unit_rows(rows)
        among = jnp.einsum("yd,ckd->yck", prototypes, queues["features"])
        by_head = class_contrast(
            jnp.sum(prototypes[labels] * _with_one(features), axis=1) / hot,
            among[labels] / hot,
            filled,
            labels,
            weight=weight,
        )
        value = state.hparams["contrast"] * (by_projection + by_head)
        return value, {"contrast_projection": by_projection, "contrast_head": by_head}

    def memory(
        params: Params, state: TrainState, forward: Forward, key: Key
    ) -> dict[str, Any]:
        # XLA computes the keys of the loss and these once: they are the same.
        slow, key_features, key_projections = keys_of(params, state, forward, key)
        old = state.extra[QUEUES]
        classes, places, count = queue_places(
            forward.labels[STREAM], old["count"], queue, forward.weights[STREAM]
        )
        renewed = {
            name: old[name].at[classes, places].set(keys, mode="drop")
            for name, keys in (
                ("features", key_features),
                ("projections", key_projections),
            )
        }
        return {KEYS: slow, QUEUES: renewed | {"count": count}}

    return Alignment(loss, init, extra, start, memory)
