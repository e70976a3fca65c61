"""The pieces that the convolutional networks repeat."""

import flax.linen as nn
from jaxtyping import Array, Float

__all__ = ["batch_norm", "batch_norm_relu"]


def batch_norm(
    x: Float[Array, "n ..."],
    *,
    name: str,
    train: bool,
    weight: Float[Array, " n"] | None,
) -> Float[Array, "n ..."]:
    """Batch normalisation as PyTorch sets it up; call it inside a compact module.

    A tenth of each batch's statistics enters the running ones. Their variance is the
    biased one; PyTorch's is N / (N - 1) times that, N the rows times pixels.

    Args:
        x: [n, ..., channels].
        name: of the layer.
        train: use and update batch statistics.
        weight: [n]; rows of weight 0 are left out of the statistics.
    """
    mask = None
    if weight is not None:
        mask = (weight > 0).reshape(-1, *(1 for _ in x.shape[1:]))
    norm = nn.BatchNorm(momentum=0.9, epsilon=1e-5, name=name)
    return norm(x, use_running_average=not train, mask=mask)


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
        x = batch_norm(x, name=f"BatchNorm_{number}", train=train, weight=weight)
    return nn.relu(x)
