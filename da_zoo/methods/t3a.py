"""T3A: replace the source's classifier by templates of confident target features."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, Unpack

import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from da_zoo.classifier import Classifier
from da_zoo.compose import from_updates, inherit
from da_zoo.finetune.tuning import source_model, source_phase
from da_zoo.losses.prediction import entropies
from da_zoo.network import Network, mask_classes
from da_zoo.registry import Hyperparameter, MethodSpec
from da_zoo.row_scores import row_scores
from da_zoo.settings import Settings, resolve_settings, shared_classes
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

__all__ = ["t3a"]


def _unit(rows: Float[Array, "n d"]) -> Float[Array, "n d"]:
    squares = jnp.sum(jnp.square(rows), axis=1, keepdims=True)
    return rows / jnp.sqrt(jnp.maximum(squares, 1e-24))


def support_templates(
    features: Float[Array, "n d"],
    logits: Float[Array, "n k"],
    head: dict[str, Array],
    *,
    supports: int | None,
    weight: Float[Array, " n"] | None = None,
) -> Float[Array, "d k"]:
    """Averages, per class, the unit features that are predicted with most certainty.

    The column of the head that belongs to a class is one of its supports, with the
    entropy of the head's own prediction of it.

    Args:
        features: [n, d].
        logits: [n, k] of the head on them; masked classes (-1e9) get no row.
        head: kernel [d, k] and bias [k].
        supports: how many supports of least entropy a class keeps; None keeps all.
        weight: [n]; rows of weight 0 are no supports.

    Returns:
        One unit column per class.

    Example:
        >>> head = {"kernel": 2.0 * jnp.eye(2), "bias": jnp.zeros(2)}
        >>> nothing = jnp.zeros((0, 2))
        >>> support_templates(nothing, nothing, head, supports=5)
        Array([[1., 0.],
               [0., 1.]], dtype=float32)
    """
    columns = head["kernel"].T
    k = columns.shape[0]
    real = logits[:1] > -1e8 if logits.shape[0] else jnp.ones((1, k), bool)
    own = jnp.where(real, columns @ head["kernel"] + head["bias"][None, :], -1e9)
    units = _unit(jnp.concatenate([columns, features]))
    entropy = jnp.concatenate([entropies(own), entropies(logits)])
    labels = jnp.concatenate([jnp.arange(k), jnp.argmax(logits, axis=1)])
    counts = jnp.ones(logits.shape[0]) if weight is None else weight
    counts = jnp.concatenate([jnp.ones(k), counts])
    member = (labels[None, :] == jnp.arange(k)[:, None]) & (counts[None, :] > 0)
    if supports is not None:
        ordered = jnp.argsort(jnp.where(member, entropy[None, :], jnp.inf), axis=1)
        member = member & (jnp.argsort(ordered, axis=1) < supports)
    # A padding row may hold anything, a NaN too: select before multiplying.
    units = jnp.where(counts[:, None] > 0, units, 0.0)
    return _unit(member.astype(units.dtype) @ units).T


@functools.lru_cache(maxsize=64)
def _init(init_params: Callable[..., Any]) -> Callable[..., Any]:
    def init(key: Key, batch: Batch) -> tuple[Params, dict[str, Any], dict[str, Any]]:
        params, stats, extra = init_params(key, batch)
        templates = _unit(params["head_source"]["kernel"].T).T
        return params, stats, extra | {"templates": templates}

    return init


@functools.lru_cache(maxsize=64)
def _refresh(
    network: Network, batch_norm: str, supports: int | None
) -> Callable[[TrainState, Views], TrainState]:
    scores = row_scores(network, batch_norm, "source")

    def refresh(state: TrainState, views: Views) -> TrainState:
        assert views.target is not None
        templates = support_templates(
            *scores(state, views.target.x),
            state.params["head_source"],
            supports=supports,
            weight=views.target.weight,
        )
        return state._replace(extra=state.extra | {"templates": templates})

    return refresh


@functools.lru_cache(maxsize=64)
def _predict(plain: Callable[..., Predictions]) -> Callable[..., Predictions]:
    def predict(state: TrainState, x: PyTree, *, domain: str = "target") -> Predictions:
        features = plain(state, x, domain=domain).features
        raw = features @ state.extra["templates"]
        logits = mask_classes(raw, state.hparams["classes_target"])
        return Predictions({"source": logits, "target": logits}, features)

    return predict


def t3a(
    network: Network,
    *,
    classes: int | Mapping[str, int],
    supports: int | None = 100,
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds template adjustment of the classifier, without a gradient.

    Args:
        network: the encoder.
        classes: number of classes; the target's are the source's.
        supports: how many supports of least entropy a class keeps, at least 1; None
            keeps all. The paper picks among 1, 5, 20, 50, 100 and all.
        **settings: see :class:`da_zoo.Settings`.

    Returns:
        Two phases: source, then one pass over the target that trains nothing.

    Raises:
        ValueError: for an invalid setting or class count, two label spaces, or
            ``supports`` under 1.

    Example:
        >>> from da_zoo import network_by_name
        >>> [phase.name for phase in t3a(network_by_name("mlp"), classes=3)]
        ['source', 'templates']

    References:
        Iwasawa and Matsuo, "Test-Time Classifier Adjustment Module for Model-Agnostic
        Domain Generalization", NeurIPS 2021.
    """
    training = resolve_settings(**settings)
    spaces = shared_classes(classes, training.width, "t3a")
    if supports is not None and supports < 1:
        raise ValueError(
            f"supports must be at least 1, got {supports}; None keeps all of them"
        )
    # Only source rows were ever normalised: its statistics are the ones there are.
    model: Classifier = source_model(network, spaces, training.batch_norm)
    adapter = from_updates(
        _init(model.init_params),
        (),
        refresh=_refresh(network, training.batch_norm, supports),
        predict=_predict(model.predict),
        hparams=spaces.hparams,
    )
    adjust = Phase(
        "templates", adapter, frozenset({"target"}), warm_start=inherit, steps=1
    )
    return (source_phase(network, spaces, training), adjust)


SPEC = MethodSpec(
    name="t3a",
    factory=t3a,
    summary="Classify by templates: averages of confident target features per class.",
    setting="a source model and the unlabelled target; no gradient",
    tracks=frozenset("U"),
    paper=(
        "Iwasawa and Matsuo, Test-Time Classifier Adjustment Module for Model-Agnostic "
        "Domain Generalization, NeurIPS, 2021."
    ),
    year=2021,
    bibtex="""@inproceedings{iwasawa2021test,
  title = {Test-Time Classifier Adjustment Module for Model-Agnostic Domain
           Generalization},
  author = {Iwasawa, Yusuke and Matsuo, Yutaka},
  booktitle = {Advances in Neural Information Processing Systems},
  year = {2021}
}""",
    hparams=(
        Hyperparameter(
            "supports",
            100,
            scale="choice",
            traced=False,
            choices=(1, 5, 20, 50, 100, None),
            source="Iwasawa and Matsuo 2021: among 1, 5, 20, 50, 100 and all",
        ),
    ),
    departures=(
        "Templates come from one pass over the unlabelled target training rows and "
        "then stay; the paper adjusts them online, while it predicts. A column of the "
        "head is a support of its own class, as in the paper; the authors' code gives "
        "it the class that the head predicts for it. Templates have no bias and unit "
        "length, as in that code: without any target row this is the source's head "
        "less its bias and the lengths of its columns."
    ),
)
