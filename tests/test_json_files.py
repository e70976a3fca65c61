"""Strict JSON in and out: what ends differently here than with Python's own reader."""

import json

import numpy as np
import pytest

from da_zoo.json_files import digest, parse_json, read_json, strict_json


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"a": NaN}', "NaN is not strict JSON"),
        (b"[-Infinity]", "-Infinity is not strict JSON"),
        (b'"\xff"', "byte 1 is not UTF-8"),
        (b'{"a": 1', "Expecting"),
        (b"", "Expecting value"),
        (b"9" * 10_000, "digits"),
        (b"[" * 100_000, "too deep"),
        (b"[" * 33 + b"]" * 33, "too deep within each other, more than 32"),
    ],
)
def test_what_is_no_strict_json_is_refused_with_its_path(tmp_path, content, message):
    path = tmp_path / "rows.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        read_json(path)
    assert str(caught.value).startswith(str(path))


def test_the_limits_themselves_are_allowed(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(b"[" * 32 + b"]" * 32)
    read_json(path, most_bytes=64)
    with pytest.raises(ValueError, match="over 63 bytes"):
        read_json(path, most_bytes=63)


def test_what_is_made_strict_is_read_back_equal():
    value = {"a": np.float32(0.5), "b": (np.arange(3), float("nan")), 7: None}
    plain = strict_json(value)
    assert plain == {"a": 0.5, "b": [[0, 1, 2], None], "7": None}
    assert parse_json(json.dumps(plain, allow_nan=False)) == plain


def test_digests_tell_values_apart_and_not_spellings():
    assert digest({"a": (1, 2), "b": 0}) == digest({"b": 0, "a": [1, 2]})
    seen = [{"a": 1}, {"a": 1.5}, {"a": "1"}, {"b": 1}, {"a": [1]}, {}]
    assert len({digest(one) for one in seen}) == len(seen)
    with pytest.raises(ValueError, match="JSON compliant"):
        digest({"a": float("nan")})
