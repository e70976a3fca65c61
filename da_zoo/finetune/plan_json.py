"""A plan as plain JSON values, to be read by people and, mostly, by us."""

from typing import Any

from da_zoo.finetune.lora import LoRA
from da_zoo.finetune.plan import FineTunePlan, Stage
from da_zoo.finetune.rules import Rule

__all__ = ["describe_plan", "read_plan"]


def describe_plan(plan: FineTunePlan) -> dict[str, Any]:
    """Describes a plan by what differs from the defaults of its stages and rules.

    A penalty is described by its numbers.

    Args:
        plan: any.

    Example:
        >>> from da_zoo.finetune import presets
        >>> describe_plan(presets.linear_probe())
        {'stages': [{'name': 'probe', 'rules': [{'pattern': '^encoder', 'rate': 0.0}]}]}
    """
    stages = []
    for stage in plan.stages:
        told = _told(stage)
        if "rules" in told:
            told["rules"] = [_told(rule) for rule in stage.rules]
        if "penalties" in told:
            told["penalties"] = [dict(penalty.hparams) for penalty in stage.penalties]
        if stage.lora is not None:
            told["lora"] = stage.lora._asdict()
        stages.append(told)
    return {"stages": stages}


def _told(record: Any) -> dict[str, Any]:
    defaults = record._field_defaults
    return {
        name: value
        for name, value in record._asdict().items()
        if name not in defaults or value != defaults[name]
    }


def read_plan(description: dict[str, Any]) -> FineTunePlan:
    """Builds the plan that :func:`describe_plan` described.

    Args:
        description: its plain values.

    Raises:
        ValueError: if it has penalties, of which only the numbers are known, or is no
            description of a plan.

    Example:
        >>> from da_zoo.finetune import presets
        >>> plan = presets.lora(rank=2)
        >>> read_plan(describe_plan(plan)) == plan
        True
    """
    try:
        stages = []
        for told in description["stages"]:
            if "penalties" in told:
                raise ValueError(
                    f"stage {told['name']!r} has penalties {told['penalties']}: build "
                    "the plan by hand, of a description only their numbers are known"
                )
            told = dict(told)
            told["rules"] = tuple(Rule(**rule) for rule in told.get("rules", ()))
            if "lora" in told:
                told["lora"] = LoRA(**told["lora"])
            stages.append(Stage(**told))
        return FineTunePlan(tuple(stages))
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"no description of a plan: {error!r}") from None
