"""ResNet-50 DANN at 224 x 224, batch 32+32: images per second, for accelerators.

``python benchmarks/resnet50.py`` trains da_zoo's DANN on a bfloat16 Linen ResNet-50;
``--framework torch`` a torch one (channels_last, bf16 autocast; it needs torch, and
takes CUDA where there is any). Each prints one line of JSON. A training step counts as
three forward passes of 4.1 billion multiply-adds an image (He et al. 2016), from which
``--peak`` (TFLOP/s of the chip) gives the share that is used. Sizes can be made small
enough for a laptop: ``--side 32 --batch 2 --steps 2 --width 8``.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

BLOCKS = (3, 4, 6, 3)
CLASSES = 31
ROWS = 256
FLOPS = 3 * 2 * 4.1e9
"""Of one training image at 224 x 224 and full width."""


def images(side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Source rows, labels and target rows, uint8."""
    generator = np.random.default_rng(0)
    x, target = generator.integers(0, 256, (2, ROWS, side, side, 3), np.uint8)
    return x, generator.integers(0, CLASSES, ROWS), target


def ours(arguments: argparse.Namespace) -> Callable[[int], None]:
    """Returns a function that trains so many steps."""
    import flax.linen as nn
    import jax

    import da_zoo

    class ResNet50(nn.Module):
        """Bottleneck blocks with the stride in the 3 x 3 convolution."""

        @nn.compact
        def __call__(self, x: Any, *, train: bool) -> Any:
            def normalised(y: Any, width: int, size: int, stride: int = 1) -> Any:
                pad = [(size // 2, size // 2)] * 2
                strides = (stride, stride)
                y = nn.Conv(width, (size, size), strides, pad, use_bias=False)(y)
                return nn.BatchNorm(use_running_average=not train, momentum=0.9)(y)

            x = nn.relu(normalised(x, arguments.width, 7, 2))
            x = nn.max_pool(x, (3, 3), (2, 2), [(1, 1), (1, 1)])
            for stage, blocks in enumerate(BLOCKS):
                width = arguments.width * 2**stage
                for block in range(blocks):
                    stride = 2 if stage and not block else 1
                    y = nn.relu(normalised(x, width, 1))
                    y = nn.relu(normalised(y, width, 3, stride))
                    y = normalised(y, 4 * width, 1)
                    if not block:
                        x = normalised(x, 4 * width, 1, stride)
                    x = nn.relu(x + y)
            return x.mean(axis=(1, 2))

    x, y, target = images(arguments.side)
    network = da_zoo.network_from_linen(ResNet50(), name="resnet50")
    network = da_zoo.with_precision(network, "bf16")
    recipe = da_zoo.methods.dann(network, classes=CLASSES, discriminator=(1024, 1024))
    data = da_zoo.ArrayData((x, y), target)

    def train(steps: int) -> None:
        da_zoo.fit(
            recipe, data, jax.random.key(0), steps=steps, batch_size=arguments.batch
        )

    return train


def torchs(arguments: argparse.Namespace) -> Callable[[int], None]:
    """The same in torch."""
    import math

    import torch
    from torch import nn
    from torch.nn import functional

    device = "cuda" if torch.cuda.is_available() else "cpu"

    def normalised(before: int, width: int, size: int, stride: int = 1) -> Any:
        conv = nn.Conv2d(before, width, size, stride, size // 2, bias=False)
        return nn.Sequential(conv, nn.BatchNorm2d(width))

    class Block(nn.Module):
        def __init__(self, before: int, width: int, stride: int, first: bool) -> None:
            super().__init__()
            after = 4 * width
            self.inner = nn.Sequential(
                *(normalised(before, width, 1), nn.ReLU()),
                *(normalised(width, width, 3, stride), nn.ReLU()),
                normalised(width, after, 1),
            )
            self.outer = (
                normalised(before, after, 1, stride) if first else nn.Identity()
            )

        def forward(self, x: Any) -> Any:
            return functional.relu(self.outer(x) + self.inner(x))

    layers: list[Any] = [normalised(3, arguments.width, 7, 2), nn.ReLU()]
    layers.append(nn.MaxPool2d(3, 2, 1))
    before = arguments.width
    for stage, blocks in enumerate(BLOCKS):
        width = arguments.width * 2**stage
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            layers.append(Block(before, width, stride, not block))
            before = 4 * width
    encoder = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    encoder = encoder.to(device, memory_format=torch.channels_last)
    head = nn.Linear(before, CLASSES).to(device)
    domain = nn.Sequential(
        *(nn.Linear(before, 1024), nn.ReLU(), nn.Linear(1024, 1024), nn.ReLU()),
        nn.Linear(1024, 1),
    ).to(device)
    parts = nn.ModuleList([encoder, head, domain])
    optimizer = torch.optim.SGD(parts.parameters(), 0.01, 0.9, nesterov=True)
    x, y, target = (torch.from_numpy(a).to(device) for a in images(arguments.side))
    half = arguments.batch
    domains = torch.cat([torch.ones(half, 1), torch.zeros(half, 1)]).to(device)

    class Reverse(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, strength: float) -> Any:
            ctx.strength = strength
            return x.view_as(x)

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> Any:
            return -ctx.strength * gradient, None

    def train(steps: int) -> None:
        for step in range(steps):
            i, j = torch.randint(0, ROWS, (2, half), device=device)
            rows = torch.cat([x[i], target[j]]).permute(0, 3, 1, 2).float() / 255
            strength = 2 / (1 + math.exp(-10 * step / steps)) - 1
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast(device, torch.bfloat16):
                features = encoder(rows.to(memory_format=torch.channels_last))
                logits = domain(Reverse.apply(features, strength))
                scores = head(features[:half])
            loss = functional.cross_entropy(scores.float(), y[i])
            loss = loss + functional.binary_cross_entropy_with_logits(
                logits.float(), domains
            )
            loss.backward()
            optimizer.step()
        if device == "cuda":
            torch.cuda.synchronize()

    return train


def main() -> None:
    """Trains once to warm up, then five times, and prints the median."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--framework", default="ours", choices=("ours", "torch"))
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--batch", type=int, default=32, help="of each domain")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--width", type=int, default=64, help="of the first stage")
    parser.add_argument("--peak", type=float, help="TFLOP/s of the chip in bf16")
    arguments = parser.parse_args()
    build = {"ours": ours, "torch": torchs}[arguments.framework]
    train = build(arguments)
    train(arguments.steps)
    rates = []
    for _ in range(5):
        start = time.perf_counter()
        train(arguments.steps)
        seconds = time.perf_counter() - start
        rates.append(2 * arguments.batch * arguments.steps / seconds)
    rate = statistics.median(rates)
    told: dict[str, Any] = {"framework": arguments.framework, "images_per_second": rate}
    told["spread"] = [min(rates), max(rates)]
    if arguments.peak and (arguments.side, arguments.width) == (224, 64):
        told["share_of_peak"] = rate * FLOPS / (arguments.peak * 1e12)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
