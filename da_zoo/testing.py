"""``check_adapter``: the contract that every method keeps, checked on tiny data.

Run it on a method of your own before you believe its results::

    from da_zoo.testing import check_adapter, toy_data

    check_adapter(my_method(network_by_name("mlp"), classes=3), toy_data())
"""

import io
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from da_zoo.data.arrays import ArrayData
from da_zoo.data.batches import gather_batch, on_device
from da_zoo.loop import fit
from da_zoo.step import make_train_step
from da_zoo.types import Adapter, Batch, Phase, Recipe, TrainState

__all__ = ["ContractError", "check_adapter", "toy_data", "toy_regression"]

CLASSES = 3
ROWS = 24
BATCH = 8
STEPS = 4
TOLERANCE = 1e-5


class ContractError(AssertionError):
    """A method breaks the contract; the message says which part and where."""


def toy_data(seed: int = 0, *, shape: tuple[int, ...] = (6,)) -> ArrayData:
    """Three Gaussian classes and a shifted, scaled target, with all three streams.

    Args:
        seed: of the draws.
        shape: of one row.

    Example:
        >>> sorted(toy_data().streams())
        ['source', 'target', 'target_labelled']
    """
    rng = np.random.default_rng(seed)
    labels = np.arange(ROWS) % CLASSES
    size = int(np.prod(shape))
    means = 2.0 * rng.normal(size=(CLASSES, size))
    source = means[labels] + rng.normal(size=(ROWS, size))
    target = 1.5 * (means[labels] + rng.normal(size=(ROWS, size))) + 1.0
    few = np.arange(2 * CLASSES)
    return ArrayData(
        (source.reshape(ROWS, *shape), labels),
        target.reshape(ROWS, *shape),
        (target[few].reshape(len(few), *shape), labels[few]),
    )


def toy_regression(seed: int = 0, *, outputs: int = 1) -> ArrayData:
    """A linear function with noise, and shifted, scaled target inputs.

    Args:
        seed: of the draws.
        outputs: numbers to predict per row.

    Example:
        >>> toy_regression(outputs=2).source.labels.shape
        (1, 24, 2)
    """
    rng = np.random.default_rng(seed)
    slopes = rng.normal(size=(6, outputs)) / np.sqrt(6)
    source = rng.normal(size=(ROWS, 6))
    target = 1.5 * rng.normal(size=(ROWS, 6)) + 1.0
    source_y, target_y = (
        x @ slopes + 0.1 * rng.normal(size=(ROWS, outputs)) for x in (source, target)
    )
    few = 2 * CLASSES
    return ArrayData((source, source_y), target, (target[:few], target_y[:few]))


def _require(holds: Any, phase: Phase, what: str) -> None:
    if not bool(holds):
        raise ContractError(f"phase {phase.name!r}: {what}")


def _identical(a: Any, b: Any) -> bool:
    raw = [
        jax.random.key_data(x) if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) else x
        for x in jax.tree.leaves((a, b))
    ]
    half = len(raw) // 2
    return all(
        np.array_equal(np.asarray(x), np.asarray(y), equal_nan=True)
        for x, y in zip(raw[:half], raw[half:], strict=True)
    )


def _through_a_file(state: TrainState) -> TrainState:
    """Writes a state's arrays, and reads them into its structure."""

    def is_key(leaf: Any) -> bool:
        return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)

    leaves, structure = jax.tree.flatten(state)
    file = io.BytesIO()
    raw = [np.asarray(jax.random.key_data(x) if is_key(x) else x) for x in leaves]
    # As bytes: NumPy's format does not know bfloat16.
    np.savez(file, *(np.ascontiguousarray(x).reshape(-1).view(np.uint8) for x in raw))
    file.seek(0)
    with np.load(file, allow_pickle=False) as saved:
        read = [
            jnp.asarray(saved[f"arr_{i}"].view(old.dtype).reshape(old.shape))
            for i, old in enumerate(raw)
        ]
    whole = [
        jax.random.wrap_key_data(new, impl=jax.random.key_impl(old))
        if is_key(old)
        else new
        for old, new in zip(leaves, read, strict=True)
    ]
    return jax.tree.unflatten(structure, whole)


def _distance(a: Any, b: Any) -> float:
    """The largest gap, relative to leaves that hold values over 1 (variances do)."""

    def gap(x: Any, y: Any) -> float:
        size = max(1.0, float(np.max(np.abs(x), initial=0.0)))
        return float(np.max(np.abs(x - y), initial=0.0)) / size

    gaps = jax.tree.map(gap, a, b)
    return max(jax.tree.leaves(gaps), default=0.0)


def _learned(state: TrainState) -> Any:
    return jax.tree.map(np.asarray, (state.params, state.stats))


def example_batch(data: ArrayData, uses: frozenset[str], start: int = 0) -> Batch:
    """Returns a batch of the streams that a phase uses."""
    index = jnp.arange(start, start + BATCH)
    streams = {
        name: on_device(stream, 1)
        for name, stream in data.streams().items()
        if name in uses
    }
    streams = {
        name: jax.tree.map(lambda leaf: leaf[0], stream._replace(pool=None))._replace(
            pool=stream.pool
        )
        for name, stream in streams.items()
    }
    counts = {name: len(data.streams()[name].rows[0]) for name in streams}
    return gather_batch(
        streams, {name: index % count for name, count in counts.items()}
    )


def _start(adapter: Adapter, batch: Batch, seed: int = 0) -> TrainState:
    state = jax.jit(adapter.init)(jax.random.key(seed), batch)
    # Mid-training, so that ramps from 0 do not hide what a method adds.
    return state._replace(total_steps=jnp.float32(8), step=jnp.int32(4))


def _check_shapes(phase: Phase, batch: Batch) -> None:
    """The state is a fixed point in structure, shapes and dtypes; nothing is weak."""
    state = jax.eval_shape(phase.adapter.init, jax.random.key(0), batch)
    weak = [
        leaf for leaf in jax.tree.leaves(state) if getattr(leaf, "weak_type", False)
    ]
    _require(not weak, phase, f"init returns weakly typed leaves: {weak}")
    after, metrics = jax.eval_shape(phase.adapter.update, state, batch)
    before_and_after: Any = (jax.tree.structure(state), jax.tree.structure(after))
    same = before_and_after[0] == before_and_after[1]
    _require(same, phase, "a step changes the structure of the state")
    for before, later in zip(
        jax.tree.leaves(state), jax.tree.leaves(after), strict=True
    ):
        kept = (before.shape, before.dtype) == (later.shape, later.dtype)
        _require(kept, phase, f"a step turns {before} into {later}")
        _require(not later.weak_type, phase, f"a step returns a weak type: {later}")
    for name, metric in metrics.items():
        _require(metric.shape == (), phase, f"metric {name!r} is no scalar")


def _check_step(phase: Phase, data: ArrayData) -> None:
    """One trace over three calls, finite metrics under constant names, donation."""
    traces = []

    def counted(state: TrainState, batch: Batch) -> Any:
        traces.append(1)
        return phase.adapter.update(state, batch)

    step = jax.jit(counted, donate_argnums=0)
    state = _start(phase.adapter, example_batch(data, phase.uses))
    names: set[str] | None = None
    for i in range(3):
        if i == 2:
            saved = _through_a_file(state)
        state, metrics = step(state, example_batch(data, phase.uses, i))
        for name, value in metrics.items():
            _require(np.isfinite(value), phase, f"metric {name!r} is {value}")
        _require(names in (None, set(metrics)), phase, "metrics change their names")
        names = set(metrics)
    _require(len(traces) == 1, phase, f"{len(traces)} traces in three calls, not one")
    _require(int(state.step) == 7, phase, "a step does not count itself")
    continued, _ = step(saved, example_batch(data, phase.uses, 2))
    same = _identical(state, continued)
    _require(same, phase, "a state read from a file does not go on as it would have")


def _check_labels(phase: Phase, batch: Batch) -> None:
    """Labels that an unlabelled target should not have change nothing, bit for bit."""
    if batch.target is None:
        return
    step = make_train_step(phase.adapter, donate=False)
    state = _start(phase.adapter, batch)
    clean, _ = step(state, batch)
    y = (batch.target.y + 1) % CLASSES
    poisoned, _ = step(state, batch._replace(target=batch.target._replace(y=y)))
    same = _identical(clean, poisoned)
    _require(same, phase, "reads the labels of the unlabelled target")


def _check_sharding(phase: Phase, batch: Batch) -> None:
    """Two devices compute what one does: statistics are those of the global batch."""
    devices = jax.devices()
    if len(devices) < 2:
        return
    mesh = Mesh(np.array(devices[:2]), ("data",))
    sharding = NamedSharding(mesh, PartitionSpec("data"))
    state = _start(phase.adapter, batch)
    alone, _ = make_train_step(phase.adapter, donate=False)(state, batch)
    both, _ = make_train_step(phase.adapter, sharding=sharding, donate=False)(
        state, batch
    )
    gap = _distance(_learned(alone), _learned(both))
    _require(gap <= TOLERANCE, phase, f"two devices differ from one by {gap:.1e}")


def _check_predictions(phase: Phase, batch: Batch) -> None:
    state = _start(phase.adapter, batch)
    x = next(rows for rows in batch if rows is not None).x
    for domain in ("source", "target"):
        once = phase.adapter.predict(state, x, domain=domain)
        twice = phase.adapter.predict(state, x, domain=domain)
        _require(_identical(once, twice), phase, "predict is not deterministic")
        for name, logits in once.logits.items():
            ok = logits.shape[0] == BATCH and bool(np.isfinite(logits).all())
            _require(ok, phase, f"bad {name} logits for domain {domain!r}")


def _check_loops(recipe: Recipe, data: ArrayData) -> None:
    """Scan, Python loop, and seeds batched, mapped or alone end the same."""
    keys = jax.vmap(jax.random.key)(jnp.arange(2))
    whole: Any = {"steps": STEPS * len(recipe), "batch_size": BATCH}
    reference = fit(recipe, data, keys, loop="scan", seeds_mode="vmap", **whole)
    for loop, mode in (("scan", "map"), ("python", "sequential")):
        other = fit(recipe, data, keys, loop=loop, seeds_mode=mode, **whole)
        gap = _distance(_learned(reference.state), _learned(other.state))
        if gap > TOLERANCE:
            raise ContractError(
                f"loop={loop!r}, seeds_mode={mode!r} differ from scan and vmap by "
                f"{gap:.1e}"
            )


def check_adapter(recipe: Recipe, data: ArrayData, *, thorough: bool = True) -> None:
    """Checks a recipe against the contract of ``docs/add-a-method.md``.

    Per phase: ``init`` can be jitted; the state keeps structure, shapes and dtypes and
    holds no weak types; one trace serves three calls; the state can be donated; written
    to a file and read, it goes on bit for bit; metrics are finite scalars under
    constant names; the unlabelled target's labels are not read, bit for bit; two
    devices compute what one does (where there are two); predictions are finite and
    repeatable. For the whole: every loop gives the same parameters to 1e-5.

    Args:
        recipe: from the method's factory, for labels (three classes, say) and rows like
            ``data``'s.
        data: small data with the streams it uses, see :func:`toy_data` and
            :func:`toy_regression`.
        thorough: compare loops and devices too, which takes most of the time.

    Raises:
        ContractError: at the first clause that does not hold.

    Example:
        >>> from da_zoo import methods, network_by_name
        >>> network = network_by_name("mlp", hidden=(4,))
        >>> check_adapter(methods.source_only(network, classes=3), toy_data())
    """
    for phase in recipe:
        batch = example_batch(data, phase.uses)
        _check_shapes(phase, batch)
        _check_step(phase, data)
        _check_labels(phase, batch)
        if thorough:
            _check_sharding(phase, batch)
        _check_predictions(phase, batch)
    if thorough:
        _check_loops(recipe, data)
