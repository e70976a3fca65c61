"""VGG-16, with batch normalisation or without, as torchvision builds it."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from da_zoo.layers import Conv
from da_zoo.models.blocks import batch_norm
from da_zoo.models.pooling import adaptive_mean_pool
from da_zoo.models.preprocessing import IMAGENET
from da_zoo.models.pretrained.conversions import (
    conv_kernel,
    dense_after_flatten,
    stem_kernel,
)
from da_zoo.models.pretrained.entries import (
    Entry,
    Layout,
    batch_norm_entries,
    conv_entries,
    dense_entries,
)
from da_zoo.types import Outputs

__all__ = ["VGG", "vgg16", "vgg16_bn"]

SIDE = 7
"""Of the map that the dense layers see."""


class VGG(nn.Module):
    """Groups of 3 x 3 convolutions, each halved by pooling, then two dense layers.

    Layers are called as in the paper: "conv3_1" is the first of the third group, "fc6"
    and "fc7" follow. The features are fc7's; the last dense layer is the head.

    Attributes:
        blocks: how many convolutions each group has; the default is VGG-16.
        normalise: whether each convolution is followed by batch normalisation.
        width: channels of the first group; each has twice as many, at most 8 times.
        hidden: width of the dense layers.
        dropout: rate behind each dense layer, in [0, 1).

    Example:
        >>> module, x = VGG(width=2, hidden=8), jnp.ones((2, 32, 32, 3))
        >>> outputs, _ = jax.eval_shape(module.init_with_output, jax.random.key(0), x)
        >>> outputs.features.shape, list(outputs.stages)[-3:]
        ((2, 8), ['conv5_3', 'fc6', 'fc7'])

    References:
        Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image
        Recognition", ICLR 2015, configuration D.
    """

    blocks: tuple[int, ...] = (2, 2, 3, 3, 3)
    normalise: bool = False
    width: int = 64
    hidden: int = 4096
    dropout: float = 0.5

    preprocessing = IMAGENET
    example_input = jax.ShapeDtypeStruct((1, 224, 224, 3), jnp.float32)

    @property
    def features_dim(self) -> int:
        """Width of the features."""
        return self.hidden

    @property
    def convolutions(self) -> tuple[str, ...]:
        """Convolutions by group and place, "1_1" on."""
        return tuple(
            f"{group}_{place}"
            for group, count in enumerate(self.blocks, 1)
            for place in range(1, count + 1)
        )

    @property
    def layer_patterns(self) -> tuple[str, ...]:
        """Patterns of the layers' parameters, from input to output."""
        kinds = "(conv|bn)" if self.normalise else "conv"
        return (*(f"{kinds}{number}/" for number in self.convolutions), "fc6/", "fc7/")

    @property
    def weight_layouts(self) -> tuple[Layout, ...]:
        """Torchvision's names, which number activations and poolings too."""
        entries: tuple[Entry, ...] = ()
        place = 0
        for number in self.convolutions:
            if number.endswith("_1") and entries:
                place += 1  # the pooling in front
            convert = conv_kernel if entries else stem_kernel
            entries += conv_entries(
                f"conv{number}", f"features.{place}", convert, bias=True
            )
            if self.normalise:
                entries += batch_norm_entries(f"bn{number}", f"features.{place + 1}")
            place += 3 if self.normalise else 2
        entries += dense_entries("fc6", "classifier.0", dense_after_flatten(SIDE, SIDE))
        entries += dense_entries("fc7", "classifier.3")
        return (Layout("torchvision", entries + dense_entries("head", "classifier.6")),)

    @nn.compact
    def __call__(
        self,
        x: Float[Array, "n h w c"],
        *,
        train: bool = False,
        weight: Float[Array, " n"] | None = None,
        deterministic: bool = True,
    ) -> Outputs:
        """Encodes images.

        Args:
            x: [n, h, w, c], preprocessed as the weights need it; at least 32 pixels a
                side, 224 x 224 was trained with.
            train: use and update batch statistics, if there are any.
            weight: [n]; 0 marks padding, which batch statistics leave out.
            deterministic: no dropout.

        Raises:
            ValueError: if the images are too small.
        """
        smallest = 2 ** len(self.blocks)
        if min(x.shape[1:3]) < smallest:
            raise ValueError(
                f"vgg takes images of at least {smallest} x {smallest}, got "
                f"{x.shape[1:3]}"
            )
        stages = {}
        # Not layers.max_pool: at 2 images of 64 x 96 XLA:CPU (jax 0.10.2) gave wrong
        # gradients for its reshape and maximum behind a batch normalisation.
        halve = functools.partial(nn.max_pool, window_shape=(2, 2), strides=(2, 2))
        for number in self.convolutions:
            group, place = map(int, number.split("_"))
            if group > 1 and place == 1:
                x = halve(x)
            width = self.width * min(2 ** (group - 1), 8)
            x = Conv(width, (3, 3), padding=((1, 1), (1, 1)), name=f"conv{number}")(x)
            if self.normalise:
                x = batch_norm(x, name=f"bn{number}", train=train, weight=weight)
            stages[f"conv{number}"] = x = nn.relu(x)
        x = adaptive_mean_pool(halve(x), SIDE, SIDE).reshape(x.shape[0], -1)
        for name in ("fc6", "fc7"):
            stages[name] = x = nn.relu(nn.Dense(self.hidden, name=name)(x))
            x = nn.Dropout(self.dropout)(x, deterministic=deterministic)
        return Outputs(x, stages)


vgg16 = functools.partial(VGG, blocks=(2, 2, 3, 3, 3))
vgg16_bn = functools.partial(VGG, blocks=(2, 2, 3, 3, 3), normalise=True)
