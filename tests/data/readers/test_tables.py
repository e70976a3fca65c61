"""Tables from files: types, missing values, and every way a file can be wrong."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from da_zoo.data.readers import tables
from da_zoo.data.readers.tables import read_table

TEXT = "age,sex,dose,sick\n63,m,1.5,yes\n?,f,,no\n41,NA,2,yes\n"


def write(folder: Path, text: str, name: str = "a.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_types_and_missing_values(tmp_path: Path) -> None:
    data = read_table(write(tmp_path, TEXT), label="sick")
    assert data.kind == "table" and data.x.names == ("age", "sex", "dose")
    np.testing.assert_array_equal(data.x["age"], [63, np.nan, 41])
    assert data.x["sex"].tolist() == ["m", "f", ""]
    assert data.classes == ("no", "yes") and data.labels.tolist() == [1, 0, 1]


@pytest.mark.parametrize("delimiter", [";", "\t", ","])
def test_delimiters(tmp_path: Path, delimiter: str) -> None:
    path = write(tmp_path, TEXT.replace(",", delimiter))
    assert read_table(path, label="sick").x.names == ("age", "sex", "dose")


def test_parquet_reads_like_csv(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    columns = {
        "age": pa.array([63, None, 41]),
        "sex": pa.array(["m", "f", None]),
        "dose": pa.array([1.5, None, 2.0]),
        "sick": pa.array(["yes", "no", "yes"]),
    }
    pyarrow.parquet.write_table(pa.table(columns), path)
    both = [read_table(p, label="sick") for p in (path, write(tmp_path, TEXT))]
    assert both[0].fingerprint == both[1].fingerprint


def test_a_label_that_is_not_asked_for_is_not_read(tmp_path: Path) -> None:
    path = write(tmp_path, TEXT)
    data = read_table(path, drop=["sick"])
    assert data.labels is None and "sick" not in data.x.names
    other = write(tmp_path, TEXT.replace("yes", "x").replace("no", "y"), "b.csv")
    assert read_table(other, drop=["sick"]).fingerprint == data.fingerprint


def test_rows_without_a_label_are_marked(tmp_path: Path) -> None:
    data = read_table(write(tmp_path, TEXT.replace(",no", ",")), label="sick")
    assert data.labelled.tolist() == [True, False, True]


def test_domains_by_column_and_by_file(tmp_path: Path) -> None:
    a = write(tmp_path, "x,site,y\n1,p,0\n2,q,1\n3,p,1\n")
    by_column = read_table(a, label="y", domain="site")
    assert by_column.domains == ("p", "q") and by_column.x.names == ("x",)
    p = write(tmp_path, "x,y\n1,0\n", "p.csv")
    q = write(tmp_path, "y,x\nB,5\n", "q.csv")
    by_file = read_table([p, q], label="y")
    assert by_file.domains == ("p", "q")
    assert by_file.x["x"].tolist() == [1, 5] and by_file.classes == ("0", "B")


def test_own_marks_of_missing_values(tmp_path: Path) -> None:
    path = write(tmp_path, "x,y\n-9,0\n2,1\n")
    assert np.isnan(read_table(path, label="y", missing=["-9"]).x["x"][0])


def test_quoted_newlines_and_delimiters(tmp_path: Path) -> None:
    path = write(tmp_path, 'x,y\n"a, b",0\n"two\nlines",1\n')
    assert read_table(path, label="y").x["x"].tolist() == ["a, b", "two\nlines"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("x,y\n", "no rows"),
        ("x,x\n1,2\n", "more than one column called"),
        ("x,y\n1,2\n1,2,3\n", "line 3: 3 cells where the header has 2"),
        ("x,y\ninf,2\n", "column 'x' holds 1 infinite"),
        ("x,y\n1,2\n", "unknown label column of .*'why'"),
    ],
)
def test_bad_files_say_what_and_where(tmp_path: Path, text: str, message: str) -> None:
    label = "why" if "'why'" in message else "y"
    with pytest.raises(ValueError, match=message):
        read_table(write(tmp_path, text), label=label)


def test_text_that_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "latin.csv"
    path.write_bytes("x,y\n1,2\ncafé,3\n".encode("latin-1"))
    with pytest.raises(ValueError, match=r"line 3: byte 0xe9 is not UTF-8"):
        read_table(path, label="y")


def test_a_million_columns_are_refused_at_once(tmp_path: Path) -> None:
    wide = ",".join(f"c{i}" for i in range(1_000_000))
    path = write(tmp_path, f"{wide}\n{'0,' * 999_999}0\n")
    with pytest.raises(ValueError, match="1000000 columns, more than 20000"):
        read_table(path, label="c0")


def test_other_files(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="does not exist"):
        read_table(tmp_path / "no.csv")
    with pytest.raises(ValueError, match=r"must be a \.csv, \.tsv or \.parquet"):
        read_table(write(tmp_path, "x", "a.txt"))
    with pytest.raises(ValueError, match="no readable Parquet"):
        read_table(write(tmp_path, "x,y", "a.parquet"))
    with pytest.raises(ValueError, match="no file"):
        read_table(tmp_path)


def test_the_limit_is_the_header_s(tmp_path: Path, monkeypatch: object) -> None:
    monkeypatch.setattr(tables, "MOST_COLUMNS", 2)  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="4 columns, more than 2"):
        read_table(write(tmp_path, TEXT), label="sick")


def test_long_numbers_name_domains_and_gaps_exactly(tmp_path: Path) -> None:
    path = write(tmp_path, "x,site,y\n1,1234567,0\n2,1234568,1\n")
    assert read_table(path, label="y", domain="site").domains == ("1234567", "1234568")
    table = pa.table({"x": [100000.4, -9999999.0, 1.0], "y": ["a", "b", "a"]})
    pyarrow.parquet.write_table(table, tmp_path / "b.parquet")
    marks = ["100000", "-9999999"]
    read = read_table(tmp_path / "b.parquet", label="y", missing=marks)
    np.testing.assert_array_equal(read.x["x"], [100000.4, np.nan, 1.0])


def test_none_and_na_may_be_classes(tmp_path: Path) -> None:
    data = read_table(write(tmp_path, "x,y\n1,none\n2,NA\n3,?\n"), label="y")
    assert data.classes == ("NA", "none")
    assert data.labelled.tolist() == [True, True, False]


def test_several_files_say_what_they_do_not_share(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "q").mkdir()
    a = write(tmp_path / "p", "x,y\n1,0\n")
    b = write(tmp_path / "q", "x,y,z\n1,0,5\n")
    data = read_table([a, b], label="y")
    assert data.domains == (str(a), str(b))  # one name would make them one domain
    assert any("left out: z" in note for note in data.notes)
