"""Values read back from JSON, which may be a stranger's: checked one by one."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

__all__ = ["told_numbers", "told_text", "told_texts", "told_value", "told_whole"]


def told_value(told: Any, key: str) -> Any:
    """Returns an entry.

    Raises:
        ValueError: if there are no entries, or not this one.

    Example:
        >>> told_value({"side": 8}, "side")
        8
    """
    if not isinstance(told, Mapping):
        raise ValueError(f"an encoder is a JSON object, got {type(told).__name__}")
    if key not in told:
        raise ValueError(f"the encoder lacks {key!r}; it has {sorted(map(str, told))}")
    return told[key]


def told_whole(told: Any, key: str, least: int, most: int) -> int:
    """Returns a whole number.

    Raises:
        ValueError: if it is none, or not in least..most.

    Example:
        >>> told_whole({"side": 8}, "side", 1, 9)
        8
    """
    value = told_value(told, key)
    plain = isinstance(value, int) and not isinstance(value, bool)
    if not plain or not least <= value <= most:
        raise ValueError(
            f"the encoder's {key!r} must be a whole number in {least}..{most}, got "
            f"{value!r:.80}"
        )
    return int(value)


def told_numbers(told: Any, key: str) -> Float[np.ndarray, " n"]:
    """Returns a list of finite numbers as float64.

    Raises:
        ValueError: if it is something else.

    Example:
        >>> told_numbers({"mean": [1, 2.5]}, "mean")
        array([1. , 2.5])
    """
    value = told_value(told, key)
    if not isinstance(value, list) or any(
        isinstance(one, bool) or not isinstance(one, int | float) for one in value
    ):
        raise ValueError(f"the encoder's {key!r} must be a list of numbers")
    try:
        numbers = np.array(value, np.float64)
    except OverflowError:
        numbers = np.array([np.inf])
    if not np.isfinite(numbers).all():
        raise ValueError(f"the encoder's {key!r} holds NaN or infinite numbers")
    return numbers


def told_text(told: Any, key: str) -> str:
    """Returns a text.

    Raises:
        ValueError: if it is something else.

    Example:
        >>> told_text({"how": "words"}, "how")
        'words'
    """
    value = told_value(told, key)
    if not isinstance(value, str):
        raise ValueError(
            f"the encoder's {key!r} must be text, got {type(value).__name__}"
        )
    return value


def told_texts(told: Any, key: str) -> list[str]:
    """Returns a list of different texts.

    Raises:
        ValueError: if it is something else, or holds one twice.

    Example:
        >>> told_texts({"words": ["a", "b"]}, "words")
        ['a', 'b']
    """
    value = told_value(told, key)
    if not isinstance(value, list) or any(not isinstance(one, str) for one in value):
        raise ValueError(f"the encoder's {key!r} must be a list of texts")
    if len(set(value)) < len(value):
        raise ValueError(f"the encoder's {key!r} holds a text twice")
    return list(value)
