"""Writes and reads the checkpoints of one compiled group of runs, through Orbax."""

import json
import threading
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from da_zoo.checkpoint.contents import (
    Position,
    Resumed,
    check_marks,
    checked,
    checked_history,
    description,
)
from da_zoo.checkpoint.faults import in_a_line, is_damage, quiet_orbax
from da_zoo.checkpoint.ownership import group_folder, refuse_another
from da_zoo.checkpoint.retention import NewestAndBest
from da_zoo.checkpoint.settings import Checkpointing
from da_zoo.checkpoint.state_arrays import (
    expected_arrays,
    fingerprints,
    from_arrays,
    to_arrays,
)
from da_zoo.sharding import Layout, replicated
from da_zoo.types import TrainState

__all__ = ["Keeper", "Position", "Resumed"]

_ONE_WRITER = threading.Lock()
_in_flight: list[Any] = []
"""The manager that may still be writing: two at a time in one process get in each
other's way within Orbax."""


class Keeper:
    """The checkpoints of one group of runs.

    Args:
        settings: of the whole training.
        unit: the group's number, from 0.
        identity: see :mod:`da_zoo.checkpoint.identity`.
        key_impl: of the training's keys.
        layout: where restored arrays go; None means the first device.

    Raises:
        ValueError: if the identity is no JSON.
    """

    def __init__(
        self,
        settings: Checkpointing,
        unit: int,
        identity: Mapping[str, Any],
        key_impl: Any,
        layout: Layout | None = None,
    ) -> None:
        self.settings, self.identity = settings, dict(identity)
        try:
            json.dumps(self.identity, allow_nan=False)
        except (TypeError, ValueError) as error:
            # Now, and not as a warning at every checkpoint that cannot be written.
            raise ValueError(
                f"checkpoint: what tells this training from others is no JSON ({error}"
                "); give fit numbers and texts of Python's own"
            ) from error
        self._key_impl = key_impl
        self.folder = group_folder(settings.folder, unit)
        self._layout = layout
        self._told_of_failure = False
        self._scores: dict[int, float] = {}
        self._damaged: set[int] = set()
        self._manager = self._open()
        if settings.keep_best is not None:
            try:
                self._read_scores()
            except Exception:
                self._manager.close()  # nobody else will: there is no keeper
                raise

    def _open(self) -> Any:
        import orbax.checkpoint as ocp

        quiet_orbax()
        options = ocp.CheckpointManagerOptions(
            preservation_policy=NewestAndBest(
                self.settings.keep, self._scores, self._damaged
            ),
            cleanup_tmp_directories=True,
        )
        return ocp.CheckpointManager(self.folder, options=options)

    def _read_scores(self) -> None:
        """Of what is there already, by the same criterion."""
        for number in self._manager.all_steps():
            try:
                scored = self._told(number)["score"]
            except Exception as error:
                self._pass_over(number, error)
                continue
            if scored is not None and scored[0] == self.settings.keep_best:
                self._scores[number] = float(scored[1])

    def _whole(self, values: np.ndarray) -> jax.Array:
        if self._layout is None:
            return jnp.asarray(values)
        whole: jax.Array = replicated(values, self._layout.mesh)
        return whole

    def _place(self, shape: jax.ShapeDtypeStruct, curve: bool) -> Any:
        if self._layout is None:
            where: Any = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
        elif curve:
            where = NamedSharding(self._layout.mesh, PartitionSpec())
        else:
            where = self._layout.of(shape)
        return jax.ShapeDtypeStruct(shape.shape, shape.dtype, sharding=where)

    def due(self, done: int, length: int) -> bool:
        """Says whether a state of a phase is one to keep."""
        return done % self.settings.every == 0 or done == length

    def save(
        self,
        position: Position,
        state: TrainState,
        history: Mapping[str, np.ndarray],
        finite: np.ndarray,
        failures: tuple[str, ...],
        score: float | None,
    ) -> None:
        """Copies the state and writes it while training goes on.

        A checkpoint that cannot be written (the disk is full, say) is a warning and not
        the training's end.
        """
        import orbax.checkpoint as ocp

        arrays = to_arrays(state)
        marks = fingerprints(arrays)
        scored = None
        if score is not None and self.settings.keep_best is not None:
            scored = (self.settings.keep_best, score)
        told = description(
            self.identity, position, state, marks, history, finite, failures, scored
        )
        curves = {
            short: self._whole(history[curve["name"]])
            for short, curve in told["history"].items()
            if history[curve["name"]].size
        }
        if score is not None:
            self._scores[position.number] = score
        try:
            with _ONE_WRITER:
                if self._manager is None:
                    self._manager = self._open()
                _finish_others(self._manager)
                if position.number in self._manager.all_steps():
                    self._manager.delete(position.number)  # it was passed over
                    self._damaged.discard(position.number)
                self._manager.save(
                    position.number,
                    args=ocp.args.Composite(
                        state=ocp.args.StandardSave(arrays | curves),
                        told=ocp.args.JsonSave(told),
                    ),
                    force=True,
                )
        except Exception as error:  # Orbax raises whatever its threads met
            self._failed(position.number, error)

    def _failed(self, number: int, error: Exception) -> None:
        if not self._told_of_failure:
            warnings.warn(
                f"the checkpoint of step {number}, or the one before it, could not be "
                f"written to '{self.folder}' ({in_a_line(error)}); training goes on "
                "without, and tries again at the next one",
                stacklevel=2,
            )
            self._told_of_failure = True
        if jax.process_count() > 1:
            raise error  # to open it again takes all processes
        # A manager whose thread failed says so again at every later call.
        self._manager = None

    def finish(self) -> None:
        """Waits until what was saved is on the disk."""
        with _ONE_WRITER:
            if self._manager is None:
                return
            try:
                self._manager.wait_until_finished()
            except Exception as error:
                self._failed(self._manager.latest_step() or 0, error)

    def __enter__(self) -> "Keeper":
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        """Waits, and lets the threads go.

        Not after an error among several processes: the others may never come.
        """
        if kind is None or jax.process_count() == 1:
            self.finish()
            if self._manager is not None:
                self._manager.close()

    def newest(self, structure: Callable[[int], TrainState]) -> Resumed | None:
        """Reads the newest checkpoint that is whole, and says which were not.

        Args:
            structure: the number of a phase -> its state, as shapes.

        Returns:
            None where there is none.

        Raises:
            ValueError: if it is another training's; the differences are named.
        """
        there = set(self._manager.all_steps()) - self._damaged
        for number in sorted(there, reverse=True):
            try:
                told = self._told(number)
            except Exception as error:
                self._pass_over(number, error)
                continue
            refuse_another(self.folder.parent, told["identity"], self.identity)
            try:
                return self._read(number, told, structure)
            except Exception as error:
                self._pass_over(number, error)
        return None

    def best(self, structure: Callable[[int], TrainState]) -> TrainState | None:
        """Reads the state with the highest score, if any has one."""
        there = [] if self._manager is None else self._manager.all_steps()
        scored = [n for n in there if n in self._scores and n not in self._damaged]
        for number in sorted(scored, key=lambda n: (self._scores[n], n), reverse=True):
            try:
                return self._read(number, self._told(number), structure).state
            except Exception as error:
                self._pass_over(number, error)
        return None

    def _pass_over(self, number: int, error: Exception) -> None:
        """Says that a checkpoint is damaged, if it is that."""
        if not is_damage(error):
            raise error
        self._damaged.add(number)
        warnings.warn(
            f"the checkpoint of step {number} in '{self.folder}' is damaged "
            f"({in_a_line(error)}); the one before it is used, if there is one",
            stacklevel=2,
        )

    def _told(self, number: int) -> dict[str, Any]:
        import orbax.checkpoint as ocp

        args = ocp.args.Composite(told=ocp.args.JsonRestore())
        told: dict[str, Any] = self._manager.restore(number, args=args)["told"]
        return checked(told)

    def _read(
        self, number: int, told: dict[str, Any], structure: Callable[[int], TrainState]
    ) -> Resumed:
        import orbax.checkpoint as ocp

        position = Position(*told["position"])
        shapes = structure(position.phase)
        wanted = expected_arrays(shapes, told["arrays"])
        for short, curve in told["history"].items():
            if np.prod(curve["shape"]):
                wanted[short] = jax.ShapeDtypeStruct(
                    tuple(curve["shape"]), np.dtype(curve["dtype"])
                )
        placed = {
            name: self._place(shape, name in told["history"])
            for name, shape in wanted.items()
        }
        args = ocp.args.Composite(state=ocp.args.StandardRestore(placed))
        found = dict(self._manager.restore(number, args=args)["state"])
        history = checked_history(told, found)
        check_marks(told, fingerprints(found))
        return Resumed(
            position,
            from_arrays(shapes, told["arrays"], found, self._key_impl),
            history,
            np.asarray(told["finite"], bool),
            tuple(told["failures"]),
        )


def _finish_others(manager: Any) -> None:
    """Waits for another group's checkpoint, if one is being written."""
    others = [other for other in _in_flight if other is not manager]
    for other in others:
        try:
            other.wait_until_finished()
        except Exception:  # its own keeper will be told
            continue
    _in_flight[:] = [manager]
