"""The piece that the small networks repeat."""

import flax.linen as nn
from jaxtyping import Array, Float

__all__ = ["batch_norm_relu"]


def batch_norm_relu(
    x: Float[Array, "n ..."],
    number: int,
    normalise: bool,
    train: bool,
    weight: Float[Array, " n"] | None,
) -> Float[Array, "n ..."]:
    """Batch normalisation (if wanted), then ReLU; call it inside a compact module.

    Args:
        x: [n, ..., channels].
        number: of the layer; it is called ``BatchNorm_<number>``.
        normalise: whether there is a normalisation at all.
        train: use and update batch statistics.
        weight: [n]; rows of weight 0 are left out of the statistics.
    """
    if normalise:
        norm = nn.BatchNorm(momentum=0.9, epsilon=1e-5, name=f"BatchNorm_{number}")
        mask = None
        if weight is not None:
            mask = (weight > 0).reshape(-1, *(1 for _ in x.shape[1:]))
        x = norm(x, use_running_average=not train, mask=mask)
    return nn.relu(x)
