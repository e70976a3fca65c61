"""Small encoders, by name."""

import functools
from collections.abc import Callable
from typing import Any

import flax.linen as nn

from da_zoo.models.lenet import LeNet
from da_zoo.models.mlp import MLP
from da_zoo.naming import choose
from da_zoo.network import Network, network_from_linen
from da_zoo.precision import with_precision

__all__ = ["MLP", "NETWORKS", "LeNet", "network_by_name"]

NETWORKS: dict[str, Callable[..., nn.Module]] = {"mlp": MLP, "lenet": LeNet}
"""Linen modules by name."""


@functools.lru_cache(maxsize=64)
def _network(name: str, options: tuple[tuple[str, Any], ...]) -> Network:
    return network_from_linen(NETWORKS[name](**dict(options)), name=name)


def network_by_name(
    name: str, *, precision: str = "float32", **options: Any
) -> Network:
    """Builds one of the zoo's networks; equal calls give the same object.

    Args:
        name: "mlp" or "lenet".
        precision: "float32" or "bf16", see :func:`da_zoo.precision.with_precision`.
        **options: attributes of the module, such as ``hidden=(128, 64)``.

    Raises:
        ValueError: for an unknown name or option, with the nearest ones.

    Example:
        >>> network_by_name("mlp", hidden=(16, 8)).features_dim
        8
    """
    module = choose(NETWORKS, name, "network")
    known = {
        field: None
        for field in module.__dataclass_fields__  # type: ignore[attr-defined]
        if field not in ("parent", "name")
    }
    for option in options:
        choose(known, option, f"{name} option")
    frozen = {k: tuple(v) if isinstance(v, list) else v for k, v in options.items()}
    network = _network(name, tuple(sorted(frozen.items())))
    return with_precision(network, precision)
