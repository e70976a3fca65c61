"""Strict JSON, and files of it from anywhere: too large or damaged is a clean error."""

import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

__all__ = [
    "DEEPEST",
    "MOST_BYTES",
    "depth_flaw",
    "digest",
    "parse_json",
    "plain_texts",
    "read_json",
    "refuse_constant",
    "strict_json",
]

MOST_BYTES = 64 * 1024 * 1024
"""Of a file, where nothing else is said; ours of this kind take some kilobytes."""
_UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
DEEPEST = 32
"""Lists and objects within each other, where nothing else is said."""


def read_json(
    path: str | Path, *, most_bytes: int = MOST_BYTES, deepest: int = DEEPEST
) -> Any:
    """Reads a JSON file.

    Args:
        path: of it.
        most_bytes: that it may have.
        deepest: how many lists and objects may lie within each other.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is larger, deeper, no UTF-8 or no strict JSON; the message
            begins with the path.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "a.json"
        >>> _ = path.write_text('{"a": [1, 2]}')
        >>> read_json(path)
        {'a': [1, 2]}
    """
    with Path(path).open("rb") as file:
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise ValueError(f"{path} is over {most_bytes} bytes: no such file of ours is")
    try:
        return parse_json(content, deepest=deepest)
    except ValueError as error:
        raise ValueError(f"{path} is damaged or no JSON: {error}") from None


def parse_json(content: str | bytes, *, deepest: int = DEEPEST) -> Any:
    """Parses strict JSON, without NaN and Infinity.

    Args:
        content: text, or its UTF-8.
        deepest: how many lists and objects may lie within each other.

    Raises:
        ValueError: for anything else.

    Example:
        >>> parse_json("[" * 10**6)
        Traceback (most recent call last):
        ...
        ValueError: values lie too deep within each other
        >>> parse_json("[NaN]")
        Traceback (most recent call last):
        ...
        ValueError: NaN is not strict JSON
    """
    try:
        text = content.decode("utf-8") if isinstance(content, bytes) else content
        found = json.loads(text, parse_constant=refuse_constant)
    except RecursionError:
        raise ValueError("values lie too deep within each other") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start} is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{error}") from None
    if flaw := depth_flaw(found, deepest):
        raise ValueError(flaw)
    return found


def depth_flaw(value: Any, deepest: int = DEEPEST) -> str:
    """Says whether values lie too deep within each other to be gone through.

    Args:
        value: of JSON.
        deepest: how many lists and objects may.

    Example:
        >>> depth_flaw({"a": [1, {"b": "c"}]})
        ''
        >>> depth_flaw([[[]]], deepest=2)
        'values lie too deep within each other, more than 2'
    """
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(deepest):
        level = [
            inner
            for one in level
            for inner in (one.values() if isinstance(one, dict) else one)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return ""
    return f"values lie too deep within each other, more than {deepest}"


def plain_texts(value: Any) -> Any:
    r"""Replaces what no terminal and no file should be sent, in all texts of a value.

    Args:
        value: of JSON, not too deep.

    Returns:
        The same with "?" for control characters (but line ends and tabs), which can
        steer a terminal, and for halves of characters, which no file can hold.

    Example:
        >>> plain_texts({"reason": ["\x1b[2J gone", "a\n"]})
        {'reason': ['?[2J gone', 'a\n']}
    """
    if isinstance(value, str):
        return _UNFIT.sub("?", value)
    if isinstance(value, dict):
        return {_UNFIT.sub("?", name): plain_texts(v) for name, v in value.items()}
    return [plain_texts(one) for one in value] if isinstance(value, list) else value


def strict_json(value: Any, *, other: Callable[[Any], Any] | None = None) -> Any:
    """Makes a value strict JSON: non-finite numbers null, NumPy's plain.

    Args:
        value: anything made of mappings, sequences, arrays, numbers and text.
        other: what becomes of anything else; None leaves it, for ``json.dumps`` to
            refuse.

    Example:
        >>> strict_json({"nll": float("inf"), "network": (128, 64)})
        {'nll': None, 'network': [128, 64]}
        >>> strict_json([np.float32(0.5), 1 + 1j], other=str)
        [0.5, '(1+1j)']
    """
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, Mapping):
        return {str(name): strict_json(one, other=other) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [strict_json(one, other=other) for one in value]
    return value if other is None else other(value)


def refuse_constant(name: str) -> float:
    """Refuses NaN and Infinity, which Python's JSON reader takes by default.

    Args:
        name: the constant, as handed over by ``json.loads(parse_constant=...)``.

    Raises:
        ValueError: always.

    Example:
        >>> refuse_constant("NaN")
        Traceback (most recent call last):
        ...
        ValueError: NaN is not strict JSON
    """
    raise ValueError(f"{name} is not strict JSON")


def digest(value: Any) -> str:
    """Returns the sha256 of a JSON-like value, independent of key order.

    Example:
        >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
        True
    """
    text = json.dumps(value, sort_keys=True, default=str, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
