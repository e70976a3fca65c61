"""The ONE jitted training step, and the chunk of steps that a loop dispatches."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import NamedSharding, PartitionSpec
from jaxtyping import Array, Float

from da_zoo.data.batches import batch_at
from da_zoo.types import Adapter, Batch, Predictions, TrainState

__all__ = ["make_eval_step", "make_train_step"]

Metrics = dict[str, Float[Array, ""]]
Step = Callable[[TrainState, Batch], tuple[TrainState, Metrics]]


def make_train_step(
    adapter: Adapter, *, sharding: NamedSharding | None = None, donate: bool = True
) -> Step:
    """Compiles an adapter's update: the same function whatever the method.

    Args:
        adapter: any method's adapter.
        sharding: how a batch lies over devices, ``NamedSharding(mesh, P("data"))``;
            the state is replicated, so batch statistics, MMD and CORAL are those of
            the global batch.
        donate: reuse the state's buffers; never touch a donated state afterwards.

    Returns:
        ``(state, batch) -> (state, metrics)``; asking again for the same adapter gives
        the same compiled function.

    Example:
        >>> from da_zoo import methods, network_by_name
        >>> from da_zoo.types import Examples
        >>> adapter = methods.source_only(network_by_name("mlp"), classes=2)[0].adapter
        >>> rows = Examples(
        ...     jnp.ones((4, 3)),
        ...     jnp.array([0, 1, 0, 1]),
        ...     jnp.ones(4, bool),
        ...     jnp.arange(4),
        ...     jnp.zeros(4, int),
        ... )
        >>> state = jax.jit(adapter.init)(jax.random.key(0), Batch(source=rows))
        >>> state, metrics = make_train_step(adapter)(state, Batch(source=rows))
        >>> int(state.step)
        1
    """
    return _compiled_step(adapter.update, sharding, donate)


@functools.lru_cache(maxsize=512)
def _compiled_step(update: Step, sharding: NamedSharding | None, donate: bool) -> Step:
    donated = (0,) if donate else ()
    if sharding is None:
        return jax.jit(update, donate_argnums=donated)
    replicated = NamedSharding(sharding.mesh, PartitionSpec())
    return jax.jit(
        update,
        donate_argnums=donated,
        in_shardings=(replicated, sharding),
        out_shardings=(replicated, replicated),
    )


def make_eval_step(adapter: Adapter) -> Callable[..., Predictions]:
    """Compiles an adapter's prediction: ``(state, x, *, domain) -> Predictions``.

    Example:
        >>> from da_zoo import methods, network_by_name
        >>> adapter = methods.source_only(network_by_name("mlp"), classes=2)[0].adapter
        >>> callable(make_eval_step(adapter))
        True
    """
    return jax.jit(adapter.predict, static_argnames="domain")


@functools.lru_cache(maxsize=512)
def traced_once(update: Callable[..., Any]) -> Callable[..., Any]:
    """Makes a function remember its trace by shapes, and vanish in what calls it.

    Planning, shaping the history and compiling the loop each need the step's trace;
    differentiating it anew in Python would take longer than all they do with it.
    """
    return jax.jit(update, inline=True)


def chunk_function(update: Step) -> Callable[..., Any]:
    """Returns ``(state, streams, indices, count) -> (state, metrics [steps])``.

    ``indices`` holds as many steps as a chunk has room for, of which the first
    ``count`` (traced) are run, so that one program serves a phase of any length.
    """
    update = traced_once(update)

    def run(state: TrainState, streams: Any, indices: Any, count: Array) -> Any:
        def at(i: Any) -> Batch:
            return batch_at(streams, indices, i)

        room = jax.tree.leaves(indices)[0].shape[0]
        shapes = jax.eval_shape(lambda s: update(s, at(0))[1], state)
        empty = jax.tree.map(lambda m: jnp.zeros((room, *m.shape), m.dtype), shapes)

        def body(i: Any, carry: Any) -> Any:
            state, history = carry
            state, metrics = update(state, at(i))
            return state, jax.tree.map(lambda h, m: h.at[i].set(m), history, metrics)

        return jax.lax.fori_loop(0, count, body, (state, empty))

    return run
