"""A classifier with a head per source domain, for methods that keep sources apart.

Sources are pooled into one stream; ``Examples.domain`` says which one a row is from. A
method that ignores the ids sees one source.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from da_zoo.classifier import Classifier, Forward, classifier
from da_zoo.network import Network, make_head, mask_classes
from da_zoo.types import Batch, Params, Predictions, TrainState

__all__ = ["mean_prediction", "per_source_classifier"]


def mean_prediction(logits: Float[Array, "s n k"]) -> Float[Array, "n k"]:
    """Log of the mean of softmax probabilities over heads: logits of their average.

    Args:
        logits: [s, n, k], one slice a head; masked classes stay masked.

    Example:
        >>> heads = jnp.array([[[0.0, 0.0]], [[0.0, 0.0]]])
        >>> mean_prediction(heads).round(4)
        Array([[-0.6931, -0.6931]], dtype=float32)
    """
    log_p = jax.nn.log_softmax(logits, axis=2)
    return jax.nn.logsumexp(log_p, axis=0) - jnp.log(logits.shape[0])


def _names(sources: int) -> tuple[str, ...]:
    # The first is the head of any other method: with one source this is one of them.
    return ("source", *(f"source_{i}" for i in range(1, sources)))


@functools.lru_cache(maxsize=256)
def per_source_classifier(
    network: Network, *, width: int, batch_norm: str, sources: int
) -> Classifier:
    """Joins an encoder with one head per source.

    In ``forward`` a source row's logits are its own source's head's, a target row's the
    average over heads; ``predict`` averages for either domain.

    Args:
        network: the encoder.
        width: outputs per head.
        batch_norm: the policy, see ``da_zoo.batch_norm``.
        sources: how many, at least 1.

    Raises:
        ValueError: if ``sources`` is below 1.

    Example:
        >>> from da_zoo.models import network_by_name
        >>> from da_zoo.types import Examples
        >>> model = per_source_classifier(
        ...     network_by_name("mlp"), width=3, batch_norm="joint", sources=2
        ... )
        >>> rows = Examples(jnp.ones((4, 5)), jnp.zeros(4, int), *[jnp.ones(4)] * 3)
        >>> params, _, _ = model.init_params(jax.random.key(0), Batch(source=rows))
        >>> sorted(params)
        ['encoder', 'head_source', 'head_source_1']
    """
    if sources < 1:
        raise ValueError(f"sources must be at least 1, got {sources}")
    names = _names(sources)
    model = classifier(
        network,
        width=width,
        batch_norm=batch_norm,
        heads=names,
        answers=(("source", "source"), ("target", "source"))
        if sources == 1
        else tuple((name, name) for name in names),
    )
    if sources == 1:
        return model

    def of_heads(
        params: Params, features: Float[Array, "n d"], classes: Float[Array, ""]
    ) -> Float[Array, "s n k"]:
        heads = [params[f"head_{name}"] for name in names]
        raw = [make_head(*h["kernel"].shape).apply(h, features) for h in heads]
        return jnp.stack([mask_classes(one, classes) for one in raw])

    def forward(params: Params, state: TrainState, batch: Batch) -> Forward:
        first = model.forward(params, state, batch)
        logits = {}
        for stream, features in first.features.items():
            every = of_heads(params, features, state.hparams["classes_source"])
            if stream == "source":
                rows = jnp.arange(features.shape[0])
                logits[stream] = every[first.domains[stream], rows]
            else:
                logits[stream] = mean_prediction(every)
        return first._replace(logits=logits)

    def predict(
        state: TrainState, x: PyTree[Any], *, domain: str = "target"
    ) -> Predictions:
        found = model.predict(state, x, domain=domain)
        classes = state.hparams["classes_source"]
        every = [mask_classes(found.logits[name], classes) for name in names]
        mean = mean_prediction(jnp.stack(every))
        return Predictions({"source": mean, "target": mean}, found.features)

    return Classifier(model.init_params, forward, predict)
