"""DomainData: numbering, missing labels, fingerprints."""

import numpy as np
import pytest

from da_zoo.data.domain_data import (
    class_name,
    fingerprint,
    in_order,
    make_domain_data,
    renumbered,
)

X = np.arange(8.0).reshape(4, 2)


def test_classes_are_sorted_as_numbers_where_they_are() -> None:
    data = make_domain_data("a", "features", X, ["10", "9", "", "9"])
    assert data.classes == ("9", "10")
    assert data.labels.tolist() == [1, 0, 0, 0]
    assert data.labelled.tolist() == [True, True, False, True]


@pytest.mark.parametrize("cell", [1, 1.0, True, "1", np.int64(1), np.float32(1)])
def test_one_class_whatever_its_type(cell: object) -> None:
    value = cell.item() if isinstance(cell, np.generic) else cell
    assert class_name(value) == "1"


def test_given_classes_keep_their_order_and_refuse_others() -> None:
    data = make_domain_data("a", "features", X, list("yxyx"), classes=("y", "x"))
    assert data.labels.tolist() == [0, 1, 0, 1]
    with pytest.raises(ValueError, match=r"classes \['z'\].*not among"):
        make_domain_data("a", "features", X, list("yxyz"), classes=("y", "x"))


def test_values_must_be_finite_numbers() -> None:
    data = make_domain_data("a", "features", X, [1, 2.5, None, 4], regression=True)
    assert data.continuous and data.labels.tolist() == [1, 2.5, 0, 4]
    with pytest.raises(ValueError, match=r"row 1.*'high'"):
        make_domain_data("a", "features", X, [1, "high", 2, 3], regression=True)


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="4 rows and 3 labels"):
        make_domain_data("a", "features", X, [1, 2, 3])
    with pytest.raises(ValueError, match="no rows"):
        make_domain_data("a", "features", X[:0])


@pytest.mark.parametrize("change", ["x", "label", "domain"])
def test_the_fingerprint_sees_every_part(change: str) -> None:
    parts = {"x": X, "labels": list("abab"), "domain": list("ppqq")}
    before = make_domain_data("a", "features", parts.pop("x"), **parts)
    x = X + (change == "x")
    labels = list("abab" if change != "label" else "abaa")
    domain = list("ppqq" if change != "domain" else "pppq")
    after = make_domain_data("b", "features", x, labels, domain=domain)
    assert before.fingerprint != after.fingerprint
    again = make_domain_data("b", "features", X, list("abab"), domain=list("ppqq"))
    assert before.fingerprint == again.fingerprint


def test_domains_are_taken_apart() -> None:
    data = make_domain_data("a", "features", X, list("abab"), domain=list("qpqp"))
    assert data.domains == ("p", "q")
    own = data.of("q")
    np.testing.assert_array_equal(own.x, X[[0, 2]])
    assert own.labels.tolist() == [0, 0] and own.domains == ("q",)
    with pytest.raises(ValueError, match="no domain 'r'"):
        data.of("r")


def test_without_labels_none_is_left() -> None:
    data = make_domain_data("a", "features", X, list("abab")).without_labels()
    assert data.labels is None and not data.labelled.any() and data.classes == ()


def test_renumbered_by_another_list() -> None:
    data = make_domain_data("a", "features", X, list("bcbc"))
    assert renumbered(data, ("c", "x", "b")).labels.tolist() == [2, 0, 2, 0]
    with pytest.raises(ValueError, match=r"\['c'\].*not among"):
        renumbered(data, ("b", "x"))


def test_fingerprints_know_where_parts_end() -> None:
    assert fingerprint("ab", "c") != fingerprint("a", "bc")
    texts = np.array(["ab", "c"]), np.array(["a", "bc"])
    assert fingerprint(texts[0]) != fingerprint(texts[1])


def test_classes_that_look_alike_are_told() -> None:
    data = make_domain_data("a", "features", X, ["Yes", "yes", "no", "no"])
    assert data.classes == ("Yes", "no", "yes")
    assert data.notes == (
        "The classes 'Yes' and 'yes' are told apart, and look like one.",
    )


def test_odd_labels_are_names_or_none() -> None:
    cells = [float("inf"), np.float32(1), np.True_, " "]
    data = make_domain_data("a", "features", X, cells)
    assert data.classes == ("1", "inf")
    assert data.labelled.tolist() == [True, True, True, False]


def test_the_order_of_classes_does_not_hang_on_hashes() -> None:
    for names in (["nan", "0", "1", "2"], ["2", "1", "0", "nan"]):
        assert in_order(names) == ("0", "1", "2", "nan")
