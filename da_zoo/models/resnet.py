"""Residual networks with 18, 34, 50 and 101 layers, as torchvision builds them."""

import functools
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from da_zoo.layers import Conv
from da_zoo.models.blocks import batch_norm
from da_zoo.models.preprocessing import IMAGENET
from da_zoo.models.pretrained.conversions import conv_kernel, stem_kernel
from da_zoo.models.pretrained.entries import (
    Entry,
    Layout,
    batch_norm_entries,
    conv_entries,
    dense_entries,
)
from da_zoo.types import Outputs

__all__ = ["ResNet", "resnet18", "resnet34", "resnet50", "resnet101"]

KERNEL_INIT = nn.initializers.variance_scaling(2.0, "fan_out", "normal")


class ResNet(nn.Module):
    """A 7 x 7 stem, four groups of residual blocks, the mean over pixels.

    In bottleneck blocks the 3 x 3 convolution has the stride ("v1.5"), not the 1 x 1
    one of the paper. Padding is explicit and symmetric: at stride 2, "SAME" shifts the
    image by a pixel. Stages and layers are the stem, then every block, "layer3_1" being
    the second one of the third group.

    Attributes:
        blocks: how many each group has.
        bottleneck: whether blocks are 1 x 1, 3 x 3, 1 x 1 (from ResNet-50 on) or twice
            3 x 3.
        width: channels of the stem; the groups have 1, 2, 4, 8 times as many, and
            bottleneck blocks return four times those.

    Example:
        >>> module, x = ResNet(width=4), jnp.ones((2, 32, 32, 3))
        >>> run = functools.partial(module.init_with_output, train=False)
        >>> outputs, variables = jax.eval_shape(run, jax.random.key(0), x)
        >>> outputs.features.shape, outputs.stages["layer1_1"].shape
        ((2, 32), (2, 8, 8, 4))

    References:
        He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, table 1.
    """

    blocks: tuple[int, ...] = (2, 2, 2, 2)
    bottleneck: bool = False
    width: int = 64

    preprocessing = IMAGENET
    example_input = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32)

    @property
    def features_dim(self) -> int:
        """Width of the features."""
        return self.width * 2 ** (len(self.blocks) - 1) * (4 if self.bottleneck else 1)

    @property
    def block_names(self) -> tuple[str, ...]:
        """Blocks in depth order."""
        return tuple(
            f"layer{group}_{block}"
            for group, count in enumerate(self.blocks, start=1)
            for block in range(count)
        )

    @property
    def layer_patterns(self) -> tuple[str, ...]:
        """Patterns of the layers' parameters, from input to output."""
        return ("stem_(conv|bn)/", *(f"{name}/" for name in self.block_names))

    @property
    def weight_layouts(self) -> tuple[Layout, ...]:
        """Torchvision's and timm's names, which are the same, and transformers'."""
        return (
            Layout(
                "torchvision",
                _entries(self, _torchvision_names) + dense_entries("head", "fc"),
            ),
            Layout(
                "transformers",
                _entries(self, _transformers_names)
                + dense_entries("head", "classifier.1"),
                prefixes=("resnet.", "", "module."),
            ),
        )

    @nn.compact
    def __call__(
        self,
        x: Float[Array, "n h w c"],
        *,
        train: bool,
        weight: Float[Array, " n"] | None = None,
    ) -> Outputs:
        """Encodes images.

        Args:
            x: [n, h, w, c], preprocessed as the weights need it; any size, 224 x 224
                was trained with.
            train: use and update batch statistics.
            weight: [n]; 0 marks padding, which batch statistics leave out.
        """
        norm = functools.partial(batch_norm, train=train, weight=weight)
        x = nn.relu(norm(_conv(self.width, 7, 2, "stem_conv")(x), name="stem_bn"))
        x = nn.max_pool(x, (3, 3), (2, 2), ((1, 1), (1, 1)))
        stages = {"stem": x}
        for name in self.block_names:
            group, block = map(int, name.removeprefix("layer").split("_"))
            width = self.width * 2 ** (group - 1)
            stride = 2 if group > 1 and block == 0 else 1
            x = _Block(width, stride, self.bottleneck, name=name)(x, norm)
            stages[name] = x
        return Outputs(x.mean(axis=(1, 2)), stages)


class _Block(nn.Module):
    """``relu(x + convolutions(x))``; ``x`` is projected where shapes differ."""

    width: int
    stride: int
    bottleneck: bool

    @nn.compact
    def __call__(self, x: Array, norm: Any) -> Array:
        layers = _layers(self.bottleneck)
        y = x
        for number, (size, strided, widening) in enumerate(layers, start=1):
            stride = self.stride if strided else 1
            y = _conv(self.width * widening, size, stride, f"conv{number}")(y)
            y = norm(y, name=f"bn{number}")
            y = nn.relu(y) if number < len(layers) else y
        if self.stride > 1 or x.shape[3] != y.shape[3]:
            x = _conv(y.shape[3], 1, self.stride, "downsample_conv")(x)
            x = norm(x, name="downsample_bn")
        return nn.relu(x + y)


def _layers(bottleneck: bool) -> tuple[tuple[int, bool, int], ...]:
    """Of a block: side of the window, whether it may stride, factor on the width."""
    if bottleneck:
        return (1, False, 1), (3, True, 1), (1, False, 4)
    return (3, True, 1), (3, False, 1)


def _conv(width: int, size: int, stride: int, name: str) -> Conv:
    pads = ((size // 2, size // 2),) * 2
    return Conv(
        width,
        (size, size),
        (stride, stride),
        pads,
        use_bias=False,
        kernel_init=KERNEL_INIT,
        name=name,
    )


Names = Callable[[str, int], tuple[str, str]]
"""``(block, number) -> their names`` of a convolution and its normalisation; the block
"" is the stem, and number 0 the projection."""


def _entries(module: ResNet, names: Names) -> tuple[Entry, ...]:
    def pair(ours: tuple[str, str], block: str, number: int) -> tuple[Entry, ...]:
        conv, norm = names(block, number)
        convert = conv_kernel if block else stem_kernel
        return conv_entries(ours[0], conv, convert) + batch_norm_entries(ours[1], norm)

    entries = pair(("stem_conv", "stem_bn"), "", 1)
    for block in module.block_names:
        for i in range(1, 1 + len(_layers(module.bottleneck))):
            entries += pair((f"{block}/conv{i}", f"{block}/bn{i}"), block, i)
        # Basic blocks of the first group neither stride nor widen.
        if block.endswith("_0") and (module.bottleneck or block != "layer1_0"):
            ours = (f"{block}/downsample_conv", f"{block}/downsample_bn")
            entries += pair(ours, block, 0)
    return entries


def _torchvision_names(block: str, number: int) -> tuple[str, str]:
    if not block:
        return "conv1", "bn1"
    block = block.replace("_", ".")
    if number == 0:
        return f"{block}.downsample.0", f"{block}.downsample.1"
    return f"{block}.conv{number}", f"{block}.bn{number}"


def _transformers_names(block: str, number: int) -> tuple[str, str]:
    if not block:
        layer = "embedder.embedder"
    else:
        group, place = block.removeprefix("layer").split("_")
        layer = f"encoder.stages.{int(group) - 1}.layers.{place}"
        layer += ".shortcut" if number == 0 else f".layer.{number - 1}"
    return f"{layer}.convolution", f"{layer}.normalization"


resnet18 = functools.partial(ResNet, blocks=(2, 2, 2, 2))
resnet34 = functools.partial(ResNet, blocks=(3, 4, 6, 3))
resnet50 = functools.partial(ResNet, blocks=(3, 4, 6, 3), bottleneck=True)
resnet101 = functools.partial(ResNet, blocks=(3, 4, 23, 3), bottleneck=True)
