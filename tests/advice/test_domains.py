import numpy as np
import pytest

from da_zoo.advice.domains import (
    LEVEL,
    Distance,
    _mmd_of_divisions,
    measure,
    told_apart,
)
from da_zoo.transferability import coral_distance, mmd, proxy_a_distance


def sides(seed, shift=0.0, scale=1.0, n=60, m=40):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 3)), shift + scale * rng.normal(size=(m, 3))


def test_a_moved_side_is_told_apart_by_the_linear_classifier():
    found = measure(*sides(0, shift=1.5))
    assert told_apart(found)
    assert found["proxy_a_distance"].p == pytest.approx(1 / 200)
    assert found["proxy_a_distance"].value > 1.0 > found["proxy_a_distance"].chance


def test_another_covariance_is_told_apart_though_no_line_parts_the_sides():
    found = measure(*sides(0, scale=3.0))
    assert told_apart(found)
    assert found["coral_distance"].p <= LEVEL / 3
    assert found["proxy_a_distance"].value < 0.6


def test_one_domain_is_taken_for_two_about_as_rarely_as_stated():
    wrong = [told_apart(measure(*sides(seed), seed=seed)) for seed in range(12)]
    assert sum(wrong) <= 2  # 12 x 5 %: three or more in 2 of 100 such tests


def test_the_distances_are_those_of_the_transferability_package():
    source, target = sides(3, shift=0.7)
    found = measure(source, target, seed=4)
    pair = {"source": source, "target": target}
    assert found["mmd"].value == pytest.approx(mmd(**pair), rel=1e-4)
    assert found["coral_distance"].value == pytest.approx(coral_distance(**pair))
    assert found["proxy_a_distance"].value == proxy_a_distance(**pair)
    # A division is measured as if it were the real one.
    both = np.concatenate([source, target])
    masks = np.zeros((2, 100), bool)
    masks[0, :60], masks[1, 40:] = True, True
    second = _mmd_of_divisions(both.astype(np.float32), masks)[1]
    expected = mmd(source=both[40:], target=both[:40])
    assert float(second) == pytest.approx(expected, rel=1e-3)


def test_equal_rows_are_never_told_apart():
    x, _ = sides(0)
    found = measure(x, x.copy())
    assert not told_apart(found) and found["coral_distance"].p > 0.9


def test_p_values_count_the_real_division():
    found = measure(*sides(1, shift=9.0), permutations=59)
    assert found["mmd"].p == found["proxy_a_distance"].p == 1 / 60
    assert told_apart({"mmd": Distance(1.0, 0.0, LEVEL)})
    assert not told_apart({"mmd": Distance(1.0, 0.0, 0.051)})
    with pytest.raises(ValueError, match="at least 59"):
        measure(*sides(0), permutations=58)
