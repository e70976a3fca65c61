"""Suite files of users and strangers: a suite, or what is wrong with the file."""

import json
import math
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from da_zoo.scenarios import load_suite
from da_zoo.scenarios.resolve import resolve
from da_zoo.scenarios.suite import FOLDER, Suite
from tests.fuzz.clean import answer, damaged, edited, folder, fuzz, untouched

EXAMPLES = 300

DECLARED = {
    "name": "mine",
    "label_fractions": [0.1],
    "defaults": {"network": "mlp", "steps": 2, "batch_size": 4},
    "domains": {
        "a": {"file": "a.csv", "label": "y", "test": 0.25, "drop": ["n"]},
        "b": {"file": "b.csv", "label": "y", "missing_in": {"n": [0]}},
    },
    "tasks": {
        "sick": {"classes": ["no", "yes"], "merge": {"no": ["0"], "yes": ["1", "2"]}}
    },
    "pairs": [{"domains": ["a", "b"], "task": "sick"}],
}
KNOWN = {
    "defaults_from": "embedded",
    "scenarios": [
        {
            "name": "s",
            "source": {"pool": "digits8", "task": "digit"},
            "target": {"pool": "digits8", "input_map": "invert", "task": "digit"},
        }
    ],
}
ODD = (
    "",
    "a = " + "[" * 5000 + "]" * 5000,
    "a = " + "{b = " * 300 + "1" + "}" * 300,
    "\n".join("[" + ".".join(["a"] * n) + "]" for n in range(1, 200)),
    "a = " + "9" * 5000,
    "a = 1\na = 2",
    "defaults = 3",
    "#" * (2**20 + 1),
    'domains = "a"',
    "scenarios = 3",
    "pairs = {a = 1}",
    "label_fractions = 0.1",
    "a = 9999-99-99",
)


def toml(value, depth=0):
    """A value as TOML writes it; what TOML cannot hold becomes text."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict) and depth == 0:
        return "\n".join(f"{key(k)} = {toml(v, 1)}" for k, v in value.items())
    if isinstance(value, dict):
        return (
            "{" + ", ".join(f"{key(k)} = {toml(v, 1)}" for k, v in value.items()) + "}"
        )
    if isinstance(value, list):
        return "[" + ", ".join(toml(v, 1) for v in value) + "]"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, int | float):
        return repr(value)
    return key("" if value is None else str(value))


def key(text):
    """A quoted key or text; TOML has no half characters."""
    return json.dumps(text.encode("utf-8", "replace").decode(), ensure_ascii=True)


def reads(content: bytes) -> None:
    with folder() as name:
        path = name / "mine.toml"
        path.write_bytes(content)
        with untouched(name):
            suite, _ = answer(lambda: load_suite(path), "mine.toml", "scenario")
            if suite is not None:
                assert isinstance(suite, Suite) and suite.scenarios
                answer(lambda: (suite.width, suite.needs_data))
                # Files that are not there: said, with the folder that was looked in.
                answer(lambda: resolve(suite.scenarios, name))


def test_what_is_edited_is_a_suite_to_begin_with(tmp_path):
    for document in (DECLARED, KNOWN):
        assert tomllib.loads(toml(document)) == document
        path = tmp_path / "a.toml"
        path.write_text(toml(document))
        assert load_suite(path).scenarios


@fuzz(200)
@given(st.sampled_from([DECLARED, KNOWN]), st.data())
def test_edited(document, data):
    reads(toml(data.draw(edited(document))).encode())


@fuzz(100)
@given(st.sampled_from(["embedded", "hospitals", "template"]), st.data())
def test_damaged(shipped, data):
    content = (FOLDER / f"{shipped}.toml").read_bytes()
    reads(data.draw(damaged(content)))


@pytest.mark.parametrize("number", range(len(ODD)))
def test_odd(number):
    reads(ODD[number].encode())
