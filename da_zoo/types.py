"""The data types everything hangs on: batches, states, updates, adapters, phases.

Data types and Protocols only; nothing here computes. ``docs/architecture.md``
draws how they fit together.

Shapes: ``n`` rows of a batch, ``d`` features, ``k`` classes or outputs.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

import jax
from jaxtyping import Array, Bool, Float, Int, PyTree, Shaped

__all__ = [
    "Adapter",
    "Aux",
    "Batch",
    "Examples",
    "Key",
    "LossFn",
    "Outputs",
    "Params",
    "Phase",
    "Predictions",
    "Recipe",
    "TrainState",
    "Update",
    "Views",
]

Key: TypeAlias = jax.Array
"""A typed key from ``jax.random.key``."""

Params: TypeAlias = dict[str, Any]
"""Parameters by group: ``{"encoder": tree, "head_source": tree, ...}``."""


class Examples(NamedTuple):
    """Rows of one domain.

    ``labelled`` says which ``y`` may be read: there is no sentinel label, because
    ``y = -1`` would wrap around silently in a cross-entropy.
    """

    x: PyTree[Shaped[Array, "n ..."]]
    """Inputs, float32; pixels in [0, 1]."""
    y: Int[Array, " n"] | Float[Array, "n k"]
    """Labels 0..k-1, or regression targets. Zeros where not ``labelled``."""
    labelled: Bool[Array, " n"]
    index: Int[Array, " n"]  # type: ignore[assignment]
    """Row number within the training rows of this domain, for memory banks."""
    domain: Int[Array, " n"]
    """Which of the source (or target) domains the row is from, 0..D-1."""
    weight: Float[Array, " n"] | None = None
    """Importance of the row, 0 marks padding; None means that every row counts 1."""


class Batch(NamedTuple):
    """What one step sees. A stream a phase does not use is None: it CANNOT be read."""

    source: Examples | None = None
    target: Examples | None = None
    """Target rows without labels, always."""
    target_labelled: Examples | None = None
    """The labelled share of the target, a stream of its own."""


class Views(NamedTuple):
    """Whole training sets, for the per-epoch ``refresh``; the target has no labels.

    Rows past a seed's count are padding: their weight is 0 (no weight is None here).
    """

    source: Examples | None
    target: Examples | None
    target_labelled: Examples | None = None


class Outputs(NamedTuple):
    """What an encoder returns: features, and its named stages in depth order."""

    features: Float[Array, "n d"]
    stages: dict[str, Float[Array, "n ..."]]


class Predictions(NamedTuple):
    """Logits of the two label spaces (the same array where they share a head)."""

    logits: dict[str, Float[Array, "n k"]]
    """``{"source": ..., "target": ...}``; a missing key means that the method has no
    head for that label space."""
    features: Float[Array, "n d"]


class TrainState(NamedTuple):
    """Everything a step needs and returns; a pytree of arrays and nothing else."""

    step: Int[Array, ""]
    """Steps done in this phase."""
    total_steps: Float[Array, ""]
    """Length of this phase, set by ``fit``; ``step / total_steps`` is its progress."""
    key: Key
    """Constant within a phase; a step folds its number in."""
    params: Params
    stats: dict[str, PyTree]
    """Running batch statistics by domain, see ``da_zoo.batch_norm``."""
    opt_state: dict[str, PyTree]
    """One optimiser state per Update."""
    extra: dict[str, Any]
    """Teachers, banks, centroids, anchor weights."""
    hparams: dict[str, Float[Array, ""]]
    """Tunable floats, traced: a sweep over them is a batch axis, not a recompile."""


class Aux(NamedTuple):
    """What a loss returns beside its value."""

    stats: dict[str, PyTree]
    metrics: dict[str, Float[Array, ""]]
    extra: dict[str, Any]


@runtime_checkable
class LossFn(Protocol):
    """The one signature of every loss that an Update minimises."""

    def __call__(
        self, params: Params, state: TrainState, batch: Batch, key: Key, /
    ) -> tuple[Float[Array, ""], Aux]: ...


class Update(NamedTuple):
    """One optimiser step on one loss over one part of the parameters."""

    name: str
    loss: LossFn
    wrt: Callable[[str], bool] | tuple[str, ...]
    """Which parameters: a predicate on paths ("encoder/Dense_0/kernel"), or groups."""
    optimizer: Callable[[dict[str, Float[Array, ""]]], Any]
    """``hparams -> optax.GradientTransformation``, built from the traced hparams."""
    schedule: Callable[[Float[Array, ""]], Float[Array, ""]] | None = None
    """Progress in [0, 1] -> factor on the update (not on the gradient)."""
    repeat: int = 1


@runtime_checkable
class InitFn(Protocol):
    """Builds the first state from a key and one batch (for its shapes)."""

    def __call__(self, key: Key, batch: Batch, /) -> TrainState: ...


@runtime_checkable
class PredictFn(Protocol):
    """Predicts rows of either domain; which encoder and statistics is its knowledge."""

    def __call__(
        self, state: TrainState, x: PyTree[Shaped[Array, "n ..."]], *, domain: str = ...
    ) -> Predictions: ...


class Adapter(NamedTuple):
    """A method, as pure functions. Jit ``init``: an eager one shares buffers."""

    init: InitFn
    update: Callable[
        [TrainState, Batch], tuple[TrainState, dict[str, Float[Array, ""]]]
    ]
    refresh: Callable[[TrainState, Views], TrainState]
    predict: PredictFn


class Phase(NamedTuple):
    """A stretch of training with one adapter."""

    name: str
    adapter: Adapter
    uses: frozenset[str]
    """Which streams it reads, of "source", "target", "target_labelled"."""
    warm_start: Callable[[TrainState, TrainState], TrainState] | None = None
    """(last state of the previous phase, fresh state) -> first state."""
    share: float = 1.0
    """Share of the recipe's steps."""
    steps: int | None = None
    """A fixed number of steps outside the budget, for phases that do not train."""
    refresh_once: bool = False
    """Call the adapter's refresh before the first step only, not once per epoch."""


Recipe: TypeAlias = tuple[Phase, ...]
