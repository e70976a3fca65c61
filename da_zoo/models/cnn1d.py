"""A one-dimensional convolutional network for signals and time series."""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from da_zoo.layers import convolution
from da_zoo.models.blocks import batch_norm
from da_zoo.types import Outputs

__all__ = ["CNN1D"]


class CNN1D(nn.Module):
    """Convolutions over time, each with pooling, then the mean over time.

    Attributes:
        channels: of the convolutions; the last is the feature dimension.
        kernel_size: samples in a window, by layer or one for all.
        stride: of the first convolution, in samples.
        normalise: whether to normalise after every convolution.
        dropout: rate after the first layer, in [0, 1).

    Example:
        >>> import functools, jax
        >>> module, x = CNN1D(channels=(8, 4)), jnp.ones((2, 50, 9))
        >>> run = functools.partial(module.init_with_output, train=False)
        >>> outputs, variables = jax.eval_shape(run, jax.random.key(0), x)
        >>> outputs.features.shape
        (2, 4)

    References:
        Ragab et al., "ADATIME: A Benchmarking Suite for Domain Adaptation on Time
        Series Data", TKDD 2023: the 1D-CNN, with the windows of its human-activity
        tasks. Its poolings pad by one sample; these do not.
    """

    channels: tuple[int, ...] = (64, 128, 128)
    kernel_size: int | tuple[int, ...] = 5
    stride: int = 1
    normalise: bool = True
    dropout: float = 0.5

    @property
    def features_dim(self) -> int:
        """Width of the features."""
        return self.channels[-1]

    @property
    def layer_patterns(self) -> tuple[str, ...]:
        """Patterns of the layers' parameters, from input to output."""
        return tuple(f"(conv|bn)_{i}/" for i in range(len(self.channels)))

    @nn.compact
    def __call__(
        self,
        x: Float[Array, "n ..."],
        *,
        train: bool,
        weight: Float[Array, " n"] | None = None,
        deterministic: bool = True,
    ) -> Outputs:
        """Encodes signals.

        Args:
            x: [n, time, channels]; at least ``stride * 2 ** len(channels)`` samples.
            train: use and update batch statistics.
            weight: [n]; 0 marks padding, which batch statistics leave out.
            deterministic: no dropout.

        Raises:
            ValueError: if ``x`` is no batch of signals, or they are too short.
        """
        shortest = self.stride * 2 ** len(self.channels)
        if x.ndim != 3 or x.shape[1] < shortest:
            raise ValueError(
                f"cnn1d takes signals [n, time, channels] of at least {shortest} "
                f"samples, got {x.shape}"
            )
        sizes = self.kernel_size
        if isinstance(sizes, int):
            sizes = (sizes,) * len(self.channels)
        stages = {}
        for i, (width, size) in enumerate(zip(self.channels, sizes, strict=True)):
            x = _Conv1D(
                width,
                size,
                self.stride if i == 0 else 1,
                not self.normalise,
                name=f"conv_{i}",
            )(x)
            if self.normalise:
                x = batch_norm(x, name=f"bn_{i}", train=train, weight=weight)
            x = _halve(nn.relu(x))
            if i == 0:
                x = nn.Dropout(self.dropout)(x, deterministic=deterministic)
            stages[f"conv_{i}"] = x
        return Outputs(x.mean(axis=1), stages)


class _Conv1D(nn.Module):
    """The parameters of a one-dimensional ``nn.Conv``, the gradients of ours."""

    features: int
    size: int
    stride: int
    use_bias: bool

    @nn.compact
    def __call__(self, x: Float[Array, "n t i"]) -> Float[Array, "n u o"]:
        shape = (self.size, x.shape[2], self.features)
        kernel = self.param("kernel", nn.initializers.he_normal(), shape)
        pads = ((0, 0), (self.size // 2, self.size // 2))
        y = convolution(
            x[:, None], kernel[None], padding=pads, strides=(1, self.stride)
        )[:, 0]
        if self.use_bias:
            bias = self.param("bias", nn.initializers.zeros, (self.features,))
            y = y + bias[None, None]
        return y


def _halve(x: Float[Array, "n t c"]) -> Float[Array, "n u c"]:
    """The maximum of every two samples."""
    n, time, channels = x.shape
    pairs = x[:, : time // 2 * 2].reshape(n, time // 2, 2, channels)
    return jnp.max(pairs, axis=2)
