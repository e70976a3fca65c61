"""A fine-tuning plan: ordered stages, each with rules for what trains and how fast."""

import itertools
from collections.abc import Mapping
from typing import Any, NamedTuple, Unpack

import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from da_zoo.finetune.lora import LoRA, lora_factors
from da_zoo.finetune.penalties import Penalty
from da_zoo.finetune.rates import RATES
from da_zoo.finetune.rules import Rule, check_rules, rule_for, validate_rules
from da_zoo.finetune.tuning import HEAD, SOURCE_SHARE, source_then, tuning_phase
from da_zoo.naming import choose
from da_zoo.network import Network
from da_zoo.partition import leaves_by_path
from da_zoo.schedules import SCHEDULES
from da_zoo.settings import (
    Continuous,
    Settings,
    non_negative,
    resolve_classes,
    resolve_settings,
)
from da_zoo.text_table import aligned
from da_zoo.types import Recipe

__all__ = ["FineTunePlan", "Stage"]


class Stage(NamedTuple):
    """A stretch of tuning under one set of rules.

    Example:
        >>> Stage("probe", (Rule("^encoder", rate=0.0),)).share
        1.0
    """

    name: str
    rules: tuple[Rule, ...] = ()
    """The first that matches a path counts; what none matches trains at full rate."""
    share: float = 1.0
    """Of the plan's steps, relative to the other stages'."""
    statistics: str = "train"
    """Of normalisation layers: "train", "frozen" (the source's are used and kept) or
    "eval" (and nothing is dropped out)."""
    penalties: tuple[Penalty, ...] = ()
    lora: LoRA | None = None
    learning_rate: float = 1.0
    """Multiple of the shared one."""
    stochastic_norm: float | None = None
    """Probability, in [0, 1], that a channel of a batch normalisation that trains uses
    the batch's statistics, rather than the running ones; None always uses them."""
    schedule: str | None = None
    """Of the learning rate over the stage, see :mod:`da_zoo.schedules`; None means the
    shared one."""
    rates: str | None = None
    """"relative_gradient_norm" multiplies the rules' rates by what gradients say, see
    :mod:`da_zoo.finetune.rates`."""
    mixup: float = 0.0
    """Parameter of MixUp's beta distribution; 0 mixes nothing. Penalties see the
    features of mixed rows."""


class FineTunePlan(NamedTuple):
    """Stages in order; compiles to one optimiser and one jitted step per stage.

    Example:
        >>> from da_zoo import network_by_name
        >>> plan = FineTunePlan((Stage("tune", (Rule("^encoder", rate=0.1),)),))
        >>> recipe = plan.recipe(network_by_name("mlp"), classes=3)
        >>> [phase.name for phase in recipe]
        ['source', 'tune']
    """

    stages: tuple[Stage, ...]

    def recipe(
        self,
        network: Network,
        *,
        classes: int | Mapping[str, int] | Continuous,
        source_share: float = SOURCE_SHARE,
        **settings: Unpack[Settings],
    ) -> Recipe:
        """Builds training on the source, then the stages on labelled target rows.

        Args:
            network: any encoder: the zoo's, a Linen or an NNX module's.
            classes: number of classes (the target head starts from the source's), or
                {"source": a, "target": b} (it starts fresh); or
                ``Continuous(outputs)``.
            source_share: share of the steps that the source gets, in [0, 1); 0 where
                the network starts pre-trained (see :func:`da_zoo.start_from`): then no
                source rows are needed.
            **settings: see :class:`da_zoo.Settings`.

        Returns:
            One phase for the source (of no steps if it has no share) and one per
            stage.

        Raises:
            TypeError: if stages, rules or penalties are no tuples of such, or the
                network is none.
            ValueError: for an invalid setting, share or stage; before training, if
                a pattern matches no parameter (the message names the nearest paths),
                nothing is left to train, or what nothing has trained is frozen.
        """
        if not isinstance(network, Network):
            raise TypeError(
                f"network must be a Network, got {type(network).__name__}: see "
                "network_by_name, network_from_linen, network_from_nnx"
            )
        training = resolve_settings(**settings)
        spaces = resolve_classes(classes, training.width, continuous=True)
        if not 0 <= source_share < 1:
            raise ValueError(f"source_share must lie in [0, 1), got {source_share}")
        self._check()
        if source_share == 0 and network.head_init is None:
            _check_heads(self.stages)
        total = sum(stage.share for stage in self.stages)
        phases = [
            tuning_phase(
                stage.name,
                network,
                spaces,
                training._replace(schedule=stage.schedule or training.schedule),
                rules=stage.rules,
                statistics=stage.statistics,
                penalties=stage.penalties,
                lora=stage.lora,
                stochastic_norm=stage.stochastic_norm,
                factor=stage.learning_rate,
                rates=stage.rates,
                mixup=non_negative("mixup", stage.mixup),
                share=(1.0 - source_share) * stage.share / total,
                first=number == 0,
                untrained=number + source_share == 0 and not network.pretrained,
            )
            for number, stage in enumerate(self.stages)
        ]
        return source_then(network, spaces, training, *phases, share=source_share)

    def _check(self) -> None:
        if not isinstance(self.stages, tuple) or not all(
            isinstance(stage, Stage) for stage in self.stages
        ):
            raise TypeError(
                f"stages must be a tuple of stages, (Stage(...), ...), got "
                f"{self.stages!r}"
            )
        names = [stage.name for stage in self.stages]
        if not names or len(set(names)) < len(names) or "source" in names:
            raise ValueError(
                "a plan has stages of different names, none of them 'source'; got "
                f"{names}"
            )
        for stage in self.stages:
            _check_stage(stage)
        adapted = [stage.lora for stage in self.stages]
        if len(set(adapted) - {None}) > 1 or any(
            before is not None and after is None
            for before, after in itertools.pairwise(adapted)
        ):
            raise ValueError(
                "stages with lora come last and share one LoRA: merge its factors "
                "(merge_lora) before other stages"
            )

    def table(self, params: PyTree, **settings: Unpack[Settings]) -> str:
        """Says for every parameter how each stage trains it.

        Args:
            params: by group, as in ``state.params``, or ``{"encoder": ...}``.
            **settings: see :class:`da_zoo.Settings`.

        Returns:
            A table: path, shape, then learning rate and weight decay by stage.

        Raises:
            ValueError: as in :meth:`recipe`.

        Example:
            >>> import numpy as np
            >>> params = {"encoder": {"kernel": np.ones((3, 2))}}
            >>> params["head_target"] = {"kernel": np.ones((2, 4))}
            >>> plan = FineTunePlan((Stage("tune", (Rule("^encoder", rate=0.1),)),))
            >>> print(plan.table(params, learning_rate=0.01))
            path                 shape   tune
            encoder/kernel       3 x 2   0.001
            head_target/kernel   2 x 4   0.01
        """
        training = resolve_settings(**settings)
        self._check()
        columns = [self._column(stage, params, training) for stage in self.stages]
        shapes: dict[str, str] = {}
        for column in columns:
            shapes |= {path: shape for path, (shape, _) in column.items()}
        lines = [["path", "shape", *(stage.name for stage in self.stages)]]
        for path, shape in shapes.items():
            cells = [column.get(path, ("", ""))[1] for column in columns]
            lines.append([path, shape, *cells])
        return "\n".join(aligned(lines, gap="   "))

    def _column(
        self, stage: Stage, params: PyTree, training: Any
    ) -> dict[str, tuple[str, str]]:
        tuned = {k: v for k, v in params.items() if k != "head_source"}
        if any(p.source_head or "source" in p.uses for p in stage.penalties):
            tuned = dict(params)
        encoder = tuned["encoder"]
        if set(encoder) == {"base", "lora"}:  # of a stage with LoRA
            encoder = encoder["base"]
        tuned["encoder"] = encoder
        rules = stage.rules
        if (lora := stage.lora) is not None:
            factors = jax.eval_shape(
                lambda key: lora_factors(key, encoder, lora), jax.random.key(0)
            )
            tuned["encoder"] = {"base": tuned["encoder"], "lora": factors}
            rules = (*rules, Rule("^encoder/base/", rate=0.0))
        # Every plan trains with a head, shown or not.
        head = {"kernel": jnp.zeros((1, 1)), "bias": jnp.zeros(1)}
        check_rules(rules, {"head_target": head} | tuned)
        found = {}
        for path, leaf in leaves_by_path(tuned).items():
            rule = rule_for(rules, path)
            rate = training.learning_rate * stage.learning_rate * rule.rate
            cell = "frozen" if rule.rate == 0 else f"{rate:.3g}"
            if rule.rate > 0 and stage.rates is not None:
                cell = f"at most {cell}"
            if rule.rate > 0 and training.weight_decay > 0 and rule.decay:
                cell += f", decay {training.weight_decay:.3g}"
            found[path] = (" x ".join(map(str, leaf.shape)) or "scalar", cell)
        return found


def _check_stage(stage: Stage) -> None:
    validate_rules(stage.rules)
    for name, known in (("schedule", SCHEDULES), ("rates", RATES)):
        if (word := getattr(stage, name)) is not None:
            choose(known, word, f"{name} for stage {stage.name!r}")
    for name in ("share", "learning_rate"):
        value = getattr(stage, name)
        if not 0 < value < float("inf"):
            raise ValueError(
                f"{name} must be positive and finite, got {value} for stage "
                f"{stage.name!r}"
            )
    if stage.stochastic_norm is not None and stage.statistics != "train":
        raise ValueError(
            f"stage {stage.name!r} has stochastic_norm and statistics="
            f"{stage.statistics!r}: only statistics that train can be mixed"
        )
    if not isinstance(stage.penalties, tuple) or not all(
        isinstance(penalty, Penalty) for penalty in stage.penalties
    ):
        raise TypeError(
            f"penalties must be a tuple, (l2_sp(), ...), got {stage.penalties!r}"
        )
    if stage.mixup and any(callable(penalty.term) for penalty in stage.penalties):
        raise ValueError(
            f"stage {stage.name!r} has mixup and a penalty that compares rows, or "
            "predictions with labels, which mixed rows have two of: choose one"
        )
    floats = [name for penalty in stage.penalties for name, _ in penalty.hparams]
    if len(set(floats)) < len(floats):
        raise ValueError(f"stage {stage.name!r} has a penalty twice: {floats}")
    if stage.lora is not None and any(p.in_weights for p in stage.penalties):
        raise ValueError(
            f"stage {stage.name!r} has lora and l2_sp: its factors start anew, there "
            "is nothing to pull them to; weight decay pulls them to 0"
        )


def _check_heads(stages: tuple[Stage, ...]) -> None:
    """Without a source phase its head has to come with the network."""
    if rule_for(stages[0].rules, HEAD).rate == 0:
        raise ValueError(
            f"stage {stages[0].name!r} freezes the head, and source_share=0.0 trains "
            "none: start from pre-trained variables with a head (Pretrained.head), let "
            "the head train, or give the source a share"
        )
    for stage in stages:
        if any(penalty.source_head for penalty in stage.penalties):
            raise ValueError(
                f"stage {stage.name!r} has a penalty that needs the source's head, and "
                "source_share=0.0 trains none: start from pre-trained variables with a "
                "head (Pretrained.head), or give the source a share"
            )
