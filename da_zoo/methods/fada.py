"""FADA: a discriminator of pairs learns from a handful of labelled target rows."""

import functools
import itertools
from collections.abc import Callable, Mapping
from typing import Any, Unpack

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from da_zoo.classifier import Forward, task_loss
from da_zoo.compose import from_updates, named_key, progress
from da_zoo.losses.classification import cross_entropy
from da_zoo.losses.pair_groups import GROUPS, pair_groups
from da_zoo.network import Network, make_head
from da_zoo.optimizers import make_optimizer
from da_zoo.registry import Hyperparameter, MethodSpec
from da_zoo.schedules import SCHEDULES, schedule_by_name
from da_zoo.settings import Settings, resolve_settings, shared_classes
from da_zoo.source_free import ENCODER
from da_zoo.supervised import supervised_model
from da_zoo.target_statistics import target_statistics
from da_zoo.types import Aux, Batch, Key, Params, Phase, Recipe, TrainState, Update

__all__ = ["fada"]

Classify = Callable[[Params, Float[Array, "n e"]], Float[Array, "n g"]]


@functools.lru_cache(maxsize=64)
def _pair_classifier(hidden: tuple[int, ...]) -> tuple[Any, Classify]:
    """A dense network that says which of the four groups a pair is from."""
    if any(width < 1 for width in hidden):
        raise ValueError(f"discriminator widths must be at least 1, got {hidden}")

    def init(key: Key, features_dim: int) -> Params:
        sizes = (2 * features_dim, *hidden, len(GROUPS))
        return {
            "discriminator": {
                f"Dense_{i}": make_head(a, b).init(named_key(key, f"discriminator_{i}"))
                for i, (a, b) in enumerate(itertools.pairwise(sizes))
            }
        }

    def apply(params: Params, pairs: Float[Array, "n e"]) -> Float[Array, "n g"]:
        layers = params["discriminator"]
        x = pairs
        for i in range(len(layers)):
            layer = layers[f"Dense_{i}"]
            x = make_head(*layer["kernel"].shape).apply(layer, x)
            x = jax.nn.relu(x) if i + 1 < len(layers) else x
        return x

    return init, apply


def _pairs(forward: Forward, key: Key) -> tuple[Array, Array]:
    return pair_groups(
        key,
        forward.features["source"],
        forward.labels["source"],
        forward.features["target_labelled"],
        forward.labels["target_labelled"],
        weight_source=forward.weights["source"],
        weight_target=forward.weights["target_labelled"],
    )


@functools.lru_cache(maxsize=64)
def _updates(
    forward_batch: Callable[..., Forward],
    optimizer: str,
    schedule: str,
    hidden: tuple[int, ...],
    ramp_name: str,
) -> tuple[Update, ...]:
    _, classify = _pair_classifier(hidden)
    ramp = schedule_by_name(ramp_name)

    def group_loss(
        params: Params, pairs: Array, weights: Array, group: int, answer: int
    ) -> Float[Array, ""]:
        logits = classify(params, pairs[group])
        labels = jnp.full(logits.shape[0], answer)
        return cross_entropy(logits, labels, weight=weights[group])

    def discriminator_loss(
        params: Params, state: TrainState, batch: Batch, key: Key
    ) -> tuple[Float[Array, ""], Aux]:
        forward = forward_batch(params, state, batch)
        pairs, weights = jax.lax.stop_gradient(_pairs(forward, key))
        losses = [group_loss(params, pairs, weights, g, g) for g in range(len(GROUPS))]
        # This Update leaves the batch statistics alone.
        return sum(losses[1:], losses[0]) / len(GROUPS), Aux(
            state.stats, {}, state.extra
        )

    def confusion_loss(
        params: Params, state: TrainState, batch: Batch, key: Key
    ) -> tuple[Float[Array, ""], Aux]:
        forward = forward_batch(params, state, batch)
        total, metrics = task_loss(forward, batch)
        pairs, weights = _pairs(forward, key)
        # Pairs across the domains are to pass for pairs within the source; whether
        # classes agree stays for the discriminator to see.
        confusion = group_loss(params, pairs, weights, 1, 0) + group_loss(
            params, pairs, weights, 3, 2
        )
        weight = state.hparams["trade_off"] * ramp(progress(state))
        metrics = metrics | {"confusion": confusion}
        return total + weight * confusion, Aux(forward.stats, metrics, state.extra)

    steps, decay = make_optimizer(optimizer), SCHEDULES[schedule]
    return (
        Update("discriminator", discriminator_loss, ("discriminator",), steps, decay),
        Update("task", confusion_loss, (*ENCODER, "head_source"), steps, decay),
    )


@functools.lru_cache(maxsize=64)
def _init(init_params: Callable[..., Any], hidden: tuple[int, ...]) -> Any:
    init_discriminator, _ = _pair_classifier(hidden)

    def init(key: Key, batch: Batch) -> tuple[Params, dict[str, Any], dict[str, Any]]:
        params, stats, extra = init_params(key, batch)
        features_dim = params["head_source"]["kernel"].shape[0]
        return params | init_discriminator(key, features_dim), stats, extra

    return init


def fada(
    network: Network,
    *,
    classes: int | Mapping[str, int],
    trade_off: float = 0.2,
    discriminator: tuple[int, ...] = (64,),
    trade_off_schedule: str = "ramp",
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds few-shot adversarial training on pairs.

    Each source row is paired with a row of its class and one of another, from the
    source and from the labelled target; a discriminator tells the four groups apart.

    Args:
        network: the encoder.
        classes: number of classes; source and target must share them.
        trade_off: weight of the confusion of pairs (gamma).
        discriminator: widths of the discriminator's hidden layers.
        trade_off_schedule: "ramp" (0 to 1 over training) or "constant".
        **settings: see :class:`da_zoo.Settings`.

    Returns:
        One training phase; under a batch-norm policy per domain, a second one that
        estimates the target's batch statistics.

    Raises:
        ValueError: for an invalid setting, class count or width, or two label spaces.

    Example:
        >>> from da_zoo import network_by_name
        >>> sorted(fada(network_by_name("mlp"), classes=3)[0].uses)
        ['source', 'target_labelled']

    References:
        Motiian et al., "Few-Shot Adversarial Domain Adaptation", NeurIPS 2017.
    """
    training = resolve_settings(**settings)
    spaces = shared_classes(classes, training.width, "fada")
    model = supervised_model(network, spaces, training.batch_norm, labelled_target=True)
    hidden = tuple(discriminator)
    adapter = from_updates(
        _init(model.init_params, hidden),
        _updates(
            model.forward,
            training.optimizer,
            training.schedule,
            hidden,
            trade_off_schedule,
        ),
        predict=model.predict,
        hparams={
            "learning_rate": training.learning_rate,
            "weight_decay": training.weight_decay,
            "trade_off": trade_off,
            **spaces.hparams,
        },
    )
    phase = Phase("adapt", adapter, frozenset({"source", "target_labelled"}))
    if training.batch_norm not in ("separate", "domain_specific"):
        return (phase,)
    return (phase, target_statistics(network, training.batch_norm, model, spaces))


SPEC = MethodSpec(
    name="fada",
    factory=fada,
    summary="A discriminator of pairs, same class or not, same domain or not.",
    setting="labelled source and a few labelled target rows",
    tracks=frozenset("F"),
    same_task=True,
    paper=(
        "Motiian, Jones, Iranmanesh and Doretto, Few-Shot Adversarial Domain "
        "Adaptation, NeurIPS 30, 2017."
    ),
    year=2017,
    bibtex="""@inproceedings{motiian2017few,
  title = {Few-Shot Adversarial Domain Adaptation},
  author = {Motiian, Saeid and Jones, Quinn and Iranmanesh, Seyed Mehdi and
            Doretto, Gianfranco},
  booktitle = {Advances in Neural Information Processing Systems},
  volume = {30},
  year = {2017}
}""",
    hparams=(
        Hyperparameter(
            "trade_off", 0.2, 0.02, 2.0, source="ours; the paper does not say"
        ),
        Hyperparameter(
            "trade_off_schedule",
            "ramp",
            scale="choice",
            traced=False,
            choices=("ramp", "constant"),
            source="ours, in place of the paper's two stages of pre-training",
        ),
        Hyperparameter(
            "discriminator",
            (64,),
            scale="choice",
            traced=False,
            choices=((64,), (128, 64)),
            source="Motiian et al. 2017: two dense layers",
        ),
    ),
    departures=(
        "Pairs are drawn within each batch, one of each group per source row. Encoder "
        "and discriminator train in turn from the start, under a ramp, instead of one "
        "after the other first."
    ),
)
