import numpy as np
import pytest

from da_zoo.data.text import label_numbers, read_texts


def written(folder, content, name="a.csv"):
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


def folder_of(root, files):
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def test_named_columns_in_any_order(tmp_path):
    path = written(tmp_path, 'topic,n,body\nb,1,"one, two"\na,2,three\nb,3,four\n')
    found = read_texts(path, text="body", label="topic")
    assert found.texts == ["one, two", "three", "four"]
    assert found.classes == ("a", "b")
    assert found.labels.dtype == np.int32
    assert found.labels.tolist() == [1, 0, 1]


def test_without_a_label_column_there_are_no_labels(tmp_path):
    found = read_texts(written(tmp_path, "text,label\none,a\n"))
    assert found == (["one"], None, ())


def test_a_number_means_one_class_in_both_domains(tmp_path):
    source = read_texts(written(tmp_path, "text,label\n1,x\n2,b\n3,a\n"), label="label")
    target = written(tmp_path, "text,label\n1,x\n2,b\n", "b.csv")
    # By itself the target lacks "a", and "b" would be 0.
    assert read_texts(target, label="label").labels.tolist() == [1, 0]
    both = read_texts(target, label="label", classes=source.classes)
    assert both.labels.tolist() == [2, 1]
    assert both.classes == source.classes == ("a", "b", "x")


def test_a_folder_of_classes(tmp_path):
    root = folder_of(
        tmp_path,
        {
            "sad/2.txt": b"two",
            "sad/1.txt": "één".encode(),
            "glad/x.txt": b"x",
            "glad/notes.md": b"not read",
            ".git/y.txt": b"not read",
            "readme.txt": b"not read",
        },
    )
    found = read_texts(root)
    assert found.texts == ["x", "één", "two"]
    assert found.classes == ("glad", "sad")
    assert found.labels.tolist() == [0, 1, 1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("body,label\none,a\n", r"no column 'text'; it has \['body', 'label'\]"),
        ("text,topic\none,a\n", r"no column 'label'"),
        ("text,label\none,a\n  ,b\n", r"line 3, column 'text': the text is empty"),
        ("text,label\none,a\ntwo, \n", r"line 3, column 'label': the label is empty"),
        ("text,label\none,c\n", r"line 2, column 'label': the label 'c' is not one of"),
    ],
)
def test_bad_tables_are_named_with_line_and_column(tmp_path, content, message):
    with pytest.raises(ValueError, match=message):
        read_texts(written(tmp_path, content), label="label", classes=("a", "b"))


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"x.txt": b"no class"}, "holds no folders"),
        ({"a/x.txt": b"x", "b/x.md": b"x"}, r"b holds no \.txt files"),
        ({"a/x.txt": b" \n"}, r"x\.txt is empty"),
        ({"a/x.txt": b"x\n\xff"}, r"x\.txt, line 2: byte 0xff is not UTF-8"),
        ({"c/x.txt": b"x"}, r"x\.txt: the label 'c' is not one of classes=\('a',\)"),
    ],
)
def test_bad_folders_are_named_with_the_file(tmp_path, files, message):
    with pytest.raises(ValueError, match=message):
        read_texts(
            folder_of(tmp_path, files), classes=("a",) if "c" in message else None
        )


def test_class_names_keep_the_order_they_are_given_in():
    numbers, names = label_numbers([("", "a"), ("", "b")], ["b", "a", "never"])
    assert numbers.tolist() == [1, 0]
    assert names == ("b", "a", "never")
