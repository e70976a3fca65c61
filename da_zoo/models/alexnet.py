"""AlexNet, as torchvision builds it."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from da_zoo.layers import Conv
from da_zoo.models.pooling import adaptive_mean_pool
from da_zoo.models.preprocessing import IMAGENET
from da_zoo.models.pretrained.conversions import (
    conv_kernel,
    dense_after_flatten,
    stem_kernel,
)
from da_zoo.models.pretrained.entries import Layout, conv_entries, dense_entries
from da_zoo.types import Outputs

__all__ = ["AlexNet"]

WINDOWS = (11, 5, 3, 3, 3)
POOLED = (1, 2, 5)
"""Convolutions that a pooling follows."""
SIDE = 6
"""Of the map that the dense layers see."""


class AlexNet(nn.Module):
    """Five convolutions, then two dense layers; the second one's are the features.

    Without local response normalisation and in one column of channels, as in the
    "one weird trick" paper. Its last dense layer is the head.

    Attributes:
        channels: of the convolutions.
        hidden: width of the dense layers.
        dropout: rate in front of each dense layer, in [0, 1).

    Example:
        >>> module = AlexNet(channels=(2, 2, 2, 2, 2), hidden=8)
        >>> x = jnp.ones((2, 64, 64, 3))
        >>> outputs, _ = jax.eval_shape(module.init_with_output, jax.random.key(0), x)
        >>> outputs.features.shape
        (2, 8)

    References:
        Krizhevsky, Sutskever and Hinton, "ImageNet Classification with Deep
        Convolutional Neural Networks", NeurIPS 2012; Krizhevsky, "One weird trick for
        parallelizing convolutional neural networks", 2014.
    """

    channels: tuple[int, ...] = (64, 192, 384, 256, 256)
    hidden: int = 4096
    dropout: float = 0.5

    preprocessing = IMAGENET
    example_input = jax.ShapeDtypeStruct((1, 224, 224, 3), jnp.float32)

    @property
    def features_dim(self) -> int:
        """Width of the features."""
        return self.hidden

    @property
    def layer_patterns(self) -> tuple[str, ...]:
        """Patterns of the layers' parameters, from input to output."""
        return (*(f"conv{i}/" for i in range(1, 6)), "fc6/", "fc7/")

    @property
    def weight_layouts(self) -> tuple[Layout, ...]:
        """Torchvision's names."""
        entries = conv_entries("conv1", "features.0", stem_kernel, bias=True)
        for number, place in zip((2, 3, 4, 5), (3, 6, 8, 10), strict=True):
            entries += conv_entries(
                f"conv{number}", f"features.{place}", conv_kernel, bias=True
            )
        entries += dense_entries("fc6", "classifier.1", dense_after_flatten(SIDE, SIDE))
        entries += dense_entries("fc7", "classifier.4")
        return (Layout("torchvision", entries + dense_entries("head", "classifier.6")),)

    @nn.compact
    def __call__(
        self, x: Float[Array, "n h w c"], *, deterministic: bool = True
    ) -> Outputs:
        """Encodes images.

        Args:
            x: [n, h, w, c], preprocessed as the weights need it; at least 63 pixels a
                side, 224 x 224 was trained with.
            deterministic: no dropout.

        Raises:
            ValueError: if the images are too small.
        """
        if min(x.shape[1:3]) < 63:
            raise ValueError(
                f"alexnet takes images of at least 63 x 63, got {x.shape[1:3]}"
            )
        stages = {}
        for i, (width, size) in enumerate(zip(self.channels, WINDOWS, strict=True), 1):
            stride, pad = (4, 2) if i == 1 else (1, size // 2)
            name = f"conv{i}"
            x = Conv(
                width, (size, size), (stride, stride), ((pad, pad),) * 2, name=name
            )(x)
            stages[name] = x = nn.relu(x)
            if i in POOLED:
                x = nn.max_pool(x, (3, 3), (2, 2))
        x = adaptive_mean_pool(x, SIDE, SIDE).reshape(x.shape[0], -1)
        for name in ("fc6", "fc7"):
            x = nn.Dropout(self.dropout)(x, deterministic=deterministic)
            stages[name] = x = nn.relu(nn.Dense(self.hidden, name=name)(x))
        return Outputs(x, stages)
