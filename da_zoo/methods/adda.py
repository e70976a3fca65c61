"""ADDA: a target encoder of its own learns to look like the fixed source encoder.

First encoder and classifier learn the source. Then a copy of the encoder is trained on
the target, against a discriminator, with inverted labels; the classifier and the source
encoder, its batch statistics too, stay as they are.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, Unpack

import jax
from jaxtyping import Array, Float, PyTree

from da_zoo.alternating import training_hparams
from da_zoo.classifier import Classifier, classifier
from da_zoo.compose import from_updates, named_key
from da_zoo.discriminator import make_discriminator
from da_zoo.finetune.tuning import source_phase
from da_zoo.losses.adversarial import domain_accuracy, domain_adversarial
from da_zoo.losses.weighting import weighted_mean
from da_zoo.network import Network
from da_zoo.optimizers import make_optimizer
from da_zoo.registry import Hyperparameter, MethodSpec
from da_zoo.schedules import SCHEDULES
from da_zoo.settings import Continuous, Settings, resolve_classes, resolve_settings
from da_zoo.target_statistics import target_statistics
from da_zoo.types import (
    Aux,
    Batch,
    Examples,
    Key,
    Params,
    Phase,
    Predictions,
    Recipe,
    TrainState,
    Update,
)

__all__ = ["adda"]

TARGET = "encoder_target"
SOURCE_SHARE = 0.5


def _copied(tree: PyTree) -> PyTree:
    """A donated state may not hold one buffer twice."""
    return jax.tree.map(lambda leaf: leaf.copy(), tree)


@functools.lru_cache(maxsize=64)
def _model(network: Network, width: int, hidden: tuple[int, ...]) -> Classifier:
    """Two encoders, each with statistics of its own, under one classifier."""
    single = classifier(network, width=width, batch_norm="separate")
    discriminator = make_discriminator(hidden)

    def init_params(
        key: Key, batch: Batch
    ) -> tuple[Params, dict[str, PyTree], dict[str, Any]]:
        params, stats, extra = single.init_params(key, batch)
        features_dim = params["head_source"]["kernel"].shape[0]
        own = {TARGET: params["encoder"]} | discriminator.init(key, features_dim)
        return params | own, stats, extra

    def predict(state: TrainState, x: PyTree, *, domain: str = "target") -> Predictions:
        if domain == "target":
            encoder = state.params[TARGET]
            state = state._replace(params=state.params | {"encoder": encoder})
        kept = {k: v for k, v in state.params.items() if k != TARGET}
        return single.predict(state._replace(params=kept), x, domain=domain)

    return single._replace(init_params=init_params, predict=predict)


def _take_over(previous: TrainState, fresh: TrainState) -> TrainState:
    """The target encoder starts from the source's: weights and statistics."""
    encoder = previous.params["encoder"]
    stats = previous.stats.get("source", previous.stats.get("joint"))
    params = {
        "encoder": _copied(encoder),
        TARGET: _copied(encoder),
        "head_source": _copied(previous.params["head_source"]),
    }
    return fresh._replace(
        params=fresh.params | params,
        stats={"source": _copied(stats), "target": _copied(stats)},
    )


@functools.lru_cache(maxsize=16)
def _scaled(name: str, factor: str) -> Callable[[dict[str, Array]], Any]:
    """An optimiser whose learning rate is multiplied by a hyper-parameter."""
    build = make_optimizer(name)

    def optimizer(hparams: dict[str, Array]) -> Any:
        rate = hparams["learning_rate"] * hparams[factor]
        return build(hparams | {"learning_rate": rate})

    return optimizer


def _rows(batch: Batch) -> tuple[Examples, Examples]:
    """The streams that the adversarial phase declares."""
    assert batch.source is not None and batch.target is not None
    return batch.source, batch.target


@functools.lru_cache(maxsize=64)
def _updates(
    network: Network,
    hidden: tuple[int, ...],
    frozen_statistics: bool,
    optimizer: str,
    schedule: str,
) -> tuple[Update, ...]:
    discriminator = make_discriminator(hidden)

    def scores(
        params: Params, state: TrainState, batch: Batch
    ) -> tuple[Float[Array, " n"], Float[Array, " m"], PyTree]:
        """Discriminator logits of source and target rows; the target's statistics."""
        source, target = _rows(batch)
        fixed, _ = network.apply(params["encoder"], state.stats["source"], source.x)
        # As in other methods, the updates of a step share the encoder's randomness.
        key = jax.random.fold_in(state.key, state.step)
        tuned, stats = network.apply(
            params[TARGET],
            state.stats["target"],
            target.x,
            weight=target.weight,
            train=not frozen_statistics,
            key=named_key(key, "encoder"),
        )
        on_source, on_target = (
            discriminator.apply(params, outputs.features) for outputs in (fixed, tuned)
        )
        return on_source, on_target, stats

    def tell_apart(
        params: Params, state: TrainState, batch: Batch, key: Key
    ) -> tuple[Float[Array, ""], Aux]:
        del key
        on_source, on_target, _ = scores(params, state, batch)
        source, target = _rows(batch)
        own = {"weight_source": source.weight, "weight_target": target.weight}
        loss = domain_adversarial(on_source, on_target, **own)
        right = domain_accuracy(on_source, on_target, **own)
        # The other update writes the statistics: they move once per step.
        metrics = {"domain_loss": loss, "domain_accuracy": right}
        return loss, Aux(state.stats, metrics, state.extra)

    def fool(
        params: Params, state: TrainState, batch: Batch, key: Key
    ) -> tuple[Float[Array, ""], Aux]:
        del key
        _, on_target, stats = scores(params, state, batch)
        # Inverted labels: the gradient is largest where the discriminator is right,
        # where that of its reversed loss would vanish.
        weight = _rows(batch)[1].weight
        loss = weighted_mean(jax.nn.softplus(-on_target), weight)
        aux = Aux(state.stats | {"target": stats}, {"fooling_loss": loss}, state.extra)
        return state.hparams["trade_off"] * loss, aux

    decay = SCHEDULES[schedule]
    return (
        Update(
            "discriminator",
            tell_apart,
            ("discriminator",),
            _scaled(optimizer, "discriminator_factor"),
            schedule=decay,
        ),
        Update(
            TARGET,
            fool,
            (TARGET,),
            _scaled(optimizer, "encoder_factor"),
            schedule=decay,
        ),
    )


@functools.lru_cache(maxsize=64)
def _of_target_encoder(update: Callable[..., Any]) -> Callable[..., Any]:
    """Lets a step that reads ``encoder`` see the target's."""

    def updated(state: TrainState, batch: Batch) -> Any:
        encoder = state.params[TARGET]
        seen = state._replace(params=state.params | {"encoder": encoder})
        after, metrics = update(seen, batch)
        return after._replace(params=state.params), metrics

    return updated


def adda(
    network: Network,
    *,
    classes: int | Mapping[str, int] | Continuous,
    trade_off: float = 1.0,
    discriminator_factor: float = 1.0,
    encoder_factor: float = 1.0,
    discriminator: tuple[int, ...] = (500, 500),
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds adversarial discriminative domain adaptation.

    Args:
        network: the encoder.
        classes: number of classes, shared by the domains;
            ``Continuous(outputs)`` for a regression.
        trade_off: weight of the target encoder's loss; 0 leaves it the source's.
        discriminator_factor: the discriminator's learning rate as a multiple of
            ``learning_rate``.
        encoder_factor: the target encoder's, likewise.
        discriminator: widths of the discriminator's hidden layers.
        **settings: see :class:`da_zoo.Settings`. In the second phase each encoder has
            statistics of its own whatever ``batch_norm`` says; under "frozen" the
            target encoder's do not move either.

    Returns:
        Two phases, source and adversarial, that share the steps in halves; under a
        batch-norm policy per domain, a third one that estimates the batch statistics
        of the target encoder.

    Raises:
        ValueError: for an invalid setting or class count, or two label spaces.

    Example:
        >>> from da_zoo import network_by_name
        >>> [phase.name for phase in adda(network_by_name("mlp"), classes=3)]
        ['source', 'adversarial']

    References:
        Tzeng et al., "Adversarial Discriminative Domain Adaptation", CVPR 2017.
    """
    training = resolve_settings(**settings)
    resolved = resolve_classes(classes, training.width, continuous=True)
    if not resolved.shared:
        raise ValueError(
            f"adda keeps the source's classifier, so both domains must share it; got "
            f"classes={classes}; pass one number of classes"
        )
    hidden = tuple(discriminator)
    model = _model(network, resolved.width, hidden)
    frozen = training.batch_norm == "frozen"
    updates = _updates(network, hidden, frozen, training.optimizer, training.schedule)
    adapter = from_updates(
        model.init_params,
        updates,
        predict=model.predict,
        hparams=training_hparams(resolved, training)
        | {
            "trade_off": trade_off,
            "discriminator_factor": discriminator_factor,
            "encoder_factor": encoder_factor,
        },
    )
    phases = (
        source_phase(network, resolved, training, share=SOURCE_SHARE),
        Phase(
            "adversarial",
            adapter,
            frozenset({"source", "target"}),
            warm_start=_take_over,
            share=1.0 - SOURCE_SHARE,
        ),
    )
    if training.batch_norm not in ("separate", "domain_specific"):
        return phases
    last = target_statistics(network, "separate", model, resolved)
    update = _of_target_encoder(last.adapter.update)
    return (*phases, last._replace(adapter=last.adapter._replace(update=update)))


SPEC = MethodSpec(
    name="adda",
    factory=adda,
    summary="A target encoder learns, against a discriminator, to match the source's.",
    setting="labelled source, then it and the unlabelled target; one shared task",
    tracks=frozenset("U"),
    same_task=True,
    regression=True,
    paper=(
        "Tzeng, Hoffman, Saenko and Darrell, Adversarial Discriminative Domain "
        "Adaptation, CVPR, 2017."
    ),
    year=2017,
    bibtex="""@inproceedings{tzeng2017adversarial,
  title = {Adversarial Discriminative Domain Adaptation},
  author = {Tzeng, Eric and Hoffman, Judy and Saenko, Kate and Darrell, Trevor},
  booktitle = {IEEE Conference on Computer Vision and Pattern Recognition},
  year = {2017}
}""",
    hparams=(
        Hyperparameter("trade_off", 1.0, 0.01, 1.0, source="Tzeng et al. 2017: 1"),
        Hyperparameter(
            "discriminator_factor", 1.0, 0.1, 10.0, source="Tzeng et al. 2017: one rate"
        ),
        Hyperparameter(
            "encoder_factor", 1.0, 0.01, 1.0, source="Tzeng et al. 2017: one rate"
        ),
        Hyperparameter(
            "discriminator",
            (500, 500),
            scale="choice",
            traced=False,
            choices=((100,), (500, 500), (1024, 2048)),
            source="Tzeng et al. 2017: two of 500 for digits",
        ),
    ),
    departures=(
        "The discriminator moves before the encoder in each step, not at once with it; "
        "its two cross-entropies are averaged (half their sum). The target encoder "
        "normalises with the target's batch statistics; the paper's networks for "
        "digits have no batch normalisation."
    ),
)
