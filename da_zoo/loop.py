"""``fit``: trains a recipe, seeds together, in the loop that suits the network."""

from contextlib import nullcontext
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree, Shaped

from da_zoo.data.arrays import ArrayData, gather_batch
from da_zoo.phases import (
    Job,
    NonFiniteLossError,
    OnMetrics,
    Seeds,
    Trained,
    place,
    run_phases,
)
from da_zoo.programs import Plan, plan_loop
from da_zoo.progress import training_bar
from da_zoo.types import Adapter, Key, Predictions, Recipe, TrainState

__all__ = ["FitResult", "NonFiniteLossError", "fit", "phase_steps"]


class FitResult(NamedTuple):
    """What training leaves; arrays have a leading seed axis iff ``fit`` got one."""

    state: TrainState
    adapter: Adapter
    """The last phase's adapter; ``predict`` uses it."""
    history: dict[str, np.ndarray]
    """"phase/metric" -> [steps] or [seeds, steps]."""
    finite: np.ndarray
    """bool [] or [seeds]: whether every metric of every step was finite."""
    compile_seconds: float
    fit_seconds: float
    """Without compilation."""
    plan: Plan
    failures: tuple[str, ...] = ()
    """What went non-finite, where ``on_nonfinite="mark"``."""

    def predict(
        self, x: PyTree[Shaped[Any, "n ..."]], *, domain: str = "target"
    ) -> Predictions:
        """Predicts rows; with a seed axis, every seed predicts the same rows."""
        pool = jax.tree.map(_as_pixels, x)
        if self.finite.ndim == 0:
            return self.adapter.predict(self.state, pool, domain=domain)
        return jax.vmap(lambda s: self.adapter.predict(s, pool, domain=domain))(
            self.state
        )


def _as_pixels(x: Any) -> jax.Array:
    array = jnp.asarray(x)
    return array / 255.0 if array.dtype == jnp.uint8 else array.astype(jnp.float32)


def fit(
    recipe: Recipe,
    data: ArrayData,
    key: Key,
    *,
    steps: int,
    batch_size: int = 64,
    seeds: int = 1,
    loop: str = "auto",
    seeds_mode: str = "auto",
    on_nonfinite: str = "raise",
    on_metrics: OnMetrics | None = None,
    progress: bool = False,
    name: str = "recipe",
) -> FitResult:
    """Trains a recipe.

    Args:
        recipe: the phases of a method, from its factory.
        data: the streams; a phase gets those it uses and no others.
        key: a key, or an array of keys: one per seed, trained together.
        steps: training steps, shared out among the phases.
        batch_size: rows per stream and step.
        seeds: how many seeds to derive from a single ``key``; 1 adds no seed axis.
        loop: "scan", "python" or "auto" (by backend and network).
        seeds_mode: "vmap", "map", "sequential" or "auto".
        on_nonfinite: "raise" stops at the first NaN; "mark" carries on and reports the
            seed in ``FitResult.finite``.
        on_metrics: called once per chunk with phase, steps done, steps of the phase,
            and the chunk's metrics.
        progress: draw a bar on stderr.
        name: how errors and the bar call the method.

    Returns:
        The last state with everything the runner and reports need.

    Raises:
        ValueError: for data that a phase needs and lacks, or numbers out of range.
        NonFiniteLossError: for a non-finite metric, with step and last finite values.

    Example:
        >>> from da_zoo import methods, network_by_name
        >>> x, y = np.random.default_rng(0).normal(size=(32, 4)), np.arange(32) % 2
        >>> recipe = methods.source_only(network_by_name("mlp"), classes=2)
        >>> result = fit(recipe, ArrayData((x, y)), jax.random.key(0), steps=5)
        >>> result.history["source/task_loss"].shape
        (5,)
    """
    _check(recipe, data, steps, batch_size, seeds, on_nonfinite)
    if seeds > 1:
        key = jax.vmap(lambda s: jax.random.fold_in(key, s))(jnp.arange(seeds))
    width = key.shape[0] if key.ndim else 0
    job = Job(data, key, batch_size, on_nonfinite, on_metrics, name)
    plan = _plan(recipe, job, width, loop, seeds_mode)
    lengths = phase_steps(recipe, steps)
    one_by_one = width > 0 and plan.seeds == "sequential"
    groups = [Seeds(width, n) for n in range(width)] if one_by_one else [Seeds(width)]
    total = sum(lengths) * len(groups)
    with training_bar(name, total, on_metrics) if progress else nullcontext() as tell:
        job = job._replace(on_metrics=tell or on_metrics)
        runs = [run_phases(recipe, lengths, job, plan, seeds) for seeds in groups]
    trained = _stacked(runs) if one_by_one else runs[0]
    return FitResult(
        trained.state,
        recipe[-1].adapter,
        trained.history,
        trained.finite,
        trained.compile_seconds,
        trained.fit_seconds,
        plan,
        trained.failures,
    )


def _check(
    recipe: Recipe, data: ArrayData, steps: int, batch_size: int, seeds: int, on: str
) -> None:
    for what, value in (("steps", steps), ("batch_size", batch_size), ("seeds", seeds)):
        if not isinstance(value, (int, np.integer)) or value < 1:
            raise ValueError(f"{what} must be an integer of at least 1, got {value!r}")
    if on not in ("raise", "mark"):
        raise ValueError(f'on_nonfinite must be "raise" or "mark", got {on!r}')
    _check_label_range(recipe, data)
    have = set(data.streams())
    for phase in recipe:
        if missing := sorted(phase.uses - have):
            raise ValueError(
                f"phase {phase.name!r} needs {missing}, and the data have only "
                f"{sorted(have)}"
            )


def _check_label_range(recipe: Recipe, data: ArrayData) -> None:
    """Compares labels with the class counts that a recipe was built for."""
    for phase in recipe:
        hparams = getattr(phase.adapter.init, "keywords", {}).get("hparams", {})
        for name, stream in data.streams().items():
            space = "source" if name == "source" else "target"
            classes = hparams.get(f"classes_{space}")
            if name not in phase.uses or stream.labels is None or classes is None:
                continue
            if stream.labels.max() >= classes:
                raise ValueError(
                    f"{name} labels must be 0..{int(classes) - 1} for classes="
                    f"{int(classes)}, got {int(stream.labels.max())}"
                )


def phase_steps(recipe: Recipe, steps: int) -> list[int]:
    """Shares ``steps`` out among the training phases, exactly and in order.

    Example:
        >>> from da_zoo import methods, network_by_name
        >>> recipe = methods.fine_tuning(network_by_name("mlp"), classes=2)
        >>> phase_steps(recipe, 1000)
        [600, 400]
    """
    shares = np.array([0.0 if p.steps is not None else p.share for p in recipe])
    ends = np.rint(np.cumsum(shares) / max(shares.sum(), 1e-12) * steps).astype(int)
    own = np.diff(ends, prepend=0)
    return [
        int(n) if p.steps is None else p.steps for p, n in zip(recipe, own, strict=True)
    ]


def _plan(recipe: Recipe, job: Job, width: int, loop: str, seeds_mode: str) -> Plan:
    """One plan for all phases, by the first one's step (they share the network)."""
    phase = recipe[0]
    streams = place(job.data, phase.uses, Seeds(width, 0 if width else None))

    def start(key: Key) -> Any:
        index = jnp.zeros(job.batch_size, jnp.int32)
        batch = gather_batch(streams, dict.fromkeys(streams, index))
        return phase.adapter.init(key, batch), batch

    state, batch = jax.eval_shape(start, job.key[0] if width else job.key)
    return plan_loop(phase.adapter.update, state, batch, loop, seeds_mode)


def _stacked(runs: list[Trained]) -> Trained:
    """Joins seeds that were trained one after another."""
    first = runs[0]
    return Trained(
        jax.tree.map(lambda *leaves: jnp.stack(leaves), *(run.state for run in runs)),
        {k: np.stack([run.history[k] for run in runs]) for k in first.history},
        np.stack([run.finite for run in runs]),
        tuple(failure for run in runs for failure in run.failures),
        sum(run.compile_seconds for run in runs),
        sum(run.fit_seconds for run in runs),
    )
