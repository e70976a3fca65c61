"""Optimisers built from traced hyper-parameters, so that a sweep never recompiles."""

import functools
from collections.abc import Callable

import jax
import optax
from jaxtyping import Array, Float, PyTree

from da_zoo.naming import choose
from da_zoo.partition import by_path, scale_updates

__all__ = ["OPTIMIZERS", "make_optimizer"]

HParams = dict[str, Float[Array, ""]]


def _scale(factor: Float[Array, ""]) -> optax.GradientTransformation:
    return optax.stateless(
        lambda updates, _: jax.tree.map(lambda u: u * factor, updates)
    )


Mask = Callable[[PyTree], PyTree] | None


def _sgd(hparams: HParams, decayed: Mask = None) -> optax.GradientTransformation:
    """Nesterov momentum 0.9 with coupled weight decay, the field's common recipe."""
    return optax.chain(
        optax.add_decayed_weights(hparams["weight_decay"], decayed),
        optax.trace(decay=0.9, nesterov=True),
        _scale(-hparams["learning_rate"]),
    )


def _adam(hparams: HParams, decayed: Mask = None) -> optax.GradientTransformation:
    """Adam with decoupled weight decay (AdamW; Adam itself at ``weight_decay=0``)."""
    return optax.chain(
        optax.scale_by_adam(),
        optax.add_decayed_weights(hparams["weight_decay"], decayed),
        _scale(-hparams["learning_rate"]),
    )


OPTIMIZERS: dict[str, Callable[..., optax.GradientTransformation]] = {
    "sgd": _sgd,
    "adam": _adam,
}
"""By name; each reads ``learning_rate`` and ``weight_decay`` from the hparams."""


def make_optimizer(
    name: str,
    *,
    factor: Callable[[str], float] | None = None,
    decayed: Callable[[str], bool] | None = None,
) -> Callable[[HParams], optax.GradientTransformation]:
    """Returns ``hparams -> optimiser``.

    Args:
        name: "sgd" (Nesterov momentum 0.9, coupled decay) or "adam" (decoupled decay).
        factor: of a path: multiplies the learning rate there, by way of the update;
            None means 1.
        decayed: which paths weight decay applies to; None means all.

    Raises:
        ValueError: if the name is unknown.

    Example:
        >>> import jax.numpy as jnp
        >>> hparams = {
        ...     "learning_rate": jnp.float32(0.5),
        ...     "weight_decay": jnp.float32(0),
        ... }
        >>> optimizer = make_optimizer("sgd")(hparams)
        >>> params = {"w": jnp.zeros(())}
        >>> grads = {"w": jnp.ones(())}
        >>> float(optimizer.update(grads, optimizer.init(params), params)[0]["w"])
        -0.949999988079071
    """
    build = choose(OPTIMIZERS, name, "optimizer")
    mask = None if decayed is None else by_path(decayed)
    if factor is None:
        return build if mask is None else functools.partial(build, decayed=mask)
    scaled = scale_updates(factor)
    return lambda hparams: optax.chain(build(hparams, mask), scaled)
