"""One run over many devices and hosts: where its arrays lie.

Batches are split over the devices, states are copied to each (or large arrays split
too), and XLA puts in the communication: batch statistics, MMD and CORAL are those of
the global batch, as on one device.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
from jaxtyping import PyTree

from da_zoo.types import Batch, TrainState

__all__ = [
    "AXIS",
    "Layout",
    "check_mesh",
    "from_rows",
    "make_mesh",
    "replicated",
    "sharded_update",
]

AXIS = "data"
"""The mesh's axis along which batches are split."""
LARGE = 2**16
"""Elements from which on an array is split, where parameters are to be."""


def make_mesh(devices: Sequence[jax.Device] | None = None) -> Mesh:
    """Makes a mesh of one axis, "data", over all devices of all hosts.

    Args:
        devices: which; None means all that JAX sees.

    Raises:
        ValueError: for no devices, or something else.

    Example:
        >>> make_mesh(jax.devices()[:1]).shape["data"]
        1
    """
    chosen = jax.devices() if devices is None else list(devices)
    if not chosen or not all(isinstance(one, jax.Device) for one in chosen):
        raise ValueError(
            f"devices must be some of jax.devices(), got {devices!r}; leave it out for "
            "all of them"
        )
    automatic = (AxisType.Auto,)
    return jax.make_mesh((len(chosen),), (AXIS,), automatic, devices=chosen)


def check_mesh(mesh: Mesh, batch_size: int, seeds_mode: str) -> Mesh:
    """Refuses a mesh that a training cannot run on.

    Returns:
        The mesh with automatic axes: XLA, not types, says where arrays lie.

    Raises:
        TypeError: for something else than a mesh.
        ValueError: for a mesh without the axis "data", a batch that it does not divide,
            or seeds that are to be trained side by side.

    Example:
        >>> check_mesh(make_mesh(), 64, "auto").shape == make_mesh().shape
        True
    """
    if not isinstance(mesh, Mesh):
        raise TypeError(
            f"mesh must be a jax.sharding.Mesh, such as da_zoo.make_mesh() makes, got "
            f"{type(mesh).__name__}"
        )
    if AXIS not in mesh.shape:
        raise ValueError(
            f"mesh must have an axis {AXIS!r}, got {tuple(mesh.axis_names)}: "
            "da_zoo.make_mesh() makes one"
        )
    count = mesh.shape[AXIS]
    if batch_size % count:
        raise ValueError(
            f"batch_size must be a multiple of the {count} devices of the mesh's axis "
            f"{AXIS!r}, got {batch_size}: take {-(-batch_size // count) * count}"
        )
    if seeds_mode not in ("auto", "sequential"):
        raise ValueError(
            f"seeds_mode={seeds_mode!r} trains seeds side by side on one device; on a "
            'mesh they are trained one after another: leave it "auto"'
        )
    automatic = (AxisType.Auto,) * len(mesh.axis_names)
    return Mesh(mesh.devices, mesh.axis_names, axis_types=automatic)


class Layout(NamedTuple):
    """Where the arrays of a training lie."""

    mesh: Mesh
    split_large: bool = False
    """Whether large arrays of the state are split over the devices too."""

    def of(self, leaf: Any) -> NamedSharding:
        """Returns where an array of the state lies, by its shape."""
        count = self.mesh.shape[AXIS]
        if self.split_large and leaf.size >= LARGE:
            able = [n for n in leaf.shape if n % count == 0]
            if able:
                axis = leaf.shape.index(max(able))
                spec = [None] * axis + [AXIS]
                return NamedSharding(self.mesh, PartitionSpec(*spec))
        return NamedSharding(self.mesh, PartitionSpec())

    def constrain(self, state: PyTree) -> PyTree:
        """Puts a state where it lies, inside a compiled program."""
        return jax.tree.map(
            lambda leaf: jax.lax.with_sharding_constraint(leaf, self.of(leaf)), state
        )

    def ending(self, program: Callable[..., Any]) -> Callable[..., Any]:
        """Makes a program ``(...) -> (state, metrics)`` leave both where they lie.

        Constraints within a loop do not bind what comes out of it.
        """
        whole = NamedSharding(self.mesh, PartitionSpec())

        def run(*args: Any) -> Any:
            state, metrics = program(*args)
            metrics = jax.lax.with_sharding_constraint(metrics, whole)
            return self.constrain(state), metrics

        return run


@functools.lru_cache(maxsize=512)
def sharded_update(update: Callable[..., Any], layout: Layout) -> Callable[..., Any]:
    """Makes an adapter's update split its batch and keep its state in place.

    Example:
        >>> from da_zoo import methods, network_by_name
        >>> adapter = methods.source_only(network_by_name("mlp"), classes=2)[0].adapter
        >>> layout = Layout(make_mesh())
        >>> first = sharded_update(adapter.update, layout)
        >>> first is sharded_update(adapter.update, layout)
        True
    """
    rows = NamedSharding(layout.mesh, PartitionSpec(AXIS))

    def run(state: TrainState, batch: Batch) -> Any:
        return update(state, jax.lax.with_sharding_constraint(batch, rows))

    return layout.ending(run)


def replicated(tree: PyTree, mesh: Mesh) -> PyTree:
    """Copies arrays to every device, of all hosts: each host gives equal values.

    Example:
        >>> replicated(np.ones(3), make_mesh()).shape
        (3,)
    """
    sharding = NamedSharding(mesh, PartitionSpec())

    def place(leaf: Any) -> jax.Array:
        if isinstance(leaf, jax.Array) and len(leaf.sharding.device_set) > 1:
            return leaf  # it is there already
        if isinstance(leaf, jax.Array) and jnp.issubdtype(
            leaf.dtype, jax.dtypes.prng_key
        ):
            data = np.asarray(jax.random.key_data(leaf))
            whole = jax.make_array_from_callback(data.shape, sharding, data.__getitem__)
            return jax.random.wrap_key_data(whole, impl=jax.random.key_impl(leaf))
        values = np.asarray(leaf)
        # As the device would hold them: float64 is float32 unless x64 is on.
        values = values.astype(jax.dtypes.canonicalize_dtype(values.dtype), copy=False)
        return jax.make_array_from_callback(values.shape, sharding, values.__getitem__)

    return jax.tree.map(place, tree)


def from_rows(
    read: Callable[[slice], np.ndarray],
    shape: tuple[int, ...],
    mesh: Mesh,
    axis: int,
) -> jax.Array:
    """Makes a split array of which each host reads the part of its own devices.

    Args:
        read: a slice along ``axis`` -> the values there.
        shape: of the whole.
        mesh: over which it is split.
        axis: of the array, which is split.

    Example:
        >>> whole = np.arange(8.0).reshape(4, 2)
        >>> from_rows(lambda part: whole[part], (4, 2), make_mesh(), 0).tolist()[0]
        [0.0, 1.0]
    """
    spec = PartitionSpec(*[None] * axis, AXIS)

    def part(index: Any) -> np.ndarray:
        return read(index[axis])

    return jax.make_array_from_callback(shape, NamedSharding(mesh, spec), part)
