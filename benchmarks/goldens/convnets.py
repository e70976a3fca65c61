"""Goldens of the convolutional networks, from torch and torchvision.

In an environment of its own, from the root of the repository:

    python -m venv goldens
    goldens/bin/pip install -r benchmarks/goldens/requirements.txt
    PYTHONPATH=. goldens/bin/python benchmarks/goldens/convnets.py tests/models/goldens

Each network is torchvision's own, with an eighth of the channels, in float64. Weights
and images follow a formula (tests/models/formula.py); a golden holds names and shapes
of the state dict, logits, and fingerprints of each stage, gradient and running
statistic, in Flax's axis order.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torchvision
import transformers
from safetensors.numpy import save_file
from torch import nn

from tests.models.formula import coefficients, fingerprint, images, tensor

NARROWER = 8
HIDDEN = 32
CLASSES = 5
FLATTENED = {"classifier.1.weight": 6, "classifier.0.weight": 7}
"""First dense layers of AlexNet and VGG, and the side of the map they flatten."""


def narrow(model: nn.Module) -> nn.Module:
    """Replaces every layer by one of an eighth of the channels."""
    last = [m for m in model.modules() if isinstance(m, nn.Linear)][-1]

    def width(channels: int) -> int:
        return {3: 3, 4096: HIDDEN}.get(channels, channels // NARROWER)

    for name, layer in list(model.named_modules()):
        if isinstance(layer, nn.Conv2d):
            new: nn.Module = nn.Conv2d(
                width(layer.in_channels),
                width(layer.out_channels),
                layer.kernel_size,
                layer.stride,
                layer.padding,
                bias=layer.bias is not None,
            )
        elif isinstance(layer, nn.BatchNorm2d):
            new = nn.BatchNorm2d(width(layer.num_features))
        elif isinstance(layer, nn.Linear):
            out = CLASSES if layer is last else width(layer.out_features)
            new = nn.Linear(width(layer.in_features), out)
        else:
            continue
        parent, _, child = name.rpartition(".")
        setattr(model.get_submodule(parent), child, new)
    return model


def filled(model: nn.Module) -> nn.Module:
    """The model in float64, with the formula's weights and without dropout."""
    for layer in model.modules():
        if isinstance(layer, nn.Dropout):
            layer.p = 0.0
    model = model.double()
    state = {k: torch.from_numpy(tensor(k, v)) for k, v in shapes(model).items()}
    model.load_state_dict(state)
    return model


def shapes(model: nn.Module) -> dict[str, torch.Size]:
    """Of the state dict, by name."""
    return {name: value.shape for name, value in model.state_dict().items()}


def in_flax_order(name: str, value: torch.Tensor) -> np.ndarray:
    """Channels last; kernels [*window, in, out]; dense kernels [in, out]."""
    if name in FLATTENED and value.ndim == 2 and value.shape[1] > HIDDEN:
        side = FLATTENED[name]
        value = value.reshape(value.shape[0], -1, side, side).permute(2, 3, 1, 0)
        value = value.reshape(-1, value.shape[-1])
    elif value.ndim == 4:
        value = value.permute(2, 3, 1, 0)
    elif value.ndim == 2:
        value = value.T
    return value.detach().numpy()


def pixels(value: torch.Tensor) -> np.ndarray:
    """An activation, channels last."""
    value = value.permute(0, 2, 3, 1) if value.ndim == 4 else value
    return value.detach().numpy()


def resnet_stages(model: nn.Module) -> dict[str, nn.Module]:
    """Modules whose outputs are our stages."""
    blocks = {
        f"layer{group}_{place}": block
        for group in range(1, 5)
        for place, block in enumerate(getattr(model, f"layer{group}"))
    }
    return {"stem": model.maxpool, **blocks}


def sequential_stages(
    *names: str, dense: tuple[int, int]
) -> Callable[[nn.Module], dict[str, nn.Module]]:
    """The activation behind each convolution, then behind both dense layers."""

    def stages(model: nn.Module) -> dict[str, nn.Module]:
        relus = [layer for layer in model.features if isinstance(layer, nn.ReLU)]
        found = dict(zip(names, relus, strict=True))
        return found | {
            name: model.classifier[place]
            for name, place in zip(("fc6", "fc7"), dense, strict=True)
        }

    return stages


VGG_NAMES = [
    f"conv{group}_{place}"
    for group, count in enumerate((2, 2, 3, 3, 3), 1)
    for place in range(1, count + 1)
]
ALEXNET_NAMES = [f"conv{i}" for i in range(1, 6)]
MODELS = {
    "resnet18": (torchvision.models.resnet18, resnet_stages, (4, 64, 64, 3)),
    "resnet50": (torchvision.models.resnet50, resnet_stages, (4, 64, 64, 3)),
    "vgg16": (
        torchvision.models.vgg16,
        sequential_stages(*VGG_NAMES, dense=(1, 4)),
        (2, 64, 96, 3),
    ),
    "vgg16_bn": (
        torchvision.models.vgg16_bn,
        sequential_stages(*VGG_NAMES, dense=(1, 4)),
        (2, 64, 96, 3),
    ),
    "alexnet": (
        torchvision.models.alexnet,
        sequential_stages(*ALEXNET_NAMES, dense=(2, 5)),
        (2, 160, 128, 3),
    ),
}


def golden(name: str) -> dict[str, np.ndarray]:
    """Everything that is compared, by name."""
    build, stages, shape = MODELS[name]
    model = filled(narrow(build()))
    x = torch.from_numpy(images(*shape)).permute(0, 3, 1, 2)
    kept: dict[str, np.ndarray] = {}

    def keep(stage: str) -> Callable[..., None]:
        def hook(module: nn.Module, inputs: object, output: torch.Tensor) -> None:
            kept[f"stage/{stage}"] = fingerprint(pixels(output))

        return hook

    hooks = [
        module.register_forward_hook(keep(stage))
        for stage, module in stages(model).items()
    ]
    model.eval()
    kept["eval/logits"] = model(x).detach().numpy()
    for hook in hooks:
        hook.remove()
    model.train()
    logits = model(x)
    kept["train/logits"] = logits.detach().numpy()
    (logits * torch.from_numpy(coefficients(*logits.shape))).sum().backward()
    for parameter, value in model.named_parameters():
        kept[f"gradient/{parameter}"] = fingerprint(
            in_flax_order(parameter, value.grad)
        )
    for buffer, value in model.named_buffers():
        if value.ndim:
            kept[f"statistic/{buffer}"] = fingerprint(value.numpy())
    save(name, kept, shapes(model), shape)
    return kept


def transformers_golden(name: str, depths: list[int], layer: str) -> None:
    """Logits of transformers' network, whose names are others."""
    factor = 4 if layer == "bottleneck" else 1
    config = transformers.ResNetConfig(
        depths=depths,
        layer_type=layer,
        embedding_size=64 // NARROWER,
        hidden_sizes=[factor * 64 * 2**i // NARROWER for i in range(4)],
        num_labels=CLASSES,
    )
    model = filled(transformers.ResNetForImageClassification(config)).eval()
    shape = (4, 64, 64, 3)
    x = torch.from_numpy(images(*shape)).permute(0, 3, 1, 2)
    kept = {"eval/logits": model(x).logits.detach().numpy()}
    save(f"{name}_transformers", kept, shapes(model), shape)


def save(
    name: str,
    arrays: dict[str, np.ndarray],
    state: dict[str, torch.Size],
    shape: tuple[int, ...],
) -> None:
    """Writes a golden with where it comes from."""
    metadata = {
        "state": json.dumps({k: list(v) for k, v in state.items()}),
        "images": json.dumps(list(shape)),
        "from": f"torch {torch.__version__}, torchvision {torchvision.__version__}, "
        f"transformers {transformers.__version__}",
    }
    contiguous = {k: np.ascontiguousarray(v) for k, v in arrays.items()}
    path = FOLDER / f"{name}.safetensors"
    save_file(contiguous, path, metadata)
    print(f"{path}: {path.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    FOLDER = parser.parse_args().folder
    for each in MODELS:
        golden(each)
    transformers_golden("resnet18", [2, 2, 2, 2], "basic")
    transformers_golden("resnet50", [3, 4, 6, 3], "bottleneck")
