import numpy as np
import pytest

from da_zoo.data.signals import read_signals, windows


def written(folder, lines, name="a.csv"):
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("samples", "length", "hop", "count"),
    [(10, 4, 2, 4), (10, 4, 4, 2), (10, 10, 3, 1), (9, 10, 1, 0), (10, 1, 1, 10)],
)
def test_windows_start_a_hop_apart_and_end_within_the_series(
    samples, length, hop, count
):
    series = np.arange(2 * samples).reshape(samples, 2)
    found = windows(series, length, hop)
    assert found.shape == (count, length, 2)
    for i, window in enumerate(found):
        np.testing.assert_array_equal(window, series[i * hop : i * hop + length])


@pytest.mark.parametrize(("length", "hop"), [(0, 1), (1, 0)])
def test_windows_need_a_length_and_a_hop(length, hop):
    with pytest.raises(ValueError, match="must be at least 1, got 0"):
        windows(np.arange(4), length, hop)


def test_a_long_table_is_cut_by_recording_and_its_labels_stay_aligned(tmp_path):
    # Two recordings whose rows alternate; "t" of run b goes on from 100. Labels
    # change at sample 4 of run a: the window 3..5 has two and is left out.
    lines = ["run,left,kind,right"]
    for t in range(7):
        lines.append(f"a,{t},{'walk' if t < 4 else 'rest'},{-t}")
        lines.append(f"b,{100 + t},walk,{-100 - t}")
    found = read_signals(
        written(tmp_path, lines), length=3, hop=3, label="kind", series="run"
    )
    assert found.classes == ("rest", "walk")
    assert found.x.dtype == np.float32 and found.y.dtype == np.int32
    np.testing.assert_array_equal(
        found.x[:, :, 0], [[0, 1, 2], [100, 101, 102], [103, 104, 105]]
    )
    np.testing.assert_array_equal(found.x[:, :, 1], -found.x[:, :, 0])
    np.testing.assert_array_equal(found.y, [1, 1, 1])
    # With a hop of 1 both labels are there, each with its own samples.
    found = read_signals(
        written(tmp_path, lines), length=3, hop=1, label="kind", series="run"
    )
    assert found.x[found.y == 0][:, :, 0].tolist() == [[4, 5, 6]]
    assert ((found.x[found.y == 0][:, :, 0] >= 4).all(), len(found.y)) == (True, 8)


def test_a_table_without_labels_and_the_sources_class_numbers(tmp_path):
    path = written(tmp_path, ["v,label"] + [f"{t},b" for t in range(4)])
    assert read_signals(path, length=2, classes=("a", "b")).y.tolist() == [1, 1]
    path = written(tmp_path, ["v", "1", "2", "3"])
    found = read_signals(path, length=2, label=None)
    assert (found.x.tolist(), found.y) == ([[[1], [2]]], None)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["v,label", "1,a", "x,a"], r"line 3, column 'v': 'x' is no finite number"),
        (["v,label", "1,a", "nan,a"], r"line 3, column 'v': 'nan' is no finite"),
        (["v,label", "1,a", ",a"], r"line 3, column 'v': '' is no finite number"),
        (["v,label", "1,a", "2"], "line 3: 1 cells where the header has 2"),
        (["v", "1", "2"], r"no column 'label'; it has \['v'\]"),
        (["label", "a", "b"], r"no column of numbers beside \['label'\]"),
        (["v,label", "1,a"], "no recording has length=2 samples; the longest has 1"),
        (["v,label", "1,a", "2,b"], "no window of length=2 has one label throughout"),
        (["v,label", "1,a", "2,"], r"line 3, column 'label': the label is empty"),
    ],
)
def test_bad_tables_are_named_with_line_and_column(tmp_path, lines, message):
    with pytest.raises(ValueError, match=message):
        read_signals(written(tmp_path, lines), length=2)


def test_archives(tmp_path):
    path = tmp_path / "a.npz"
    x, y = np.arange(24).reshape(2, 4, 3), np.array([1, 0], np.uint8)
    np.savez(path, x=x, y=y)
    found = read_signals(path)
    np.testing.assert_array_equal(found.x, x)
    assert (found.x.dtype, found.y.dtype) == (np.float32, np.int32)
    assert found.y.tolist() == [1, 0]
    np.savez(path, x=x[:, :, 0])
    found = read_signals(path)
    assert (found.x.shape, found.y) == ((2, 4, 1), None)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"z": np.ones(2)}, r"lacks the arrays \['x'\]"),
        ({"x": np.ones(2)}, r"x must be numbers \[n, time, channels\]"),
        ({"x": np.ones((0, 4, 1))}, "x must be numbers"),
        ({"x": np.array([["a"]])}, "x must be numbers"),
        ({"x": np.full((2, 4, 1), np.inf)}, "infinite values in 2 windows.* is 0"),
        ({"x": np.ones((2, 4, 1)), "y": np.ones(3, int)}, "y must be 2 integers"),
        ({"x": np.ones((2, 4, 1)), "y": np.ones(2)}, "y must be 2 integers"),
        ({"x": np.ones((2, 4, 1)), "y": np.array([0, -1])}, "integers from 0"),
        ({"x": np.array([{}, {}], dtype=object)}, "pickled Python objects"),
    ],
)
def test_bad_archives_are_named(tmp_path, arrays, message):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(ValueError, match=rf"a\.npz.*{message}"):
        read_signals(tmp_path / "a.npz")


def test_a_pickle_is_never_loaded(tmp_path):
    class Trap:
        def __reduce__(self):
            return pytest.fail, ("was unpickled",)

    np.savez(tmp_path / "a.npz", x=np.ones((2, 4)), y=np.array([Trap()], dtype=object))
    with pytest.raises(ValueError, match="pickled Python objects"):
        read_signals(tmp_path / "a.npz")


def test_other_files_and_missing_arguments_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"a\.wav must end in \.npz or \.csv"):
        read_signals(tmp_path / "a.wav")
    with pytest.raises(ValueError, match="give the windows' length="):
        read_signals(written(tmp_path, ["v", "1"]))


def test_a_hop_of_zero_is_no_default(tmp_path):
    path = written(tmp_path, ["a", *map(str, range(10))])
    with pytest.raises(ValueError, match="hop must be at least 1, got 0"):
        read_signals(path, length=3, hop=0, label=None)
