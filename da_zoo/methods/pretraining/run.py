"""``pretrain``: one call from inputs to variables that fine-tuning starts from."""

import inspect
import json
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from da_zoo.compose import predicted_with
from da_zoo.data.arrays import ArrayData
from da_zoo.data.checks import check_features
from da_zoo.loop import FitResult, fit
from da_zoo.methods.pretraining.spec import TaskSpec
from da_zoo.methods.pretraining.tasks import PRETRAINING
from da_zoo.naming import check_names, choose
from da_zoo.network import Network
from da_zoo.pretrained import Pretrained
from da_zoo.settings import Settings
from da_zoo.types import Key

__all__ = ["pretrain", "pretrained_from"]

FINAL_STEPS = 20
"""The manifest's metrics are means over so many last steps: one is noisy."""


def pretrain(
    task: str,
    network: Network,
    x: Any,
    key: Key,
    *,
    steps: int,
    batch_size: int = 64,
    progress: bool = False,
    **options: Any,
) -> Pretrained:
    """Trains a network on a pre-training task.

    It is ``fit`` on the recipe of the task's factory: go by those for seeds, sweeps
    and the history, and by :func:`pretrained_from` for what they learned.

    Args:
        task: a name of :data:`PRETRAINING`.
        network: the encoder; from :func:`da_zoo.start_from`, to train it further.
        x: inputs [n, ...], as the task wants them; for a task that reads labels the
            pair (x, y).
        key: of weights, order and draws.
        steps: of training.
        batch_size: rows per step.
        progress: draw a bar on stderr.
        **options: of the task's factory, and :class:`da_zoo.Settings`.

    Returns:
        Parameters and statistics of the encoder, the head of a task with labels, and
        a manifest: task, network, options, steps, batch size, rows, seed (the key's
        words), metrics (means over the last steps) and version.

    Raises:
        TypeError: for labels where the task reads none, or inputs that are no numbers.
        ValueError: before training, for an unknown task or option, missing labels, or
            inputs that the task is not defined for.

    Example:
        >>> from da_zoo import network_by_name
        >>> x = np.random.default_rng(0).normal(size=(32, 5))
        >>> network = network_by_name("mlp", hidden=(4,))
        >>> found = pretrain("denoising", network, x, jax.random.key(0), steps=3)
        >>> found.manifest["task"], found.manifest["rows"], found.head
        ('denoising', 32, None)
    """
    spec = choose(PRETRAINING, task, "pre-training task")
    _check_options(spec, options)
    data, rows = _data(spec, x, options)
    recipe = spec.factory(network, **options)
    result = fit(
        recipe,
        data,
        key,
        steps=steps,
        batch_size=batch_size,
        progress=progress,
        name=task,
    )
    return pretrained_from(result)._replace(
        manifest=_manifest(spec, network, options, result, key, steps, batch_size, rows)
    )


def pretrained_from(result: FitResult, *at: int) -> Pretrained:
    """Takes the encoder, and a task's head, out of a finished ``fit``.

    Args:
        result: of a pre-training recipe, or of any method with one encoder.
        *at: which of its runs: one index for each of ``result.axes``.

    Returns:
        The variables, averaged where training kept an average, with an empty manifest.
        Groups of the task's own (projections, decoders) are dropped.

    Raises:
        ValueError: if the indices are not one per axis.

    Example:
        >>> from da_zoo import methods, network_by_name
        >>> x, y = np.random.default_rng(0).normal(size=(32, 4)), np.arange(32) % 2
        >>> recipe = methods.source_only(network_by_name("mlp"), classes=2)
        >>> result = fit(recipe, ArrayData((x, y)), jax.random.key(0), steps=2, seeds=2)
        >>> pretrained_from(result, 1).head["kernel"].shape
        (64, 2)
    """
    if len(at) != len(result.axes):
        raise ValueError(
            f"one index is needed for each axis of {list(result.axes)}, got {at}"
        )
    whole = predicted_with(result.adapter, result.state)
    params, stats, hparams = jax.tree.map(
        lambda leaf: jnp.asarray(leaf[at]), (whole.params, whole.stats, whole.hparams)
    )
    head = params.get("head_source")
    if head is not None and "classes_source" in hparams:
        classes = int(hparams["classes_source"])  # the rest is padding
        head = {"kernel": head["kernel"][:, :classes], "bias": head["bias"][:classes]}
    own = stats["joint" if "joint" in stats else "source"]
    return Pretrained(params["encoder"], own, head)


def _check_options(spec: TaskSpec, options: dict[str, Any]) -> None:
    own = [
        parameter
        for parameter in inspect.signature(spec.factory).parameters.values()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    ]
    known = [parameter.name for parameter in own]
    check_names(options, [*known, *Settings.__annotations__], f"{spec.name} option")
    needed = [p.name for p in own if p.default is inspect.Parameter.empty]
    if missing := [name for name in needed if name not in options]:
        raise ValueError(f"task {spec.name!r} needs the options {missing}")


def _data(spec: TaskSpec, x: Any, options: dict[str, Any]) -> tuple[ArrayData, int]:
    """The streams of a task, after its own check of the inputs."""
    pair = isinstance(x, tuple)
    if spec.labelled and not (pair and len(x) == 2):
        raise ValueError(
            f"task {spec.name!r} reads labels: pass the pair (x, y), got "
            f"{type(x).__name__}"
        )
    if pair and not spec.labelled:
        raise TypeError(f"task {spec.name!r} reads no labels: pass the inputs only")
    inputs = x[0] if spec.labelled else x
    if spec.inputs == "tokens":
        inputs = np.asarray(inputs)
    else:
        inputs = check_features("x", inputs)
    if spec.check is not None:
        spec.check(inputs, options)
    if spec.inputs == "tokens":
        inputs = inputs.astype(np.int32)  # never taken for pixels
    if spec.labelled:
        return ArrayData(source=(inputs, x[1])), len(inputs)
    return ArrayData(target=inputs), len(inputs)


def _manifest(
    spec: TaskSpec,
    network: Network,
    options: dict[str, Any],
    result: FitResult,
    key: Key,
    steps: int,
    batch_size: int,
    rows: int,
) -> dict[str, Any]:
    from da_zoo import __version__

    metrics = {
        name.split("/", 1)[1]: float(np.mean(values[-FINAL_STEPS:]))
        for name, values in result.history.items()
    }
    manifest = {
        "task": spec.name,
        "network": network.name,
        "options": options,
        "steps": steps,
        "batch_size": batch_size,
        "rows": rows,
        "seed": np.asarray(jax.random.key_data(key)).tolist(),
        "metrics": metrics,
        "version": __version__,
    }
    plain: dict[str, Any] = json.loads(json.dumps(manifest, default=str))
    return plain
