import numpy as np
import pytest

from da_zoo.advice.named import named_pair


def pair(source, target, data_dir=None):
    return named_pair(source, target, seed=0, data_dir=data_dir)


def test_parts_of_a_name_come_in_any_order():
    found = pair(
        "digits8:over07:parity:classes_0_4", "digits8:parity:classes_0_4:over07"
    )
    assert found.same_task and set(found.source.y) == {"0", "1"}
    assert pair("digits8", "digits8:parity").same_task is False


def test_sides_share_no_row_and_know_their_label_sets():
    found = pair("digits8", "digits8:classes_0_4")
    known = {row.tobytes() for row in found.source.x}
    assert not any(row.tobytes() in known for row in found.target.x)
    assert found.label_sets == "partial"


def test_values_stay_values():
    found = pair("diabetes", "diabetes:high_bmi")
    assert found.source.continuous and found.source.x.shape[1] == 10
    assert pair("breast_cancer", "breast_cancer:worst").target.y.dtype.kind == "U"


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (("digits", "digits8"), "did you mean 'digits8'"),
        (("digits8:over7", "digits8"), "did you mean 'over07'"),
        (("digits8", "breast_cancer"), "different rules"),
        (("mnist", "usps"), "--data"),
        (("breast_cancer:digit", "breast_cancer"), "unknown part 'digit'"),
    ],
)
def test_wrong_names_are_told(names, told):
    with pytest.raises(ValueError, match=told):
        pair(*names)


def test_real_digits_are_read(data_dir):
    found = pair("mnist", "usps", data_dir)
    assert found.source.x.shape[1:] == found.target.x.shape[1:] == (16, 16, 1)
    assert found.source.x.dtype == np.uint8
