"""Local maximum mean discrepancy: of each class of source and target on its own."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from da_zoo.losses.mmd import gaussian_kernels, kernel_variances, squared_distances
from da_zoo.losses.weighting import pair_mean, pair_weights

__all__ = ["local_mmd_squared"]


def _class_shares(
    memberships: Float[Array, "n k"], present: Float[Array, " k"]
) -> Float[Array, "n k"]:
    """Columns of sum 1: each row's share of its class; zeros where it is absent."""
    mass = jnp.sum(memberships, axis=0)
    scale = present / jnp.where(mass > 0, mass, 1.0)
    return memberships * scale[None, :]


def local_mmd_squared(
    features_source: Float[Array, "n d"],
    labels_source: Int[Array, " n"],
    features_target: Float[Array, "m d"],
    logits_target: Float[Array, "m k"],
    bandwidths: tuple[float, ...] | None = None,
    *,
    weight_source: Float[Array, " n"] | None = None,
    weight_target: Float[Array, " m"] | None = None,
) -> Float[Array, ""]:
    """Mean over classes of the squared MMD between that class's rows of both domains.

    A source row belongs to its label, a target row to every class as far as it is
    predicted. Classes count that some source row has AND that some target row is
    predicted as more than as any other.

    Args:
        features_source: [n, d].
        labels_source: [n], 0..k-1.
        features_target: [m, d].
        logits_target: [m, k]; under stop-gradient, as in the authors' code: otherwise
            the loss falls by predicting what is easy to match.
        bandwidths: absolute sigmas of the Gaussian kernels; None takes five,
            ``sigma^2 = 2^k mean d^2``, k = -3..1, as :func:`mmd_squared` does.
        weight_source: [n] row weights, 0 = padding.
        weight_target: [m] row weights, 0 = padding.

    Returns:
        In squared kernel units, at least 0 up to rounding (a V-statistic); 0 where no
        class is in both samples.

    Raises:
        ValueError: for bandwidths that are not positive.

    Example:
        >>> x, y = 9.0 * jnp.eye(3), jnp.arange(3)
        >>> sure = 99.0 * jnp.eye(3)
        >>> abs(float(local_mmd_squared(x, y, x, sure))) < 1e-5
        True
        >>> float(local_mmd_squared(x, y, x, sure[::-1])) > 0.1  # classes exchanged
        True

    References:
        Zhu et al., "Deep Subdomain Adaptation Network for Image Classification", IEEE
        TNNLS 2020, equations 6 to 8.
    """
    classes = logits_target.shape[1]
    w_s = jnp.ones(features_source.shape[0]) if weight_source is None else weight_source
    w_t = jnp.ones(features_target.shape[0]) if weight_target is None else weight_target
    # A padding row may hold anything: zero it before it enters a product.
    kept_s, kept_t = w_s[:, None] > 0, w_t[:, None] > 0
    f_s = jnp.where(kept_s, features_source, 0.0)
    f_t = jnp.where(kept_t, features_target, 0.0)
    logits = jnp.where(kept_t, jax.lax.stop_gradient(logits_target), 0.0)

    own_s = jax.nn.one_hot(labels_source, classes) * w_s[:, None]
    own_t = jax.nn.softmax(logits, axis=1) * w_t[:, None]
    guessed = jax.nn.one_hot(jnp.argmax(logits, axis=1), classes) * w_t[:, None]
    present = (jnp.sum(own_s, axis=0) > 0) & (jnp.sum(guessed, axis=0) > 0)
    present = present.astype(jnp.float32)
    share_s, share_t = _class_shares(own_s, present), _class_shares(own_t, present)

    # The bandwidth is that of all pairs of the joint sample.
    rows, weight = jnp.concatenate([f_s, f_t]), jnp.concatenate([w_s, w_t])
    squared = squared_distances(rows, rows)
    mean_square = pair_mean(squared, pair_weights(weight, weight, squared.shape))
    kernels = gaussian_kernels(squared, kernel_variances(mean_square, bandwidths))
    # (share_s - share_t)' K (share_s - share_t), summed over the classes' diagonal.
    difference = jnp.concatenate([share_s, -share_t])
    total = jnp.sum(difference * (kernels @ difference))
    return total / jnp.maximum(jnp.sum(present), 1.0)
