import numpy as np
import pytest

from da_zoo.advice.rows import from_arrays, read_file


def table(tmp_path, text, name="t.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_text(text, encoding=encoding)
    return path


LINES = "\n".join(f"{i},{i % 3},{'yes' if i % 2 else 'no'}" for i in range(9))


def test_a_table_gives_columns_and_class_names(tmp_path):
    rows = read_file(table(tmp_path, "a,b,answer\n" + LINES), label="answer")
    assert rows.columns == ("a", "b")
    assert rows.x.tolist()[:2] == [[0.0, 0.0], [1.0, 1.0]]
    assert rows.y.tolist()[:3] == ["no", "yes", "no"]
    assert rows.labelled.all() and not rows.continuous


@pytest.mark.parametrize("blank", ["", "?", "NA", "nan", " "])
def test_blank_cells_are_missing_values_and_labels(tmp_path, blank):
    text = "a;answer\n" + "\n".join(f"{i};{i % 2}" for i in range(8)) + f"\n{blank};1"
    text += f"\n3;{blank}\n"
    rows = read_file(table(tmp_path, text), label="answer")
    assert np.isnan(rows.x[8, 0]) and rows.labelled[8]
    assert rows.x[9, 0] == 3.0 and not rows.labelled[9]


def test_windows_files_and_quotes_are_read(tmp_path):
    text = '"a","the answer"\r\n' + "".join(f'"{i}.5",{i % 2}\r\n' for i in range(8))
    path = table(tmp_path, text, encoding="utf-8-sig")
    rows = read_file(path, label="the answer")
    assert rows.columns == ("a",) and rows.x[1, 0] == 1.5


def test_a_table_without_the_label_column_is_unlabelled(tmp_path):
    path = table(tmp_path, "a,b\n" + "\n".join(f"{i},{i}" for i in range(8)))
    assert read_file(path, label="answer").y is None
    with pytest.raises(ValueError, match="--label"):
        read_file(path, label="answer", need_labels=True)


def test_whole_numbers_are_classes_and_fractions_values():
    x = np.zeros((8, 1))
    assert from_arrays("t", x, np.arange(8.0)).y.tolist() == list("01234567")
    assert from_arrays("t", x, np.arange(8) + 0.5).continuous
    assert from_arrays("t", x, np.arange(8), regression=True).continuous
    assert from_arrays("t", x, [True, False] * 4).y.tolist()[:2] == ["1", "0"]
    with pytest.raises(ValueError, match="fraction"):
        from_arrays("t", x, np.arange(8) + 0.5, regression=False)
    with pytest.raises(ValueError, match="text"):
        from_arrays("t", x, list("abcdefgh"), regression=True)


def test_labels_may_lack_for_some_rows_or_all():
    x = np.zeros((8, 1))
    rows = from_arrays("t", x, [0, None, np.nan, 1, "", 2, 3, 4])
    assert rows.labelled.tolist() == [
        True,
        False,
        False,
        *[True] * 1,
        False,
        *[True] * 3,
    ]
    assert from_arrays("t", x, [None] * 8).y is None
    assert from_arrays("t", x, np.full(8, np.nan)).y is None


@pytest.mark.parametrize(
    ("x", "y", "error", "told"),
    [
        (np.zeros(8), None, ValueError, "at least 8 rows"),
        (np.zeros((7, 2)), None, ValueError, "at least 8 rows"),
        (np.zeros((8, 0)), None, ValueError, "a column"),
        (np.array([["a"]] * 8), None, TypeError, "must be numbers"),
        (np.full((8, 1), np.inf), None, ValueError, "infinite"),
        (np.full((8, 2, 2, 1), np.nan), None, ValueError, "only tables"),
        (np.zeros((8, 1)), [0, 1], ValueError, r"shape \(8,\)"),
        (np.zeros((8, 1)), [np.inf] * 8, ValueError, "infinite"),
    ],
)
def test_wrong_arrays_are_refused(x, y, error, told):
    with pytest.raises(error, match=told):
        from_arrays("source", x, y)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "needs a header"),
        ("a,y\n", "a header but no rows"),
        ("1,2\n3,4\n", "must name the columns"),
        ("a,a,y\n" + "1,2,3\n" * 8, r"more than one column called \['a'\]"),
        ("a,y\n" + "1,2\n" * 7 + "1\n", "line 9: 1 cells"),
        ("a,sex,y\n" + "1,male,2\n" * 8, "--drop sex"),
        ("y\n" + "1\n" * 8, "no input columns"),
        ("a,y\n" + "1,2\n" * 3, "at least 8 rows"),
    ],
)
def test_wrong_tables_are_refused(tmp_path, text, told):
    with pytest.raises(ValueError, match=told):
        read_file(table(tmp_path, text), label="y")


def test_text_columns_may_be_dropped(tmp_path):
    path = table(tmp_path, "a,sex,y\n" + "1,male,2\n" * 8)
    assert read_file(path, label="y", drop=["sex"]).columns == ("a",)
    with pytest.raises(ValueError, match="did you mean 'sex'"):
        read_file(path, label="y", drop=["sez"])
    with pytest.raises(ValueError, match=r"it has a, sex, y"):
        read_file(path)


def test_files_that_are_none_say_so(tmp_path):
    with pytest.raises(ValueError, match="does not exist"):
        read_file(tmp_path / "none.npz")
    with pytest.raises(ValueError, match="is no file"):
        read_file(tmp_path)
    with pytest.raises(ValueError, match=r"must be a .npz or .csv"):
        read_file(table(tmp_path, "x", "notes.txt"))
    with pytest.raises(ValueError, match="truncated"):
        read_file(table(tmp_path, "no archive", "broken.npz"))
    path = tmp_path / "latin.csv"
    path.write_bytes(b"a,y\n\xe9,1\n")
    with pytest.raises(ValueError, match="UTF-8"):
        read_file(path, label="y")


def test_archives_give_training_rows_and_never_pickles(tmp_path):
    path = tmp_path / "set.npz"
    x, y = np.zeros((9, 2, 2, 1), np.uint8), np.arange(9) % 2
    np.savez(path, x_train=x, y_train=y, x_test=x[:3], y_test=y[:3], coarse=y * 0)
    rows = read_file(path)
    assert rows.x.shape == (9, 2, 2, 1) and rows.x.dtype == np.uint8
    assert read_file(path, label="coarse").y.tolist() == ["0"] * 9
    assert read_file(path, label="absent").y is None
    with pytest.raises(ValueError, match="is the inputs"):
        read_file(path, label="x_train")
    with pytest.raises(ValueError, match="no named columns"):
        read_file(path, drop=["a"])
    np.savez(path, z=x)
    with pytest.raises(ValueError, match="lacks the array x"):
        read_file(path)
    np.savez(path, x=np.array([{}] * 8, object))
    with pytest.raises(ValueError, match="pickled"):
        read_file(path)


def test_columns_of_bytes_are_numbers_and_images_of_bytes_pixels():
    # Pixels are scaled to [0, 1] later: of two tables, one of bytes, only that would.
    table = np.arange(16, dtype=np.uint8).reshape(8, 2)
    assert from_arrays("s", table).x.dtype == np.float32
    assert from_arrays("s", table.reshape(8, 1, 2, 1)).x.dtype == np.uint8


def test_a_mistyped_label_column_is_not_taken_for_an_input(tmp_path):
    path = table(tmp_path, "a,outcome\n1,ill\n2,well\n")
    with pytest.raises(ValueError, match="--label column"):
        read_file(path, label="outcom", need_labels=True)
