"""PADA: DANN whose source rows count as much as the target seems to hold their class.

Once per epoch the mean prediction over the whole target gives a weight per class; it
scales both the classification loss and the source side of the domain loss.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, Unpack

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from da_zoo.batch_norm import domain_encoder
from da_zoo.compose import from_updates, progress
from da_zoo.discriminator import make_discriminator
from da_zoo.layers import reverse_gradient
from da_zoo.losses.adversarial import domain_accuracy
from da_zoo.losses.partial import class_weighted_mean, class_weights
from da_zoo.losses.weighting import weighted_mean
from da_zoo.network import Network, make_head, mask_classes
from da_zoo.optimizers import make_optimizer
from da_zoo.registry import Hyperparameter, MethodSpec
from da_zoo.schedules import SCHEDULES, schedule_by_name
from da_zoo.settings import Settings, resolve_classes, resolve_settings
from da_zoo.supervised import supervised_model
from da_zoo.target_statistics import target_statistics
from da_zoo.types import (
    Aux,
    Batch,
    Examples,
    Key,
    Params,
    Phase,
    Recipe,
    TrainState,
    Update,
    Views,
)

__all__ = ["pada"]

BLOCK = 512
"""Target rows predicted at once when class weights are refreshed."""
PER_DOMAIN = ("separate", "domain_specific")
"""Batch-norm policies with statistics per domain."""


@functools.lru_cache(maxsize=64)
def _init(
    init_params: Callable[..., Any], hidden: tuple[int, ...], width: int
) -> Callable[..., Any]:
    discriminator = make_discriminator(hidden)

    def init(key: Key, batch: Batch) -> tuple[Params, dict[str, Any], dict[str, Any]]:
        params, stats, extra = init_params(key, batch)
        features_dim = params["head_source"]["kernel"].shape[0]
        extra = extra | {"class_weight": jnp.ones(width)}
        return params | discriminator.init(key, features_dim), stats, extra

    return init


@functools.lru_cache(maxsize=64)
def _update(
    forward_batch: Callable[..., Any],
    optimizer: str,
    schedule: str,
    hidden: tuple[int, ...],
    reversal: str,
) -> Update:
    discriminator = make_discriminator(hidden)
    ramp = schedule_by_name(reversal)

    def loss(
        params: Params, state: TrainState, batch: Batch, key: Key
    ) -> tuple[Float[Array, ""], Aux]:
        del key
        forward = forward_batch(params, state, batch)
        labels, weight = forward.labels["source"], forward.weights["source"]
        by_class = state.extra["class_weight"]
        strength = state.hparams["trade_off"] * ramp(progress(state))
        domain = {
            name: discriminator.apply(
                params, reverse_gradient(forward.features[name], strength)
            )
            for name in ("source", "target")
        }
        rows = optax.softmax_cross_entropy_with_integer_labels(
            forward.logits["source"], labels
        )
        task = class_weighted_mean(rows, labels, by_class, weight)
        # softplus(-z) = -log sigmoid(z); the source is class 1, as in DANN.
        source = class_weighted_mean(
            jax.nn.softplus(-domain["source"]), labels, by_class, weight
        )
        target = weighted_mean(
            jax.nn.softplus(domain["target"]), forward.weights["target"]
        )
        adversarial = 0.5 * (source + target)
        metrics = {
            "source_loss": task,
            "domain_loss": adversarial,
            "domain_accuracy": domain_accuracy(
                domain["source"],
                domain["target"],
                weight_source=weight,
                weight_target=forward.weights["target"],
            ),
            "reversal": strength,
            "mean_class_weight": weighted_mean(by_class[labels], weight),
        }
        return task + adversarial, Aux(forward.stats, metrics, state.extra)

    return Update(
        "task",
        loss,
        lambda path: True,
        make_optimizer(optimizer),
        schedule=SCHEDULES[schedule],
    )


@functools.lru_cache(maxsize=64)
def _refresh(
    network: Network, batch_norm: str
) -> Callable[[TrainState, Views], TrainState]:
    encoder = domain_encoder(network, batch_norm)

    def target_features(state: TrainState, block: Examples) -> Float[Array, "n d"]:
        if batch_norm not in PER_DOMAIN:
            own = encoder.encode(state.params, state.stats, block.x, domain="target")
            return own.features
        # The target's running statistics lag behind the encoder until training ends,
        # so the block is normalised by its own, as its rows are in training.
        found, _ = encoder.forward(state.params, state.stats, {"target": block})
        return found["target"].features

    def refresh(state: TrainState, views: Views) -> TrainState:
        rows = views.target
        if rows is None:
            raise ValueError("pada needs the target stream for its class weights")
        count = rows.index.shape[0]
        blocks = -(-count // BLOCK)
        size = BLOCK if blocks > 1 else count
        places = (jnp.arange(blocks * size) % count).reshape(blocks, size)
        head = state.params["head_source"]

        def predict(places: Array) -> Array:
            block = jax.tree.map(lambda leaf: leaf[places], rows)
            features = target_features(state, block)
            raw = make_head(*head["kernel"].shape).apply(head, features)
            masked = mask_classes(raw, state.hparams["classes_source"])
            return jax.nn.softmax(masked, axis=1)

        probabilities = jax.lax.map(predict, places)
        flat = probabilities.reshape(-1, probabilities.shape[-1])[:count]
        fresh = class_weights(flat, rows.weight)
        # An untrained network's predictions say nothing: the first epoch has ones.
        fresh = jnp.where(state.step == 0, state.extra["class_weight"], fresh)
        return state._replace(extra=state.extra | {"class_weight": fresh})

    return refresh


def pada(
    network: Network,
    *,
    classes: int | Mapping[str, int],
    trade_off: float = 1.0,
    discriminator: tuple[int, ...] = (100,),
    trade_off_schedule: str = "ramp",
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds partial adversarial domain adaptation.

    Args:
        network: the encoder.
        classes: number of classes of the source; the target may lack some.
        trade_off: the largest reversal strength; 0 leaves the encoder to the task.
        discriminator: widths of the discriminator's hidden layers.
        trade_off_schedule: "ramp" (0 to 1 over training) or "constant".
        **settings: see :class:`da_zoo.Settings`.

    Returns:
        One training phase; under a batch-norm policy per domain, a second one that
        estimates the target's batch statistics.

    Raises:
        ValueError: for an invalid setting or class count.

    Example:
        >>> from da_zoo import network_by_name
        >>> [phase.name for phase in pada(network_by_name("mlp"), classes=3)]
        ['adapt']

    References:
        Cao et al., "Partial Adversarial Domain Adaptation", ECCV 2018.
    """
    training = resolve_settings(**settings)
    resolved = resolve_classes(classes, training.width)
    if not resolved.shared:
        raise ValueError(f"pada needs one label space: classes an int, got {classes}")
    hidden = tuple(discriminator)
    model = supervised_model(
        network, resolved, training.batch_norm, labelled_target=False
    )
    adapter = from_updates(
        _init(model.init_params, hidden, resolved.width),
        (
            _update(
                model.forward,
                training.optimizer,
                training.schedule,
                hidden,
                trade_off_schedule,
            ),
        ),
        refresh=_refresh(network, training.batch_norm),
        predict=model.predict,
        hparams={
            "learning_rate": training.learning_rate,
            "weight_decay": training.weight_decay,
            **resolved.hparams,
            "trade_off": trade_off,
        },
    )
    phase = Phase("adapt", adapter, frozenset({"source", "target"}))
    if training.batch_norm not in PER_DOMAIN:
        return (phase,)
    return (phase, target_statistics(network, training.batch_norm, model, resolved))


SPEC = MethodSpec(
    name="pada",
    factory=pada,
    summary="DANN that weighs source classes by how often the target predicts them.",
    setting="labelled source and an unlabelled target that may lack some classes",
    tracks=frozenset("U"),
    paper=("Cao, Ma, Long and Wang, Partial Adversarial Domain Adaptation, ECCV 2018."),
    year=2018,
    bibtex="""@inproceedings{cao2018partial,
  title = {Partial Adversarial Domain Adaptation},
  author = {Cao, Zhangjie and Ma, Lijia and Long, Mingsheng and Wang, Jianmin},
  booktitle = {ECCV},
  year = {2018}
}""",
    hparams=(
        Hyperparameter("trade_off", 1.0, 0.01, 1.0, source="Cao et al. 2018: 1"),
        Hyperparameter(
            "trade_off_schedule",
            "ramp",
            scale="choice",
            traced=False,
            choices=("ramp", "constant"),
            source="Cao et al. 2018, section 4.1: as DANN",
        ),
        Hyperparameter(
            "discriminator",
            (100,),
            scale="choice",
            traced=False,
            choices=((100,), (1024, 1024)),
            source="as dann; Cao et al. 2018: two of 1024",
        ),
    ),
    departures=(
        "Class weights are refreshed once per epoch of the target, and are ones in the "
        "first; the authors' code does so every 500 steps, and divides by the mean "
        "weight, where the paper (and this) divides by the largest. As in dann, the "
        "two domains' cross-entropies are averaged. With trade_off=0 the class weights "
        "remain, so it is not adabn then."
    ),
)
