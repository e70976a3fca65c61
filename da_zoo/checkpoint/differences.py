"""How two descriptions of a training differ, in words."""

from collections.abc import Mapping
from typing import Any

__all__ = ["differences"]


def differences(
    then: Mapping[str, Any], now: Mapping[str, Any], at: str = ""
) -> list[str]:
    """Names what differs between two identities.

    Args:
        then: the checkpoint's.
        now: this training's.
        at: where in them.

    Example:
        >>> differences({"a": {"b": 1}, "c": 2}, {"a": {"b": 3}, "c": 2})
        ['a / b was 1, is 3']
    """
    found = []
    for key in dict.fromkeys([*then, *now]):
        path = f"{at} / {key}" if at else str(key)
        old, new = then.get(key), now.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found += differences(old, new, path)
        elif old != new:
            found.append(f"{path} was {_short(old)}, is {_short(new)}")
    return found


def _short(value: Any) -> str:
    text = "not there" if value is None else str(value)
    return text if len(text) <= 60 else text[:57] + "..."
