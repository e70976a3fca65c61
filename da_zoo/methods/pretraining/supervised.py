"""Supervised pre-training: classify labelled rows, and keep the head."""

import functools
from collections.abc import Callable, Mapping
from typing import Unpack

from jaxtyping import Array, Float

from da_zoo.classifier import Forward, classifier
from da_zoo.compose import from_updates
from da_zoo.losses.classification import cross_entropy
from da_zoo.losses.regression import squared_error
from da_zoo.methods.pretraining.objective import resolve_pretraining
from da_zoo.methods.pretraining.spec import TaskSpec
from da_zoo.network import Network
from da_zoo.optimizers import make_optimizer
from da_zoo.schedules import SCHEDULES
from da_zoo.settings import Continuous, Settings, resolve_classes
from da_zoo.types import Aux, Batch, Key, Params, Phase, Recipe, TrainState, Update

__all__ = ["supervised"]


@functools.lru_cache(maxsize=64)
def _update(
    forward_batch: Callable[..., Forward],
    optimizer: Callable[..., object],
    schedule: str,
    label_smoothing: float,
    continuous: bool,
) -> Update:
    def loss(
        params: Params, state: TrainState, batch: Batch, key: Key
    ) -> tuple[Float[Array, ""], Aux]:
        del key
        forward = forward_batch(params, state, batch)
        logits, labels = forward.logits["source"], forward.labels["source"]
        weight = forward.weights["source"]
        if continuous:
            value = squared_error(logits, labels, weight=weight)
        else:
            value = cross_entropy(
                logits, labels, weight=weight, label_smoothing=label_smoothing
            )
        return value, Aux(forward.stats, {}, state.extra)

    return Update(
        "pretrain", loss, lambda _: True, optimizer, schedule=SCHEDULES[schedule]
    )


def supervised(
    network: Network,
    *,
    classes: int | Mapping[str, int] | Continuous,
    label_smoothing: float = 0.1,
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds supervised pre-training, whose head fine-tuning may start from.

    Args:
        network: the encoder.
        classes: number of classes, or ``Continuous(outputs)`` (squared error, without
            label smoothing).
        label_smoothing: in [0, 1); 0 is plain cross-entropy.
        **settings: see :func:`resolve_pretraining`.

    Returns:
        One phase, which reads the labelled stream "source".

    Raises:
        TypeError: if a value has a wrong type.
        ValueError: for an invalid setting, class count or label smoothing, or two label
            spaces.

    Example:
        >>> from da_zoo import network_by_name
        >>> [phase.uses for phase in supervised(network_by_name("mlp"), classes=3)]
        [frozenset({'source'})]

    References:
        Label smoothing: Szegedy et al., "Rethinking the Inception Architecture for
        Computer Vision", CVPR 2016.
    """
    if not 0 <= label_smoothing < 1:
        raise ValueError(f"label_smoothing must lie in [0, 1), got {label_smoothing}")
    training = resolve_pretraining(**settings)
    spaces = resolve_classes(classes, training.width, continuous=True)
    if not spaces.shared:
        raise ValueError(
            f"classes must be one count, there is no target yet; got {classes}"
        )
    model = classifier(network, width=spaces.width, batch_norm=training.batch_norm)
    update = _update(
        model.forward,
        make_optimizer(training.optimizer),
        training.schedule,
        float(label_smoothing),
        spaces.continuous,
    )
    adapter = from_updates(
        model.init_params,
        (update,),
        predict=model.predict,
        hparams={
            "learning_rate": training.learning_rate,
            "weight_decay": training.weight_decay,
            **spaces.hparams,
        },
    )
    return (Phase("pretrain", adapter, frozenset({"source"})),)


SPEC = TaskSpec(
    name="supervised",
    factory=supervised,
    summary="Classify labelled rows, with label smoothing; the head is kept.",
    inputs="any",
    labelled=True,
    paper=(
        "Yosinski, Clune, Bengio and Lipson, How transferable are features in deep "
        "neural networks?, NeurIPS, 2014."
    ),
    year=2014,
    bibtex="""@inproceedings{yosinski2014transferable,
  title = {How transferable are features in deep neural networks?},
  author = {Yosinski, Jason and Clune, Jeff and Bengio, Yoshua and Lipson, Hod},
  booktitle = {Advances in Neural Information Processing Systems},
  year = {2014}
}""",
    departures="Label smoothing of 0.1, which is later (Szegedy et al. 2016).",
)
