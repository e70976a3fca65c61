"""The small convolutional network of the digit benchmarks."""

import flax.linen as nn
from jaxtyping import Array, Float

from da_zoo.layers import Conv, max_pool
from da_zoo.models.blocks import batch_norm_relu
from da_zoo.types import Outputs

__all__ = ["LeNet"]


class LeNet(nn.Module):
    """Two convolutions with pooling, then dense layers, as in DANN's digit network.

    Attributes:
        channels: of the 5 x 5 convolutions.
        hidden: widths of the dense layers; the last is the feature dimension.
        batch_norm: whether to normalise after every layer.
        dropout: rate after each dense layer, in [0, 1).

    Example:
        >>> import jax, jax.numpy as jnp
        >>> module, x = LeNet(), jnp.ones((2, 16, 16, 1))
        >>> variables = module.init(jax.random.key(0), x, train=False)
        >>> module.apply(variables, x, train=False).features.shape
        (2, 100)

    References:
        Ganin et al., "Domain-Adversarial Training of Neural Networks", JMLR 2016,
        figure 4a (32 and 48 channels, two layers of 100 units).
    """

    channels: tuple[int, ...] = (32, 48)
    hidden: tuple[int, ...] = (100, 100)
    batch_norm: bool = True
    dropout: float = 0.0

    @property
    def features_dim(self) -> int:
        """Width of the features."""
        return self.hidden[-1]

    @property
    def layer_patterns(self) -> tuple[str, ...]:
        """Patterns of the layers' parameters, from input to output."""
        convolutions = len(self.channels)
        first = [rf"(Conv|BatchNorm)_{i}/" for i in range(convolutions)]
        last = [
            rf"(Dense_{i}|BatchNorm_{convolutions + i})/"
            for i in range(len(self.hidden))
        ]
        return (*first, *last)

    @nn.compact
    def __call__(
        self,
        x: Float[Array, "n ..."],
        *,
        train: bool,
        weight: Float[Array, " n"] | None = None,
        deterministic: bool = True,
    ) -> Outputs:
        """Encodes images.

        Args:
            x: [n, h, w, c], at least 4 pixels a side; pixels in [0, 1].
            train: use and update batch statistics.
            weight: [n]; 0 marks padding, which batch statistics leave out.
            deterministic: no dropout.

        Raises:
            ValueError: if ``x`` is no batch of images.
        """
        if x.ndim != 4:
            raise ValueError(
                f"lenet takes images [n, height, width, channels], got {x.shape}; "
                'use network="mlp" for feature vectors'
            )
        stages = {}
        for i, width in enumerate(self.channels):
            layer = Conv(width, (5, 5), use_bias=not self.batch_norm, name=f"Conv_{i}")
            x = batch_norm_relu(layer(x), i, self.batch_norm, train, weight)
            x = max_pool(x)
            stages[f"conv_{i}"] = x
        x = x.reshape(x.shape[0], -1)
        for i, width in enumerate(self.hidden):
            x = nn.Dense(width, use_bias=not self.batch_norm, name=f"Dense_{i}")(x)
            number = len(self.channels) + i
            x = batch_norm_relu(x, number, self.batch_norm, train, weight)
            x = nn.Dropout(self.dropout)(x, deterministic=deterministic)
            stages[f"dense_{i}"] = x
        return Outputs(x, stages)
