"""What rules mean for a network: which statistics move, what is dropped out."""

import functools
from collections.abc import Callable
from typing import Any

from da_zoo.finetune.rules import Rule, check_rules, rule_for
from da_zoo.network import Network, Train
from da_zoo.partition import paths
from da_zoo.types import Batch, Key

__all__ = [
    "ENCODER",
    "STATISTICS",
    "at_rest",
    "checked",
    "told",
    "trained_by",
    "trained_layers",
    "without_dropout",
]

ENCODER = Rule("^encoder", rate=0.0)
"""The whole encoder frozen, statistics and all."""

STATISTICS = ("train", "frozen", "eval")
"""Of normalisation layers while tuning: "train" uses and updates batch statistics where
the scale trains; "frozen" uses and keeps the source's; "eval" drops nothing out
either. An encoder of which nothing trains is in "eval" anyway."""


@functools.lru_cache(maxsize=256)
def checked(
    init_params: Callable[..., Any],
    rules: tuple[Rule, ...],
    source_head: bool,
    untrained: bool = False,
) -> Callable[..., Any]:
    """Checks the rules where parameters have names: before any training."""

    def frozen(path: str) -> bool:
        return rule_for(rules, path).rate == 0

    def init(key: Key, batch: Batch) -> Any:
        params, stats, extra = init_params(key, batch)
        tuned = dict(params)
        if not source_head:
            del tuned["head_source"]
        check_rules(rules, tuned)
        idle = [p for p in paths(tuned["encoder"]) if frozen(f"encoder/{p}")]
        if untrained and idle:
            raise ValueError(
                f"{idle[0]} and {len(idle) - 1} more parameters of the encoder are "
                "frozen, and nothing has trained them: with source_share=0.0 the "
                "network must come from start_from(network, pretrained)"
            )
        factors = [p for p in paths(tuned) if p.startswith("encoder/lora/")]
        if factors and all(rule_for(rules, path).rate == 0 for path in factors):
            raise ValueError(
                "every factor of lora is frozen: name encoder/base/ in rules, or leave "
                "the encoder out of them"
            )
        return params, stats, extra

    return init


def told(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """Drops rules that say nothing of rates and decay: they share a program with none.

    Example:
        >>> told((ENCODER,))
        ()
    """
    trivial = all(rule.rate in (0.0, 1.0) and rule.decay for rule in rules)
    return () if trivial else rules


@functools.lru_cache(maxsize=256)
def trained_by(
    rules: tuple[Rule, ...], source_head: bool = False
) -> Callable[[str], bool]:
    """Returns the predicate of paths that train.

    Args:
        rules: of the stage.
        source_head: whether the source's head may.

    Example:
        >>> trained_by((ENCODER,))("encoder/Dense_0/kernel")
        False
    """

    def trains(path: str) -> bool:
        if path.startswith("head_source") and not source_head:
            return False
        return rule_for(rules, path).rate > 0

    return trains


@functools.lru_cache(maxsize=256)
def trained_layers(rules: tuple[Rule, ...], root: str) -> Train:
    """Says which layers use and update batch statistics: those whose scale trains.

    Args:
        rules: of the stage.
        root: what the encoder's own parameters are under, "encoder".

    Example:
        >>> trained_layers((Rule("Norm_0", rate=0.0),), "encoder")("Norm_0")
        False
    """
    if all(rule.rate > 0 for rule in rules):
        return True
    trains = trained_by(rules)
    return lambda layer: trains(f"{root}/{layer}/scale")


@functools.lru_cache(maxsize=256)
def without_dropout(network: Network) -> Network:
    """Takes the key away by which a network drops out."""

    def apply(
        params: Any, stats: Any, x: Any, *, key: Any = None, **options: Any
    ) -> Any:
        del key
        return network.apply(params, stats, x, **options)

    return network._replace(apply=apply)


@functools.lru_cache(maxsize=256)
def at_rest(network: Network, rules: tuple[Rule, ...]) -> Network:
    """A wholly frozen encoder encodes as it predicts: nothing is dropped out either.

    Whether it is so, its paths say, however the rules are spelled.
    """
    trains = trained_by(rules)

    def apply(
        params: Any,
        stats: Any,
        x: Any,
        *,
        train: Train = False,
        key: Any = None,
        **options: Any,
    ) -> Any:
        if not any(trains(f"encoder/{path}") for path in paths(params)):
            train, key = False, None
        return network.apply(params, stats, x, train=train, key=key, **options)

    return network._replace(apply=apply)
