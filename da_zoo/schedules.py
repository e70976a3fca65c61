"""Functions of training progress in [0, 1]: learning-rate decay and trade-off ramps.

Progress is ``state.step / state.total_steps``, never an absolute step count: a
schedule tied to steps silently changes its shape with the length of training (several
libraries' reversal strength never leaves the first half of its range for this reason).
"""

import functools
import itertools
from collections.abc import Callable

import jax.numpy as jnp
from jaxtyping import Array, Float

from da_zoo.naming import choose

__all__ = [
    "SCHEDULES",
    "adversarial_ramp",
    "constant",
    "cosine",
    "inverse_decay",
    "one_cycle",
    "staircase",
]

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


@functools.lru_cache(maxsize=64)
def staircase(
    decays: tuple[int, ...], total: int, warm_up: int = 0, factor: float = 0.1
) -> Schedule:
    """Builds a linear warm-up, then a fall by ``factor`` after each of some steps.

    Args:
        decays: steps, counted from 0, after which the rate falls.
        total: length of training in these steps; another length scales the shape.
        warm_up: steps over which it rises from 0, which the first step gets.
        factor: of each fall.

    Raises:
        ValueError: if the steps do not rise from ``warm_up`` to below ``total``.

    Example:
        >>> fall = staircase((200, 300, 400), 500, warm_up=100)
        >>> [round(float(fall(jnp.float32(s / 500))), 4) for s in (0, 50, 200, 201)]
        [0.0, 0.5, 1.0, 0.1]
    """
    ends = (warm_up, *decays, total)
    if warm_up < 0 or any(b <= a for a, b in itertools.pairwise(ends)):
        raise ValueError(
            f"steps must rise from warm_up to total, got warm_up={warm_up}, "
            f"decays={decays}, total={total}"
        )
    # Half a step late: rounding of step / total cannot move a fall then.
    bounds = [(step + 0.5) / total for step in decays]

    def schedule(progress: Float[Array, ""]) -> Float[Array, ""]:
        value = jnp.ones_like(progress)
        for bound in bounds:
            value = jnp.where(progress > bound, factor * value, value)
        if warm_up:
            value = value * jnp.minimum(1.0, progress * (total / warm_up))
        return value

    return schedule


@functools.lru_cache(maxsize=64)
def one_cycle(rise: float, start: float, end: float = 1e-5) -> Schedule:
    """Builds a rise from ``start`` to 1 and a fall to ``end``, half a cosine each.

    Args:
        rise: share of training that the rise takes, in (0, 1).
        start: first value.
        end: last value.

    Raises:
        ValueError: if ``rise`` is not in (0, 1).

    Example:
        >>> cycle = one_cycle(0.25, start=0.04)
        >>> [round(float(cycle(jnp.float32(p))), 2) for p in (0, 0.25, 1)]
        [0.04, 1.0, 0.0]

    References:
        Smith, "Super-Convergence", 2018, as in fastai's ``fit_one_cycle`` (without the
        cycle of the momentum).
    """
    if not 0 < rise < 1:
        raise ValueError(f"rise must be in (0, 1), got {rise}")

    def schedule(progress: Float[Array, ""]) -> Float[Array, ""]:
        up = cosine(1.0 - progress / rise)
        down = cosine((progress - rise) / (1.0 - rise))
        return jnp.where(
            progress < rise, start + (1.0 - start) * up, end + (1.0 - end) * down
        )

    return schedule


SCHEDULES: dict[str, Schedule] = {
    "constant": constant,
    "ramp": adversarial_ramp,
    "inverse_decay": inverse_decay,
    "cosine": cosine,
    "bit_500": staircase((200, 300, 400), 500, warm_up=100),
    "bit_10000": staircase((3000, 6000, 9000), 10_000, warm_up=500),
    "bit_20000": staircase((6000, 12_000, 18_000), 20_000, warm_up=500),
    "vtab_1000": staircase((300, 600, 900), 1000, warm_up=80),
    "one_cycle": one_cycle(0.25, start=1 / 25),
    "one_cycle_99": one_cycle(0.99, start=1 / 25),
    "one_cycle_30": one_cycle(0.3, start=1 / 5),
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
