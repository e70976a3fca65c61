import numpy as np
import pytest

from da_zoo.data.readers.texts import read_text_data as read


def written(folder, text, name):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


CSV = 'shop,text,stars\nbooks,"good, ""very""",1\ndvd,bad,0\ndvd,so so,\n'
JSONL = (
    '{"text": "good, \\"very\\"", "stars": true, "shop": "books", "more": [1]}\n'
    '{"text": "bad", "stars": 0, "shop": "dvd"}\r\n\n'
    '{"text": "so so", "stars": null, "shop": "dvd"}'
)


@pytest.mark.parametrize(
    ("name", "text"), [("a.csv", CSV), ("a.tsv", None), ("a.jsonl", JSONL)]
)
def test_tables_and_lines_hold_the_same(tmp_path, name, text):
    if text is None:
        text = "shop\ttext\tstars\n" + 'books\t"good, ""very"""\t1\ndvd\tbad\t0\n'
        text += "dvd\tso so\t\n"
    data = read(written(tmp_path, text, name), label="stars", domain="shop")
    assert data.kind == "text" and data.x.dtype == object
    assert data.x.tolist() == ['good, "very"', "bad", "so so"]
    assert data.classes == ("0", "1") and data.labels.tolist() == [1, 0, 0]
    assert data.labelled.tolist() == [True, True, False]
    assert data.domains == ("books", "dvd") and data.domain.tolist() == [0, 1, 1]
    assert data.of("dvd").take(np.array([1])).x.tolist() == ["so so"]
    plain = read(tmp_path / name)
    assert plain.labels is None and plain.domains == (str(tmp_path / name),)


def test_labels_that_are_not_asked_for_may_be_anything(tmp_path):
    path = written(tmp_path, '{"text": "a", "label": {}}\n{"text": "b"}\n', "a.jsonl")
    assert read(path).x.tolist() == ["a", "b"]
    with pytest.raises(ValueError, match="line 1: field 'label' is no text or number"):
        read(path, label=True)


def test_values(tmp_path):
    path = written(tmp_path, '{"text": "a", "y": 1.5}\n', "a.jsonl")
    assert read(path, label="y", regression=True).labels.tolist() == [1.5]


def test_folders_of_files(tmp_path):
    for name in ("d/praise/1.txt", "d/blame/1.txt", "e/praise/x.txt"):
        written(tmp_path / "root", f"text of {name}", name)
    data = read(tmp_path / "root", label=True)
    assert data.x.tolist()[2] == "text of e/praise/x.txt"
    assert data.classes == ("blame", "praise") and data.domains == ("d", "e")
    assert data.labels.tolist() == [0, 1, 1]
    assert read(tmp_path / "root").labels is None
    assert read(tmp_path / "root", domain="e", label=True).rows == 1
    assert read(tmp_path / "root" / "e" / "praise").rows == 1
    assert read(tmp_path / "root" / "e" / "praise" / "x.txt").rows == 1
    with pytest.raises(ValueError, match="one text"):
        read(tmp_path / "root" / "e" / "praise" / "x.txt", label=True)
    written(tmp_path / "root", b"caf\xe9", "e/praise/y.txt")
    with pytest.raises(ValueError, match=r"y\.txt, line 1: byte 0xe9 is not UTF-8"):
        read(tmp_path / "root")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", b"text,label\ngood,a\ncaf\xe9,b\n", "line 3: byte 0xe9 is not UTF-8"),
        ("a.csv", "text,label\ngood,a\n ,b\n", "line 3, column 'text': the text is em"),
        ("a.csv", "words,label\ngood,a\n", r"no column 'text'; it has \['words', 'la"),
        ("a.csv", "text,other\ngood,a\n", "no column 'label'"),
        ("a.csv", "text,label\n", "a header but no rows"),
        (
            "a.jsonl",
            b'{"text": "a", "label": 1}\n{"text": "\xe9"}',
            "line 2: byte 0xe9",
        ),
        (
            "a.jsonl",
            '{"text": "a", "label": 1}\n{"text": ',
            "line 2: .*one JSON object",
        ),
        ("a.jsonl", '["a"]\n', "line 1: list where a JSON object"),
        ("a.jsonl", "[" * 10000, "line 1: "),
        ("a.jsonl", '{"text": "a", "text": "b", "label": 1}', "line 1: .*field twice"),
        (
            "a.jsonl",
            '{"text": 3, "label": 1}',
            "line 1: field 'text' must be text, got",
        ),
        (
            "a.jsonl",
            '{"text": " ", "label": 1}',
            "line 1, field 'text': the text is em",
        ),
        ("a.jsonl", '\n{"text": "a"}', r"line 2: no field 'label'; it has \['text'\]"),
        ("a.jsonl", '{"text": "a", "label": [1]}', "line 1: field 'label' is no text"),
        ("a.jsonl", "", "a.jsonl is empty"),
        ("a.md", "x", r"must be a \.csv"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path, name, text, message):
    with pytest.raises(ValueError, match=message):
        read(written(tmp_path, text, name), label=True)
    with pytest.raises(ValueError, match="is no file"):
        read(tmp_path / "nowhere.csv")


def test_domains_are_not_empty_and_names_that_look_alike_are_noted(tmp_path):
    path = written(tmp_path, "text,label,d\na,Spam,x\nb,spam,\n", "a.csv")
    with pytest.raises(ValueError, match="line 3, column 'd': the domain is empty"):
        read(path, domain="d")
    (note,) = read(path, label=True).notes
    assert "'Spam' and 'spam'" in note
