"""The table encoder: known answers, leakage, strangers, and damaged JSON."""

import json

import numpy as np
import pytest

from da_zoo.data.domain_data import DomainData, make_domain_data
from da_zoo.data.encoders import tables
from da_zoo.data.encoders.choose import describe, restore
from da_zoo.data.table import Table


def data(**columns: object) -> DomainData:
    table = Table({name: np.asarray(values) for name, values in columns.items()})
    return make_domain_data("a", "table", table, mark="")


def test_known_answer() -> None:
    own = data(age=[1.0, 3.0, np.nan, 5.0], sex=["m", "", "f", "m"])
    encoder = tables.fit(own)
    assert encoder.names == ("age", "sex=f", "sex=m")
    deviation = np.std([1, 3, 5])
    np.testing.assert_allclose(
        encoder.apply(own.x),
        [[-2 / deviation, 0, 1], [0, 0, 0], [0, 1, 0], [2 / deviation, 0, 1]],
        rtol=1e-6,
    )


def test_it_learns_from_the_rows_it_is_given_alone() -> None:
    table = data(age=np.arange(10.0), sex=list("mfmfmfmfmf"))
    train = table.take(np.arange(6))
    poisoned = Table(
        {"age": np.r_[0:6, [1e9] * 4], "sex": np.array([*"mfmfmf", *"zzzz"])}
    )
    again = table._replace(x=poisoned).take(np.arange(6))
    assert tables.fit(train).to_json() == tables.fit(again).to_json()


def test_new_categories_are_none_of_those_known() -> None:
    encoder = tables.fit(data(city=["a", "b", "a"]))
    other = Table({"city": np.array(["c", "a", ""])})
    assert encoder.apply(other).tolist() == [[0, 0], [1, 0], [0, 0]]
    assert encoder.strangers(other) == [
        "city: 1 rows with values that the source has not, such as c"
    ]


def test_columns_without_values_and_of_names_are_left_out_and_told() -> None:
    names = [f"patient {i}" for i in range(40)]
    encoder = tables.fit(data(x=np.arange(40.0), gone=[np.nan] * 40, name=names))
    assert encoder.names == ("x",)
    assert len(encoder.notes) == 2 and "gone" in encoder.notes[0]
    with pytest.raises(ValueError, match="no usable column"):
        tables.fit(data(gone=[np.nan] * 4))


def test_codes_may_be_categories() -> None:
    encoder = tables.fit(data(code=[1.0, 2.0, 1.0]), categorical=["code"])
    assert encoder.names == ("code=1", "code=2")
    # A file in which the codes are text reads the same.
    assert encoder.apply(Table({"code": np.array(["2", "x", "1"])})).tolist() == [
        [0, 1],
        [0, 0],
        [1, 0],
    ]


def test_a_constant_column_becomes_zero() -> None:
    own = data(x=[0.1 + 0.2] * 7)
    np.testing.assert_array_equal(tables.fit(own).apply(own.x), np.zeros((7, 1)))


def test_other_tables_are_refused() -> None:
    encoder = tables.fit(data(age=[1.0, 2.0]))
    with pytest.raises(ValueError, match=r"lacks the columns \['age'\]"):
        encoder.apply(Table({"years": np.ones(2)}))
    with pytest.raises(ValueError, match="'old' in data row 2"):
        encoder.apply(Table({"age": np.array(["3", "old"])}))


def test_json_round_trip_is_exact() -> None:
    own = data(age=[1.0, 3.0, np.nan], sex=["m", "", "f"])
    encoder = tables.fit(own)
    again = restore(json.loads(json.dumps(describe("table", encoder))))
    np.testing.assert_array_equal(again.apply(own.x), encoder.apply(own.x))


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"numbers": [["age", "x", 1]], "categories": []},
        {"numbers": [["age", 0.0, 0.0]], "categories": []},
        {"numbers": [["age", float("nan"), 1.0]], "categories": []},
        {"numbers": 3, "categories": []},
    ],
)
def test_damaged_json_is_refused(told: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="encoder"):
        tables.from_json(told)
