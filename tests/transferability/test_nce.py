import numpy as np
import pytest
from sklearn.metrics import mutual_info_score

from da_zoo.transferability import nce


@pytest.mark.parametrize("seed", range(4))
def test_it_is_mutual_information_less_entropy(seed):
    rng = np.random.default_rng(seed)
    z = rng.integers(0, 6, 90)
    y = np.where(rng.random(90) < 0.5, z % 3, rng.integers(0, 3, 90))
    # The entropy of y is what y says about itself.
    expected = mutual_info_score(z, y) - mutual_info_score(y, y)
    np.testing.assert_allclose(nce(source_labels=z, labels=y), expected, rtol=1e-10)


def test_extremes():
    y = np.arange(40) % 4
    assert nce(source_labels=y, labels=y) == 0.0
    constant = nce(source_labels=np.zeros(40, int), labels=y)
    np.testing.assert_allclose(constant, -np.log(4))
    # Independent: every pair of classes equally often.
    independent = nce(source_labels=np.arange(40) // 4 % 2, labels=y)
    np.testing.assert_allclose(independent, -np.log(4))


def test_it_is_not_symmetric():
    fine, coarse = np.arange(40) % 4, np.arange(40) % 2
    assert nce(source_labels=fine, labels=coarse) == 0.0
    np.testing.assert_allclose(nce(source_labels=coarse, labels=fine), -np.log(2))


def test_a_value_by_hand():
    # z = 0 holds y = 0, 0, 1; z = 4 holds y = 1 alone.
    z, y = np.array([0, 0, 0, 4]), np.array([0, 0, 1, 1])
    expected = (2 * np.log(2 / 3) + np.log(1 / 3) + np.log(1)) / 4
    np.testing.assert_allclose(nce(source_labels=z, labels=y), expected)


def test_numbers_of_classes_need_not_be_small():
    z, y = np.array([10**12, 0, 10**12, 0]), np.array([3, 10**9, 3, 10**9])
    assert nce(source_labels=z, labels=y) == 0.0
