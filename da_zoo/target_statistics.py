"""The phase that gives the target its own batch statistics, with no update at all.

It is the whole of AdaBN's adaptation, and it ends the training of every aligner whose
batch-norm policy keeps statistics per domain: such a method and ``adabn`` then differ
by the alignment alone. The statistics are the cumulative average over the phase's
batches through the final encoder; an exponential average, which frameworks keep while
they train, remembers only the last few batches and older encoders.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from da_zoo.batch_norm import domain_encoder
from da_zoo.classifier import Classifier, streams_of
from da_zoo.compose import from_updates, inherit
from da_zoo.network import Network
from da_zoo.settings import Classes
from da_zoo.types import Batch, Key, Phase, TrainState

__all__ = ["STATISTICS_STEPS", "target_statistics"]

STATISTICS_STEPS = 32
"""Batches averaged; the sampler goes through the target in whole permutations."""


def _batch_value(
    zero: Float[Array, "..."], again: Float[Array, "..."]
) -> Float[Array, "..."]:
    """Solves ``zero = (1 - m) new`` and ``again = m zero + (1 - m) new`` for ``new``.

    By ratios, so that it holds for statistics of any size.
    """
    there = zero != 0
    safe = jnp.where(there, zero, 1.0)
    return jnp.where(there, zero / (2.0 - again / safe), 0.0)


@functools.lru_cache(maxsize=256)
def _average(
    network: Network, batch_norm: str
) -> Callable[[TrainState, Batch, Key], TrainState]:
    encoder = domain_encoder(network, batch_norm)

    def batch_statistics(state: TrainState, batch: Batch, key: Key) -> PyTree:
        """Reads this batch's own statistics out of the running ones.

        A running statistic is updated as ``m old + (1 - m) new``, with an ``m`` known
        only to the layer. Two passes that differ in ``old`` alone (XLA computes them
        once) give both ``m`` and ``new``.
        """
        streams = streams_of(Batch(target=batch.target))

        def after_one_pass(stats: dict[str, PyTree]) -> dict[str, PyTree]:
            return encoder.forward(state.params, stats, streams, key=key)[1]

        zero = after_one_pass(jax.tree.map(jnp.zeros_like, state.stats))
        again = after_one_pass(zero)
        return jax.tree.map(_batch_value, zero["target"], again["target"])

    def after(state: TrainState, batch: Batch, key: Key) -> TrainState:
        count = state.step.astype(jnp.float32) + 1.0
        fresh = batch_statistics(state, batch, key)
        # At the first step the old average must not matter, whatever it holds.
        averaged = jax.tree.map(
            lambda old, new: jnp.where(count > 1, old + (new - old) / count, new),
            state.stats["target"],
            fresh,
        )
        return state._replace(stats=state.stats | {"target": averaged})

    return after


def target_statistics(
    network: Network, batch_norm: str, model: Classifier, classes: Classes
) -> Phase:
    """Returns the phase; it reads the unlabelled target only, and trains nothing.

    Args:
        network: the encoder.
        batch_norm: a policy with statistics per domain.
        model: the classifier whose parameters the previous phase trained.
        classes: the label spaces.

    Source:
        Li et al., "Revisiting Batch Normalization For Practical Domain Adaptation",
        2016.
    """
    adapter = from_updates(
        model.init_params,
        (),
        after=_average(network, batch_norm),
        predict=model.predict,
        hparams=classes.hparams,
    )
    return Phase(
        "target_statistics",
        adapter,
        frozenset({"target"}),
        warm_start=inherit,
        steps=STATISTICS_STEPS,
    )
