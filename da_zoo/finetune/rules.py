"""Rules of a plan: what a parameter's path says about how it trains."""

import difflib
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import optax
from jaxtyping import Array, Float, PyTree

from da_zoo.optimizers import make_optimizer
from da_zoo.partition import matching, paths

__all__ = ["Rule", "check_rules", "planned_optimizer", "rule_for"]


class Rule(NamedTuple):
    """How the parameters train whose path holds a pattern.

    Example:
        >>> Rule("^encoder/Dense_0/", rate=0.0)  # frozen
        Rule(pattern='^encoder/Dense_0/', rate=0.0, decay=True)
    """

    pattern: str
    """Regular expression, searched for in paths such as "encoder/Dense_0/kernel"."""
    rate: float = 1.0
    """Multiple of the learning rate; 0 freezes: weights, moments, decay and, for a
    normalisation layer, its statistics."""
    decay: bool = True
    """Whether weight decay applies."""


EVERYTHING_ELSE = Rule("")
"""What no rule names trains at the full rate."""


def rule_for(rules: tuple[Rule, ...], path: str) -> Rule:
    """Returns the first rule whose pattern is in a path.

    Example:
        >>> rules = (Rule("/bias$"), Rule("^encoder/", rate=0.0))
        >>> rule_for(rules, "encoder/Dense_0/bias").rate
        1.0
        >>> rule_for(rules, "encoder/Dense_0/kernel").rate
        0.0
    """
    fits = (rule for rule in rules if matching(rule.pattern)(path))
    return next(fits, EVERYTHING_ELSE)


def check_rules(rules: tuple[Rule, ...], params: PyTree) -> None:
    """Refuses rules that cannot be meant.

    Args:
        rules: of one stage.
        params: what it could train.

    Raises:
        ValueError: if a pattern is no regular expression, a rate is negative or not
            finite, a pattern is in no path (the nearest are named), or nothing is left
            to train.

    Example:
        >>> check_rules((Rule("Dense_0", rate=0.0),), {"Dense_0": 1.0, "head": 2.0})
    """
    known = paths(params)
    for rule in rules:
        if not 0 <= rule.rate < float("inf"):
            raise ValueError(
                f"rate must be finite and at least 0, got {rule.rate} for "
                f"{rule.pattern!r}"
            )
        if not any(matching(rule.pattern)(path) for path in known):
            near = difflib.get_close_matches(rule.pattern, known, n=3, cutoff=0.0)
            raise ValueError(
                f"pattern {rule.pattern!r} matches no parameter path; the nearest are "
                f"{near}"
            )
    if all(rule_for(rules, path).rate == 0 for path in known):
        raise ValueError("every parameter is frozen: nothing would be trained")


@functools.lru_cache(maxsize=256)
def planned_optimizer(
    name: str, rules: tuple[Rule, ...]
) -> Callable[[dict[str, Float[Array, ""]]], optax.GradientTransformation]:
    """Builds ``hparams -> optimiser`` with rates and decay by rule.

    Equal arguments give one function, so that equal stages share a program.

    Args:
        name: "sgd" or "adam".
        rules: of the stage.

    Raises:
        ValueError: for an unknown optimiser.

    Example:
        >>> planned_optimizer("sgd", ()) is planned_optimizer("sgd", ())
        True
    """
    options: dict[str, Any] = {}
    if any(rule.rate not in (0.0, 1.0) for rule in rules):
        options["factors"] = lambda path: rule_for(rules, path).rate
    if not all(rule.decay for rule in rules):
        options["decayed"] = lambda path: rule_for(rules, path).decay
    return make_optimizer(name, **options)
