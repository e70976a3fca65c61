"""Batch-norm policies: which rows share statistics, and whose are used at test.

The policy changes published numbers, so it is an explicit argument everywhere:

* ``joint``: source and target go through the encoder as one batch; one set of
  running statistics.
* ``separate``: two forwards, one set of weights, running statistics per domain; a
  domain is predicted with its own.
* ``domain_specific``: ``separate``, and scale and shift per domain too (Chang et al.,
  "Domain-Specific Batch Normalization", CVPR 2019).
* ``frozen``: running statistics are used and never updated.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from da_zoo.compose import named_key
from da_zoo.naming import choose
from da_zoo.network import Network, Train
from da_zoo.partition import merge, paths, split
from da_zoo.types import Examples, Key, Outputs, Params

__all__ = ["POLICIES", "Encoder", "adopt_source", "domain_encoder"]

POLICIES = ("joint", "separate", "domain_specific", "frozen")
TARGET_NORMS = "encoder_target_norms"
"""The group that holds the target's own scale and shift, under domain_specific."""


class Encoder(NamedTuple):
    """A network under a batch-norm policy.

    ``init(key, x) -> (params by group, stats by domain)``; ``forward(params, stats,
    streams, *, key, train) -> (outputs by stream, stats)``; ``encode(params, stats, x,
    *, domain) -> Outputs`` with running statistics.
    """

    init: Callable[[Key, PyTree], tuple[Params, dict[str, PyTree]]]
    forward: Callable[..., tuple[dict[str, Outputs], dict[str, PyTree]]]
    encode: Callable[..., Outputs]


def _concatenate(rows: list[Examples]) -> tuple[PyTree, Any, list[int]]:
    sizes = [jax.tree.leaves(r.x)[0].shape[0] for r in rows]
    x = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *(r.x for r in rows))
    if all(r.weight is None for r in rows):
        return x, None, sizes
    weights = [
        jnp.ones(size) if r.weight is None else r.weight
        for r, size in zip(rows, sizes, strict=True)
    ]
    return x, jnp.concatenate(weights), sizes


def _cut(outputs: Outputs, names: list[str], sizes: list[int]) -> dict[str, Outputs]:
    ends = list(_running_total(sizes))
    return {
        name: jax.tree.map(lambda a, e=end, s=size: a[e - s : e], outputs)
        for name, size, end in zip(names, sizes, ends, strict=True)
    }


def _running_total(sizes: list[int]) -> list[int]:
    return [sum(sizes[: i + 1]) for i in range(len(sizes))]


def _norm_paths(params: PyTree, stats: PyTree) -> set[str]:
    """Parameters of the layers that keep running statistics: their scale and shift."""
    layers = {path.split("/", 1)[1].rsplit("/", 1)[0] for path in paths(stats)}
    return {path for path in paths(params) if path.rsplit("/", 1)[0] in layers}


@functools.lru_cache(maxsize=256)
def domain_encoder(network: Network, batch_norm: str = "joint") -> Encoder:
    """Puts a network under a batch-norm policy.

    Args:
        network: the encoder.
        batch_norm: one of :data:`POLICIES`.

    Raises:
        ValueError: if the policy is unknown.

    Example:
        >>> from da_zoo.models import network_by_name
        >>> encoder = domain_encoder(network_by_name("mlp"), "separate")
        >>> params, stats = encoder.init(jax.random.key(0), jnp.ones((2, 3)))
        >>> sorted(stats)
        ['source', 'target']
    """
    choose(dict.fromkeys(POLICIES, 0), batch_norm, "batch_norm")
    per_domain = batch_norm in ("separate", "domain_specific")
    own_norms = batch_norm == "domain_specific"

    def init(key: Key, x: PyTree) -> tuple[Params, dict[str, PyTree]]:
        params, stats = network.init(named_key(key, "encoder"), x)
        groups = {"encoder": params}
        if own_norms:
            norms = _norm_paths(params, stats)
            groups[TARGET_NORMS] = split(params, lambda path: path in norms)[0]
        if not per_domain:
            return groups, {"joint": stats}
        return groups, {"source": stats, "target": stats}

    def weights_for(params: Params, domain: str) -> PyTree:
        if own_norms and domain == "target":
            return merge(params[TARGET_NORMS], params["encoder"])
        return params["encoder"]

    def forward(
        params: Params,
        stats: dict[str, PyTree],
        streams: Mapping[str, Examples],
        *,
        key: Key | None = None,
        train: Train = True,
    ) -> tuple[dict[str, Outputs], dict[str, PyTree]]:
        train = False if batch_norm == "frozen" else train
        names = list(streams)
        if per_domain:
            domains = {
                "source": [n for n in names if n == "source"],
                "target": [n for n in names if n != "source"],
            }
        else:
            domains = {"joint": names}
        result: dict[str, Outputs] = {}
        new_stats = dict(stats)
        for domain, members in domains.items():
            if not members:
                continue
            x, weight, sizes = _concatenate([streams[n] for n in members])
            outputs, new_stats[domain] = network.apply(
                weights_for(params, domain),
                stats[domain],
                x,
                weight=weight,
                train=train,
                key=None if key is None else named_key(key, domain),
            )
            result |= _cut(outputs, members, sizes)
        return result, new_stats

    def encode(
        params: Params, stats: dict[str, PyTree], x: PyTree, *, domain: str
    ) -> Outputs:
        own = stats[domain if per_domain else "joint"]
        return network.apply(weights_for(params, domain), own, x)[0]

    return Encoder(init, forward, encode)


def adopt_source(
    params: Params, stats: dict[str, Any]
) -> tuple[Params, dict[str, Any]]:
    """Lets the target start from what the source learned: statistics, scale and shift.

    Used between a source phase and a target phase. Copies, because a donated state may
    not hold one buffer twice.

    Example:
        >>> adopt_source({}, {"joint": 1})
        ({}, {'joint': 1})
        >>> _, stats = adopt_source({}, {"source": jnp.ones(1), "target": jnp.zeros(1)})
        >>> stats["target"]
        Array([1.], dtype=float32)
    """
    if "source" in stats:
        stats = stats | {"target": jax.tree.map(jnp.copy, stats["source"])}
    if TARGET_NORMS in params:
        own = params[TARGET_NORMS]
        adopted = jax.tree.map(
            lambda mine, source: None if mine is None else jnp.copy(source),
            own,
            params["encoder"],
            is_leaf=lambda leaf: leaf is None,
        )
        params = params | {TARGET_NORMS: adopted}
    return params, stats
