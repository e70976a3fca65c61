"""DELTA: a penalty on how far feature maps move from where the stage began."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from da_zoo.batch_norm import Encoder, domain_encoder
from da_zoo.classifier import Forward
from da_zoo.finetune.penalties import Penalty, Tuned, remember_start
from da_zoo.losses.classification import cross_entropy
from da_zoo.losses.feature_maps import channel_importance, feature_map_distance
from da_zoo.losses.regression import squared_error
from da_zoo.network import Network, make_head, mask_classes
from da_zoo.partition import matching, paths
from da_zoo.settings import non_negative
from da_zoo.supervised import Alignment
from da_zoo.types import Examples, Key, Params, TrainState, Views

__all__ = ["delta"]

ROWS = 512
"""Labelled rows, evenly spaced, that the attention is computed from, at most."""
IMPORTANCE = "delta_importance"


def delta(
    behaviour: float = 0.01,
    head_shrinkage: float = 0.01,
    *,
    stages: tuple[str, ...] | None = None,
    attention: bool = False,
    layers: tuple[str, ...] | None = None,
) -> Penalty:
    """Keeps the encoder's feature maps where they were, and pulls the head to zero.

    ``behaviour * sum_j D_j + head_shrinkage / 2 * |w_head|^2``; D_j is half the squared
    distance of stage j's maps to those of w0 on the same rows, per place and averaged
    over rows (:func:`da_zoo.losses.feature_maps.feature_map_distance`). w0 is where the
    first stage that has it begins; its forward has running statistics and no dropout.

    Args:
        behaviour: weight of the maps' distance, at least 0.
        head_shrinkage: weight of the head's squared norm, at least 0.
        stages: names of the encoder's stages; None means all.
        attention: weigh each channel by what the loss gains without it. It takes one
            pass of up to 512 rows per channel before the stage's first step, with the
            head of that moment: put a probe in front where the target's head is new.
        layers: with attention, one pattern per stage for the parameters whose last axis
            makes its channels; None means the network's own ``layer_patterns``.

    Raises:
        ValueError: if a weight is negative or not finite, or ``layers`` comes without
            attention or without one pattern per stage; when it is traced, if a stage
            or its layer is not there.

    Example:
        >>> delta(0.1).hparams
        (('behaviour', 0.1), ('head_shrinkage', 0.01))

    References:
        Li et al., "DELTA: Deep Learning Transfer using Feature Map with Attention for
        Convolutional Networks", ICLR 2019.
    """
    non_negative("behaviour", behaviour)
    non_negative("head_shrinkage", head_shrinkage)
    if layers is not None and not attention:
        raise ValueError("layers are for attention=True only")
    if layers is not None and stages is not None and len(layers) != len(stages):
        raise ValueError(f"layers must be one per stage, got {layers} for {stages}")
    for pattern in layers or ():
        matching(pattern)
    own = None if stages is None else tuple(stages)
    patterns = None if layers is None else tuple(layers)
    values = (("behaviour", behaviour), ("head_shrinkage", head_shrinkage))
    return Penalty(_builder(own, attention, patterns), values)


@functools.lru_cache(maxsize=64)
def _builder(
    stages: tuple[str, ...] | None, attention: bool, layers: tuple[str, ...] | None
) -> Any:
    return functools.lru_cache(maxsize=64)(
        functools.partial(_term, stages=stages, attention=attention, layers=layers)
    )


def _named(maps: dict[str, Array], stages: tuple[str, ...] | None) -> tuple[str, ...]:
    names = tuple(maps) if stages is None else stages
    if missing := [name for name in names if name not in maps]:
        raise ValueError(f"the encoder has no stages {missing}; it has {list(maps)}")
    if not names:
        raise ValueError(
            "the encoder has no stages: return Outputs(features, stages), or use l2_sp"
        )
    return names


def _term(
    tuned: Tuned,
    *,
    stages: tuple[str, ...] | None,
    attention: bool,
    layers: tuple[str, ...] | None,
) -> Alignment:
    encoder = domain_encoder(tuned.network, tuned.batch_norm)

    def loss(
        params: Params, state: TrainState, forward: Forward, key: Key
    ) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
        del key
        stream = "target_labelled"
        kept, maps = state.extra["start"], forward.stages[stream]
        start = encoder.encode(
            kept["params"], kept["stats"], forward.inputs[stream], domain="target"
        ).stages
        importance = state.extra[IMPORTANCE] if attention else {}
        distance = sum(
            (
                feature_map_distance(
                    maps[name],
                    start[name],
                    importance.get(name),
                    weight=forward.weights[stream],
                )
                for name in _named(maps, stages)
            ),
            jnp.zeros(()),
        )
        head = params["head_target"]
        norm = sum((jnp.sum(jnp.square(leaf)) for leaf in head.values()), jnp.zeros(()))
        value = state.hparams["behaviour"] * distance
        value += 0.5 * state.hparams["head_shrinkage"] * norm
        return value, {"feature_map_distance": distance}

    def refresh(state: TrainState, views: Views) -> dict[str, Any]:
        assert views.target_labelled is not None
        rows = _some(views.target_labelled)
        found = _attention(encoder, state, rows, stages, layers or (), tuned.network)
        return {IMPORTANCE: found}

    def extra(key: Key, features_dim: int) -> dict[str, Any]:
        del key, features_dim
        return {IMPORTANCE: {}}  # all channels alike until the first refresh

    if not attention:
        return Alignment(loss, start=remember_start)
    return Alignment(loss, extra=extra, start=remember_start, refresh=refresh)


def _some(rows: Examples) -> Examples:
    n = rows.index.shape[0]
    if n <= ROWS:
        return rows
    chosen = jnp.arange(ROWS) * n // ROWS
    return jax.tree.map(lambda leaf: leaf[chosen], rows)


def _attention(
    encoder: Encoder,
    state: TrainState,
    rows: Examples,
    stages: tuple[str, ...] | None,
    layers: tuple[str, ...],
    network: Network,
) -> dict[str, Float[Array, " c"]]:
    """Importance of each stage's channels: what the loss gains when one is cut."""
    kept, head = state.extra["start"], state.params["head_target"]

    def loss_of(network_params: PyTree) -> Float[Array, ""]:
        params = kept["params"] | {"encoder": network_params}
        outputs = encoder.encode(params, kept["stats"], rows.x, domain="target")
        logits = make_head(*head["kernel"].shape).apply(head, outputs.features)
        if rows.y.ndim > 1:
            return squared_error(logits, rows.y, weight=rows.weight)
        logits = mask_classes(logits, state.hparams["classes_target"])
        return cross_entropy(logits, rows.y, weight=rows.weight)

    # Not by way of a transformation of JAX's, which would sort the stages by name.
    maps = encoder.encode(kept["params"], kept["stats"], rows.x, domain="target").stages
    names = _named(maps, stages)
    patterns = layers
    if not layers and len(network.layer_patterns) == len(maps):
        depth = dict(zip(maps, network.layer_patterns, strict=True))
        patterns = tuple(depth[name] for name in names)
    if len(patterns) != len(names):
        raise ValueError(
            f"attention needs one layer pattern per stage of {list(names)}, and the "
            f"network has {list(network.layer_patterns)} for {list(maps)}: give "
            "layers=..."
        )
    whole = kept["params"]["encoder"]
    before = loss_of(whole)
    found = {}
    for name, pattern in zip(names, patterns, strict=True):
        channels = maps[name].shape[-1]
        chosen = _layer(whole, pattern, name, channels)

        def without(channel: Array, chosen: PyTree = chosen) -> Float[Array, ""]:
            cut = jax.tree.map(
                lambda leaf, own: leaf.at[..., channel].set(0.0) if own else leaf,
                whole,
                chosen,
            )
            return loss_of(cut)

        losses = jax.lax.map(without, jnp.arange(channels))
        found[name] = channel_importance(losses - before)
    return found


def _layer(params: PyTree, pattern: str, stage: str, channels: int) -> PyTree:
    """Marks the parameters that make a stage's channels."""
    holds = matching(pattern)
    # Factors of LoRA begin at 0: without the base's channel there is none.
    marks = [holds(p) and not p.startswith("lora/") for p in paths(params)]
    leaves, structure = jax.tree.flatten(params)
    hit = [leaf.shape for leaf, mark in zip(leaves, marks, strict=True) if mark]
    if not hit or any(shape[-1:] != (channels,) for shape in hit):
        raise ValueError(
            f"the layer of stage {stage!r}, pattern {pattern!r}, must have parameters "
            f"whose last axis is its {channels} channels, got shapes {hit}: give "
            "layers=..."
        )
    return jax.tree.unflatten(structure, marks)
