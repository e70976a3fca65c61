import numpy as np
import pytest

from da_zoo.transferability import cka


def pair(n=12, p=3, q=5, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, p)) + 2.0
    return x, x @ rng.normal(size=(p, q)) + rng.normal(size=(n, q))


def hsic_u(k, l):  # noqa: E741
    """Song et al. as printed: Gram matrices without diagonals, no centring at all."""
    n = len(k)
    k, l = k - np.diag(np.diag(k)), l - np.diag(np.diag(l))  # noqa: E741
    return (
        np.trace(k @ l)
        + k.sum() * l.sum() / ((n - 1) * (n - 2))
        - 2.0 / (n - 2) * (k @ l).sum()
    ) / (n * (n - 3))


def hsic_v(k, l):  # noqa: E741
    h = np.eye(len(k)) - 1.0 / len(k)
    return np.trace(k @ h @ l @ h)


@pytest.mark.parametrize("shape", [(12, 3, 5), (12, 30, 5), (4, 2, 9)])
@pytest.mark.parametrize("debiased", [True, False])
def test_value(shape, debiased):
    x, y = pair(*shape)
    hsic = hsic_u if debiased else hsic_v
    k, l = x @ x.T, y @ y.T  # noqa: E741
    expected = hsic(k, l) / np.sqrt(hsic(k, k) * hsic(l, l))
    ours = cka(first=x, second=y, debiased=debiased)
    np.testing.assert_allclose(ours, expected, rtol=1e-9)


@pytest.mark.parametrize("debiased", [True, False])
def test_what_it_is_blind_to_and_what_not(debiased):
    x, y = pair(60, 5, 7)
    rng = np.random.default_rng(1)

    def ours(a, b):
        return cka(first=a, second=b, debiased=debiased)

    np.testing.assert_allclose(ours(x, x), 1.0)
    np.testing.assert_allclose(ours(y, x), ours(x, y))
    rotation = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    for other in (x @ rotation, 1e5 * x, 1e-80 * x, x - 40.0, np.hstack([x, 0 * x])):
        np.testing.assert_allclose(ours(x, other), 1.0)
        np.testing.assert_allclose(ours(other, y), ours(x, y), rtol=1e-8)
    order = rng.permutation(60)
    np.testing.assert_allclose(ours(x[order], y[order]), ours(x, y))
    assert ours(x[order], y) < 0.5 * ours(x, y)
    stretched = x @ np.diag([1.0, 1.0, 1.0, 1.0, 4.0])
    assert ours(x, stretched) < 0.9


def test_independent_features_wider_than_there_are_rows():
    rng = np.random.default_rng(2)
    values = np.array(
        [
            [cka(first=x, second=y, debiased=debiased) for debiased in (True, False)]
            for x, y in rng.normal(size=(12, 2, 30, 300))
        ]
    )
    error = values.std(axis=0) / np.sqrt(len(values))
    assert abs(values[:, 0].mean()) < 4 * error[0] < 0.1
    assert values[:, 1].min() > 0.85


def test_features_without_variation_are_refused():
    x = np.random.default_rng(3).normal(size=(8, 2))
    with pytest.raises(ValueError, match="second is the same in every row"):
        cka(first=x, second=np.full((8, 3), 0.1))
    alone = np.zeros((8, 2))
    alone[3] = 1.0
    with pytest.raises(ValueError, match="first varies in one row only"):
        cka(first=alone, second=x)
    assert 0 < cka(first=alone, second=x, debiased=False) < 1
