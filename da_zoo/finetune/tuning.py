"""Phases of sequential transfer: learn on the source, then tune on target labels."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from da_zoo.batch_norm import adopt_source
from da_zoo.classifier import Classifier, classifier
from da_zoo.compose import inherit
from da_zoo.finetune.freezing import (
    STATISTICS,
    at_rest,
    checked,
    told,
    trained_by,
    trained_layers,
    without_dropout,
)
from da_zoo.finetune.lora import LoRA, lora_network
from da_zoo.finetune.mixup import MIXUP, mixed_forward
from da_zoo.finetune.penalties import Penalty, Tuned
from da_zoo.finetune.rules import (
    Rule,
    planned_optimizer,
    rule_for,
    validate_rules,
)
from da_zoo.naming import choose
from da_zoo.network import Network, Train
from da_zoo.settings import Classes, Training
from da_zoo.stochastic_norm import stochastic_norm_network
from da_zoo.supervised import supervised_phase, together
from da_zoo.types import Params, Phase, TrainState

__all__ = ["source_phase", "source_then", "tuning_phase"]

TARGET = frozenset({"target_labelled"})

SOURCE_SHARE = 0.6
"""Share of the steps spent on the source where tuning follows."""


def source_model(network: Network, classes: Classes, batch_norm: str) -> Classifier:
    """Returns the classifier of source training: source statistics for both domains."""
    answers = (("source", "source"), ("target", "source"))
    return classifier(
        network,
        width=classes.width,
        batch_norm=batch_norm,
        answers=answers if classes.shared else answers[:1],
        statistics="source",
    )


def source_phase(
    network: Network, classes: Classes, training: Training, *, share: float = 1.0
) -> Phase:
    """Trains encoder and source head on labelled source rows.

    Args:
        network: the encoder.
        classes: the label spaces.
        training: the shared settings.
        share: of the recipe's steps.
    """
    model = source_model(network, classes, training.batch_norm)
    return supervised_phase(
        "source", model, classes, training, uses=frozenset({"source"}), share=share
    )


@functools.lru_cache(maxsize=256)
def _tuned_model(
    network: Network, width: int, shared: bool, batch_norm: str, train: Train
) -> Classifier:
    """Has both heads; the tuned one answers for the target, and for the same task.

    Its normalisation is the target's throughout: it is one model.
    """
    return classifier(
        network,
        width=width,
        batch_norm=batch_norm,
        heads=("source", "target"),
        answers=(("source", "target" if shared else "source"), ("target", "target")),
        statistics="target",
        train=train,
    )


def _from_source(
    classes: Classes, previous: TrainState, fresh: TrainState
) -> TrainState:
    state = inherit(previous, fresh)
    params, stats = adopt_source(state.params, state.stats)
    if classes.shared:
        head = jax.tree.map(jnp.copy, params["head_source"])
        params = params | {"head_target": head}
    return state._replace(params=params, stats=stats)


HEAD = "head_target/kernel"


def tuning_phase(
    name: str,
    network: Network,
    classes: Classes,
    training: Training,
    *,
    rules: tuple[Rule, ...] = (),
    statistics: str = "train",
    penalties: tuple[Penalty, ...] = (),
    lora: LoRA | None = None,
    stochastic_norm: float | None = None,
    factor: float = 1.0,
    rates: str | None = None,
    mixup: float = 0.0,
    share: float,
    first: bool = True,
    untrained: bool = False,
) -> Phase:
    """Tunes on labelled target rows what a source phase learned.

    Args:
        name: of the phase.
        network: the encoder.
        classes: the label spaces; a shared one lets the target head start from the
            source's.
        training: the shared settings.
        rules: how which parameters train; the first that matches a path counts.
        statistics: one of :data:`STATISTICS`.
        penalties: what is added to the task loss.
        lora: low-rank updates beside a frozen encoder; rules then see its paths as
            "encoder/base/..." and "encoder/lora/...".
        stochastic_norm: probability that a channel of a batch normalisation that trains
            uses the batch's statistics; None always uses them.
        factor: multiple of the learning rate.
        rates: one of :data:`da_zoo.finetune.rates.RATES`, or None.
        mixup: parameter of MixUp's beta distribution; 0 mixes nothing.
        share: of the recipe's steps.
        first: whether it follows the source phase (rather than another tuning phase).
        untrained: whether the encoder's variables are drawn, not learned: nothing of it
            may be frozen then.

    Raises:
        TypeError: if ``rules`` is no tuple of rules.
        ValueError: for an unknown word for ``statistics`` or ``rates``, an invalid
            rule or probability, lora under domain-specific normalisation, stochastic
            normalisation under a frozen one, or a fresh target head that would not
            train; when the state is built, if a rule matches no parameter, or nothing
            is left to train.
    """
    validate_rules(rules)
    if first and not classes.shared and rule_for(rules, HEAD).rate == 0:
        raise ValueError(
            f"stage {name!r} freezes the target's head, which starts fresh because the "
            "target has a task of its own"
        )
    choose(dict.fromkeys(STATISTICS, 0), statistics, "statistics")
    root = "encoder"
    if lora is not None:
        network, root = lora_network(network, lora), "encoder/base"
        rules = (*rules, Rule("^encoder/base/", rate=0.0))
        if training.batch_norm == "domain_specific":
            raise ValueError(
                "lora and batch_norm='domain_specific' do not go together: choose "
                "'separate'"
            )
    if stochastic_norm is not None:
        if training.batch_norm == "frozen":
            raise ValueError(
                "stochastic_norm mixes the batch's statistics in, and "
                "batch_norm='frozen' uses none: choose 'joint' or 'separate'"
            )
        network = stochastic_norm_network(network, stochastic_norm)
    inner = network
    if statistics == "eval":
        inner = without_dropout(network)
    elif any(rule.rate == 0 for rule in rules):
        inner = at_rest(network, rules)
    train = trained_layers(rules, root) if statistics == "train" else False
    shape = (classes.width, classes.shared, training.batch_norm)
    model = _tuned_model(inner, *shape, train)
    tuned = Tuned(
        network, training.batch_norm, classes.width, classes.continuous, model.forward
    )
    terms = [p.term(tuned) if callable(p.term) else p.term for p in penalties]
    hparams = dict(pair for p in penalties for pair in p.hparams)
    if mixup:
        model = model._replace(forward=mixed_forward(model.forward))
        terms, hparams = [*terms, MIXUP], hparams | {"mixup": mixup}
    term = together(tuple(terms)) if terms else None
    streams = TARGET.union(*(p.uses for p in penalties))
    source_head = "source" in streams or any(p.source_head for p in penalties)

    model = model._replace(
        init_params=checked(model.init_params, rules, source_head, untrained),
        # Predicting drops nothing out anyway: one program for all.
        predict=_tuned_model(network, *shape, True).predict,
    )

    def take_over(previous: TrainState, fresh: TrainState) -> TrainState:
        if lora is not None:
            previous = _as_base(previous, fresh)
        state = (
            _from_source(classes, previous, fresh)
            if first
            else inherit(previous, fresh)
        )
        begun = (
            {}
            if term is None or term.start is None
            else (term.start(state.params, state.stats))
        )
        # What an earlier stage started from, or remembers, counts for the later too.
        begun |= {
            name: kept
            for name, kept in previous.extra.items()
            if name in fresh.extra and _alike(kept, fresh.extra[name])
        }
        begun = jax.tree.map(jnp.copy, begun)
        return state._replace(extra=state.extra | begun)

    return supervised_phase(
        name,
        model,
        classes,
        training,
        uses=streams,
        alignment=term,
        wrt=trained_by(rules, source_head),
        optimizer=planned_optimizer(training.optimizer, told(rules), factor, rates),
        hparams=hparams,
        warm_start=take_over,
        share=share,
    )


def _alike(kept: PyTree, fresh: PyTree) -> bool:
    """Whether an entry of one stage's state fits another's."""
    shapes: Any = [jax.tree.map(jnp.shape, tree) for tree in (kept, fresh)]
    return shapes[0] == shapes[1]


def _as_base(previous: TrainState, fresh: TrainState) -> TrainState:
    """Puts an ordinary encoder below the factors that a phase adds."""

    def over(params: Params) -> Params:
        encoder = params["encoder"]
        if set(encoder) != {"base", "lora"}:
            encoder = fresh.params["encoder"] | {"base": encoder}
        return params | {"encoder": encoder}

    extra = previous.extra
    if (start := extra.get("start")) is not None:
        extra = extra | {"start": start | {"params": over(start["params"])}}
    return previous._replace(params=over(previous.params), extra=extra)


def source_then(
    network: Network,
    classes: Classes,
    training: Training,
    *phases: Phase,
    share: float = SOURCE_SHARE,
) -> tuple[Phase, ...]:
    """Puts the source phase, with a share of the steps, in front of tuning phases.

    Without a share it only sets variables up, and the tuning phases take them over.

    Example:
        >>> from da_zoo import methods, network_by_name
        >>> recipe = methods.lp_ft(network_by_name("mlp"), classes=2)
        >>> [phase.name for phase in recipe]
        ['source', 'probe', 'tune']
    """
    first: Any = source_phase(network, classes, training, share=share)
    if share == 0:
        first = first._replace(name="start", uses=TARGET, steps=0)
    return (first, *phases)
