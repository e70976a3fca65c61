"""Stochastic normalisation: each channel by the batch's statistics or the running ones.

A layer of Flax keeps its parameters and statistics: what it computes is intercepted
while it trains, so any network with ``nn.BatchNorm`` can be tuned with it.
"""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from da_zoo.compose import named_key
from da_zoo.network import Network, Train
from da_zoo.types import Key, Outputs

__all__ = ["mix_channels", "stochastic_norm_network"]


def mix_channels(
    key: Key,
    batch: Float[Array, "n ..."],
    running: Float[Array, "n ..."],
    probability: float,
    axis: int = -1,
) -> Float[Array, "n ..."]:
    """Takes each channel whole from one of two arrays.

    Args:
        key: of the draws, one per channel.
        batch: [n, ...], normalised by the batch's statistics.
        running: likewise, by the running ones.
        probability: of ``batch``, in [0, 1].
        axis: of the channels.

    Example:
        >>> x = jnp.ones((2, 3))
        >>> mix_channels(jax.random.key(0), x, 0 * x, 1.0).sum()
        Array(6., dtype=float32)

    References:
        Kou et al., "Stochastic Normalization", NeurIPS 2020, equations 4 and 5.
    """
    shape = [1] * batch.ndim
    shape[axis] = batch.shape[axis]
    return jnp.where(jax.random.bernoulli(key, probability, shape), batch, running)


@functools.lru_cache(maxsize=256)
def stochastic_norm_network(network: Network, probability: float = 0.5) -> Network:
    """Wraps a network: while they train, its batch normalisations mix statistics.

    A layer whose statistics are frozen, and a forward without a key, are as ever. The
    running statistics that a step uses are those before its own update.

    Args:
        network: of Linen modules with ``nn.BatchNorm``.
        probability: that a channel uses the batch's statistics, in [0, 1]; 1 is
            ordinary batch normalisation.

    Returns:
        The same network, parameters and statistics included, with another ``apply``.

    Raises:
        ValueError: if ``probability`` is out of range; when it is traced, if the
            network has no such layer, or one of several channel axes.

    Example:
        >>> from da_zoo import network_by_name
        >>> network = stochastic_norm_network(network_by_name("mlp", hidden=(4,)))
        >>> x, key = jnp.arange(6.0).reshape(3, 2), jax.random.key(0)
        >>> params, stats = network.init(key, x)
        >>> outputs, _ = network.apply(params, stats, x, train=True, key=key)
        >>> outputs.features.shape
        (3, 4)

    References:
        Kou et al., "Stochastic Normalization", NeurIPS 2020.
    """
    if not 0.0 <= probability <= 1.0:
        raise ValueError(f"probability must be in [0, 1], got {probability}")

    def apply(
        params: PyTree,
        stats: PyTree,
        x: PyTree,
        *,
        weight: Float[Array, " n"] | None = None,
        train: Train = False,
        key: Key | None = None,
    ) -> tuple[Outputs, PyTree]:
        options: dict[str, Any] = {"weight": weight, "train": train, "key": key}
        if train is False or key is None:
            return network.apply(params, stats, x, **options)
        met: list[str] = []
        with nn.intercept_methods(_mixing(named_key(key, "norms"), probability, met)):
            result = network.apply(params, stats, x, **options)
        if not met:
            raise ValueError(
                f"network {network.name!r} has no flax.linen.BatchNorm, whose "
                "statistics stochastic normalisation mixes; choose one that has (the "
                "zoo's: batch_norm=True), or another method"
            )
        return result

    return network._replace(apply=apply)


def _mixing(key: Key, probability: float, met: list[str]) -> Any:
    def interceptor(next_call: Any, args: Any, kwargs: Any, context: Any) -> Any:
        module = context.module
        if not isinstance(module, nn.BatchNorm) or context.method_name != "__call__":
            return next_call(*args, **kwargs)
        path = "/".join(module.path)
        met.append(path)
        # Before the call, which may update the statistics. Where the layer is frozen
        # both branches are the same.
        running = _by_running_statistics(module, args[0])
        batch = next_call(*args, **kwargs)
        return mix_channels(
            named_key(key, path),
            batch,
            running.astype(batch.dtype),
            probability,
            module.axis,
        )

    return interceptor


def _by_running_statistics(
    module: nn.BatchNorm, x: Float[Array, "n ..."]
) -> Float[Array, "n ..."]:
    """What the layer computes in evaluation; calling it twice is not allowed."""
    if not isinstance(module.axis, int):
        raise ValueError(
            f"normalisation {'/'.join(module.path)} has channel axes {module.axis}; "
            "stochastic normalisation takes layers with one"
        )
    shape = [1] * x.ndim
    shape[module.axis] = x.shape[module.axis]

    def own(collection: str, name: str) -> Array:
        return module.get_variable(collection, name).reshape(shape)

    factor = jax.lax.rsqrt(own("batch_stats", "var") + module.epsilon)
    if module.use_scale:
        factor = factor * own("params", "scale")
    y = (x - own("batch_stats", "mean")) * factor
    return y + own("params", "bias") if module.use_bias else y
