"""What a command line of ``da-zoo bench`` chooses to run."""

import argparse
from collections.abc import Sequence
from typing import Any

__all__ = ["check_shares", "options_of", "platform_of", "with_baselines"]

_PLATFORMS = {"cpu": "cpu", "gpu": "cuda", "tpu": "tpu"}
_NOT_CELLS = ("out", "retry_failed", "stale")


def platform_of(device: str) -> str:
    """Returns JAX's name of what ``--device`` names.

    Raises:
        ValueError: for another name.

    Example:
        >>> platform_of("gpu")
        'cuda'
    """
    if device not in _PLATFORMS:
        raise ValueError(f"--device must be cpu, gpu or tpu, got {device!r}")
    return _PLATFORMS[device]


def options_of(arguments: argparse.Namespace, own: Sequence[Any]) -> dict[str, Any]:
    """What of the command line chooses cells, for ``bench.run`` and ``preview``.

    Args:
        arguments: parsed, of ``da-zoo bench``.
        own: the user's methods, of :func:`da_zoo.bench.plugins.import_method`.
    """
    methods = arguments.methods
    if own:
        methods = [*(methods or ()), *(spec.name for spec in own)]
    if methods is not None and not arguments.no_baselines:
        methods = with_baselines(methods, arguments.tracks, own)
    return {
        "methods": methods,
        "scenarios": arguments.scenarios,
        "seeds": arguments.seeds,
        "first_seed": arguments.first_seed,
        "label_fractions": arguments.label_fractions,
        "tracks": arguments.tracks,
        "budget": arguments.budget,
        "steps": arguments.steps,
        "out": arguments.out,
        "data_dir": arguments.data,
        "precision": arguments.precision,
        "shard": arguments.shard,
        "retry_failed": arguments.retry_failed,
        "stale": arguments.stale,
    }


def with_baselines(
    methods: Sequence[str], tracks: Sequence[str], own: Sequence[Any]
) -> list[str]:
    """Adds what gains are measured from: alone, an accuracy says little.

    Args:
        methods: by name.
        tracks: of the benchmark.
        own: the user's methods.

    Example:
        >>> with_baselines(["dann"], ["U"], [])
        ['source_only', 'dann']
        >>> with_baselines(["coral"], ["U"], [])  # shallow
        ['coral']
    """
    from da_zoo.bench.summary import BASELINES
    from da_zoo.methods import METHODS

    # Shallow methods have a baseline of their own kind.
    deep = {*METHODS, *(spec.name for spec in own)}
    if deep.isdisjoint(methods):
        return list(methods)
    baselines = [name for track, name in BASELINES.items() if track in tracks]
    return list(dict.fromkeys([*baselines, *methods]))


def check_shares(arguments: argparse.Namespace) -> None:
    """Refuses what every share of an array job would refuse after its wait in line.

    Whether there is the device is not asked: where jobs are submitted, none may be.

    Args:
        arguments: parsed, of ``da-zoo bench``.

    Raises:
        ValueError: as :func:`da_zoo.bench.run` does.
    """
    from da_zoo.bench.disk import check_writable
    from da_zoo.bench.launch import Launch, check_launch
    from da_zoo.bench.plugins import import_method, registered
    from da_zoo.bench.workload import check_stale, lay_out
    from da_zoo.metrics_log import TensorBoardWriter

    if arguments.device is not None:
        platform_of(arguments.device)
    check_launch(Launch(workers=arguments.workers))
    check_stale(arguments.stale, arguments.checkpoints)
    check_writable(arguments.out)
    if arguments.tensorboard is not None:
        TensorBoardWriter(arguments.tensorboard)
    own = [import_method(path) for path in arguments.method]
    with registered(own):
        options = options_of(arguments, own)
        cells = {k: v for k, v in options.items() if k not in _NOT_CELLS}
        lay_out(arguments.suite, **cells)
