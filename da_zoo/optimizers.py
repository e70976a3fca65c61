"""Optimisers built from traced hyper-parameters, so that a sweep never recompiles."""

from collections.abc import Callable, Mapping

import jax
import optax
from jaxtyping import Array, Float

from da_zoo.naming import choose
from da_zoo.partition import scale_updates

__all__ = ["OPTIMIZERS", "make_optimizer"]

HParams = dict[str, Float[Array, ""]]


def _scale(factor: Float[Array, ""]) -> optax.GradientTransformation:
    return optax.stateless(
        lambda updates, _: jax.tree.map(lambda u: u * factor, updates)
    )


def _sgd(hparams: HParams) -> optax.GradientTransformation:
    """Nesterov momentum 0.9 with coupled weight decay, the field's common recipe."""
    return optax.chain(
        optax.add_decayed_weights(hparams["weight_decay"]),
        optax.trace(decay=0.9, nesterov=True),
        _scale(-hparams["learning_rate"]),
    )


def _adam(hparams: HParams) -> optax.GradientTransformation:
    """Adam with decoupled weight decay (AdamW; Adam itself at ``weight_decay=0``)."""
    return optax.chain(
        optax.scale_by_adam(),
        optax.add_decayed_weights(hparams["weight_decay"]),
        _scale(-hparams["learning_rate"]),
    )


OPTIMIZERS: dict[str, Callable[[HParams], optax.GradientTransformation]] = {
    "sgd": _sgd,
    "adam": _adam,
}
"""By name; each reads ``learning_rate`` and ``weight_decay`` from the hparams."""


def make_optimizer(
    name: str, *, factors: Mapping[str, float] | None = None
) -> Callable[[HParams], optax.GradientTransformation]:
    """Returns ``hparams -> optimiser``.

    Args:
        name: "sgd" (Nesterov momentum 0.9, coupled decay) or "adam" (decoupled decay).
        factors: path prefix -> multiplier of the learning rate, applied to the update.

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
    if not factors:
        return build
    scaled = dict(factors)
    return lambda hparams: optax.chain(build(hparams), scale_updates(scaled))
