"""Recipes of methods whose step is several ordered updates (alternating, min-max)."""

from da_zoo.classifier import Classifier
from da_zoo.compose import from_updates
from da_zoo.network import Network
from da_zoo.settings import Classes, Training
from da_zoo.target_statistics import target_statistics
from da_zoo.types import Phase, Recipe, Update

__all__ = ["alternating", "training_hparams"]


def training_hparams(classes: Classes, training: Training) -> dict[str, float]:
    """Collects the tunable floats that every phase has.

    Example:
        >>> from da_zoo.settings import resolve_classes, resolve_settings
        >>> sorted(training_hparams(resolve_classes(3), resolve_settings()))
        ['classes_source', 'classes_target', 'learning_rate', 'weight_decay']
    """
    return {
        "learning_rate": training.learning_rate,
        "weight_decay": training.weight_decay,
        **classes.hparams,
    }


def alternating(
    network: Network,
    classes: Classes,
    training: Training,
    model: Classifier,
    updates: tuple[Update, ...],
    *,
    hparams: dict[str, float],
    labelled_target: bool,
) -> Recipe:
    """Builds the recipe of a method with several updates per step.

    It ends as :func:`da_zoo.supervised.aligned` does. Exactly one of the updates should
    return new batch statistics, so that they move once per step like any other method's
    (see ``docs/architecture.md``); the others return the state's.

    Args:
        network: the encoder.
        classes: the label spaces; with two of them ``labelled_target`` must be set.
        training: the shared settings.
        model: builds and predicts with every group that the target phase must keep.
        updates: in their order.
        hparams: the method's own floats.
        labelled_target: whether some target rows come with labels (track F).

    Returns:
        One training phase, and under a batch-norm policy per domain the phase that
        estimates the target's statistics.

    Raises:
        ValueError: if the label spaces differ and the target has no labelled rows.
    """
    if not classes.shared and not labelled_target:
        raise ValueError(
            "source and target have different label spaces: a target head needs "
            "labelled target rows; pass labelled_target=True"
        )
    streams = {"source", "target"} | ({"target_labelled"} if labelled_target else set())
    adapter = from_updates(
        model.init_params,
        updates,
        predict=model.predict,
        hparams=training_hparams(classes, training) | hparams,
    )
    phase = Phase("adapt", adapter, frozenset(streams))
    if training.batch_norm not in ("separate", "domain_specific"):
        return (phase,)
    return (phase, target_statistics(network, training.batch_norm, model, classes))
