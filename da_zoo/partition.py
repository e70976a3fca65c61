"""Select parameters by path, split a tree by a selection, scale updates by path.

A path is the slash-joined sequence of keys, ``"encoder/Dense_0/kernel"``. What is
not selected is None in the selected tree, and None is an empty pytree: no gradient
is computed for it, no moment is stored and no weight decay reaches it. That is what
makes frozen parameters bit-identical (masking updates inside optax does not).
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

import jax
import numpy as np
import optax
from jaxtyping import PyTree

__all__ = [
    "by_path",
    "leaves_by_path",
    "matching",
    "merge",
    "paths",
    "scale_updates",
    "shape_differences",
    "split",
]

PathPredicate = Callable[[str], bool]


def _name(path: Iterable[Any]) -> str:
    return "/".join(str(getattr(k, "key", getattr(k, "idx", k))) for k in path)


def paths(tree: PyTree) -> list[str]:
    """Returns the path of every leaf, in the tree's own order.

    Example:
        >>> paths({"encoder": {"kernel": 1.0}, "head": {"bias": 0.0}})
        ['encoder/kernel', 'head/bias']
    """
    return [_name(path) for path, _ in jax.tree_util.tree_leaves_with_path(tree)]


def leaves_by_path(tree: PyTree) -> dict[str, Any]:
    """Returns the leaves by path, in the tree's own order.

    Example:
        >>> leaves_by_path({"head": {"bias": 0.0}})
        {'head/bias': 0.0}
    """
    return dict(zip(paths(tree), jax.tree.leaves(tree), strict=True))


def shape_differences(given: PyTree, expected: PyTree) -> list[str]:
    """Says which leaves are missing, not expected, or of another shape.

    Example:
        >>> shape_differences({"a": np.ones(2)}, {"a": np.ones(3), "b": np.ones(1)})
        ['a: (2,) instead of (3,)', 'b: missing instead of (1,)']
    """
    have, want = (
        {path: np.shape(leaf) for path, leaf in leaves_by_path(tree).items()}
        for tree in (given, expected)
    )
    return [
        f"{path}: {have.get(path, 'missing')} instead of {want.get(path, 'nothing')}"
        for path in sorted(want.keys() | have.keys())
        if want.get(path) != have.get(path)
    ]


def _predicate(wrt: PathPredicate | tuple[str, ...]) -> PathPredicate:
    if callable(wrt):
        return wrt
    return lambda path: path.split("/", 1)[0] in wrt


def split(
    params: PyTree, wrt: PathPredicate | tuple[str, ...]
) -> tuple[PyTree, PyTree]:
    """Splits a tree into the selected leaves and the rest.

    Args:
        params: any tree of dicts.
        wrt: a predicate on paths, or the names of top-level groups.

    Returns:
        Two trees of the same structure in which the leaves of the other are None.

    Example:
        >>> split({"encoder": 1.0, "head": 2.0}, ("head",))
        ({'encoder': None, 'head': 2.0}, {'encoder': 1.0, 'head': None})
    """
    chosen = _predicate(wrt)

    def keep(wanted: bool) -> PyTree:
        return jax.tree_util.tree_map_with_path(
            lambda path, leaf: leaf if bool(chosen(_name(path))) is wanted else None,
            params,
        )

    return keep(True), keep(False)


def merge(selected: PyTree, rest: PyTree) -> PyTree:
    """Puts the two halves of :func:`split` together again.

    Example:
        >>> merge({"encoder": None, "head": 2.0}, {"encoder": 1.0, "head": None})
        {'encoder': 1.0, 'head': 2.0}
    """
    return jax.tree.map(
        lambda a, b: b if a is None else a, selected, rest, is_leaf=lambda x: x is None
    )


def matching(pattern: str) -> PathPredicate:
    """Returns a predicate that holds where the regular expression is found in a path.

    Raises:
        ValueError: if ``pattern`` is not a regular expression.

    Example:
        >>> matching("head")("head_target/bias")
        True
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ValueError(
            f"pattern {pattern!r} is not a regular expression: {error}"
        ) from None
    return lambda path: compiled.search(path) is not None


def by_path(value: Callable[[str], Any]) -> Callable[[PyTree], PyTree]:
    """Returns ``tree -> tree`` with a value for the path of every leaf.

    Example:
        >>> by_path(lambda path: path.endswith("bias"))({"bias": 1.0, "kernel": 2.0})
        {'bias': True, 'kernel': False}
    """
    return lambda tree: jax.tree_util.tree_map_with_path(
        lambda path, _: value(_name(path)), tree
    )


def scale_updates(factor: Callable[[str], float]) -> optax.GradientTransformation:
    """Multiplies updates by a factor that their path decides.

    It scales the update, never the gradient: Adam divides a gradient's scale away
    again. Put it last in an ``optax.chain``.

    Args:
        factor: of a path.

    Example:
        >>> import jax.numpy as jnp
        >>> transform = scale_updates(lambda path: 0.5 if "encoder" in path else 1.0)
        >>> updates = {"encoder": jnp.ones(()), "head": jnp.ones(())}
        >>> float(transform.update(updates, transform.init(updates))[0]["encoder"])
        0.5
    """
    factors = by_path(factor)

    def scale(updates: PyTree, params: PyTree = None) -> PyTree:
        del params
        return jax.tree.map(lambda u, by: u * by, updates, factors(updates))

    return optax.stateless(scale)
