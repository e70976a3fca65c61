"""Plans that papers and libraries use, by name."""

from collections.abc import Sequence

from da_zoo.finetune.freezing import ENCODER
from da_zoo.finetune.lora import LoRA
from da_zoo.finetune.plan import FineTunePlan, Stage
from da_zoo.finetune.protocols import (
    VTAB_TASKS,
    TuningProtocol,
    bit_hyperrule,
    fine_tune,
    vtab1k,
)
from da_zoo.finetune.rules import Rule, check_layers, inside_encoder

__all__ = [
    "VTAB_TASKS",
    "TuningProtocol",
    "auto_rgn",
    "bit_hyperrule",
    "bitfit",
    "fine_tune",
    "full",
    "gradual_unfreezing",
    "head_x10",
    "layer_decay",
    "linear_probe",
    "lora",
    "lp_ft",
    "surgical",
    "vtab1k",
]


def full() -> FineTunePlan:
    """Everything trains at one rate.

    Example:
        >>> full().stages[0].rules
        ()
    """
    return FineTunePlan((Stage("tune"),))


def linear_probe() -> FineTunePlan:
    """The head alone trains; the encoder keeps weights and statistics.

    Example:
        >>> linear_probe().stages[0].rules[0].rate
        0.0
    """
    return FineTunePlan((Stage("probe", (ENCODER,)),))


def head_x10(rate: float = 0.1) -> FineTunePlan:
    """The encoder trains at a tenth of the head's rate (TLLib's default).

    Args:
        rate: the encoder's, as a multiple of the head's.

    Example:
        >>> head_x10().stages[0].rules[0].rate
        0.1
    """
    return FineTunePlan((Stage("tune", (Rule("^encoder", rate),)),))


def lp_ft(rate: float = 1.0) -> FineTunePlan:
    """A linear probe, then everything from the probe's head.

    Args:
        rate: the encoder's in the second stage, as a multiple of the head's.

    Example:
        >>> [stage.name for stage in lp_ft().stages]
        ['probe', 'tune']

    References:
        Kumar et al., "Fine-Tuning can Distort Pretrained Features and Underperform
        Out-of-Distribution", ICLR 2022.
    """
    return FineTunePlan(
        (Stage("probe", (ENCODER,)), Stage("tune", (Rule("^encoder", rate),)))
    )


def gradual_unfreezing(layers: Sequence[str], decay: float = 2.6) -> FineTunePlan:
    """The head first, then one more layer per stage, deeper ones at lower rates.

    What no pattern names thaws with the last layer. Each stage starts the learning
    rate's schedule and the optimiser's moments anew.

    Args:
        layers: regular expressions inside the encoder, from input to output
            (``network.layer_patterns`` for the zoo's networks).
        decay: each layer's rate is that of the one above over ``decay``.

    Raises:
        ValueError: if there are no layers, or ``decay`` is below 1.

    Example:
        >>> plan = gradual_unfreezing(["Dense_0/", "Dense_1/"])
        >>> [(stage.name, len(stage.rules)) for stage in plan.stages]
        [('unfreeze_0', 1), ('unfreeze_1', 2), ('unfreeze_2', 3)]

    References:
        Howard and Ruder, "Universal Language Model Fine-tuning for Text
        Classification", ACL 2018.
    """
    check_layers(layers)
    if not 1 <= decay < float("inf"):
        raise ValueError(f"decay must be at least 1, got {decay}")
    stages = []
    for count in range(len(layers) + 1):
        trained = list(enumerate(reversed(layers), start=1))[:count]
        rules = [
            Rule(inside_encoder(layer), rate=decay**-depth) for depth, layer in trained
        ]
        rest = Rule("^encoder", rate=decay**-count, needed=False)
        last = ENCODER if count < len(layers) else rest
        stages.append(Stage(f"unfreeze_{count}", (*rules, last)))
    return FineTunePlan(tuple(stages))


def layer_decay(
    layers: Sequence[str], decay: float = 0.75, smallest: float = 0.0
) -> FineTunePlan:
    """Everything trains, each layer at ``decay`` times the rate of the one above.

    Weight decay spares biases and normalisation layers. What no pattern names trains
    like the layer nearest to the input.

    Args:
        layers: regular expressions inside the encoder, from input to output
            (``network.layer_patterns`` for the zoo's networks).
        decay: in (0, 1].
        smallest: rate that no layer falls below, in [0, 1].

    Raises:
        ValueError: if there are no layers, or a number is out of range.

    Example:
        >>> plan = layer_decay(["Dense_0/", "Dense_1/"], decay=0.5)
        >>> [rule.rate for rule in plan.stages[0].rules if rule.decay]
        [0.25, 0.5, 0.25]

    References:
        Clark et al., "ELECTRA", ICLR 2020; rates as in timm's
        ``param_groups_layer_decay``.
    """
    check_layers(layers)
    if not 0 < decay <= 1:
        raise ValueError(f"decay must lie in (0, 1], got {decay}")
    if not 0 <= smallest <= 1:
        raise ValueError(f"smallest must lie in [0, 1], got {smallest}")
    rules = []
    for number, layer in enumerate(layers):
        rate = max(smallest, decay ** (len(layers) - number))
        spared = f"{inside_encoder(layer)}(.*/)?(bias|scale)$"
        rules += [
            Rule(spared, rate, decay=False, needed=False),
            Rule(inside_encoder(layer), rate),
        ]
    lowest = max(smallest, decay ** len(layers))
    rules += [
        Rule("^encoder", lowest, needed=False),
        Rule("^head.*bias$", decay=False),
    ]
    return FineTunePlan((Stage("tune", tuple(rules)),))


def surgical(layer: str, head: bool = False) -> FineTunePlan:
    """One layer trains, in evaluation mode; everything else stays.

    Args:
        layer: regular expression inside the encoder.
        head: whether the head trains too; where the target has a task of its own it
            must.

    Raises:
        ValueError: if ``layer`` is no regular expression.

    Example:
        >>> surgical("Conv_0/").stages[0].statistics
        'eval'

    References:
        Lee et al., "Surgical Fine-Tuning Improves Adaptation to Distribution Shifts",
        ICLR 2023.
    """
    check_layers([layer])
    rules: tuple[Rule, ...] = (Rule(inside_encoder(layer)), ENCODER)
    if not head:
        rules = (*rules, Rule("^head", rate=0.0))
    return FineTunePlan((Stage("tune", rules, statistics="eval"),))


def auto_rgn(statistics: str = "eval") -> FineTunePlan:
    """Everything trains, each tensor at a rate that its gradients set.

    The rate is the shared one times |g| / |w| over the largest such ratio, see
    :func:`da_zoo.finetune.rates.relative_gradient_norm`, which says what differs from
    the authors' code.

    Args:
        statistics: of normalisation layers, "train", "frozen" or "eval" (the authors').

    Raises:
        ValueError: when the recipe is built, for an unknown word.

    Example:
        >>> auto_rgn().stages[0].rates
        'relative_gradient_norm'

    References:
        Lee et al., "Surgical Fine-Tuning Improves Adaptation to Distribution Shifts",
        ICLR 2023.
    """
    rates = "relative_gradient_norm"
    return FineTunePlan((Stage("tune", statistics=statistics, rates=rates),))


def bitfit() -> FineTunePlan:
    """Biases and the head train; in normalisation layers the shift.

    Example:
        >>> bitfit().stages[0].rules[1].rate
        0.0

    References:
        Ben Zaken, Goldberg and Ravfogel, "BitFit", ACL 2022.
    """
    return FineTunePlan((Stage("tune", (Rule("^encoder.*bias$"), ENCODER)),))


def lora(rank: int = 8, alpha: float = 8.0, pattern: str = "kernel$") -> FineTunePlan:
    """Low-rank updates and the head train; the encoder stays.

    Args:
        rank: of the updates, at least 1.
        alpha: their scale is alpha / rank.
        pattern: of the encoder's kernels that get one.

    Raises:
        ValueError: when training starts, as in
            :func:`da_zoo.finetune.lora.lora_factors`.

    Example:
        >>> lora(rank=4, alpha=8.0).stages[0].lora.scale
        2.0

    References:
        Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", ICLR 2022.
    """
    return FineTunePlan((Stage("tune", lora=LoRA(rank, alpha, pattern)),))
