"""An encoder with its heads: what nearly every method trains and predicts with."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree

from da_zoo.backend import compiler_options
from da_zoo.batch_norm import domain_encoder
from da_zoo.compose import named_key
from da_zoo.losses.classification import cross_entropy
from da_zoo.losses.regression import squared_error
from da_zoo.network import Network, Train, make_head, mask_classes
from da_zoo.types import Batch, Examples, Key, Params, Predictions, TrainState

__all__ = ["Classifier", "Forward", "classifier", "streams_of", "task_loss"]


class Forward(NamedTuple):
    """One pass of a batch, by stream ("source", "target", "target_labelled")."""

    features: dict[str, Float[Array, "n d"]]
    logits: dict[str, Float[Array, "n k"]]
    stages: dict[str, dict[str, Array]]
    stats: dict[str, PyTree]
    labels: dict[str, Int[Array, " n"] | Float[Array, "n k"]]
    """Of the labelled streams only: there is no entry for "target"."""
    weights: dict[str, Float[Array, " n"] | None]
    """How much each row counts; 0 = padding or, in a labelled stream, no label."""
    domains: dict[str, Int[Array, " n"]]
    """Which of several sources (or targets) each row is from."""
    index: dict[str, Int[Array, " n"]]  # type: ignore[assignment]
    """Which row of its stream each is."""
    inputs: dict[str, PyTree] = {}  # noqa: RUF012
    """What went in, for terms with a forward of their own."""


class Classifier(NamedTuple):
    """``init_params(key, batch)``, ``forward(params, state, batch)``, ``predict``."""

    init_params: Callable[
        [Key, Batch], tuple[Params, dict[str, PyTree], dict[str, Any]]
    ]
    forward: Callable[..., Forward]
    predict: Callable[..., Predictions]


def streams_of(batch: Batch) -> dict[str, Examples]:
    """Returns the streams a batch has, by name.

    Example:
        >>> streams_of(Batch())
        {}
    """
    return {name: rows for name, rows in batch._asdict().items() if rows is not None}


def _label_weight(rows: Examples) -> Float[Array, " n"]:
    """How much the label of each row counts."""
    weight = rows.labelled.astype(jnp.float32)
    return weight if rows.weight is None else weight * rows.weight


def _features_dim(network: Network, x: PyTree) -> int:
    def features(key: Key, x: PyTree) -> Array:
        params, stats = network.init(key, x)
        return network.apply(params, stats, x)[0].features

    shape = jax.eval_shape(features, jax.random.key(0), x).shape
    if len(shape) != 2:
        raise ValueError(
            f"network {network.name!r} must return features of shape [n, d], got "
            f"{shape}; flatten or pool in the encoder"
        )
    return shape[1]


def _masked(
    raw: Float[Array, "n k"], counts: dict[str, Float[Array, ""]], space: str
) -> Float[Array, "n k"]:
    """Masks the columns that are no classes; there is no count where none are."""
    name = f"classes_{space}"
    return mask_classes(raw, counts[name]) if name in counts else raw


@functools.lru_cache(maxsize=256)
def _compiled_predict(
    network: Network, batch_norm: str, heads: tuple[tuple[str, str], ...]
) -> Callable[..., Predictions]:
    """One jitted function for every method with these heads: it sees no other state."""
    encoder = domain_encoder(network, batch_norm)

    @functools.partial(
        jax.jit, static_argnames="domain", compiler_options=compiler_options()
    )
    def predict(
        params: Params,
        stats: dict[str, PyTree],
        counts: dict[str, Float[Array, ""]],
        x: PyTree,
        domain: str,
    ) -> Predictions:
        features = encoder.encode(params, stats, x, domain=domain).features
        logits = {}
        for space, group in heads:
            head = params[group]
            raw = make_head(*head["kernel"].shape).apply(head, features)
            logits[space] = _masked(raw, counts, space)
        return Predictions(logits, features)

    return predict


@functools.lru_cache(maxsize=256)
def _trainer(
    network: Network, width: int, batch_norm: str, heads: tuple[str, ...], train: Train
) -> tuple[Callable[..., Any], Callable[..., Forward]]:
    """The training half: methods that differ in prediction alone share programs."""
    encoder = domain_encoder(network, batch_norm)

    def init_params(
        key: Key, batch: Batch
    ) -> tuple[Params, dict[str, PyTree], dict[str, Any]]:
        x = next(iter(streams_of(batch).values())).x
        params, stats = encoder.init(key, x)
        head = make_head(_features_dim(network, x), width)
        for name in heads:
            params[f"head_{name}"] = head.init(named_key(key, f"head_{name}"))
        if "source" in heads and network.head_init is not None:
            params["head_source"] = network.head_init(width)
        return params, stats, {}

    def forward(params: Params, state: TrainState, batch: Batch) -> Forward:
        # The key leaves out the update and its repeat: updates of one step that
        # forward the same parameters then compute the same thing, which XLA shares.
        key = jax.random.fold_in(state.key, state.step)
        streams = streams_of(batch)
        outputs, stats = encoder.forward(
            params,
            state.stats,
            streams,
            key=named_key(key, "encoder"),
            train=train,
        )
        logits = {}
        for stream, out in outputs.items():
            own = "source" if stream == "source" else "target"
            head = params[f"head_{own if own in heads else heads[0]}"]
            raw = make_head(*head["kernel"].shape).apply(head, out.features)
            logits[stream] = _masked(raw, state.hparams, own)
        return Forward(
            {stream: out.features for stream, out in outputs.items()},
            logits,
            {stream: out.stages for stream, out in outputs.items()},
            stats,
            {name: rows.y for name, rows in streams.items() if name != "target"},
            {
                name: rows.weight if name == "target" else _label_weight(rows)
                for name, rows in streams.items()
            },
            {name: rows.domain for name, rows in streams.items()},
            {name: rows.index for name, rows in streams.items()},
            {name: rows.x for name, rows in streams.items()},
        )

    return init_params, forward


@functools.lru_cache(maxsize=256)
def classifier(
    network: Network,
    *,
    width: int,
    batch_norm: str,
    heads: tuple[str, ...] = ("source",),
    answers: tuple[tuple[str, str], ...] = (("source", "source"), ("target", "source")),
    statistics: str | None = None,
    train: Train = True,
) -> Classifier:
    """Joins an encoder under a batch-norm policy with linear heads.

    Args:
        network: the encoder.
        width: outputs per head.
        batch_norm: the policy, see ``da_zoo.batch_norm``.
        heads: which heads exist, of "source" and "target". A stream goes through the
            head of its own domain where there is one, else through the only one.
        answers: which head predicts which label space, as (space, head) pairs.
        statistics: predict both domains with the statistics of this one; None means
            each with its own.
        train: False, or a predicate on layer paths, freezes batch statistics.

    Returns:
        Its pure functions. Parameter groups are ``encoder`` and ``head_<name>``.

    Example:
        >>> from da_zoo.models import network_by_name
        >>> model = classifier(network_by_name("mlp"), width=3, batch_norm="joint")
        >>> rows = Examples(jnp.ones((4, 5)), jnp.zeros(4, int), *[jnp.ones(4)] * 3)
        >>> params, stats, _ = model.init_params(jax.random.key(0), Batch(source=rows))
        >>> sorted(params)
        ['encoder', 'head_source']
    """
    init_params, forward = _trainer(network, width, batch_norm, heads, train)
    groups = tuple((space, f"head_{head}") for space, head in answers)
    compiled = _compiled_predict(network, batch_norm, groups)

    def predict(state: TrainState, x: PyTree, *, domain: str = "target") -> Predictions:
        if domain not in ("source", "target"):
            raise ValueError(f'domain must be "source" or "target", got {domain!r}')
        needed = {name for _, name in groups}
        params = {
            name: value
            for name, value in state.params.items()
            if name in needed or name.startswith("encoder")
        }
        counts = {k: v for k, v in state.hparams.items() if k.startswith("classes_")}
        return compiled(params, state.stats, counts, x, domain=statistics or domain)

    # For those who look into a model: which head and statistics it answers with.
    vars(predict).update(answers=dict(groups), statistics=statistics)
    return Classifier(init_params, forward, predict)


def task_loss(
    forward: Forward, batch: Batch
) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
    """Sums the mean losses of the labelled streams that the batch has.

    A stream's labels say which: cross-entropy for classes [n], squared error for
    continuous targets [n, k].

    Returns:
        The loss (in nats for classes) and its parts by stream, as metrics.
    """
    metrics: dict[str, Float[Array, ""]] = {}
    for stream in ("source", "target_labelled"):
        rows = getattr(batch, stream)
        if rows is None:
            continue
        loss = cross_entropy if rows.y.ndim == 1 else squared_error
        metrics[f"{stream}_loss"] = loss(
            forward.logits[stream], rows.y, weight=_label_weight(rows)
        )
    return jnp.sum(jnp.stack(list(metrics.values()))), metrics
