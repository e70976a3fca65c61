"""What only the files say: classes, label sets, and whether classes are skewed."""

import pytest

from da_zoo.methods import METHODS
from da_zoo.scenarios import build, load_suite
from da_zoo.scenarios.resolve import PARTIAL, explain_label_sets, resolve
from tests.scenarios.files import SUITE, table, write_suite

OPEN_TASK = SUITE.replace('classes = ["no", "yes"]', "")


def resolved(path, number=0):
    return resolve(load_suite(path).scenarios, None)[number]


def test_classes_come_from_the_files_where_the_task_has_none(tmp_path):
    path = write_suite(tmp_path, OPEN_TASK)
    assert load_suite(path).width == 0
    scenario = resolved(path)
    assert scenario.target.task.classes == ("no", "yes")
    assert scenario.target.domain.held == ("no", "yes")
    assert scenario.label_sets == "closed"
    assert explain_label_sets(scenario) == ""
    assert resolve([scenario], None) == (scenario,)


def test_label_sets_that_differ_are_computed_and_explained(tmp_path):
    three = table(90, classes=("no", "mild", "bad"))
    path = write_suite(tmp_path, OPEN_TASK, north=three)
    text = table(60, shift=3.0, seed=1, classes=("no", "bad"))
    (tmp_path / "south.csv").write_text(text)
    partial, opened = resolved(path), resolved(path, 1)
    assert (partial.label_sets, opened.label_sets) == ("partial", "open")
    told = explain_label_sets(partial)
    assert "lacks the classes mild of the source: label sets are partial" in told
    assert PARTIAL in told and PARTIAL in METHODS
    told = explain_label_sets(opened)
    assert "has the classes mild, which the source has not" in told
    assert "osbp predicts it" in told
    data = build(opened, seed=0)
    assert data.open_set
    assert (data.source_classes, data.target_classes) == (2, 3)
    assert set(data.source_train.labels.tolist()) == {0, 1}
    assert set(data.target_test.labels.tolist()) == {0, 1, 2}


def test_files_without_a_common_class_are_refused(tmp_path):
    path = write_suite(tmp_path, OPEN_TASK, south=table(60, classes=("0", "1")))
    with pytest.raises(ValueError, match="no class in common, no, yes and 0, 1; name"):
        resolved(path)


def test_a_domain_may_keep_some_of_its_classes(tmp_path):
    three = table(90, classes=("no", "mild", "yes"))
    text = SUITE.replace(
        'file = "north.csv"', 'file = "north.csv"\nclasses = ["no", "yes"]'
    )
    path = write_suite(tmp_path, text, north=three)
    assert resolved(path).label_sets == "closed"
    data = build(load_suite(path).scenarios[0], seed=0)
    assert any("no label of no, yes and are left out" in note for note in data.notes)


@pytest.mark.parametrize(
    ("skew", "metric"), [(0.5, "accuracy"), (0.8, "balanced_accuracy")]
)
def test_skewed_classes_are_ranked_by_the_balanced_accuracy(tmp_path, skew, metric):
    path = write_suite(tmp_path, north=table(80, skew=skew))
    both = resolve(load_suite(path).scenarios, None)
    assert {s.target.task.metric for s in both} == {metric}
    said = SUITE.replace("[splits]", 'metric = "macro_f1"\n[splits]')
    assert resolved(write_suite(tmp_path, said)).target.task.metric == "macro_f1"


def test_case_two_stays_case_two_once_the_files_are_read(tmp_path):
    text = SUITE.split("[[pairs]]")[0].replace(
        "[splits]", '[tasks.other]\nmerge = { a = ["no"], b = ["yes"] }\n[splits]'
    )
    text += (
        '[[scenarios]]\nname = "two"\nsource = { domain = "north", task = "disease" }\n'
        'target = { domain = "north", task = "other" }\n'
    )
    assert resolved(write_suite(tmp_path, text)).case == 2
