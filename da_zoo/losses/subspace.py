"""Distances between the subspaces that two batches of features span."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from da_zoo.losses.decompositions import svd
from da_zoo.losses.weighting import without_padding

__all__ = ["safe_svd", "subspace_distance"]

BLUR = 1e-5
"""Gaps of squared singular values below this share of the largest count as if so far
apart: the exact derivative of a singular vector is infinite at a tie."""
RANK = 1e-5
"""A direction whose singular value is under this share of the largest is no part of
the span: float32 leaves rounding of this size in a batch of lower rank."""


@jax.custom_vjp
def safe_svd(
    matrix: Float[Array, "m n"],
) -> tuple[Float[Array, "m k"], Float[Array, " k"], Float[Array, "k n"]]:
    """Thin singular value decomposition whose gradient is finite everywhere.

    Args:
        matrix: [m, n], with k = min(m, n).

    Returns:
        ``u, s, vt`` with ``matrix = u * s @ vt`` and s descending. The derivative has
        ``1 / x`` in the gaps x of squared singular values; it becomes
        ``x / (x^2 + e^2)`` with e the :data:`BLUR`-th part of the largest square.

    Example:
        >>> gradient = jax.grad(lambda a: safe_svd(a)[0][0, 0])(jnp.eye(2))
        >>> bool(jnp.isfinite(gradient).all())
        True

    References:
        Liao, Liu, Wang and Xiang, "Differentiable Programming Tensor Networks",
        Physical Review X, 2019, section III.
    """
    return svd(matrix)


def _svd_forward(matrix: Array) -> tuple[Any, Any]:
    found = safe_svd(matrix)
    return found, found


def _svd_backward(found: Any, gradients: Any) -> tuple[Array]:
    u, s, vt = found
    u_bar, s_bar, vt_bar = gradients
    v, v_bar = vt.T, vt_bar.T
    squares = jnp.square(s)
    width = BLUR * squares[0] + jnp.finfo(s.dtype).tiny ** 0.5

    def inverse(x: Array) -> Array:
        return x / (jnp.square(x) + width**2)

    gaps = inverse(squares[None, :] - squares[:, None])
    inner_u, inner_v = u.T @ u_bar, v.T @ v_bar
    core = (
        (gaps * (inner_u - inner_u.T)) * s[None, :]
        + s[:, None] * (gaps * (inner_v - inner_v.T))
        + jnp.diag(s_bar)
    )
    scaled = s * inverse(squares)  # 1 / s
    outside_u = (u_bar - u @ inner_u) * scaled[None, :]
    outside_v = (v_bar - v @ inner_v) * scaled[None, :]
    return (u @ core @ v.T + outside_u @ v.T + u @ outside_v.T,)


safe_svd.defvjp(_svd_forward, _svd_backward)


def _basis(
    features: Float[Array, "n d"], size: int
) -> tuple[Float[Array, "d r"], Int[Array, ""]]:
    """Orthonormal directions of a batch, strongest first, and how many are real."""
    u, s, _ = safe_svd(features.T)
    u, s = u[:, :size], s[:size]
    real = jax.lax.stop_gradient(s > RANK * jnp.maximum(s[0], 1e-30))
    return jnp.where(real[None, :], u, 0.0), jnp.sum(real)


def _root(squares: Array) -> Array:
    """A square root with gradient 0 at 0."""
    positive = squares > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, squares, 1.0)), 0.0)


def _distance(
    features_source: Array, features_target: Array, directions: int
) -> tuple[Array, Array]:
    basis_s, rank_s = _basis(features_source, directions)
    basis_t, rank_t = _basis(features_target, directions)
    angles = jnp.minimum(rank_s, rank_t)
    place = jnp.arange(directions)
    across = basis_s.T @ basis_t
    # The sines are the singular values of what of one basis lies outside the other,
    # exact for small angles too; sqrt(1 - cosine^2) loses them in float32, and its
    # gradient is infinite at angle 0. Directions that the other side lacks come first.
    sines = safe_svd(basis_s - basis_t @ across.T)[1]
    counted = (place >= rank_s - angles) & (place < rank_s)
    distance = jnp.sum(jnp.where(counted, sines, 0.0))
    rotation_s, _, rotation_t = safe_svd(across)
    gap = jnp.abs(rotation_s) - jnp.abs(rotation_t.T)
    gap = jnp.where((place < angles)[None, :], gap, 0.0)
    return distance, _root(jnp.sum(jnp.square(gap)))


def subspace_distance(
    features_source: Float[Array, "n d"],
    features_target: Float[Array, "m d"],
    *,
    directions: int | None = None,
    weight_source: Float[Array, " n"] | None = None,
    weight_target: Float[Array, " m"] | None = None,
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Representation subspace distance, and how far the two bases are mismatched.

    With U_s and U_t the left singular vectors of the (uncentred) features [d, n] and
    ``U_s' U_t = P_s diag(cos) P_t'``, these are ``sum sin`` over the principal angles
    and the Frobenius norm of ``|P_s| - |P_t|``: which directions, in order of their
    strength, correspond. Neither sees the features' scale, which regression needs.

    Args:
        features_source: [n, d].
        features_target: [m, d].
        directions: how many of the strongest directions of each batch to compare; None
            means all, min(n, m, d), or half of d where that is d: batches that span
            the whole space are never apart.
        weight_source: [n] row weights, of which only 0 (padding) matters: a span has
            no multiplicities.
        weight_target: [m], likewise.

    Returns:
        The distance, in [0, directions], and the mismatch, at least 0; both with finite
        gradients, for collapsed features too.

    Raises:
        ValueError: if ``directions`` is out of range.

    Example:
        >>> x, y = jnp.array([[2.0, 0.0, 0.0]]), jnp.array([[3.0, 3.0, 0.0]])
        >>> [round(float(part), 4) for part in subspace_distance(x, y)]
        [0.7071, 0.0]

    References:
        Chen et al., "Representation Subspace Distance for Domain Adaptation
        Regression", ICML 2021, equations 4 to 8.
    """
    d = features_source.shape[1]
    most = min(features_source.shape[0], features_target.shape[0], d)
    if directions is None:
        directions = most if most < d else max(d // 2, 1)
    if directions < 1:
        raise ValueError(f"directions must be at least 1, got {directions}")
    # Rows of zeros add nothing to a span.
    return _distance(
        without_padding(features_source, weight_source),
        without_padding(features_target, weight_target),
        min(directions, most),
    )
