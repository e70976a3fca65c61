"""What runs out of memory is tried again narrower, and its rows say so."""

import jax
import numpy as np
import pytest

from da_zoo import ArrayData, fit, methods, network_by_name
from da_zoo.bench import execute, run
from da_zoo.bench import group as group_module
from da_zoo.bench.store import RowStore

SHORT = "RESOURCE_EXHAUSTED: Out of memory while trying to allocate 9 bytes."


@pytest.fixture
def device(monkeypatch):
    """A device that has room for so many runs at once; what was tried on it."""
    tried = []

    def room(runs, error):
        def short(*args, most_at_once=None, **kwargs):
            tried.append(most_at_once)
            if (most_at_once or 1e9) > runs:
                raise error
            return fit(*args, most_at_once=most_at_once, **kwargs)

        monkeypatch.setattr(group_module, "fit", short)
        return tried

    return room


def bench(out, **options):
    options = {"methods": ["source_only"], "seeds": 5} | options
    result = run(
        "embedded",
        scenarios=["plain_to_rot30"],
        tracks=("U",),
        steps=5,
        out=out,
        progress=False,
        **options,
    )
    rows, problems = RowStore.open(out, create=False).read()
    assert problems == []
    return result, rows


@pytest.mark.parametrize(
    "error",
    [jax.errors.JaxRuntimeError(SHORT), MemoryError("Unable to allocate 9 GiB")],
)
def test_halved_until_it_fits_and_told(error, device, tmp_path):
    tried = device(2, error)
    result, rows = bench(tmp_path / "out")
    assert tried == [None, 3, 2]
    assert (result.ran, result.failed) == (1, 0)
    for row in rows:
        assert row["status"] == "ok" and 0 < row["accuracy"] <= 1
        assert (row["group_width"], row["warnings"]) == (2, ["memory"])
    assert "Warning, memory (ran out of memory" in result.leaderboard.notes[-1]
    assert result.ran == 1
    assert bench(tmp_path / "out")[0].ran == 0, "a finished group was run again"


def test_what_one_run_has_no_room_for_fails(device, tmp_path):
    tried = device(0, jax.errors.JaxRuntimeError(SHORT))
    result, rows = bench(tmp_path / "out")
    assert tried == [None, 3, 2, 1]
    assert result.failed == 1
    assert {row["status"] for row in rows} == {"failed"}
    assert "RESOURCE_EXHAUSTED" in rows[0]["reason"]


def test_other_errors_are_not_tried_again(device, tmp_path):
    tried = device(0, ValueError("of another kind"))
    result, rows = bench(tmp_path / "out")
    assert tried == [None] and result.failed == 1
    assert rows[0]["reason"] == "ValueError: of another kind"


def test_a_shallow_method_has_nothing_to_halve(monkeypatch, tmp_path):
    tried = []

    def short(*args, **kwargs):
        tried.append(kwargs)
        raise MemoryError("9 GiB")

    (kind,) = [k for k, runner in execute.RUNNERS.items() if not runner.shares]
    runner = execute.RUNNERS[kind]._replace(run=short)
    monkeypatch.setitem(execute.RUNNERS, kind, runner)
    result, rows = bench(tmp_path / "out", methods=["unadapted"])
    assert len(tried) == 1 and result.failed == 1
    assert rows[0]["reason"] == "MemoryError: 9 GiB"


def test_most_at_once_bounds_the_width_and_nothing_else():
    generator = np.random.default_rng(0)
    data = ArrayData((generator.normal(size=(32, 4)), np.arange(32) % 2))
    recipe = methods.source_only(network_by_name("mlp", hidden=(4,)), classes=2)
    options = {"steps": 5, "seeds": 3, "workers": 1}
    wide = fit(recipe, data, jax.random.key(0), **options)
    narrow = fit(recipe, data, jax.random.key(0), most_at_once=2, **options)
    assert (wide.width, narrow.width) == (3, 2)
    for name, values in wide.history.items():
        np.testing.assert_allclose(values, narrow.history[name], atol=1e-5)
    with pytest.raises(ValueError, match="most_at_once must be at least 1, got 0"):
        fit(recipe, data, jax.random.key(0), most_at_once=0, **options)
