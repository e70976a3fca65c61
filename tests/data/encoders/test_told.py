import pytest

from da_zoo.data.encoders.told import (
    told_numbers,
    told_text,
    told_texts,
    told_value,
    told_whole,
)


@pytest.mark.parametrize("value", [None, True, 0, 10, 2.0, "3", [3]])
def test_a_whole_number_in_its_range(value):
    with pytest.raises(ValueError, match=r"'a' must be a whole number in 1\.\.9"):
        told_whole({"a": value}, "a", 1, 9)


@pytest.mark.parametrize(
    "value", [None, 3, "3", [True], ["3"], [None], [float("nan")], [1e999], [10**999]]
)
def test_numbers_are_finite(value):
    with pytest.raises(ValueError, match="'a'"):
        told_numbers({"a": value}, "a")


def test_texts_and_objects():
    with pytest.raises(ValueError, match="'a' must be text, got int"):
        told_text({"a": 3}, "a")
    for value in ("a", [3], ["a", "a"], None):
        with pytest.raises(ValueError, match="'a'"):
            told_texts({"a": value}, "a")
    with pytest.raises(ValueError, match="lacks 'a'; it has"):
        told_value({"b": 1}, "a")
    with pytest.raises(ValueError, match="JSON object, got list"):
        told_value(["a"], "a")
