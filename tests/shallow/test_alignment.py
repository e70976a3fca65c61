"""Invariants of the alignment methods, each against mathematics written anew."""

import numpy as np
import pytest
import scipy.integrate
import scipy.linalg
from sklearn.neighbors import KNeighborsClassifier

from da_zoo.shallow import Coral, Gfk, Jda, SubspaceAlignment, Tca, Unadapted
from da_zoo.shallow.gfk import geodesic_flow_map
from da_zoo.shallow.kernels import gaussian_kernel, kernel_anchors, median_distance
from da_zoo.shallow.subspace_alignment import principal_axes

ALIGNERS = (Coral, SubspaceAlignment, Gfk, Tca, Unadapted)


def pair(n=120, m=90, d=5, seed=0):
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(d, d))
    return rng.normal(size=(n, d)), rng.normal(size=(m, d)) @ mixing + 1.0


def orthonormal(d, k, seed=0):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(d, k)))[0]


def test_coral_gives_the_source_the_target_s_covariance():
    source, target = pair()
    coral = Coral(regularisation=0.0).fit(source, X_target=target)
    moved = coral.transform(source, domain="source")
    assert np.abs(np.cov(moved.T) - np.cov(target.T)).max() < 1e-6
    np.testing.assert_array_equal(coral.transform(target), target)


def test_coral_is_the_map_of_the_paper():
    source, target = pair()
    ridge = np.eye(5)
    wanted = np.linalg.inv(scipy.linalg.sqrtm(np.cov(source.T) + ridge)) @ (
        scipy.linalg.sqrtm(np.cov(target.T) + ridge)
    )
    np.testing.assert_allclose(
        Coral().fit(source, X_target=target).map_, wanted, atol=1e-10
    )


def test_coral_moves_the_mean_where_it_is_asked_to():
    source, target = pair()
    coral = Coral(regularisation=0.0, match_mean=True).fit(source, X_target=target)
    moved = coral.transform(source, domain="source")
    np.testing.assert_allclose(moved.mean(0), target.mean(0), atol=1e-10)


def test_coral_stands_singular_covariances():
    source, target = pair(n=4, m=3)
    for regularisation in (0.0, 1.0):
        coral = Coral(regularisation=regularisation).fit(source, X_target=target)
        assert np.isfinite(coral.transform(source, domain="source")).all()
    one = Coral(regularisation=0.0).fit(source[:, :1], X_target=target[:, :1])
    moved = one.transform(source[:, :1], domain="source")
    np.testing.assert_allclose(np.var(moved), np.var(target[:, 0]) * 3 / 4 * 3 / 2)


@pytest.mark.parametrize("components", [1, 3, 5])
def test_subspace_alignment_of_equal_domains_is_the_identity(components):
    source, _ = pair()
    sa = SubspaceAlignment(components=components).fit(source, X_target=source)
    np.testing.assert_allclose(sa.alignment_, np.eye(components), atol=1e-12)
    np.testing.assert_allclose(
        sa.transform(source, domain="source"), sa.transform(source), atol=1e-12
    )


def test_subspace_alignment_minimises_the_frobenius_norm():
    source, target = pair()
    sa = SubspaceAlignment(components=2).fit(source, X_target=target)
    best, *_ = np.linalg.lstsq(sa.source_axes_, sa.target_axes_, rcond=None)
    np.testing.assert_allclose(sa.alignment_, best, atol=1e-12)


def test_components_are_at_most_what_the_data_have():
    source, target = pair(n=4, m=90)
    assert SubspaceAlignment().fit(source, X_target=target).alignment_.shape == (3, 3)
    assert Gfk().fit(source, X_target=target).map_.shape == (5, 6)
    assert Tca().fit(source, X_target=target).components_.shape[1] <= 5


def test_gfk_is_symmetric_and_positive_semi_definite():
    source, target = pair()
    kernel = Gfk(components=2).fit(source, X_target=target).kernel_
    np.testing.assert_allclose(kernel, kernel.T, atol=1e-12)
    assert np.linalg.eigvalsh(kernel).min() > -1e-12


def test_gfk_of_equal_subspaces_is_the_projection():
    source, _ = pair()
    axes = principal_axes(source, 2)
    kernel = Gfk(components=2).fit(source, X_target=source).kernel_
    np.testing.assert_allclose(kernel, axes @ axes.T, atol=1e-12)
    # The same subspace in another basis is the same subspace.
    turned = axes @ orthonormal(2, 2, seed=3)
    map_ = geodesic_flow_map(axes, turned)
    np.testing.assert_allclose(map_ @ map_.T, axes @ axes.T, atol=1e-7)


def flow(start, end, t):
    """Phi(t) by the definition of Gong et al., with the complement's basis."""
    complement = scipy.linalg.null_space(start.T)
    left, cosines, right = np.linalg.svd(start.T @ end)
    angles = np.arccos(np.clip(cosines, -1, 1))
    # -R^T end V = U2 diag(sin): solve for the orthonormal U2 column by column.
    across = -(complement.T @ end @ right.T) / np.sin(angles)
    return start @ left @ np.diag(np.cos(t * angles)) - (
        complement @ across @ np.diag(np.sin(t * angles))
    )


def test_gfk_is_the_integral_over_the_geodesic():
    start, end = orthonormal(7, 3, seed=1), orthonormal(7, 3, seed=2)
    # The path ends in the target's subspace.
    last = flow(start, end, 1.0)
    np.testing.assert_allclose(last @ last.T, end @ end.T, atol=1e-10)
    wanted, _ = scipy.integrate.quad_vec(
        lambda t: flow(start, end, t) @ flow(start, end, t).T, 0.0, 1.0
    )
    map_ = geodesic_flow_map(start, end)
    np.testing.assert_allclose(map_ @ map_.T, wanted, atol=1e-9)


def test_gfk_of_orthogonal_subspaces_averages_a_quarter_turn():
    axes = np.eye(4)
    map_ = geodesic_flow_map(axes[:, :1], axes[:, 1:2])
    kernel = (map_ @ map_.T)[:2, :2]
    np.testing.assert_allclose(
        np.abs(kernel), [[0.5, 1 / np.pi], [1 / np.pi, 0.5]], atol=1e-12
    )


def mmd(rows_s, rows_t):
    return np.sum((rows_s.mean(0) - rows_t.mean(0)) ** 2)


@pytest.mark.parametrize("kernel", ["primal", "linear", "rbf"])
def test_tca_of_equal_domains_keeps_the_scatter_and_has_no_discrepancy(kernel):
    source, _ = pair(n=40)
    tca = Tca(components=3, kernel=kernel, bandwidth=2.0, scaling="unit_scatter")
    tca.fit(source, X_target=source)
    mapped = np.tile(tca.transform(source), (2, 1))
    assert mmd(tca.transform(source, domain="source"), tca.transform(source)) < 1e-20
    centred = mapped - mapped.mean(0)
    np.testing.assert_allclose(centred.T @ centred, np.eye(3), atol=1e-8)


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_tca_solves_the_eigenproblem_of_the_paper(kernel):
    source, target = pair(n=14, m=9, d=3)
    rows = np.concatenate([source, target])
    n = len(rows)
    tca = Tca(components=2, kernel=kernel, bandwidth=1.5, regularisation=0.7)
    tca.set_params(scaling="unit_scatter").fit(source, X_target=target)
    mapped = tca.transform(rows)
    k = rows @ rows.T if kernel == "linear" else gaussian_kernel(rows, rows, 1.5)
    # The MMD matrix and the centring matrix, entry by entry.
    weights = np.r_[np.full(14, 1 / 14), np.full(9, -1 / 9)]
    big_l = np.outer(weights, weights)
    h = np.eye(n) - 1.0 / n
    values, vectors = np.linalg.eig(
        np.linalg.solve(k @ big_l @ k + 0.7 * np.eye(n), k @ h @ k)
    )
    order = np.argsort(-values.real)[:2]
    w = vectors[:, order].real
    w /= np.sqrt(np.einsum("ik,ij,jk->k", w, k @ h @ k, w))
    np.testing.assert_allclose(np.abs(mapped), np.abs(k @ w), atol=1e-7)
    # Under the other scaling it is the coefficients that have norm 1.
    tca.set_params(scaling="unit_norm").fit(source, X_target=target)
    w /= np.linalg.norm(w, axis=0)
    np.testing.assert_allclose(np.abs(tca.transform(rows)), np.abs(k @ w), atol=1e-7)


def test_tca_leaves_out_the_direction_of_the_shift():
    rng = np.random.default_rng(0)
    source, target = rng.normal(size=(200, 3)), rng.normal(size=(200, 3))
    target[:, 0] += 8.0
    tca = Tca(components=2, kernel="primal", regularisation=1e-3)
    tca.fit(source, X_target=target)
    directions = tca.components_ / np.linalg.norm(tca.components_, axis=0)
    assert np.abs(directions[0]).max() < 0.2


def test_a_linear_kernel_needs_no_more_anchors_than_columns():
    rows = np.random.default_rng(0).normal(size=(30, 4))
    anchors = kernel_anchors(rows, "linear")
    assert anchors.shape == (4, 4)
    np.testing.assert_allclose(anchors.T @ anchors, rows.T @ rows)


def classes(n=60, seed=0):
    rng = np.random.default_rng(seed)
    y = np.repeat([0, 1, 2], n // 3)
    centres = np.array([[0.0, 0, 0], [4, 0, 0], [0, 4, 0]])
    return centres[y] + rng.normal(size=(n, 3)), y


def test_jda_of_one_iteration_is_tca():
    source, y = classes()
    target = classes(seed=1)[0] + 1.0
    jda = Jda(components=2, iterations=1, unit_discrepancy=False, marginal_weight=1.0)
    tca = Tca(components=2, kernel="primal")
    jda.fit(source, y, X_target=target)
    tca.fit(source, X_target=target)
    np.testing.assert_allclose(jda.transform(target), tca.transform(target))


def test_jda_s_last_components_are_those_of_the_full_mmd_matrix():
    source, y = classes()
    target = classes(seed=1)[0] + 1.0
    two = Jda(components=2, iterations=2, kernel="primal").fit(
        source, y, X_target=target
    )
    one = Jda(components=2, iterations=1, kernel="primal").fit(
        source, y, X_target=target
    )
    guesses, n, m = one.pseudo_labels_, len(source), len(target)
    matrix = np.zeros((n + m, n + m))
    sides = [(y, 1.0), (guesses, -1.0)]
    e = np.r_[np.full(n, 1 / n), np.full(m, -1 / m)]
    matrix += 3 * np.outer(e, e)
    for c in range(3):
        e = np.concatenate(
            [sign * (own == c) / (own == c).sum() for own, sign in sides]
        )
        matrix += np.outer(e, e)
    matrix /= np.linalg.norm(matrix)
    rows = np.concatenate([source, target])
    h = np.eye(n + m) - 1.0 / (n + m)
    scatter, penalty = rows.T @ h @ rows, rows.T @ matrix @ rows + np.eye(3)
    values, vectors = np.linalg.eig(np.linalg.solve(penalty, scatter))
    w = vectors[:, np.argsort(-values.real)[:2]].real
    w /= np.linalg.norm(w, axis=0)
    np.testing.assert_allclose(np.abs(two.components_), np.abs(w), atol=1e-8)


def test_jda_ignores_classes_that_are_predicted_for_no_target_row():
    source, y = classes()
    target = source[y < 2] + 0.5
    jda = Jda(components=2).fit(source, y, X_target=target)
    assert np.isfinite(jda.components_).all()
    assert set(jda.pseudo_labels_) <= {0, 1, 2}


def test_jda_labels_the_target_with_the_classifier_it_is_given():
    source, y = classes()
    names = np.array(["a", "b", "c"])[y]
    jda = Jda(components=2, classifier=KNeighborsClassifier(5, metric="cosine"))
    assert jda.fit(source, names, X_target=source).pseudo_labels_.dtype.kind == "U"
    with pytest.raises(TypeError, match="y is None"):
        jda.fit(source, X_target=source)


@pytest.mark.parametrize("method", ALIGNERS)
def test_bad_input_is_named(method):
    source, target = pair()
    with pytest.raises(TypeError, match="X_target"):
        method().fit(source, X_target=None)
    with pytest.raises(ValueError, match="same columns, got 5 and 4"):
        method().fit(source, X_target=target[:, :4])
    with pytest.raises(ValueError, match="X_target holds NaN"):
        method().fit(source, X_target=np.where(target > 2, np.nan, target))
    with pytest.raises(ValueError, match="one row"):
        method().fit(source, X_target=target[:1])
    with pytest.raises(ValueError, match=r"shape \[n, d\]"):
        method().fit(source[:, :, None], X_target=target)
    with pytest.raises(TypeError, match="numeric"):
        method().fit(source.astype(str), X_target=target)
    fitted = method().fit(source, X_target=target)
    with pytest.raises(ValueError, match="'source' or 'target'"):
        fitted.transform(source, domain="both")
    with pytest.raises(ValueError, match="5 columns as in fit, got 2"):
        fitted.transform(source[:, :2])


@pytest.mark.parametrize("method", [Tca, Jda])
def test_numbers_out_of_range_are_named(method):
    source, y = classes()
    for name, value in (("components", 0), ("regularisation", 0.0)):
        with pytest.raises(ValueError, match=f"{name} must be positive"):
            method(**{name: value}).fit(source, y, X_target=source)
    with pytest.raises(ValueError, match="unknown kernel 'rbg'; did you mean 'rbf'"):
        method(kernel="rbg").fit(source, y, X_target=source)
    with pytest.raises(ValueError, match="bandwidth must be positive"):
        method(kernel="rbf", bandwidth=0.0).fit(source, y, X_target=source)


def test_a_kernel_too_large_for_memory_is_refused_before_it_is_made():
    many = np.zeros((12_000, 1))
    with pytest.raises(ValueError, match=r"rbf kernel of 24000 rows .* 5 GB"):
        Tca(kernel="rbf").fit(many, X_target=many)


def test_the_median_distance_of_one_point_is_one():
    assert median_distance(np.ones((3, 2)), np.ones((2, 2))) == 1.0
