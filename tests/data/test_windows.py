import numpy as np
import pytest

from da_zoo.data.windows import window_rows


def test_windows_never_mix_recordings_and_the_rest_is_counted():
    names = ["a", "b"] * 5 + ["a", "c"]
    rows, notes = window_rows(names, 3, 2)
    assert rows.tolist() == [[0, 2, 4], [4, 6, 8], [1, 3, 5], [5, 7, 9]]
    assert notes == (
        "1 of 3 recordings are shorter than length=3: left out.",
        "1 of 12 samples, at the ends of recordings, fill no window: left out.",
    )
    assert window_rows([0] * 6, 3, 3)[1] == ()
    # A hop that skips the end leaves nothing unsaid.
    assert window_rows([0] * 7, 2, 5) == (pytest.approx(np.array([[0, 1], [5, 6]])), ())


def test_a_window_has_to_fit():
    with pytest.raises(ValueError, match="length=4 samples; the longest has 3"):
        window_rows("aabbb", 4, 1)
    with pytest.raises(ValueError, match="hop must be at least 1, got 0"):
        window_rows("aa", 1, 0)
