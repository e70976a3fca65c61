import pytest

from da_zoo.data.csv_rows import read_csv


def written(folder, content):
    path = folder / "a.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_quotes_commas_and_lines_within_cells(tmp_path):
    path = written(tmp_path, 'x,y\n"a, ""b""\nand c",1\n\nplain,2\n')
    table = read_csv(path)
    assert table.header == ("x", "y")
    # A row begins on the line where its first cell does, however many it spans.
    assert table.rows == ((2, ('a, "b"\nand c', "1")), (5, ("plain", "2")))


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_byte_order_marks_and_line_ends_do_not_matter(tmp_path, mark, end):
    path = written(tmp_path, mark + end.join([b"x,y", "é,2".encode(), b""]))
    table = read_csv(path)
    assert table.header == ("x", "y")
    assert table.rows == ((2, ("é", "2")),)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"a\.csv is empty"),
        ("\n\n", r"a\.csv is empty"),
        ("x,y\n", "a header but no rows"),
        ("x,y\n1,2\n\n3\n", r"line 4: 1 cells where the header has 2 \(x, y\)"),
        ("x,y\n1,2,3\n", "line 2: 3 cells .* quote cells that hold ','"),
        ("x,x\n1,2\n", r"more than one column called \['x'\]"),
        ('x,y\n1,"2\n', "line 2: "),
        (b"x,y\n1,2\n3,caf\xe9\n", "line 3: byte 0xe9 is not UTF-8"),
        ("x\n" + "a" * 140_000, "line 2: .*limit"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path, content, message):
    with pytest.raises(ValueError, match=message):
        read_csv(written(tmp_path, content))


def test_missing_files_and_columns_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"none\.csv is no file"):
        read_csv(tmp_path / "none.csv")
    table = read_csv(written(tmp_path, "x,y\n1,2\n"))
    with pytest.raises(ValueError, match=r"no column 'z'; it has \['x', 'y'\]"):
        table.column("z")
