import numpy as np
import pytest

from da_zoo.advice.inputs import COMPONENTS, align, standardised
from da_zoo.advice.rows import from_arrays


def test_tables_keep_the_columns_both_name():
    a = from_arrays("a", np.arange(24.0).reshape(8, 3))._replace(
        columns=("p", "q", "r")
    )
    b = from_arrays("b", np.arange(16.0).reshape(8, 2))._replace(columns=("r", "p"))
    left, right, notes = align(a, b)
    assert left.columns == right.columns == ("p", "r")
    assert left.x[0].tolist() == [0.0, 2.0] and right.x[0].tolist() == [1.0, 0.0]
    assert notes == ["Columns that a alone has are left out: q."]
    with pytest.raises(ValueError, match="no column in common"):
        align(a, b._replace(columns=("s", "t")))


def test_missing_values_become_the_source_mean_and_are_counted():
    nan = np.nan
    a = from_arrays("a", np.array([[1.0, nan, nan]] * 4 + [[3.0, 5.0, nan]] * 4))
    b = from_arrays("b", np.array([[nan, 7.0, 1.0]] * 8))
    left, right, notes = align(a, b)
    assert left.x[0].tolist() == [1.0, 5.0]
    assert right.x[0].tolist() == [2.0, 7.0]
    assert notes[0] == "Columns without any source value left out: 2."
    assert "25.0 % of the source's, 50.0 % of the target's" in notes[1]
    with pytest.raises(ValueError, match="no value in any column"):
        align(from_arrays("a", np.full((8, 3), nan)), b)


def test_images_are_brought_to_one_size_and_into_the_unit_interval():
    a = from_arrays("a", np.full((8, 6, 6, 1), 255, np.uint8))
    b = from_arrays("b", np.full((8, 4, 4, 3), 51, np.uint8))
    left, right, notes = align(a, b)
    assert left.x.shape == right.x.shape == (8, 4, 4, 3)
    assert left.x.dtype == np.float32
    np.testing.assert_allclose(left.x, 1.0)
    np.testing.assert_allclose(right.x, 0.2)
    assert notes == ["Images were made 4 x 4 x 3, from (6, 6, 1) and (4, 4, 3)."]


@pytest.mark.parametrize(
    "shapes", [((2,), (3,)), ((4, 4, 1), (16,)), ((4, 6, 1), (4, 4, 1))]
)
def test_other_input_spaces_are_refused(shapes):
    a, b = (from_arrays("s", np.zeros((8, *shape), np.uint8)) for shape in shapes)
    with pytest.raises(ValueError, match="cannot be compared"):
        align(a, b)


def test_columns_are_standardised_over_both_sides_together():
    rng = np.random.default_rng(0)
    a = from_arrays("a", 5.0 + 3.0 * rng.normal(size=(30, 4)))
    b = from_arrays("b", rng.normal(size=(20, 4)))
    left, right = standardised(a, b)
    both = np.concatenate([left, right])
    np.testing.assert_allclose(both.mean(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(both.std(axis=0), 1.0)
    # Swapping rows between the sides changes no column: a permutation test is exact.
    swapped = standardised(a._replace(x=b.x), b._replace(x=a.x))
    np.testing.assert_allclose(np.concatenate(swapped), np.concatenate([right, left]))


def test_wide_inputs_keep_their_distances_as_far_as_components_reach():
    rng = np.random.default_rng(0)
    base = rng.normal(size=(60, 5)) @ rng.normal(size=(5, 300))  # of rank 5
    a, b = from_arrays("a", base[:40]), from_arrays("b", base[40:])
    left, right = standardised(a, b)
    assert left.shape == (40, COMPONENTS)
    flat = base.astype(np.float32).astype(np.float64)
    z = (flat - flat.mean(axis=0)) / flat.std(axis=0)
    expected = np.sum((z[:40, None] - z[None, 40:]) ** 2, axis=2)
    found = np.sum((left[:, None] - right[None]) ** 2, axis=2)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_constant_inputs_are_refused():
    rows = from_arrays("a", np.full((8, 2), 3.3))
    with pytest.raises(ValueError, match="the same in all rows"):
        standardised(rows, rows)
