"""What a checkpoint is a function of.

A training is taken up only by the same training: the same programs (which hold network,
losses and constants), hyper-parameters, data, keys and lengths. Paths, devices and the
number of processes do not count.
"""

import importlib.metadata
import zlib
from typing import Any

import jax
import numpy as np

from da_zoo.data.arrays import ArrayData
from da_zoo.data.random_access import fill_rows
from da_zoo.job import Job
from da_zoo.types import Recipe

__all__ = ["data_mark", "identity"]

SAMPLED_ROWS = 256
"""Rows of a pool that are looked at: all of a large one would take too long."""


def identity(
    recipe: Recipe,
    programs: list[dict[str, str]],
    lengths: list[int],
    job: Job,
    *,
    loop: str,
    width: int,
    number: int | None,
    every: int,
) -> dict[str, Any]:
    """Describes the training of a group of runs as JSON, to compare checkpoints with.

    Args:
        recipe: its phases.
        programs: of :func:`~da_zoo.checkpoint.program_marks.program_marks`.
        lengths: steps of each phase.
        job: data, keys and options; its name is a label and does not count.
        loop: which kind, for rounding depends on it.
        width: runs per program, for the same reason.
        number: which of the keys, where they are run one by one.
        every: steps between checkpoints.
    """
    phases = {}
    for phase, marks, length in zip(recipe, programs, lengths, strict=True):
        init: Any = phase.adapter.init
        hparams = getattr(init, "keywords", {}).get("hparams", {})
        phases[phase.name] = {
            "steps": length,
            "streams": sorted(phase.uses),
            **marks,
            "hyper-parameters": {k: _plain(v) for k, v in sorted(hparams.items())},
        }
    told: dict[str, Any] = {
        "batch_size": job.batch_size,
        "phases": phases,
        "on_nonfinite": job.on_nonfinite,
        "seeds": job.key.shape[0] if job.key.ndim else "one key",
        "keys": np.asarray(jax.random.key_data(job.key)).tolist(),
        "key": number,
        "loop": loop,
        "runs trained together": width,
        "data": data_mark(job.data),
        "jax version": importlib.metadata.version("jax"),
    }
    if loop.startswith("unroll"):  # how chunks are cut decides which programs run
        told["chunks"] = [every, job.pools]
    return told


def _plain(value: Any) -> Any:
    numbers = np.asarray(value, np.float64)
    told = numbers.tolist()
    return told if np.isfinite(numbers).all() else str(told)  # JSON has no infinity


def data_mark(data: ArrayData) -> dict[str, str]:
    """Marks each stream: labels and rows whole, inputs by a sample of their rows.

    Example:
        >>> marks = [
        ...     data_mark(ArrayData(target=np.full((3, 2), v))) for v in (0.0, 1.0)
        ... ]
        >>> marks[0] == marks[1]
        False
    """
    return {name: _stream_mark(stream) for name, stream in data.streams().items()}


def _stream_mark(stream: Any) -> str:
    mark = 0
    for values in stream[1:]:
        if values is not None:
            told = f"{values.shape}{values.dtype}".encode()
            mark = zlib.crc32(np.ascontiguousarray(values).data, zlib.crc32(told, mark))
    for leaf in jax.tree.leaves(stream.pool):
        rows = np.unique(np.linspace(0, len(leaf) - 1, SAMPLED_ROWS).astype(int))
        sample = np.zeros((len(rows), *leaf.shape[1:]), leaf.dtype)
        fill_rows(sample, leaf, rows)
        told = f"{leaf.shape}{leaf.dtype}".encode()
        mark = zlib.crc32(sample.data, zlib.crc32(told, mark))
    return f"{mark:08x}"
