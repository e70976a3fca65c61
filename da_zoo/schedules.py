"""Functions of training progress in [0, 1]: learning-rate decay and trade-off ramps.

Progress is ``state.step / state.total_steps``, never an absolute step count: a
schedule tied to steps silently changes its shape with the length of training (several
libraries' reversal strength never leaves the first half of its range for this reason).
"""

from collections.abc import Callable

import jax.numpy as jnp
from jaxtyping import Array, Float

from da_zoo.naming import choose

__all__ = ["SCHEDULES", "adversarial_ramp", "constant", "cosine", "inverse_decay"]

Schedule = Callable[[Float[Array, ""]], Float[Array, ""]]


def constant(progress: Float[Array, ""]) -> Float[Array, ""]:
    """Returns 1 throughout.

    Example:
        >>> float(constant(jnp.float32(0.3)))
        1.0
    """
    return jnp.ones_like(progress)


def adversarial_ramp(
    progress: Float[Array, ""], *, gamma: float = 10.0
) -> Float[Array, ""]:
    """Rises from 0 to almost 1: ``2 / (1 + exp(-gamma p)) - 1``.

    The schedule of the reversal strength in DANN (Ganin et al., "Domain-Adversarial
    Training of Neural Networks", JMLR 2016, section 5.2.2).

    Example:
        >>> float(adversarial_ramp(jnp.float32(0.0)))
        0.0
        >>> round(float(adversarial_ramp(jnp.float32(1.0))), 4)
        0.9999
    """
    return jnp.tanh(0.5 * gamma * progress)  # the same function, without overflow


def inverse_decay(
    progress: Float[Array, ""], *, alpha: float = 10.0, power: float = 0.75
) -> Float[Array, ""]:
    """Falls from 1 as ``(1 + alpha p) ** -power`` (Ganin et al. 2016, section 5.2.2).

    Example:
        >>> round(float(inverse_decay(jnp.float32(1.0))), 4)
        0.1656
    """
    return (1.0 + alpha * progress) ** -power


def cosine(progress: Float[Array, ""]) -> Float[Array, ""]:
    """Falls from 1 to 0 along half a cosine (Loshchilov and Hutter, SGDR, 2017).

    Example:
        >>> float(cosine(jnp.float32(0.5))) < 0.5001
        True
    """
    return 0.5 * (1.0 + jnp.cos(jnp.pi * jnp.clip(progress, 0.0, 1.0)))


SCHEDULES: dict[str, Schedule] = {
    "constant": constant,
    "ramp": adversarial_ramp,
    "inverse_decay": inverse_decay,
    "cosine": cosine,
}
"""Schedules by the name that a suite file or a keyword argument gives them."""


def schedule_by_name(name: str) -> Schedule:
    """Looks a schedule up.

    Raises:
        ValueError: if there is none of that name.

    Example:
        >>> schedule_by_name("cosine").__name__
        'cosine'
    """
    return choose(SCHEDULES, name, "schedule")
