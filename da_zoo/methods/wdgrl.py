"""WDGRL: a critic estimates the Wasserstein distance of features to be lowered.

Per step, ``critic_steps`` updates of the critic on fixed features come before one of
encoder and heads on the task plus the estimated distance.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, Unpack

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from da_zoo.alternating import alternating
from da_zoo.classifier import Classifier, Forward, task_loss
from da_zoo.compose import progress
from da_zoo.discriminator import make_discriminator
from da_zoo.losses.gradient_penalty import critic_points, gradient_penalty
from da_zoo.losses.weighting import weighted_mean
from da_zoo.network import Network
from da_zoo.optimizers import make_optimizer
from da_zoo.registry import Hyperparameter, MethodSpec
from da_zoo.schedules import SCHEDULES, schedule_by_name
from da_zoo.settings import Continuous, Settings, resolve_classes, resolve_settings
from da_zoo.supervised import supervised_model
from da_zoo.types import Aux, Batch, Key, Params, Recipe, TrainState, Update

__all__ = ["wdgrl"]


@functools.lru_cache(maxsize=64)
def _with_critic(model: Classifier, hidden: tuple[int, ...]) -> Classifier:
    critic = make_discriminator(hidden)

    def init_params(
        key: Key, batch: Batch
    ) -> tuple[Params, dict[str, PyTree], dict[str, Any]]:
        params, stats, extra = model.init_params(key, batch)
        features_dim = params["head_source"]["kernel"].shape[0]
        return params | critic.init(key, features_dim), stats, extra

    return model._replace(init_params=init_params)


@functools.lru_cache(maxsize=16)
def _critic_optimizer(name: str) -> Callable[[dict[str, Array]], Any]:
    """At a rate of its own and without decay, which the critic has none of."""
    build = make_optimizer(name)

    def optimizer(hparams: dict[str, Array]) -> Any:
        rate = hparams["learning_rate"] * hparams["critic_factor"]
        still = jnp.zeros_like(hparams["weight_decay"])
        return build(hparams | {"learning_rate": rate, "weight_decay": still})

    return optimizer


def _is_critic(path: str) -> bool:
    return path.startswith("discriminator")


def _is_no_critic(path: str) -> bool:
    return not _is_critic(path)


@functools.lru_cache(maxsize=64)
def _updates(
    forward_batch: Callable[..., Forward],
    hidden: tuple[int, ...],
    ramp_name: str,
    optimizer: str,
    schedule: str,
    critic_steps: int,
) -> tuple[Update, ...]:
    critic = make_discriminator(hidden)
    ramp = schedule_by_name(ramp_name)

    def distance(
        params: Params, features: dict[str, Array], forward: Forward
    ) -> Float[Array, ""]:
        means = [
            weighted_mean(critic.apply(params, features[name]), forward.weights[name])
            for name in ("source", "target")
        ]
        return means[0] - means[1]

    def criticise(
        params: Params, state: TrainState, batch: Batch, key: Key
    ) -> tuple[Float[Array, ""], Aux]:
        forward = forward_batch(params, state, batch)
        features = jax.lax.stop_gradient(forward.features)
        points, weight = critic_points(
            key,
            features["source"],
            features["target"],
            weight_source=forward.weights["source"],
            weight_target=forward.weights["target"],
        )
        penalty = gradient_penalty(
            lambda x: critic.apply(params, x), points, weight=weight
        )
        found = distance(params, features, forward)
        loss = state.hparams["penalty"] * penalty - found
        # The task step alone writes statistics: they move once per step.
        return loss, Aux(state.stats, {"gradient_penalty": penalty}, state.extra)

    def learn(
        params: Params, state: TrainState, batch: Batch, key: Key
    ) -> tuple[Float[Array, ""], Aux]:
        del key
        forward = forward_batch(params, state, batch)
        total, metrics = task_loss(forward, batch)
        found = distance(params, forward.features, forward)
        weight = state.hparams["trade_off"] * ramp(progress(state))
        metrics = metrics | {"wasserstein": found}
        return total + weight * found, Aux(forward.stats, metrics, state.extra)

    decay = SCHEDULES[schedule]
    return (
        Update(
            "critic",
            criticise,
            _is_critic,
            _critic_optimizer(optimizer),
            schedule=decay,
            repeat=critic_steps,
        ),
        Update("task", learn, _is_no_critic, make_optimizer(optimizer), schedule=decay),
    )


def wdgrl(
    network: Network,
    *,
    classes: int | Mapping[str, int] | Continuous,
    trade_off: float = 1.0,
    penalty: float = 10.0,
    critic_factor: float = 1.0,
    critic_steps: int = 5,
    critic: tuple[int, ...] = (100,),
    trade_off_schedule: str = "constant",
    labelled_target: bool = False,
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds training on the task plus a critic's Wasserstein distance of features.

    Args:
        network: the encoder.
        classes: number of classes, or {"source": a, "target": b} (then with
            ``labelled_target``);
            ``Continuous(outputs)`` for a regression.
        trade_off: weight of the distance.
        penalty: weight of the critic's gradient penalty.
        critic_factor: the critic's learning rate as a multiple of the encoder's.
        critic_steps: critic updates per step, at least 1.
        critic: widths of its hidden layers.
        trade_off_schedule: "constant" (the paper's) or "ramp" (0 to 1 over training).
        labelled_target: whether some target rows come with labels (track F).
        **settings: see :class:`da_zoo.Settings`; the critic has no weight decay.

    Returns:
        One training phase; under a batch-norm policy per domain, a second one that
        estimates the target's batch statistics.

    Raises:
        ValueError: for an invalid setting, class count, ``critic_steps`` or critic
            width.

    Example:
        >>> from da_zoo import network_by_name
        >>> [phase.name for phase in wdgrl(network_by_name("mlp"), classes=3)]
        ['adapt']

    References:
        Shen et al., "Wasserstein Distance Guided Representation Learning for Domain
        Adaptation", AAAI 2018.
    """
    if critic_steps < 1:
        raise ValueError(f"critic_steps must be at least 1, got {critic_steps}")
    training = resolve_settings(**settings)
    resolved = resolve_classes(classes, training.width, continuous=True)
    hidden = tuple(critic)
    model = supervised_model(
        network, resolved, training.batch_norm, labelled_target=labelled_target
    )
    updates = _updates(
        model.forward,
        hidden,
        trade_off_schedule,
        training.optimizer,
        training.schedule,
        critic_steps,
    )
    return alternating(
        network,
        resolved,
        training,
        _with_critic(model, hidden),
        updates,
        hparams={
            "trade_off": trade_off,
            "penalty": penalty,
            "critic_factor": critic_factor,
        },
        labelled_target=labelled_target,
    )


SPEC = MethodSpec(
    name="wdgrl",
    factory=wdgrl,
    summary="A critic's Wasserstein distance between features is minimised.",
    setting="labelled source and unlabelled target (and labelled target rows if any)",
    tracks=frozenset("UF"),
    regression=True,
    paper=(
        "Shen, Qu, Zhang and Yu, Wasserstein Distance Guided Representation Learning "
        "for Domain Adaptation, AAAI, 2018."
    ),
    year=2018,
    bibtex="""@inproceedings{shen2018wasserstein,
  title = {Wasserstein Distance Guided Representation Learning for Domain
           Adaptation},
  author = {Shen, Jian and Qu, Yanru and Zhang, Weinan and Yu, Yong},
  booktitle = {AAAI Conference on Artificial Intelligence},
  year = {2018}
}""",
    hparams=(
        Hyperparameter(
            "trade_off", 1.0, 0.0001, 1.0, source="the authors' code: 1, 0.1 or 0.00045"
        ),
        Hyperparameter("penalty", 10.0, 1.0, 100.0, source="Shen et al. 2018: 10"),
        Hyperparameter(
            "critic_factor", 1.0, 0.1, 10.0, source="the authors' code: 1 (Office: 10)"
        ),
        Hyperparameter(
            "critic_steps",
            5,
            scale="choice",
            traced=False,
            choices=(1, 5, 10),
            source="the authors' code: 5 (Office: 10)",
        ),
        Hyperparameter(
            "critic",
            (100,),
            scale="choice",
            traced=False,
            choices=((100,), (500, 100)),
            source="the authors' code: 100 units",
        ),
        Hyperparameter(
            "trade_off_schedule",
            "constant",
            scale="choice",
            traced=False,
            choices=("constant", "ramp"),
            source="the authors' code: constant",
        ),
    ),
    departures=(
        "Encoder and critic share the kind of optimiser (the authors use Adam, 1e-4 or "
        "1e-3), and the domains their batch statistics by default (the authors pass "
        "them apart). As in the authors' code, the penalty also holds at real rows, "
        "not only between them."
    ),
)
