"""Matrix decompositions for compiled steps, one matrix at a time.

XLA:CPU hands a batch of matrices out to its pool of threads, and waits for them in one
of its threads. Two programs (or two batches of one) that do so at once can each hold
the threads that the other waits for, for good. A single matrix is decomposed where it
is; several seeds' are therefore taken one after another.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

__all__ = ["eigh", "nuclear_norm", "svd"]


@jax.custom_batching.sequential_vmap
def eigh(
    matrix: Float[Array, "d d"],
) -> tuple[Float[Array, " d"], Float[Array, "d d"]]:
    """Eigenvalues and eigenvectors of a symmetric matrix.

    Not meant to be differentiated: where two eigenvalues meet, the derivative is not
    finite. A loss that uses it gives its own gradient, as ``symmetric_log`` does.

    Args:
        matrix: [d, d], symmetric.

    Returns:
        Eigenvalues [d], ascending, and eigenvectors [d, d], the i-th in column i.

    Example:
        >>> values, vectors = eigh(jnp.diag(jnp.array([3.0, 1.0])))
        >>> values.tolist()
        [1.0, 3.0]
    """
    values, vectors = jnp.linalg.eigh(matrix)
    return values, vectors


@jax.custom_batching.sequential_vmap
def svd(
    matrix: Float[Array, "m n"],
) -> tuple[Float[Array, "m k"], Float[Array, " k"], Float[Array, "k n"]]:
    """Thin singular value decomposition, ``matrix = u * s @ vt``.

    Not meant to be differentiated, as ``eigh`` is not; ``safe_svd`` is.

    Args:
        matrix: [m, n]; k is the smaller of m and n.

    Returns:
        u [m, k], singular values s [k], descending and at least 0, vt [k, n].

    Example:
        >>> u, s, vt = svd(jnp.diag(jnp.array([3.0, -4.0])))
        >>> s.tolist()
        [4.0, 3.0]
    """
    u, s, vt = jnp.linalg.svd(matrix, full_matrices=False)
    return u, s, vt


@jax.custom_vjp
def nuclear_norm(matrix: Float[Array, "m n"]) -> Float[Array, ""]:
    """Sum of the singular values; its gradient is ``u @ vt``.

    Where singular values are 0 the norm has no gradient, and ``u @ vt`` is one of its
    subgradients: it stays finite.

    Args:
        matrix: [m, n].

    Returns:
        The norm, at least 0.

    Source:
        Watson, "Characterization of the subdifferential of some matrix norms", Linear
        Algebra and its Applications, 1992.

    Example:
        >>> round(float(nuclear_norm(jnp.diag(jnp.array([3.0, -4.0])))), 4)
        7.0
    """
    return jnp.sum(svd(matrix)[1])


def _norm_forward(matrix: Array) -> tuple[Array, Array]:
    u, s, vt = svd(matrix)
    return jnp.sum(s), u @ vt


def _norm_backward(direction: Array, cotangent: Array) -> tuple[Array]:
    return (cotangent * direction,)


nuclear_norm.defvjp(_norm_forward, _norm_backward)
