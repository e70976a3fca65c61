"""Prototypes: the nearest class mean of labelled target rows, on source features.

The simplest use of few target labels: the encoder is the source's, and the classifier
is the means of the classes. It works for another label space too.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, Unpack

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree

from da_zoo.compose import from_updates, inherit
from da_zoo.finetune.tuning import source_model, source_phase
from da_zoo.losses.weighting import without_padding
from da_zoo.network import Network, mask_classes
from da_zoo.registry import MethodSpec
from da_zoo.row_scores import row_scores
from da_zoo.settings import Settings, resolve_classes, resolve_settings
from da_zoo.types import (
    Batch,
    Key,
    Params,
    Phase,
    Predictions,
    Recipe,
    TrainState,
    Views,
)

__all__ = ["prototypes"]


def class_means(
    features: Float[Array, "n d"],
    labels: Int[Array, " n"],
    weight: Float[Array, " n"],
    classes: int,
) -> tuple[Float[Array, "k d"], Float[Array, " k"]]:
    """Returns the weighted mean of each class, and its weight (0: no row, mean 0).

    Args:
        features: [n, d].
        labels: [n], 0..classes-1.
        weight: [n]; 0 leaves a row out.
        classes: how many.

    Example:
        >>> means, counts = class_means(
        ...     jnp.array([[1.0], [3.0]]), jnp.array([1, 1]), jnp.ones(2), 2
        ... )
        >>> means[:, 0], counts
        (Array([0., 2.], dtype=float32), Array([0., 2.], dtype=float32))
    """
    member = jax.nn.one_hot(labels, classes) * weight[:, None]
    counts = jnp.sum(member, axis=0)
    kept = without_padding(features, weight)
    return member.T @ kept / jnp.where(counts > 0, counts, 1.0)[:, None], counts


@functools.lru_cache(maxsize=64)
def _init(init_params: Callable[..., Any]) -> Callable[..., Any]:
    def init(key: Key, batch: Batch) -> tuple[Params, dict[str, Any], dict[str, Any]]:
        params, stats, extra = init_params(key, batch)
        dim, width = params["head_source"]["kernel"].shape
        empty = {"means": jnp.zeros((width, dim)), "counts": jnp.zeros(width)}
        return params, stats, extra | empty

    return init


@functools.lru_cache(maxsize=64)
def _refresh(
    network: Network, batch_norm: str
) -> Callable[[TrainState, Views], TrainState]:
    scores = row_scores(network, batch_norm, "source")

    def refresh(state: TrainState, views: Views) -> TrainState:
        rows = views.target_labelled
        assert rows is not None
        weight = rows.labelled.astype(jnp.float32)
        weight = weight if rows.weight is None else weight * rows.weight
        width = state.extra["counts"].shape[0]
        features, _ = scores(state, rows.x)
        means, counts = class_means(features, rows.y, weight, width)
        return state._replace(extra=state.extra | {"means": means, "counts": counts})

    return refresh


@functools.lru_cache(maxsize=64)
def _predict(plain: Callable[..., Predictions]) -> Callable[..., Predictions]:
    def predict(state: TrainState, x: PyTree, *, domain: str = "target") -> Predictions:
        given = plain(state, x, domain=domain)
        means, counts = state.extra["means"], state.extra["counts"]
        differences = given.features[:, None, :] - means[None, :, :]
        raw = -jnp.sum(jnp.square(differences), axis=2)
        classes = state.hparams["classes_target"]
        # A class without a labelled row has no mean to be near to.
        seen = (counts > 0) & (jnp.arange(counts.shape[0]) < classes)
        # From the nearest mean on: a mask is finite, and distances may be huge.
        nearest = jnp.max(jnp.where(seen, raw, -jnp.inf), axis=1, keepdims=True)
        logits = mask_classes(jnp.where(seen, raw - nearest, -1e9), classes)
        return Predictions(
            {"source": given.logits["source"], "target": logits}, given.features
        )

    return predict


def prototypes(
    network: Network, *, classes: int | Mapping[str, int], **settings: Unpack[Settings]
) -> Recipe:
    """Builds the nearest class mean on features that the source trained.

    Args:
        network: the encoder.
        classes: number of classes, or {"source": a, "target": b}.
        **settings: see :class:`da_zoo.Settings`.

    Returns:
        Two phases: source, then one pass over the labelled target rows that trains
        nothing. Target logits are negative squared distances to the class means; the
        source's task keeps the source's head.

    Raises:
        ValueError: for an invalid setting or class count.

    Example:
        >>> from da_zoo import network_by_name
        >>> recipe = prototypes(network_by_name("mlp"), classes=3)
        >>> [phase.name for phase in recipe]
        ['source', 'prototypes']

    References:
        Snell et al., "Prototypical Networks for Few-shot Learning", NeurIPS 2017.
    """
    training = resolve_settings(**settings)
    spaces = resolve_classes(classes, training.width)
    model = source_model(network, spaces, training.batch_norm)
    adapter = from_updates(
        _init(model.init_params),
        (),
        refresh=_refresh(network, training.batch_norm),
        predict=_predict(model.predict),
        hparams=spaces.hparams,
    )
    measure = Phase(
        "prototypes",
        adapter,
        frozenset({"target_labelled"}),
        warm_start=inherit,
        steps=1,
    )
    return (source_phase(network, spaces, training), measure)


SPEC = MethodSpec(
    name="prototypes",
    factory=prototypes,
    summary="Nearest class mean of labelled target rows, on source-trained features.",
    setting="labelled source, then a labelled target share; the same task or another",
    tracks=frozenset("F"),
    paper=(
        "Baseline; the classifier of Snell, Swersky and Zemel, Prototypical Networks "
        "for Few-shot Learning, NeurIPS, 2017, without its training in episodes."
    ),
    year=2017,
    bibtex="""@inproceedings{snell2017prototypical,
  title = {Prototypical Networks for Few-shot Learning},
  author = {Snell, Jake and Swersky, Kevin and Zemel, Richard},
  booktitle = {Advances in Neural Information Processing Systems},
  year = {2017}
}""",
    departures=(
        "Features come from ordinary training on the source, not from episodes. A "
        "class without a labelled target row is never predicted."
    ),
    baseline=True,
)
