"""How timm, transformers and the authors store a Vision Transformer."""

from collections.abc import Callable

import jax
import numpy as np
from jaxtyping import Shaped

from da_zoo.models.pretrained.conversions import as_is, dense_kernel, part_of
from da_zoo.models.pretrained.entries import (
    Entry,
    Layout,
    dense_entries,
    layer_norm_entries,
)

__all__ = ["vit_layouts"]

Array = Shaped[np.ndarray, "..."]


def _window(kernel: Array, shape: tuple[int, ...]) -> Array:
    """[p, p, channels, d] -> [p * p * channels, d], summed over RGB for grey images."""
    rows, columns, channels, width = kernel.shape
    if channels == 3 and shape[0] == rows * columns:
        kernel = kernel.sum(axis=2)
    return kernel.reshape(-1, width)


def _patch_kernel(kernel: Array, *, shape: tuple[int, ...]) -> Array:
    """From [d, channels, p, p]."""
    return _window(kernel.transpose(2, 3, 1, 0), shape)


def _first_position(table: Array, *, shape: tuple[int, ...]) -> Array:
    del shape
    return table[:, :1]


def _grid_positions(table: Array, *, shape: tuple[int, ...]) -> Array:
    """[1, 1 + side * side, d] -> [1, rows, columns, d], interpolated if they differ."""
    side = round((table.shape[1] - 1) ** 0.5)
    grid = table[:, 1:].reshape(1, side, side, -1)
    target = (1, *shape[1:3], grid.shape[3])
    if grid.shape == target:
        return grid
    return np.asarray(jax.image.resize(grid, target, method="cubic"))


def _embed_entries(tokens: str, table: str, patches: str) -> tuple[Entry, ...]:
    return (
        *dense_entries("embed", patches, _patch_kernel),
        Entry("params/class_token", (tokens,)),
        Entry("params/class_position", (table,), _first_position),
        Entry("params/positions", (table,), _grid_positions),
    )


def _timm_block(block: str, theirs: str) -> tuple[Entry, ...]:
    packed: list[Entry] = []
    for number, name in enumerate(("query", "key", "value")):
        ours, qkv = f"params/{block}/attention/{name}", f"{theirs}.attn.qkv"
        kernel = part_of(number, 3, dense_kernel)
        packed += (
            Entry(f"{ours}/kernel", (f"{qkv}.weight",), kernel),
            Entry(f"{ours}/bias", (f"{qkv}.bias",), part_of(number, 3, as_is)),
        )
    return (
        *layer_norm_entries(f"{block}/attention_norm", f"{theirs}.norm1"),
        *packed,
        *dense_entries(f"{block}/attention/out", f"{theirs}.attn.proj"),
        *layer_norm_entries(f"{block}/mlp_norm", f"{theirs}.norm2"),
        *dense_entries(f"{block}/mlp_in", f"{theirs}.mlp.fc1"),
        *dense_entries(f"{block}/mlp_out", f"{theirs}.mlp.fc2"),
    )


TRANSFORMERS = {
    "attention/query": ("attention.attention.query", "attention.q_proj"),
    "attention/key": ("attention.attention.key", "attention.k_proj"),
    "attention/value": ("attention.attention.value", "attention.v_proj"),
    "attention/out": ("attention.output.dense", "attention.o_proj"),
    "mlp_in": ("intermediate.dense", "mlp.fc1"),
    "mlp_out": ("output.dense", "mlp.fc2"),
    "attention_norm": ("layernorm_before", "layernorm_before"),
    "mlp_norm": ("layernorm_after", "layernorm_after"),
}
"""Ours -> on disk, and in the memory of transformers 5 (and so in a state dict that was
saved without ``save_pretrained``)."""


def _transformers_block(block: str, number: int) -> tuple[Entry, ...]:
    entries: list[Entry] = []
    for ours, (disk, memory) in TRANSFORMERS.items():
        layer = f"params/{block}/{ours}"
        names = (f"encoder.layer.{number}.{disk}", f"layers.{number}.{memory}")
        weights, biases = (
            tuple(f"{name}.{leaf}" for name in names) for leaf in ("weight", "bias")
        )
        if ours.endswith("norm"):
            entries.append(Entry(f"{layer}/scale", weights))
        else:
            entries.append(Entry(f"{layer}/kernel", weights, dense_kernel))
        entries.append(Entry(f"{layer}/bias", biases))
    return tuple(entries)


def _flat_in(kernel: Array, *, shape: tuple[int, ...]) -> Array:
    """Query, key and value: [d, heads, size] -> [d, heads * size]; biases alike."""
    return kernel.reshape(*kernel.shape[: len(shape) - 1], -1)


def _flat_out(kernel: Array, *, shape: tuple[int, ...]) -> Array:
    """Behind attention: [heads, size, d] -> [heads * size, d]."""
    del shape
    return kernel.reshape(-1, kernel.shape[-1])


def _patch_kernel_last(kernel: Array, *, shape: tuple[int, ...]) -> Array:
    """From [p, p, channels, d]."""
    return _window(kernel, shape)


def _google_pair(
    ours: str, theirs: str, kernel: Callable[..., Array] = as_is, *, norm: bool = False
) -> tuple[Entry, ...]:
    leaf = "scale" if norm else "kernel"
    bias = _flat_in if kernel is _flat_in else as_is
    return (
        Entry(f"{ours}/{leaf}", (f"{theirs}/{leaf}",), kernel),
        Entry(f"{ours}/bias", (f"{theirs}/bias",), bias),
    )


def _google_block(block: str, theirs: str) -> tuple[Entry, ...]:
    ours, attention = f"params/{block}", f"{theirs}/MultiHeadDotProductAttention_1"
    inner = [
        _google_pair(f"{ours}/attention/{name}", f"{attention}/{name}", _flat_in)
        for name in ("query", "key", "value")
    ]
    return (
        *_google_pair(f"{ours}/attention_norm", f"{theirs}/LayerNorm_0", norm=True),
        *(entry for pair in inner for entry in pair),
        *_google_pair(f"{ours}/attention/out", f"{attention}/out", _flat_out),
        *_google_pair(f"{ours}/mlp_norm", f"{theirs}/LayerNorm_2", norm=True),
        *_google_pair(f"{ours}/mlp_in", f"{theirs}/MlpBlock_3/Dense_0"),
        *_google_pair(f"{ours}/mlp_out", f"{theirs}/MlpBlock_3/Dense_1"),
    )


def vit_layouts(depth: int) -> tuple[Layout, ...]:
    """Returns the layouts of a Vision Transformer's weights.

    Decoders and mask tokens of masked autoencoders are left, as is the pooler of
    transformers' bare model, whose weights nothing was trained with.

    Args:
        depth: number of blocks.

    Example:
        >>> [layout.name for layout in vit_layouts(12)]
        ['timm', 'transformers', 'google']

    References:
        timm 1.0 (``vision_transformer.py``), transformers 5 (``modeling_vit.py``) and
        google-research/vision_transformer, whose archives timm reads too.
    """
    blocks = [(f"block_{i}", i) for i in range(depth)]
    timm = (
        *_embed_entries("cls_token", "pos_embed", "patch_embed.proj"),
        *(e for block, i in blocks for e in _timm_block(block, f"blocks.{i}")),
        *layer_norm_entries("norm", "norm"),
        *dense_entries("head", "head"),
    )
    embed = "embeddings"
    transformers = (
        *_embed_entries(
            f"{embed}.cls_token",
            f"{embed}.position_embeddings",
            f"{embed}.patch_embeddings.projection",
        ),
        *(entry for block, i in blocks for entry in _transformers_block(block, i)),
        *layer_norm_entries("norm", "layernorm"),
        *dense_entries("head", "classifier"),
    )
    table = "Transformer/posembed_input/pos_embedding"
    google = (
        *_google_pair("params/embed", "embedding", _patch_kernel_last),
        Entry("params/class_token", ("cls",)),
        Entry("params/class_position", (table,), _first_position),
        Entry("params/positions", (table,), _grid_positions),
        *(
            entry
            for block, i in blocks
            for entry in _google_block(block, f"Transformer/encoderblock_{i}")
        ),
        *_google_pair("params/norm", "Transformer/encoder_norm", norm=True),
        *_google_pair("head", "head"),
    )
    unused = (r"^decoder", r"mask_token$", r"^pooler\.")
    return (
        Layout("timm", timm, unused),
        Layout("transformers", transformers, unused, ("", "vit.", "module.")),
        Layout("google", google, (), ("", "opt/target/")),
    )
