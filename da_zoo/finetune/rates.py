"""Learning rates that gradients set: one per parameter tensor, anew at every step."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int, PyTree

from da_zoo.self_training import check_fraction

__all__ = ["RATES", "RelativeNormState", "relative_gradient_norm"]

MEMORY = 0.8
"""Weights of the average fall by this per step: about five batches, the paper's."""


class RelativeNormState(NamedTuple):
    """Average relative gradient norms, and the state of the optimiser inside."""

    step: Int[Array, ""]
    norms: PyTree[Float[Array, ""]]
    blank: PyTree[Bool[Array, ""]]
    """Tensors that were 0 at the first step: they have no relative norm."""
    inner: PyTree


def _norm(leaf: Array) -> Float[Array, ""]:
    return jnp.sqrt(jnp.sum(jnp.square(leaf.astype(jnp.float32))))


def relative_gradient_norm(
    inner: optax.GradientTransformation, memory: float = MEMORY
) -> optax.GradientTransformation:
    """Multiplies each tensor's update by its relative gradient norm over the largest.

    The factor is ``r / max r`` in [0, 1], where r is the moving average of |g| / |w|
    (without the bias towards 0 that an average has at first). It multiplies what the
    optimiser makes of the gradient: Adam would divide it away from the gradient itself.
    A tensor that starts at 0, as a fresh bias does, has no relative norm: it counts in
    no maximum and trains at the full rate. What is frozen is no part of the tree, so it
    counts in none either.

    Args:
        inner: the optimiser, learning rate included.
        memory: of the average, in [0, 1); 0 looks at one batch.

    Raises:
        ValueError: if ``memory`` is out of range; at an update without parameters.

    Example:
        >>> params = {"low": jnp.float32(1.0), "top": jnp.float32(10.0)}
        >>> optimizer = relative_gradient_norm(optax.sgd(0.5))
        >>> gradients = {"low": jnp.float32(2.0), "top": jnp.float32(2.0)}
        >>> steps, _ = optimizer.update(gradients, optimizer.init(params), params)
        >>> round(float(steps["low"]), 4), round(float(steps["top"]), 4)
        (-1.0, -0.1)

    References:
        Lee et al., "Surgical Fine-Tuning Improves Adaptation to Distribution Shifts",
        ICLR 2023 (Auto-RGN). Their code measures five batches once per epoch, builds
        Adam anew with the rates found, and leaves out parameters with "bn" in their
        name; here the measure moves, the moments stay, and all that train count.
    """
    if check_fraction("memory", memory) == 1.0:
        raise ValueError("memory must be below 1, got 1.0: nothing would be learned")

    def init(params: PyTree) -> RelativeNormState:
        return RelativeNormState(
            jnp.zeros((), jnp.int32),
            jax.tree.map(lambda _: jnp.zeros((), jnp.float32), params),
            jax.tree.map(lambda _: jnp.zeros((), bool), params),
            inner.init(params),
        )

    def update(
        gradients: PyTree, state: RelativeNormState, params: PyTree = None
    ) -> tuple[PyTree, RelativeNormState]:
        if params is None:
            raise ValueError(
                "relative_gradient_norm needs params: update(g, s, params)"
            )
        sizes = jax.tree.map(_norm, params)
        # Not in init: a phase takes parameters over after its state is made.
        blank = jax.tree.map(
            lambda old, size: old | ((state.step == 0) & (size == 0)),
            state.blank,
            sizes,
        )
        ratios = jax.tree.map(
            lambda g, size: _norm(g) / jnp.where(size > 0, size, 1.0), gradients, sizes
        )
        norms = jax.tree.map(
            lambda old, new: memory * old + (1.0 - memory) * new, state.norms, ratios
        )
        known = jax.tree.map(lambda r, off: jnp.where(off, 0.0, r), norms, blank)
        # The average's bias is the same for all tensors, so the quotient has none.
        largest = jnp.max(jnp.stack(jax.tree.leaves(known)))
        steps, own = inner.update(gradients, state.inner, params)
        factors = jax.tree.map(
            lambda r, off: jnp.where(
                off | (largest == 0), 1.0, r / jnp.where(largest > 0, largest, 1.0)
            ),
            known,
            blank,
        )
        steps = jax.tree.map(lambda u, by: u * by.astype(u.dtype), steps, factors)
        return steps, RelativeNormState(state.step + 1, norms, blank, own)

    return optax.GradientTransformation(init, update)


RATES: dict[str, Callable[[Any], optax.GradientTransformation]] = {
    "relative_gradient_norm": relative_gradient_norm,
}
"""``optimiser -> optimiser`` by the name that ``Stage.rates`` gives it."""
