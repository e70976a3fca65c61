"""A multilayer perceptron: tables, feature vectors, tiny images."""

import flax.linen as nn
from jaxtyping import Array, Float

from da_zoo.models.blocks import batch_norm_relu
from da_zoo.types import Outputs

__all__ = ["MLP"]


class MLP(nn.Module):
    """Dense layers, each with batch normalisation and ReLU; the last are the features.

    Attributes:
        hidden: widths; the last is the feature dimension.
        batch_norm: whether to normalise. Without it DANN rarely works.
        dropout: rate after each layer, in [0, 1).

    Example:
        >>> import jax, jax.numpy as jnp
        >>> module = MLP(hidden=(8, 4))
        >>> x = jnp.ones((2, 5, 5, 1))
        >>> variables = module.init(jax.random.key(0), x, train=False)
        >>> module.apply(variables, x, train=False).features.shape
        (2, 4)
    """

    hidden: tuple[int, ...] = (128, 64)
    batch_norm: bool = True
    dropout: float = 0.0

    @property
    def features_dim(self) -> int:
        """Width of the features."""
        return self.hidden[-1]

    @property
    def layer_patterns(self) -> tuple[str, ...]:
        """Patterns of the layers' parameters, from input to output."""
        return tuple(rf"(Dense|BatchNorm)_{i}/" for i in range(len(self.hidden)))

    @nn.compact
    def __call__(
        self,
        x: Float[Array, "n ..."],
        *,
        train: bool,
        weight: Float[Array, " n"] | None = None,
        deterministic: bool = True,
    ) -> Outputs:
        """Encodes rows of any shape, which are flattened.

        Args:
            x: [n, ...].
            train: use and update batch statistics.
            weight: [n]; 0 marks padding, which batch statistics leave out.
            deterministic: no dropout.
        """
        x = x.reshape(x.shape[0], -1)
        stages = {}
        for i, width in enumerate(self.hidden):
            # A bias in front of a batch norm has gradient 0, which Adam blows up.
            x = nn.Dense(width, use_bias=not self.batch_norm, name=f"Dense_{i}")(x)
            x = batch_norm_relu(x, i, self.batch_norm, train, weight)
            x = nn.Dropout(self.dropout)(x, deterministic=deterministic)
            stages[f"dense_{i}"] = x
        return Outputs(x, stages)
