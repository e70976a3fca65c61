import numpy as np
import pytest

from da_zoo.advice.rows import from_arrays
from da_zoo.advice.tasks import relate_tasks


def rows(labels, name="s"):
    return from_arrays(name, np.zeros((len(labels), 1)), labels)


@pytest.mark.parametrize(
    ("source", "target", "same", "label_sets"),
    [
        ("abab" * 10, "bbaa" * 10, True, "closed"),
        ("abcd" * 10, "abab" * 10, True, "partial"),
        ("abab" * 10, "abcc" * 10, False, "open"),
        ("abab" * 10, "xyxy" * 10, False, "closed"),
        ("a" * 990 + "b" * 10, "a" * 20, True, "closed"),  # b is too rare to be missed
        ("a" * 900 + "b" * 100, "a" * 80, True, "partial"),
    ],
)
def test_names_of_classes_decide(source, target, same, label_sets):
    found = relate_tasks(rows(list(source)), rows(list(target)))
    assert (found.same, found.label_sets) == (same, label_sets)
    assert found.reason


def test_numbers_are_one_task_and_another_than_classes():
    numbers = rows(np.arange(8) + 0.5)
    assert relate_tasks(numbers, numbers).same is True
    assert relate_tasks(numbers, rows(list("abababab"))).same is False
    assert relate_tasks(rows(list("abababab")), numbers).same is False


def test_without_labels_nothing_is_said_unless_it_is_known():
    source, target = rows(list("abababab")), from_arrays("t", np.zeros((8, 1)))
    assert relate_tasks(source, target).same is None
    known = relate_tasks(source, target, same=True, label_sets="partial")
    assert (known.same, known.label_sets) == (True, "partial")
    assert relate_tasks(source, target, same=False, label_sets="open").label_sets == (
        "closed"
    )


def test_what_is_stated_counts_and_a_contradiction_is_told():
    source, target = rows(list("abababab")), rows(list("xyxyxyxy"))
    found = relate_tasks(source, target, same=True)
    assert found.same and "say otherwise" in found.reason and "x, y" in found.reason
    agreed = relate_tasks(source, source, same=True)
    assert agreed.reason == "stated to be the same"


def test_long_lists_of_classes_are_cut():
    source = rows([str(i) for i in range(40)])
    assert "and 30 more" in relate_tasks(source, source).reason
