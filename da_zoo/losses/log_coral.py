"""Log-Euclidean CORAL: the distance between logarithms of covariance matrices."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from da_zoo.losses.coral import covariance
from da_zoo.losses.decompositions import eigh

__all__ = ["log_coral", "symmetric_log"]


def _log_slopes(values: Float[Array, " d"]) -> Float[Array, "d d"]:
    """Divided differences (log a - log b) / (a - b) of the logarithm; 1/a at a = b."""
    a, b = values[:, None], values[None, :]
    # log a - log b = 2 atanh(x): no difference of near values, and none by 0.
    x = (a - b) / (a + b)
    near = jnp.abs(x) < 0.5
    small = jnp.where(near, x, 0.0)
    safe = jnp.where(small == 0, 1.0, small)
    ratio = jnp.where(small == 0, 1.0, jnp.arctanh(small) / safe)
    gap = jnp.where(near, 1.0, a - b)
    return jnp.where(near, 2.0 * ratio / (a + b), (jnp.log(a) - jnp.log(b)) / gap)


def _decomposed(
    matrix: Float[Array, "d d"],
) -> tuple[Float[Array, " d"], Float[Array, "d d"]]:
    values, vectors = eigh(matrix)
    # Rounding may leave the smallest a little under 0.
    smallest = jnp.finfo(values.dtype).eps * jnp.max(jnp.abs(values))
    tiny = jnp.finfo(values.dtype).tiny
    return jnp.maximum(values, jnp.maximum(smallest, tiny)), vectors


@jax.custom_vjp
def symmetric_log(matrix: Float[Array, "d d"]) -> Float[Array, "d d"]:
    """The logarithm of a symmetric positive definite matrix.

    Its derivative is the Daleckii-Krein formula, finite where eigenvalues coincide.
    (The derivative of ``eigh`` itself divides by their differences, and gives NaN.)

    Args:
        matrix: [d, d], symmetric; eigenvalues under rounding are lifted to it.

    Example:
        >>> jnp.round(symmetric_log(jnp.e * jnp.eye(2)), 4).tolist()
        [[1.0, 0.0], [0.0, 1.0]]

    References:
        Bhatia, Matrix Analysis, 1997, theorem V.3.3.
    """
    values, vectors = _decomposed(matrix)
    return (vectors * jnp.log(values)[None, :]) @ vectors.T


def _forward(matrix: Array) -> tuple[Array, tuple[Array, Array]]:
    values, vectors = _decomposed(matrix)
    return (vectors * jnp.log(values)[None, :]) @ vectors.T, (values, vectors)


def _backward(kept: tuple[Array, Array], cotangent: Array) -> tuple[Array]:
    values, vectors = kept
    symmetric = 0.5 * (cotangent + cotangent.T)
    inner = vectors.T @ symmetric @ vectors
    return (vectors @ (_log_slopes(values) * inner) @ vectors.T,)


symmetric_log.defvjp(_forward, _backward)


def log_coral(
    features_source: Float[Array, "n d"],
    features_target: Float[Array, "m d"],
    *,
    regularisation: float | Float[Array, ""] = 1e-2,
    weight_source: Float[Array, " n"] | None = None,
    weight_target: Float[Array, " m"] | None = None,
) -> Float[Array, ""]:
    """Squared Frobenius distance of the covariances' logarithms, over 4 d^2.

    The log-Euclidean distance respects the geometry of covariances: it is the same
    after inversion or a common change of scale, and small variances count as much as
    large ones.

    Args:
        features_source: [n, d].
        features_target: [m, d].
        regularisation: added to both diagonals, as a multiple of the mean variance of
            both (under stop-gradient); at n <= d a covariance is singular without it.
            Of 64 rows and 256 features, float32 gradients are wrong by 1.4e-4 of their
            norm at 0.001, by 2e-5 at 0.01 and by 3e-6 at 0.1.
        weight_source: [n] row weights, 0 = padding.
        weight_target: [m] row weights, 0 = padding.

    Returns:
        At least 0; 0 iff the covariances coincide, wherever the means are.

    Raises:
        ValueError: if ``regularisation`` is not positive.

    Example:
        >>> x = jax.random.normal(jax.random.key(0), (64, 3))
        >>> float(log_coral(x, x + 7.0)) < 1e-6
        True
        >>> round(float(log_coral(x, jnp.e * x, regularisation=1e-6)), 3)  # 4 d / 4 d^2
        0.333

    References:
        Wang et al., "Deep Domain Adaptation by Geodesic Distance Minimization", ICCV
        workshops 2017.
    """
    if not isinstance(regularisation, jax.core.Tracer) and not regularisation > 0:
        raise ValueError(
            f"regularisation must be positive, got {regularisation}; 0.01 times the "
            "mean variance is a usual start"
        )
    d = features_source.shape[1]
    covariances = [
        covariance(features_source, weight_source),
        covariance(features_target, weight_target),
    ]
    mean = 0.5 * jnp.trace(covariances[0] + covariances[1]) / d
    # Features that never vary have covariance 0: any positive floor gives distance 0.
    ridge = jnp.maximum(jax.lax.stop_gradient(mean) * regularisation, 1e-12)
    logs = [symmetric_log(c + ridge * jnp.eye(d)) for c in covariances]
    return jnp.sum(jnp.square(logs[0] - logs[1])) / (4.0 * d**2)
