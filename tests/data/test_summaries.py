import numpy as np
import pytest

from da_zoo.data.domain_data import make_domain_data
from da_zoo.data.image_files import ImageFiles
from da_zoo.data.sparse_rows import sparse_rows
from da_zoo.data.summaries import domains_of, summarise
from da_zoo.data.table import Table


def test_domains_have_names_of_their_own():
    x = np.eye(4)
    a = make_domain_data("/data/one/a.csv", "features", x, domain=list("uvuv"))
    b = make_domain_data("/data/two/a.csv", "features", x)
    c = make_domain_data("/data/one/c", "features", x, domain=list("uuww"))
    assert list(domains_of(a, c)) == ["u", "v", "c:u", "w"]
    named = domains_of(b, b, c)
    assert list(named) == ["a.csv", "/data/two/a.csv", "u", "w"]
    assert domains_of(a)["v"].rows == 2


def test_labels_are_counted():
    data = make_domain_data("a", "features", np.eye(5), ["x", "y", "x", None, ""])
    found = summarise("a", data.take(np.array([0, 2, 3])))
    assert (found.rows, found.labelled) == (3, 2)
    assert found.classes == {"x": 2, "y": 0} and found.values == {}
    data = make_domain_data(
        "a", "features", np.eye(3), [1.0, None, 4.0], regression=True
    )
    found = summarise("a", data)
    assert found.classes == {}
    assert found.values == {"least": 1.0, "mean": 2.5, "most": 4.0, "deviation": 1.5}
    assert summarise("a", data.without_labels()).values == {}


def test_tables_tell_ranges_gaps_and_categories():
    table = Table(
        {
            "age": np.array([1.0, np.nan, 3.0, 5.0]),
            "sex": np.array(["f", "m", "f", ""]),
            "none": np.full(4, np.nan),
        }
    )
    found = summarise("a", make_domain_data("a", "table", table, mark=""))
    assert found.inputs == {"columns": 3, "missing": pytest.approx(0.5)}
    assert found.columns["age"] == {
        "missing": 0.25,
        "least": 1.0,
        "mean": 3.0,
        "most": 5.0,
    }
    assert found.columns["sex"] == {
        "missing": 0.25,
        "categories": 2,
        "commonest": {"f": 2, "m": 1},
    }
    assert found.columns["none"] == {"missing": 1.0}


def test_every_kind_of_rows_is_described():
    def inputs(kind, x, mark=None):
        return summarise("a", make_domain_data("a", kind, x, mark=mark)).inputs

    files = ImageFiles(("a", "b"), np.array([[4, 9], [6, 9]]), np.array([True, False]))
    assert inputs("images", files, "") == {
        "height": [4, 6],
        "width": [9, 9],
        "grey": 1,
    }
    bags = sparse_rows(np.array([[1, 2, 3], [0, 0, 0]]))
    assert inputs("features", bags, "")["entries a row"]["mean"] == 1.5
    assert inputs("features", bags, "")["empty rows"] == 1
    texts = np.array(["one two", "three"], object)
    assert inputs("text", texts) == {"words": {"least": 1, "mean": 1.5, "most": 2}}
    pixels = np.uint8([[[[7]]], [[[9]]]])
    assert inputs("images", pixels)["most"] == 9
    signals = np.zeros((2, 8, 3), np.float32)
    signals[0, 0, 2] = 6.0
    found = summarise("a", make_domain_data("a", "signals", signals))
    assert found.inputs["shape"] == [8, 3] and list(found.columns) == ["0", "1", "2"]
    assert found.columns["2"]["most"] == 6.0
    assert found.inputs["zeros"] == pytest.approx(47 / 48)
    wide = summarise("a", make_domain_data("a", "features", np.zeros((2, 99))))
    assert wide.columns == {}
