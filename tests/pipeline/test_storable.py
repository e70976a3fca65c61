"""What cannot be kept is refused before training, and costs no model on the disk."""

import sys

import numpy as np
import pytest

from da_zoo.pipeline import adapt, load
from da_zoo.pipeline.prepare import prepare
from da_zoo.pipeline.saved import save
from da_zoo.pipeline.sides import read_sides
from da_zoo.pipeline.storable import check_storable
from da_zoo.pipeline.train import Wishes, make_spec

y = np.repeat(["cat", "dog"], 20)
x = np.random.default_rng(0).normal(size=(40, 4)) + 3.0 * (y == "dog")[:, None]
FAST = {"steps": 5, "baseline": False, "network_options": {"hidden": [8]}}


def test_numbers_of_numpy_are_numbers(tmp_path):
    numbers = {
        "trade_off": np.float32(1),
        "learning_rate": np.array(0.01),
        "network_options": {"hidden": (np.int64(8),)},
    }
    found = adapt((x, y), x + 1, out=tmp_path, **(FAST | numbers))
    assert load(tmp_path).predict(x).tolist() == found.model.predict(x).tolist()
    assert load(tmp_path).spec == found.model.spec


def test_so_are_those_of_the_training():
    sides = read_sides((x, y), x + 1)
    spec = make_spec(
        "dann",
        sides,
        prepare(sides, 0, {}),
        reading={"limit": np.int64(40)},
        labelled_target=False,
        wishes=Wishes(steps=np.int64(5), batch_size=np.int32(16), seed=np.uint8(1)),
        hyperparameters={},
    )
    check_storable(spec)
    kept = [spec.trained[name] for name in ("steps", "batch_size", "seed")]
    assert kept == [5, 16, 1] and {type(one) for one in kept} == {int}


def test_a_description_that_is_no_json_replaces_nothing(tmp_path):
    found = adapt((x, y), x + 1, out=tmp_path, **FAST)
    before = {p.name: p.read_bytes() for p in tmp_path.glob("[mw]*.*")}
    assert {"model.json", "weights.safetensors"} <= set(before)
    bad = found.model.spec._replace(reading={"nobody": float("nan")})
    with pytest.raises(ValueError, match="JSON"):
        save(found.model._replace(spec=bad), tmp_path)
    assert {p.name: p.read_bytes() for p in tmp_path.glob("[mw]*.*")} == before


@pytest.mark.parametrize(
    ("options", "limit", "message"),
    [
        ({"reading": {"kernel": {1}}}, {}, "kernel=.1. cannot be kept"),
        ({}, {"limits.LARGEST_ROW": 3}, "loaded again: its rows of shape .4. have"),
        ({}, {"limits.LARGEST_WIDTH": 7}, "loaded again: its network's hidden is 8"),
        ({}, {"saved.MOST_SOURCES": 0}, "loaded again: its sources must be"),
    ],
)
def test_what_cannot_be_kept_is_refused_before_training(
    options, limit, message, monkeypatch
):
    for name, value in limit.items():
        monkeypatch.setattr(f"da_zoo.pipeline.{name}", value)
    module = sys.modules["da_zoo.pipeline.adapt"]  # the package's name is a function's
    monkeypatch.setattr(module, "train", lambda *a, **k: pytest.fail("it trained"))
    with pytest.raises(ValueError, match=message):
        adapt((x, y), x + 1, **FAST, **options)
