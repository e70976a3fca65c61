"""What training moved: parameters layer by layer, activations stage by stage."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import PyTree, Shaped

from da_zoo.interpret.model import Model, as_inputs
from da_zoo.network import Network
from da_zoo.partition import leaves_by_path, shape_differences
from da_zoo.pretrained import Pretrained
from da_zoo.text_table import aligned
from da_zoo.transferability import cka
from da_zoo.types import Outputs

__all__ = ["Moved", "Part", "what_moved"]


class Part(NamedTuple):
    """One layer's parameters, one stage's activations, or both where they pair up."""

    name: str
    parameters: int | None
    """How many numbers; None for a stage without a layer of its own."""
    moved: float | None
    """``|w - w0| / |w0|`` over them: 0 for frozen ones, about 1.4 for unrelated ones
    of one size."""
    cka: float | None
    """Debiased linear CKA of the stage's activations before and after: 1 for the same
    ones up to rotation and scale, about 0 for unrelated ones; NaN where a stage is the
    same in all rows."""


class Moved(NamedTuple):
    """What :func:`what_moved` returns, from input to output."""

    parts: tuple[Part, ...]
    rows: int
    """Inputs that the activations were compared on."""

    def to_text(self) -> str:
        """The table in plain text.

        Example:
            >>> print(Moved((Part("dense_0", 12, 0.5, 0.9),), 64).to_text())
            part     parameters  |w - w0| / |w0|    CKA
            dense_0          12           0.5000  0.900
        """
        table = [["part", "parameters", "|w - w0| / |w0|", "CKA"]]
        table += [
            [
                part.name,
                "-" if part.parameters is None else str(part.parameters),
                "-" if part.moved is None else f"{part.moved:.4f}",
                "-" if part.cka is None else f"{part.cka:.3f}",
            ]
            for part in self.parts
        ]
        return "\n".join(aligned(table, numbers=True))


def what_moved(
    network: Network,
    before: Pretrained | Model,
    after: Pretrained | Model,
    x: PyTree[Shaped[Any, "n ..."]],
) -> Moved:
    """Compares two sets of variables of one network.

    Args:
        network: whose variables they are. Its ``layer_patterns`` group the parameters,
            each going with the first that is found in its path; those that none finds
            are one more part, and without patterns every top-level module is one.
        before: parameters and statistics.
        after: likewise.
        x: inputs [n, ...], at least 4, on which activations are compared in
            evaluation mode: target test rows, say. They need no labels.

    Returns:
        A :class:`Moved`. Where the network has as many stages as layer patterns, they
        are taken for each other, in order; else layers come first, then stages.

    Raises:
        ValueError: for variables of other names or shapes, or fewer than four rows.

    Example:
        >>> import jax.numpy as jnp
        >>> from da_zoo import network_by_name
        >>> network = network_by_name("mlp", hidden=(4,))
        >>> x = jax.random.normal(jax.random.key(1), (8, 3))
        >>> start = Pretrained(*network.init(jax.random.key(0), x))
        >>> [
        ...     (p.name, p.moved, round(p.cka, 3))
        ...     for p in what_moved(network, start, start, x).parts
        ... ]
        [('dense_0', 0.0, 1.0)]

    References:
        Kornblith et al., "Similarity of Neural Network Representations Revisited", ICML
        2019; Neyshabur, Sedghi and Zhang, "What is being transferred in transfer
        learning?", NeurIPS 2020 (distance in parameters and CKA by module).
    """
    inputs = as_inputs(x)
    rows = len(jax.tree.leaves(inputs)[0])
    if rows < 4:
        raise ValueError(f"x needs at least 4 rows for the CKA, got {rows}")
    layers = _layers(network, _flat(before.params), _flat(after.params))
    outputs: list[Outputs] = [
        network.apply(own.params, own.stats, inputs)[0] for own in (before, after)
    ]
    first, second = (o.stages or {"features": o.features} for o in outputs)
    stages = {name: _cka(value, second[name]) for name, value in first.items()}
    named = [name for name in layers if name in network.layer_patterns]
    if len(named) == len(stages) and list(layers)[: len(named)] == named:
        paired = [
            Part(stage, *layers[layer], similarity)
            for layer, (stage, similarity) in zip(named, stages.items(), strict=True)
        ]
        rest = [
            Part(name, *found, None)
            for name, found in layers.items()
            if name not in named
        ]
        return Moved((*paired, *rest), rows)
    parts = [Part(name, *found, None) for name, found in layers.items()]
    parts += [Part(name, None, None, value) for name, value in stages.items()]
    return Moved(tuple(parts), rows)


def _flat(params: PyTree) -> dict[str, np.ndarray]:
    found = leaves_by_path(params).items()
    return {path: np.asarray(leaf, np.float64) for path, leaf in found}


def _layers(
    network: Network, before: Mapping[str, np.ndarray], after: Mapping[str, np.ndarray]
) -> dict[str, tuple[int, float]]:
    if wrong := shape_differences(after, before):
        raise ValueError(
            "before and after must be variables of one network; they differ in "
            f"{', '.join(wrong[:5])}"
        )
    patterns = network.layer_patterns

    def part(path: str) -> str:
        if not patterns:
            return path.split("/", 1)[0]
        return next((p for p in patterns if re.search(p, path)), "other")

    groups: dict[str, list[str]] = {pattern: [] for pattern in patterns}
    for path in before:
        groups.setdefault(part(path), []).append(path)
    return {
        name: (
            sum(before[path].size for path in members),
            _relative(
                sum(np.sum((after[path] - before[path]) ** 2) for path in members),
                sum(np.sum(before[path] ** 2) for path in members),
            ),
        )
        for name, members in groups.items()
        if members
    }


def _relative(change: float, size: float) -> float:
    if change == 0:
        return 0.0
    return float(np.sqrt(change / size)) if size > 0 else float("inf")


def _cka(first: Any, second: Any) -> float:
    flat = [
        np.reshape(np.asarray(v, np.float64), (len(v), -1)) for v in (first, second)
    ]
    try:
        return cka(first=flat[0], second=flat[1])
    except ValueError:  # a stage that does not vary: dead, or collapsed
        if all(np.isfinite(v).all() for v in flat):
            return float("nan")
        raise
