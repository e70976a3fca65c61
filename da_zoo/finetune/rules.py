"""Rules of a plan: what a parameter's path says about how it trains."""

import difflib
import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import optax
from jaxtyping import Array, Float, PyTree

from da_zoo.batch_norm import TARGET_NORMS
from da_zoo.finetune.rates import RATES
from da_zoo.naming import choose
from da_zoo.optimizers import make_optimizer
from da_zoo.partition import matching, paths, scale_updates
from da_zoo.settings import non_negative

__all__ = [
    "Rule",
    "check_layers",
    "check_rules",
    "inside_encoder",
    "planned_optimizer",
    "rule_for",
    "validate_rules",
]


class Rule(NamedTuple):
    """How the parameters train whose path holds a pattern.

    Example:
        >>> Rule("^encoder/Dense_0/", rate=0.0)  # frozen
        Rule(pattern='^encoder/Dense_0/', rate=0.0, decay=True, needed=True)
    """

    pattern: str
    """Regular expression, searched for in paths such as "encoder/Dense_0/kernel"."""
    rate: float = 1.0
    """Multiple of the learning rate; 0 freezes: weights, moments, decay and, for a
    normalisation layer, its statistics."""
    decay: bool = True
    """Whether weight decay applies."""
    needed: bool = True
    """Whether it is a mistake if the pattern is in no path."""


EVERYTHING_ELSE = Rule("")
"""What no rule names trains at the full rate."""


def _plain(path: str) -> str:
    """Scale and shift of the target's own count as those of the encoder's layer."""
    group, _, rest = path.partition("/")
    return f"encoder/{rest}" if group == TARGET_NORMS else path


def rule_for(rules: tuple[Rule, ...], path: str) -> Rule:
    """Returns the first rule whose pattern is in a path.

    Example:
        >>> rules = (Rule("/bias$"), Rule("^encoder/", rate=0.0))
        >>> rule_for(rules, "encoder/Dense_0/bias").rate
        1.0
        >>> rule_for(rules, "encoder/Dense_0/kernel").rate
        0.0
    """
    fits = (rule for rule in rules if matching(rule.pattern)(_plain(path)))
    return next(fits, EVERYTHING_ELSE)


def validate_rules(rules: Any) -> None:
    """Refuses rules that no network could make right.

    Raises:
        TypeError: if ``rules`` is no tuple of rules.
        ValueError: if a pattern is no regular expression, or a rate is negative or not
            finite.

    Example:
        >>> validate_rules((Rule("Dense_0", rate=0.5),))
    """
    if not isinstance(rules, tuple) or not all(isinstance(r, Rule) for r in rules):
        raise TypeError(
            f"rules must be a tuple of rules, (Rule(...), ...), got {rules!r}"
        )
    for rule in rules:
        matching(rule.pattern)
        non_negative(f"rate for {rule.pattern!r}", rule.rate)


def inside_encoder(layer: str) -> str:
    """Returns the pattern of a layer that is named from the encoder's root.

    Example:
        >>> inside_encoder("Dense_0/")
        '^encoder[^/]*/(?:Dense_0/)'
    """
    return f"^encoder[^/]*/(?:{layer})"


def check_layers(layers: Sequence[str]) -> None:
    """Refuses what is no list of layers' patterns.

    Raises:
        TypeError: if a pattern is no string.
        ValueError: if there is none, or one is no regular expression.

    Example:
        >>> check_layers(["Dense_0/", "Dense_1/"])
    """
    if isinstance(layers, str) or not layers:
        raise ValueError(
            f"layers must be a list of patterns, from input to output, got {layers!r}"
        )
    for layer in layers:
        if not isinstance(layer, str):
            raise TypeError(f"layers must be patterns, got {layer!r}")
        matching(layer)


def check_rules(rules: tuple[Rule, ...], params: PyTree) -> None:
    """Refuses rules that do not fit a network.

    Args:
        rules: of one stage.
        params: what it could train.

    Raises:
        ValueError: if a pattern is in no path (the nearest are named), or nothing is
            left to train.

    Example:
        >>> check_rules((Rule("Dense_0", rate=0.0),), {"Dense_0": 1.0, "head": 2.0})
    """
    known = paths(params)
    for rule in rules:
        hit = any(matching(rule.pattern)(_plain(path)) for path in known)
        if rule.needed and not hit:
            near = difflib.get_close_matches(rule.pattern, known, n=3, cutoff=0.0)
            raise ValueError(
                f"pattern {rule.pattern!r} matches no parameter path; the nearest are "
                f"{near}"
            )
    if all(rule_for(rules, path).rate == 0 for path in known):
        raise ValueError("every parameter is frozen: nothing would be trained")


@functools.lru_cache(maxsize=256)
def planned_optimizer(
    name: str,
    rules: tuple[Rule, ...],
    factor: float = 1.0,
    rates: str | None = None,
) -> Callable[[dict[str, Float[Array, ""]]], optax.GradientTransformation]:
    """Builds ``hparams -> optimiser`` with rates and decay by rule.

    Equal arguments give one function, so that equal stages share a program.

    Args:
        name: "sgd" or "adam".
        rules: of the stage.
        factor: multiple of all rates. It scales the update and leaves the traced
            learning rate alone, which may be the axis of a sweep.
        rates: one of :data:`da_zoo.finetune.rates.RATES`, which multiplies the rules'
            rates by what gradients say; None leaves them.

    Raises:
        ValueError: for an unknown optimiser or word for ``rates``.

    Example:
        >>> planned_optimizer("sgd", ()) is planned_optimizer("sgd", ())
        True
    """
    options: dict[str, Any] = {}
    if factor != 1.0 or any(rule.rate not in (0.0, 1.0) for rule in rules):
        options["factor"] = lambda path: factor * rule_for(rules, path).rate
    if not all(rule.decay for rule in rules):
        options["decayed"] = lambda path: rule_for(rules, path).decay
    if rates is None:
        return make_optimizer(name, **options)
    adaptive = choose(RATES, rates, "rates")
    scaled = scale_updates(options.pop("factor", lambda path: 1.0))
    build = make_optimizer(name, **options)
    return lambda hparams: optax.chain(adaptive(build(hparams)), scaled)
