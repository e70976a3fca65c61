"""The nuclear-norm Wasserstein discrepancy of two domains' predictions."""

from jaxtyping import Array, Float

from da_zoo.losses.prediction import batch_nuclear_norm

__all__ = ["nuclear_wasserstein"]


def nuclear_wasserstein(
    logits_source: Float[Array, "n k"],
    logits_target: Float[Array, "m k"],
    *,
    weight_source: Float[Array, " n"] | None = None,
    weight_target: Float[Array, " m"] | None = None,
) -> Float[Array, ""]:
    """Nuclear norm of the source's softmax matrix over n, less that of the target's.

    A classifier used as a critic raises it: certain and diverse on the source, neither
    on the target. The encoder lowers it.

    Args:
        logits_source: [n, k]; masked classes (-1e9) count nothing.
        logits_target: [m, k].
        weight_source: [n]; 0 marks padding.
        weight_target: [m]; 0 marks padding.

    Returns:
        Between -1 and 1.

    Example:
        >>> import jax.numpy as jnp
        >>> nuclear_wasserstein(1e3 * jnp.eye(2), jnp.zeros((2, 2))).round(4)
        Array(0.5, dtype=float32)

    References:
        Chen et al., "Reusing the Task-specific Classifier as a Discriminator:
        Discriminator-free Adversarial Domain Adaptation", CVPR 2022, equation 10.
    """
    source = batch_nuclear_norm(logits_source, weight=weight_source)
    return source - batch_nuclear_norm(logits_target, weight=weight_target)
