"""Which of the four cases two sides are, and whether a method can be used there."""

from da_zoo.methods import METHODS
from da_zoo.pipeline.sides import Sides
from da_zoo.registry import MethodSpec

__all__ = ["check_method", "usable_methods"]


def usable_methods(
    *, same_task: bool, track: str, label_sets: str, continuous: bool
) -> list[str]:
    """Names the methods that are defined in a situation.

    Args:
        same_task: whether both sides have one label space.
        track: "U" (no target labels to train on) or "F".
        label_sets: "closed", "partial" or "open".
        continuous: whether labels are values.

    Example:
        >>> usable_methods(
        ...     same_task=True, track="U", label_sets="open", continuous=False
        ... )  # doctest: +ELLIPSIS
        [...'osbp'...]
    """
    case = 3 if same_task else 4  # of unlike domains: the ones that can be taken
    return [
        name
        for name, spec in METHODS.items()
        if not spec.undefined(case, track, label_sets=label_sets, continuous=continuous)
    ]


def check_method(spec: MethodSpec, sides: Sides, trains: bool) -> str:
    """Says which case this is, or why the method cannot be used in it.

    Args:
        spec: the method.
        sides: with labels as far as they may be read.
        trains: whether target labels are trained on.

    Returns:
        A sentence.

    Raises:
        ValueError: if the method is undefined here; the message says which are not.
    """
    track = "F" if trains else "U"
    label_sets = "closed" if sides.label_sets == "unknown" else sides.label_sets
    continuous = sides.source.continuous
    case = 3 if sides.same_task else 4
    told = _case(sides, trains)
    reason = spec.undefined(case, track, label_sets=label_sets, continuous=continuous)
    # A model of the source alone needs nothing of the target, and is a yardstick.
    if reason and spec.name != "source_only":
        others = usable_methods(
            same_task=sides.same_task,
            track=track,
            label_sets=label_sets,
            continuous=continuous,
        )
        hint = (
            " (give target_labels='train', --target-labels train, to train on those "
            "that the target has)"
            if reason == "needs target labels"
            else ""
        )
        raise ValueError(
            f"method {spec.name!r} {reason}{hint}. {told} Methods for it: "
            f"{', '.join(others)}"
        )
    return told


def _case(sides: Sides, trains: bool) -> str:
    source, target = sides.source, sides.target
    if source.continuous:
        return "One task, a value to predict (case 1 or 3: the same task)."
    if not sides.same_task:
        return (
            f"Another task: the target has the classes {', '.join(target.classes)}, "
            f"the source {', '.join(source.classes)} (case 2 or 4). Its labels train a "
            "head of its own."
        )
    if sides.label_sets == "unknown":
        return (
            "One task as far as is known: no label of the target was read, so it is "
            "taken to have the source's classes (case 1 or 3)."
        )
    if sides.label_sets == "partial":
        return (
            "One task, and the target lacks some of the source's classes (case 3, "
            "partial): aligning whole domains may harm here; see pada."
        )
    if sides.label_sets == "open":
        news = [c for c in target.classes if c not in source.classes]
        return (
            f"The target has classes that the source lacks: {', '.join(news)} (case 3, "
            "open). No model trained on the source can name them; osbp answers "
            "'unknown', or train on target labels as another task."
        )
    return "One task with the same classes on both sides (case 1 or 3)."
