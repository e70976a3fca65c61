"""The suites of several sources, partial and open label sets, through the runner."""

import numpy as np
import pytest

from da_zoo.bench import run
from da_zoo.bench.scoring import answers
from da_zoo.bench.store import RowStore
from da_zoo.open_set import open_set_scores
from da_zoo.programs import forget_programs
from da_zoo.scenarios import build, load_suite


@pytest.fixture(autouse=True)
def _few_programs():
    yield
    forget_programs()


def rows_of(suite, out, methods, scenarios):
    result = run(
        suite,
        methods=methods,
        scenarios=scenarios,
        tracks=("U",),
        steps=20,
        seeds=1,
        out=out,
        progress=False,
    )
    rows, problems = RowStore.open(out, create=False).read()
    assert problems == []
    assert result.failed == 0, [row["reason"] for row in rows]
    return {row["method"]: row for row in rows}


@pytest.mark.slow
def test_several_sources(tmp_path):
    rows = rows_of(
        "embedded_multi", tmp_path, ["source_only", "m3sda"], ["three_to_over07"]
    )
    assert {row["status"] for row in rows.values()} == {"ok"}
    assert {row["sources"] for row in rows.values()} == {3}
    assert {row["case"] for row in rows.values()} == {3}


@pytest.mark.slow
def test_partial_label_sets(tmp_path):
    name = "plain_to_over07_classes_0_4"
    rows = rows_of("embedded_partial", tmp_path, ["pada", "osbp"], [name])
    assert rows["pada"]["status"] == "ok"
    assert rows["pada"]["label_sets"] == "partial"
    assert rows["pada"]["hos"] is None
    assert rows["osbp"]["status"] == "na"
    assert "label sets are partial" in rows["osbp"]["reason"]


@pytest.mark.slow
def test_open_label_sets(tmp_path):
    name = "classes_0_4_to_plain"
    rows = rows_of("embedded_open", tmp_path, ["source_only", "osbp"], [name])
    scenario = next(s for s in load_suite("embedded_open").scenarios if s.name == name)
    labels = build(scenario, seed=0).target_test.labels
    store = RowStore.open(tmp_path, create=False)
    for row in rows.values():
        assert row["status"] == "ok"
        assert row["label_sets"] == "open"
        assert row["nll"] is None
        logits = store.load_logits(row["group"])["seed_0"]
        assert logits.shape == (len(labels), 6)
        scores = open_set_scores(logits.argmax(axis=1), labels, known=5)
        for field, value in scores.items():
            assert row[field] == pytest.approx(value, abs=0.02), field
        hits = np.mean(logits.argmax(axis=1) == labels)
        assert row["accuracy"] == pytest.approx(hits, abs=0.02)
        assert row["accuracy_oracle"] >= row["accuracy"]


def test_a_method_without_an_unknown_class_answers_by_confidence():
    (scenario, *_) = load_suite("embedded_open").scenarios
    data = build(scenario, seed=0)
    padded = np.full((2, 10), -1e9)
    padded[:, :5] = [[9.0, 0, 0, 0, 0], [0.1, 0, 0, 0, 0]]
    assert answers(padded, data).argmax(axis=1).tolist() == [0, 5]
    padded[:, 5] = [0.0, 8.0]
    own = answers(padded, data, predicts_unknown=True)
    assert own.argmax(axis=1).tolist() == [0, 5]
    assert own.shape == (2, 6)
