"""Checkpoints of strangers and of bad disks: the same bits, or refused."""

import functools
import json
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import da_zoo
from da_zoo import ArrayData, Checkpointing
from tests.checkpoint.orbax_remains import IGNORED, swept  # noqa: F401
from tests.fuzz.clean import answer, damaged, edited, folder, fuzz

pytestmark = [pytest.mark.usefixtures("swept"), *IGNORED]

EXAMPLES = 120
STEPS = 4
ROWS = np.linspace(-1, 1, 24, dtype=np.float32).reshape(8, 3)
TOLD = "group_000/{}/told/metadata"


def train(there: Path) -> da_zoo.FitResult:
    network = da_zoo.network_by_name("mlp", hidden=(4,))
    return da_zoo.fit(
        da_zoo.METHODS["source_only"].factory(network, classes=2),
        ArrayData((ROWS, np.arange(8) % 2), ROWS),
        jax.random.key(0),
        steps=STEPS,
        batch_size=4,
        checkpoint=Checkpointing(there, every=2, keep=2),
        name="source_only",
    )


@functools.cache
def finished() -> tuple[dict[str, bytes], list[bytes]]:
    """The files of a finished training, and the bits that it ended with."""
    with folder() as name:
        result = train(name / "run")
        files = {
            str(path.relative_to(name / "run")): path.read_bytes()
            for path in sorted((name / "run").rglob("*"))
            if path.is_file()
        }
        return files, bits(result)


def bits(result: da_zoo.FitResult) -> list[bytes]:
    leaves = jax.tree.leaves(result.state._replace(key=np.zeros(1)))
    return [np.asarray(leaf).tobytes() for leaf in leaves]


def written(name: Path, changed: dict[str, bytes | None]) -> Path:
    """The training's folder, with other contents of some files, or without them."""
    there = name / "run"
    for file, content in {**finished()[0], **changed}.items():
        if content is not None:
            (there / file).parent.mkdir(parents=True, exist_ok=True)
            (there / file).write_bytes(content)
    return there


def goes_on_or_refuses(there: Path) -> None:
    found, error = answer(lambda: train(there), str(there), "checkpoint")
    if error is None:
        assert bits(found) == finished()[1]


@fuzz(60)
@given(st.data())
def test_damaged_files_are_fallen_back_over(data: Any) -> None:
    with folder() as name:
        files = finished()[0]
        chosen = data.draw(
            st.lists(st.sampled_from(sorted(files)), min_size=1, max_size=3)
        )
        changed = {
            file: data.draw(st.one_of(st.none(), damaged(files[file])))
            for file in chosen
        }
        goes_on_or_refuses(written(name, changed))


@fuzz(60)
@given(st.data())
def test_edited_descriptions_are_refused_or_fallen_back_over(data: Any) -> None:
    with folder() as name:
        step = data.draw(st.sampled_from([2, STEPS]))
        file = TOLD.format(step)
        told = json.loads(finished()[0][file])
        content = json.dumps(data.draw(edited(told))).encode()
        goes_on_or_refuses(written(name, {file: content}))
