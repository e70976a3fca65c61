"""Encoders, by name, and the weights that others trained for them."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import flax.linen as nn

from da_zoo.models.alexnet import AlexNet
from da_zoo.models.bert import BERT
from da_zoo.models.cnn1d import CNN1D
from da_zoo.models.gpt2 import GPT2
from da_zoo.models.lenet import LeNet
from da_zoo.models.mlp import MLP
from da_zoo.models.preprocessing import Preprocessing, preprocess
from da_zoo.models.pretrained import load_pretrained, weights_report
from da_zoo.models.resnet import ResNet, resnet18, resnet34, resnet50, resnet101
from da_zoo.models.vgg import VGG, vgg16, vgg16_bn
from da_zoo.models.vit import ViT
from da_zoo.naming import choose
from da_zoo.network import Network, network_from_linen
from da_zoo.precision import with_precision

__all__ = [
    "BERT",
    "CNN1D",
    "GPT2",
    "MLP",
    "NETWORKS",
    "VGG",
    "AlexNet",
    "LeNet",
    "Preprocessing",
    "ResNet",
    "ViT",
    "load_pretrained",
    "module_by_name",
    "network_by_name",
    "preprocess",
    "weights_report",
]

NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "mlp": MLP,
    "lenet": LeNet,
    "cnn1d": CNN1D,
    "resnet18": resnet18,
    "resnet34": resnet34,
    "resnet50": resnet50,
    "resnet101": resnet101,
    "vgg16": vgg16,
    "vgg16_bn": vgg16_bn,
    "alexnet": AlexNet,
    "vit_ti16": functools.partial(ViT, width=192, heads=3),
    "vit_s16": functools.partial(ViT, width=384, heads=6),
    "vit_b16": ViT,
    "bert": BERT,
    "gpt2": GPT2,
}
"""What builds each Linen module, by name."""


def module_by_name(name: str, **options: Any) -> nn.Module:
    """Builds one of the zoo's Linen modules.

    Args:
        name: a key of :data:`NETWORKS`.
        **options: attributes of the module, such as ``hidden=(128, 64)``.

    Raises:
        ValueError: for an unknown name or option, with the nearest ones.

    Example:
        >>> module_by_name("mlp", hidden=(16, 8)).features_dim
        8
    """
    build = choose(NETWORKS, name, "network")
    known = {
        option: None
        for option in inspect.signature(build).parameters
        if option not in ("parent", "name")
    }
    for option in options:
        choose(known, option, f"{name} option")
    # Attributes of a Linen module are hashed.
    return build(
        **{k: tuple(v) if isinstance(v, list) else v for k, v in options.items()}
    )


def network_by_name(
    name: str, *, precision: str = "float32", **options: Any
) -> Network:
    """Builds one of the zoo's networks; equal calls give the same object.

    Args:
        name: a key of :data:`NETWORKS`.
        precision: "float32" or "bf16", see :func:`da_zoo.precision.with_precision`.
        **options: attributes of the module, such as ``hidden=(128, 64)``.

    Raises:
        ValueError: for an unknown name or option, with the nearest ones.

    Example:
        >>> network_by_name("mlp", hidden=(16, 8)).features_dim
        8
    """
    network = network_from_linen(module_by_name(name, **options), name=name)
    return with_precision(network, precision)
