"""``adapt``: two sides in, an adapted model with its report out."""

import contextlib
import shutil
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from da_zoo.checkpoint import Checkpointing
from da_zoo.checkpoint.settings import check_checkpointing
from da_zoo.loop import FitResult
from da_zoo.methods import METHODS
from da_zoo.metrics_log import JsonlWriter, MetricsWriter, together
from da_zoo.naming import check_names, choose
from da_zoo.pipeline.cases import check_method
from da_zoo.pipeline.model import AdaptedModel, Spec, recipe_of
from da_zoo.pipeline.prepare import Prepared, prepare
from da_zoo.pipeline.report import Trained, write_report
from da_zoo.pipeline.saved import read_spec, save
from da_zoo.pipeline.sides import Sides, read_sides
from da_zoo.pipeline.storable import check_storable
from da_zoo.pipeline.train import Wishes, look_at, make_spec, train
from da_zoo.pipeline.validators import Checks
from da_zoo.registry import MethodSpec, hyperparameter_names

__all__ = ["Adapted", "adapt"]

BASELINE = "source_only"
METRICS = "metrics.jsonl"
CHECKPOINTS = "checkpoints"


class Adapted(NamedTuple):
    """What :func:`adapt` returns."""

    model: AdaptedModel
    checks: dict[str, Checks]
    """By method: the baseline's and the adapted model's."""
    notes: tuple[str, ...]
    """What was left out or changed on the way, and which case this is."""
    folder: Path | None
    report: Path | None


def adapt(
    source: Any,
    target: Any,
    *,
    method: str = "deep_coral",
    label: str | None = None,
    target_labels: str = "none",
    out: str | Path | None = None,
    kind: str | None = None,
    regression: bool | None = None,
    threshold: int | float | None = None,
    reading: Mapping[str, Any] | None = None,
    encoding: Mapping[str, Any] | None = None,
    source_domains: tuple[str, ...] = (),
    target_domains: tuple[str, ...] = (),
    network: str | None = None,
    network_options: Mapping[str, Any] | None = None,
    steps: int | None = None,
    batch_size: int | None = None,
    seed: int = 0,
    baseline: bool = True,
    checkpoint_every: int | None = None,
    keep_best: str | None = None,
    progress: bool = False,
    writers: Sequence[MetricsWriter] = (),
    **hyperparameters: Any,
) -> Adapted:
    """Trains a method on files, folders or arrays, and says what came of it.

    Args:
        source: a path, several paths (a domain each), "tfds:<name>", DomainData, or
            arrays (x, y).
        target: likewise; arrays are x alone, or (x, y) if labels may be read.
        method: a registry name.
        label: the column or array of labels. The target's is never read unless
            ``target_labels`` says so.
        target_labels: "none"; "score" reads the target's labels after training, to
            score the model; "train" trains on those that are there.
        out: a folder for the model and its report; None writes nothing.
        kind: of the data, where the path does not tell.
        regression: whether labels are values; None decides by whether they have
            fractions.
        threshold: makes two classes of labels that are numbers: under it, or not.
        reading: options of the reader, such as ``{"drop": ["name"]}``.
        encoding: options of the encoder, such as ``{"normalise": "sum"}``.
        source_domains: those to take of the source's domains; () means all.
        target_domains: likewise.
        network: see :data:`da_zoo.models.NETWORKS`; None chooses by the data.
        network_options: its attributes.
        steps: of training; None means some 60 passes through the source, 500 to 3 000.
        batch_size: rows per domain and step.
        seed: of the split, initial weights and the batches' order.
        baseline: train the source alone beside it, to compare with.
        checkpoint_every: steps between two checkpoints in ``out``/checkpoints, from
            which the same call goes on if it was ended; they go once the model is
            saved. None keeps none.
        keep_best: "infomax" or "entropy": the model is the checkpoint where this
            criterion of its answers to unlabelled target rows was highest, and not the
            last one. Needs ``checkpoint_every``.
        progress: draw bars on stderr.
        writers: take the metrics of each training while it runs, beside
            ``metrics.jsonl`` in ``out``; see :mod:`da_zoo.metrics_log`.
        **hyperparameters: of the method; what is not given is as in the suite that
            benchmarks such data.

    Returns:
        The model, the checks and what to know of the data.

    Raises:
        TypeError, ValueError: for bad input, before anything is trained; the message
            names the argument, file or line and the fix.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> y = np.repeat(["cat", "dog"], 40)
        >>> x = rng.normal(size=(80, 4)) + 3.0 * (y == "dog")[:, None]
        >>> found = adapt((x, y), x + 1.0, steps=60, baseline=False)
        >>> found.model.predict(x[:1] + 1.0).tolist()
        ['cat']
    """
    spec = _method(method)
    if out is not None:
        _check_folder(Path(out))
    _check_checkpoints(out, checkpoint_every, keep_best)
    together(*writers)  # refuses what is none
    check_names(hyperparameters, hyperparameter_names(spec), f"{method} hyperparameter")
    sides = read_sides(
        source,
        target,
        label=label,
        target_labels=target_labels,
        regression=regression,
        kind=kind,
        options=reading,
        source_domains=source_domains,
        target_domains=target_domains,
        threshold=threshold,
    )
    trains = target_labels == "train" and bool(sides.target.labelled.any())
    case = check_method(spec, sides, trains)
    prepared = prepare(sides, seed, encoding or {})
    told = {"label": label, "kind": kind, **dict(reading or {})}
    names = [BASELINE] if baseline and method != BASELINE else []
    if not sides.same_task:
        names = []  # a source's answers are no answers to another task
    specs = {
        name: make_spec(
            name,
            sides,
            prepared,
            reading=told,
            labelled_target=trains and name == method,
            wishes=Wishes(
                network, network_options, steps, batch_size, seed, target_labels
            ),
            hyperparameters=hyperparameters if name == method else {},
        )
        for name in [*names, method]
    }
    for one in specs.values():
        # Whatever is wrong with it is said before anything is trained.
        recipe_of(one)
        check_storable(one)
    if out is not None:
        begun = checkpoint_every is not None and (Path(out) / CHECKPOINTS).is_dir()
        writers = [JsonlWriter(Path(out) / METRICS, append=begun), *writers]
    guarded = together(*writers)  # one that fails is told of once
    trained, models = [], {}
    for name, one in specs.items():
        kept = None
        if out is not None and checkpoint_every is not None:
            kept = Checkpointing(
                Path(out) / CHECKPOINTS / name,
                every=checkpoint_every,
                keep_best=keep_best,
            )
        result = train(
            one,
            sides,
            prepared,
            progress=progress,
            writers=[guarded],
            checkpoint=kept,
        )
        if result.best is not None:
            result = result._replace(state=result.best)
        elif keep_best is not None:
            warnings.warn(
                f"{name}: no checkpoint has a finite score by keep_best={keep_best!r} "
                "that could be read; the model is the last state",
                stacklevel=2,
            )
        models[name] = AdaptedModel.of(one, _bare(result))
        trained.append(look_at(models[name], sides, prepared, result, target_labels))
    notes = (case, *sides.source.notes, *sides.target.notes, *prepared.notes)
    folder = report = None
    if out is not None:
        notes = (*notes, *_changes(Path(out), models[method].spec))
        folder = save(models[method], out)
        report = _report(folder, trained, sides, prepared, notes, target_labels)
        if checkpoint_every is not None:
            for name in specs:  # ours alone, not what else lies in the folder
                shutil.rmtree(Path(out) / CHECKPOINTS / name)
            with contextlib.suppress(OSError):
                (Path(out) / CHECKPOINTS).rmdir()
    checks = {one.name: one.checks for one in trained}
    return Adapted(models[method], checks, notes, folder, report)


def _check_checkpoints(
    out: str | Path | None, every: int | None, keep_best: str | None
) -> None:
    if every is None:
        if keep_best is not None:
            raise ValueError(
                f"keep_best={keep_best!r} chooses among checkpoints: give "
                "checkpoint_every (--checkpoint-every) too"
            )
        return
    if out is None:
        raise ValueError(
            f"checkpoint_every={every} needs out, the folder that checkpoints lie in"
        )
    check_checkpointing(Checkpointing(out, every=every, keep_best=keep_best))


def _method(name: str) -> MethodSpec:
    if name not in METHODS:
        from da_zoo.shallow import SHALLOW

        if name in SHALLOW:
            raise ValueError(
                f"{name!r} is a closed-form method: fit "
                f"da_zoo.ShallowAdapter({name!r}) "
                "on arrays, or compare it by da-zoo bench --methods; models on disk "
                "are "
                "of the others (da-zoo list methods)"
            )
    return choose(METHODS, name, "method")


def _check_folder(folder: Path) -> None:
    """Refuses a folder that cannot be written to, before anything is trained for it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ValueError(
            f"out (--out), {folder}, cannot be written to: {error}"
        ) from None


def _changes(folder: Path, spec: Spec) -> list[str]:
    """Says which data are not what the model that lies there was trained on."""
    try:
        before = read_spec(folder)
    except (OSError, ValueError):
        return []
    told: list[str] = []
    if before.trained.get("target_labels") != spec.trained["target_labels"]:
        return told  # with other labels read, the fingerprints differ anyway
    for side in ("source", "target"):
        then, now = before.trained.get(side), spec.trained[side]
        if isinstance(then, list) and then[:1] == now[:1] and then != now:
            told.append(
                f"{now[0]} is not what it was when the model in {folder}, which this "
                "one replaces, was trained."
            )
    return told


def _bare(result: FitResult) -> Any:
    return result.state._replace(opt_state={}, key=jax.random.key(0))


def _report(
    folder: Path,
    trained: list[Trained],
    sides: Sides,
    prepared: Prepared,
    notes: tuple[str, ...],
    target_labels: str,
) -> Path:
    source, target = sides.source, sides.target
    held = prepared.validation if len(prepared.validation) else prepared.train
    own: np.ndarray = np.asarray(source.labels)[held]
    theirs = None
    scored = target_labels == "score" and bool(target.labelled.all())
    if scored and target.labels is not None:
        theirs = np.asarray(target.labels)
    if not source.continuous:
        own = np.array(source.classes)[own]
        theirs = None if theirs is None else np.array(target.classes)[theirs]
    facts = [
        (trained[-1].name, "method"),
        (f"{source.rows:,}", f"source rows, {Path(source.name).name}"),
        (f"{target.rows:,}", f"target rows, {Path(target.name).name}"),
        (" × ".join(map(str, prepared.source.shape[1:])), "numbers a row"),
    ]
    return write_report(
        folder,
        trained,
        title=f"{Path(source.name).name} to {Path(target.name).name}",
        facts=facts,
        notes=notes,
        source_labels=own,
        target_labels=theirs,
        continuous=source.continuous,
    )
