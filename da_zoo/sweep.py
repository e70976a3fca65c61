"""Sweeps: hyper-parameter values as a batch axis of one compiled program.

Hyper-parameters are traced (``TrainState.hparams``), so their values are data. A fit's
MEMBERS are the points of a sweep times the seeds, points first; members that fit into
memory together are one program's batch, and every such group has the same width.
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from da_zoo.naming import check_names
from da_zoo.types import Recipe

__all__ = ["GROUP_MEMORY", "Sweep", "group_width", "resolve_sweep", "with_members"]

GROUP_MEMORY = 4 * 2**30
"""Bytes that a group may take by :func:`group_width`'s estimate. A constant, and not
what this machine has free: the width changes rounding, so it must not depend on where
a sweep is run."""

SweepLike = Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Any]]


class Sweep(NamedTuple):
    """What ``fit(sweep=...)`` resolved to."""

    axes: dict[str, tuple[Any, ...]]
    """Axis name -> its values, in the order of the result's leading axes."""
    points: list[dict[str, float]]
    """Every combination, in the order of the flattened axes."""


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
        raise TypeError(f"sweep[{name!r}] must hold numbers, got {value!r}")
    if not np.isfinite(value) or value < 0:
        raise ValueError(
            f"sweep[{name!r}] must be finite and at least 0, got {value}; only traced "
            "hyper-parameters are swept, build a recipe each for the others"
        )
    return float(value)


def _sweepable(recipe: Recipe) -> dict[str, None]:
    """Traced hyper-parameters; class counts are traced too, but no one's choice."""
    names = {
        name: None
        for phase in recipe
        for name in getattr(phase.adapter.init, "keywords", {}).get("hparams", {})
    }
    return {name: None for name in names if not name.startswith("classes_")}


def resolve_sweep(recipe: Recipe, sweep: SweepLike | None) -> Sweep:
    """Reads and checks ``fit``'s ``sweep``.

    Args:
        recipe: whose hyper-parameters are swept.
        sweep: ``{name: values}`` for every combination, one axis each; or a list of
            ``{name: value}``, one axis called "point", where a point keeps the recipe's
            value of what it does not name; or None for no axis at all.

    Raises:
        ValueError: for a name that no phase has, no values, or a number out of range.
        TypeError: for a value that is no number.

    Example:
        >>> from da_zoo import methods, network_by_name
        >>> recipe = methods.ddc(network_by_name("mlp"), classes=2)
        >>> found = resolve_sweep(recipe, {"trade_off": [0.1, 1.0]})
        >>> found.axes, found.points
        ({'trade_off': (0.1, 1.0)}, [{'trade_off': 0.1}, {'trade_off': 1.0}])
    """
    if sweep is None:
        return Sweep({}, [{}])
    if isinstance(sweep, Mapping):
        axes = {name: tuple(np.atleast_1d(v).tolist()) for name, v in sweep.items()}
        combined = itertools.product(*axes.values())
        points = [dict(zip(axes, values, strict=True)) for values in combined]
    else:
        points = [dict(point) for point in sweep]
        axes = {"point": tuple(range(len(points)))}
    names = {name: None for point in points for name in point}
    if not names:
        raise ValueError(f"sweep must name at least one value, got {sweep!r}")
    known = _sweepable(recipe)
    check_names(names, known, "hyper-parameter to sweep over")
    for point in points:
        for name, value in point.items():
            point[name] = _number(name, value)
    return Sweep(axes, points)


def with_members(recipe: Recipe, points: Sequence[Mapping[str, float]]) -> Recipe:
    """Gives every traced hyper-parameter one value per member.

    Args:
        recipe: one value per hyper-parameter.
        points: what each member has of its own.

    Returns:
        The recipe with hparams of shape [members]; every compiled step is the same.
    """

    def spread(adapter: Any) -> Any:
        init: Any = adapter.init
        own = {}
        for name, value in init.keywords["hparams"].items():
            column = [point.get(name, value) for point in points]
            own[name] = np.asarray(column, np.float32)
        return adapter._replace(init=jax.tree_util.Partial(init.func, hparams=own))

    return tuple(phase._replace(adapter=spread(phase.adapter)) for phase in recipe)


def _bytes(tree: Any) -> int:
    return sum(
        int(np.prod(leaf.shape)) * getattr(leaf.dtype, "itemsize", 8)
        for leaf in jax.tree.leaves(tree)
    )


def group_width(members: int, update: Any, state: Any, batch: Any, memory: int) -> int:
    """Returns how many members share a program, so that they fit into ``memory``.

    A member's share is estimated by its state, old and new, and everything that one
    step computes; compilers reuse buffers, so this is an upper bound.

    Args:
        members: how many there are.
        update: an adapter's update.
        state: one member's state, or its shapes.
        batch: one member's batch, or its shapes.
        memory: in bytes.

    Returns:
        Between 1 and ``members``; the members then fall into groups as equal as can
        be, of which the last is filled up with repeats.
    """
    made = jax.make_jaxpr(update)(state, batch).jaxpr
    computed = sum(_bytes([v.aval for v in e.outvars]) for e in made.eqns)
    share = 2 * _bytes(state) + computed
    room = max(1, memory // max(share, 1))
    groups = -(-members // room)
    return -(-members // groups)
