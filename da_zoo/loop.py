"""``fit``: runs a recipe's phases, chunks of steps per dispatch, seeds together."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree, Shaped

from da_zoo.compose import is_refreshing, named_key
from da_zoo.data.arrays import ArrayData, Stream, gather_batch, on_device, order
from da_zoo.programs import (
    Plan,
    advance_function,
    compiled,
    initialise_function,
    plan_loop,
    refresh_function,
)
from da_zoo.types import Adapter, Key, Phase, Predictions, Recipe, TrainState

__all__ = ["FitResult", "NonFiniteLossError", "fit"]

CHUNK = 200
"""Steps per dispatch: metrics leave the device, and a progress bar moves, this often."""

OnMetrics = Callable[[str, int, int, dict[str, np.ndarray]], None]


class NonFiniteLossError(FloatingPointError):
    """Training met a NaN or an infinity; the message says where."""


class FitResult(NamedTuple):
    """What training leaves. Arrays have a leading seed axis iff ``fit`` was given one."""

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
        name: how errors call the method.

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
    job = _Job(data, key, steps, batch_size, loop, seeds_mode, on_nonfinite)
    job = job._replace(on_metrics=on_metrics, name=name)
    plan = _plan(recipe, job, width)
    if not width:
        return _run(recipe, job, plan, rows=None)
    if plan.seeds != "sequential":
        return _run(recipe, job, plan, rows=slice(None))
    results = [_run(recipe, job, plan, rows=s) for s in range(width)]
    return _stacked(results)


class _Job(NamedTuple):
    data: ArrayData
    key: Key
    steps: int
    batch_size: int
    loop: str
    seeds_mode: str
    on_nonfinite: str
    on_metrics: OnMetrics | None = None
    name: str = "recipe"


def _check(
    recipe: Recipe, data: ArrayData, steps: int, batch_size: int, seeds: int, on: str
) -> None:
    for what, value in (("steps", steps), ("batch_size", batch_size), ("seeds", seeds)):
        if not isinstance(value, (int, np.integer)) or value < 1:
            raise ValueError(f"{what} must be an integer of at least 1, got {value!r}")
    if on not in ("raise", "mark"):
        raise ValueError(f'on_nonfinite must be "raise" or "mark", got {on!r}')
    have = set(data.streams())
    for phase in recipe:
        if missing := sorted(phase.uses - have):
            raise ValueError(
                f"phase {phase.name!r} needs {missing}, and the data have only "
                f"{sorted(have)}"
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


def _one_seed(tree: Any, seed: int) -> Any:
    return jax.tree.map(lambda leaf: leaf[seed], tree)


def _streams(
    data: ArrayData, uses: frozenset[str], width: int, rows: Any
) -> dict[str, Any]:
    """The streams of a phase on the device: every seed's rows, one seed's, or plain."""
    placed = {}
    for name, stream in data.streams().items():
        if name in uses:
            device = on_device(stream, max(width, 1))
            if not isinstance(rows, slice):
                own = _one_seed(device._replace(pool=None), rows or 0)
                device = own._replace(pool=device.pool)
            placed[name] = device
    return placed


def _plan(recipe: Recipe, job: _Job, width: int) -> Plan:
    """One plan for all phases, by the first that trains (they share the network)."""
    phase = recipe[0]
    streams = _streams(job.data, phase.uses, width, 0 if width else None)
    key = job.key[0] if width else job.key

    def start(key: Key) -> Any:
        index = jnp.zeros(job.batch_size, jnp.int32)
        batch = gather_batch(streams, dict.fromkeys(streams, index))
        return phase.adapter.init(key, batch), batch

    state, batch = jax.eval_shape(start, key)
    return plan_loop(phase.adapter.update, state, batch, job.loop, job.seeds_mode)


def _indices(
    streams: dict[str, Stream],
    words: list[tuple[int, ...]],
    start: int,
    stop: int,
    batch: int,
    room: int,
    grouped: bool,
) -> dict[str, jax.Array]:
    """Row numbers of a chunk, [seeds, room, batch]; steps past ``stop`` are padding."""
    result = {}
    for name, stream in streams.items():
        counts = np.broadcast_to(stream.count, (len(words),))
        drawn = [
            order(w, name, int(n), start, stop, batch)
            for w, n in zip(words, counts, strict=True)
        ]
        padded = np.zeros((len(words), room, batch), np.int32)
        padded[:, : stop - start] = np.stack(drawn)
        result[name] = jnp.asarray(padded if grouped else padded[0])
    return result


def _run(recipe: Recipe, job: _Job, plan: Plan, rows: Any) -> FitResult:
    """Runs all phases for a group of seeds (a slice), one of them, or a plain key."""
    width = job.key.shape[0] if job.key.ndim else 0
    grouped = isinstance(rows, slice)
    key = job.key if rows is None or grouped else job.key[rows]
    named = jax.vmap(named_key, in_axes=(0, None)) if grouped else named_key
    fold = jax.vmap(jax.random.fold_in, in_axes=(0, None)) if grouped else (
        jax.random.fold_in
    )
    key_weights, key_order, key_steps = (
        named(key, use) for use in ("weights", "order", "steps")
    )
    history: dict[str, np.ndarray] = {}
    finite = np.ones(width if grouped else (), bool)
    failures: list[str] = []
    seconds_compile = 0.0
    began = time.perf_counter()
    state: TrainState | None = None
    for number, (phase, total) in enumerate(
        zip(recipe, phase_steps(recipe, job.steps), strict=True)
    ):
        streams = _streams(job.data, phase.uses, width, rows)
        init, seconds = compiled(
            initialise_function(grouped),
            phase.adapter.init,
            key_weights,
            streams,
            static=(job.batch_size,),
        )
        seconds_compile += seconds
        fresh = init(phase.adapter.init, key_weights, streams)
        if state is not None and phase.warm_start is not None:
            fresh = phase.warm_start(state, fresh)
        shape = (width,) if grouped else ()
        state = fresh._replace(
            key=fold(key_steps, number),
            step=jnp.zeros(shape, jnp.int32),
            total_steps=jnp.full(shape, max(total, 1), jnp.float32),
        )
        words = jax.random.key_data(fold(key_order, number))
        lines = np.asarray(words).reshape(max(width, 1) if grouped else 1, -1)
        host = {n: s for n, s in job.data.streams().items() if n in phase.uses}
        if not grouped and rows is not None:
            host = {
                n: s._replace(count=np.broadcast_to(s.count, (width,))[rows : rows + 1])
                for n, s in host.items()
            }
        seeds_words = [tuple(int(w) for w in line) for line in lines]
        parts: list[dict[str, np.ndarray]] = []
        every = _refresh_every(phase, host, job.batch_size)
        done = 0
        while done < total:
            stop = min(done + CHUNK, total)
            if every:
                stop = min(stop, (done // every + 1) * every)
                if done % every == 0:
                    refresh, seconds = compiled(
                        refresh_function(phase.adapter.refresh, grouped), state, streams
                    )
                    seconds_compile += seconds
                    state = refresh(state, streams)
            indices = _indices(
                host, seeds_words, done, stop, job.batch_size, CHUNK, grouped
            )
            state, metrics, seconds = _advance(
                phase, plan, grouped, state, streams, indices, stop - done
            )
            seconds_compile += seconds
            if metrics:
                parts.append(metrics)
                _judge(job, phase, done, metrics, parts, finite, failures)
            done = stop
            if job.on_metrics is not None:
                job.on_metrics(phase.name, done, total, metrics)
        for metric in parts[0] if parts else ():
            joined = np.concatenate([part[metric] for part in parts], axis=-1)
            history[f"{phase.name}/{metric}"] = joined
    if state is None:
        raise ValueError("a recipe must have at least one phase")
    jax.block_until_ready(state)
    seconds_fit = time.perf_counter() - began - seconds_compile
    return FitResult(
        state,
        recipe[-1].adapter,
        history,
        finite,
        seconds_compile,
        seconds_fit,
        plan,
        tuple(failures),
    )


def _refresh_every(phase: Phase, host: dict[str, Stream], batch: int) -> int:
    """Steps per epoch of the target (or the source), 0 where nothing is refreshed."""
    if not is_refreshing(phase.adapter) or not host:
        return 0
    stream = host.get("target", next(iter(host.values())))
    return max(1, int(np.ceil(stream.count.max() / batch)))


def _advance(
    phase: Phase,
    plan: Plan,
    grouped: bool,
    state: TrainState,
    streams: dict[str, Any],
    indices: dict[str, jax.Array],
    count: int,
) -> tuple[TrainState, dict[str, np.ndarray], float]:
    """Runs ``count`` steps; the metrics leave the device once, [seeds?, count]."""
    function = advance_function(phase.adapter.update, plan, grouped)
    first = jnp.int32(count if plan.loop == "scan" else 0)
    program, seconds = compiled(function, state, streams, indices, first)
    if plan.loop == "scan":
        state, metrics = program(state, streams, indices, first)
        cut = jax.tree.map(lambda m: np.asarray(m)[..., :count], metrics)
        return state, cut, seconds
    steps = []
    for i in range(count):
        state, metrics = program(state, streams, indices, jnp.int32(i))
        steps.append(metrics)
    joined = jax.tree.map(lambda *m: np.stack([np.asarray(v) for v in m], -1), *steps)
    return state, joined, seconds


def _judge(
    job: _Job,
    phase: Phase,
    done: int,
    metrics: dict[str, np.ndarray],
    parts: list[dict[str, np.ndarray]],
    finite: np.ndarray,
    failures: list[str],
) -> None:
    """Marks or raises on the first non-finite metric of a chunk."""
    good = np.stack([np.isfinite(values) for values in metrics.values()]).all(axis=0)
    if good.all():
        return
    step = int(np.argmin(good.reshape(-1, good.shape[-1]).all(axis=0)))
    bad = [name for name, values in metrics.items() if not np.isfinite(values).all()]
    series = {
        name: np.concatenate([part[name] for part in parts], axis=-1)[..., : done + step]
        for name in metrics
    }
    last = {
        name: [round(float(v), 4) for v in np.atleast_1d(values[..., -1])]
        for name, values in series.items()
        if values.shape[-1]
    }
    message = (
        f"{job.name}: {', '.join(bad)} became non-finite at step {done + step} of phase "
        f"{phase.name!r}; the last finite metrics were {last or 'none'}. A smaller "
        "learning_rate or trade_off, or a look at the inputs' scale, usually helps"
    )
    if job.on_nonfinite == "raise":
        raise NonFiniteLossError(message)
    if np.asarray(finite & good.all(axis=-1) != finite).any():
        failures.append(message)
    finite &= good.all(axis=-1)


def _stacked(results: list[FitResult]) -> FitResult:
    """Joins seeds that were trained one after another."""
    first = results[0]
    history = {
        name: np.stack([result.history[name] for result in results])
        for name in first.history
    }
    return first._replace(
        state=jax.tree.map(lambda *leaves: jnp.stack(leaves), *(r.state for r in results)),
        history=history,
        finite=np.stack([result.finite for result in results]),
        compile_seconds=sum(result.compile_seconds for result in results),
        fit_seconds=sum(result.fit_seconds for result in results),
        failures=tuple(failure for result in results for failure in result.failures),
    )
