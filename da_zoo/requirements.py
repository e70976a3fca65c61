"""What ``fit`` needs: numbers in range, and data that a recipe was built for."""

import numpy as np

from da_zoo.data.arrays import ArrayData
from da_zoo.types import Recipe

__all__ = ["check_fit"]


def check_fit(
    recipe: Recipe,
    data: ArrayData,
    steps: int,
    batch_size: int,
    seeds: int,
    memory: int,
    on_nonfinite: str,
) -> None:
    """Refuses what ``fit`` cannot train on, before anything is traced.

    Args:
        recipe: the phases.
        data: the streams.
        steps: of training.
        batch_size: rows per stream and step.
        seeds: how many.
        memory: in bytes.
        on_nonfinite: "raise", "mark" or "skip".

    Raises:
        ValueError: for numbers below 1, an unknown word, labels that the recipe was not
            built for, or a stream that a phase needs and the data lack.

    Example:
        >>> from da_zoo import methods, network_by_name
        >>> recipe = methods.source_only(network_by_name("mlp"), classes=2)
        >>> data = ArrayData((np.zeros((4, 3)), np.arange(4) % 2))
        >>> check_fit(recipe, data, 1, 2, 1, 1000, "raise")
    """
    counts = {"steps": steps, "batch_size": batch_size, "seeds": seeds}
    for what, value in (counts | {"memory": memory}).items():
        if not isinstance(value, (int, np.integer)) or value < 1:
            raise ValueError(f"{what} must be an integer of at least 1, got {value!r}")
    if on_nonfinite not in ("raise", "mark", "skip"):
        raise ValueError(
            f'on_nonfinite must be "raise", "mark" or "skip", got {on_nonfinite!r}'
        )
    _check_label_range(recipe, data)
    have = set(data.streams())
    for phase in recipe:
        if missing := sorted(phase.uses - have):
            raise ValueError(
                f"phase {phase.name!r} needs {missing}, and the data have only "
                f"{sorted(have)}"
            )


def _check_label_range(recipe: Recipe, data: ArrayData) -> None:
    """Compares labels with what a recipe was built for: class counts, or outputs."""
    for phase in recipe:
        hparams = getattr(phase.adapter.init, "keywords", {}).get("hparams", {})
        for name, stream in data.streams().items():
            if name not in phase.uses or stream.labels is None:
                continue
            if name == "source" and "sources" in hparams:
                _check_sources(stream.domain, int(hparams["sources"]))
            space = "source" if name == "source" else "target"
            if (outputs := hparams.get("outputs")) is not None:
                _check_outputs(name, stream.labels, int(outputs))
            else:
                # Where the head has a class more, labels are still the known ones'.
                classes = hparams.get("known", hparams.get(f"classes_{space}"))
                if classes is not None:
                    _check_class_labels(name, stream.labels, int(classes))


def _check_sources(domain: np.ndarray | None, sources: int) -> None:
    """A row of a source that the recipe does not know would be left out in silence."""
    found = 1 if domain is None else int(domain.max()) + 1
    if found > sources:
        raise ValueError(
            f"the data have {found} sources, and the recipe was built for {sources}; "
            f"build it with sources={found}"
        )


def _check_outputs(name: str, labels: np.ndarray, outputs: int) -> None:
    if labels.ndim != 3 or labels.shape[2] != outputs:
        raise ValueError(
            f"{name} labels must be floats of shape [n, {outputs}] for "
            f"classes=Continuous({outputs}), got {labels.dtype} [n"
            f"{''.join(f', {size}' for size in labels.shape[2:])}]"
        )


def _check_class_labels(name: str, labels: np.ndarray, classes: int) -> None:
    if labels.ndim != 2:
        raise ValueError(
            f"{name} labels must be integers for classes={classes}, got continuous "
            f"targets; build the recipe with classes=Continuous({labels.shape[2]})"
        )
    if labels.max() >= classes:
        raise ValueError(
            f"{name} labels must be 0..{classes - 1} for classes={classes}, got "
            f"{int(labels.max())}"
        )
