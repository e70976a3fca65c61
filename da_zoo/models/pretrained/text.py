"""How transformers stores BERT and GPT-2."""

import functools
from collections.abc import Callable

import numpy as np
from jaxtyping import Shaped

from da_zoo.models.pretrained.conversions import dense_kernel
from da_zoo.models.pretrained.entries import (
    Entry,
    Layout,
    dense_entries,
    layer_norm_entries,
)

__all__ = ["bert_layouts", "gpt2_layouts"]

Array = Shaped[np.ndarray, "..."]


def _bert_norm(ours: str, theirs: str) -> tuple[Entry, ...]:
    """The first releases call scale and shift gamma and beta, as TensorFlow did."""
    name = f"{theirs}.LayerNorm"
    return (
        Entry(f"params/{ours}/scale", (f"{name}.weight", f"{name}.gamma")),
        Entry(f"params/{ours}/bias", (f"{name}.bias", f"{name}.beta")),
    )


def _bert_block(block: str, theirs: str) -> tuple[Entry, ...]:
    inner = [
        dense_entries(f"{block}/attention/{name}", f"{theirs}.attention.self.{name}")
        for name in ("query", "key", "value")
    ]
    attended = f"{theirs}.attention.output"
    return (
        *(entry for pair in inner for entry in pair),
        *dense_entries(f"{block}/attention/out", f"{attended}.dense"),
        *_bert_norm(f"{block}/attention_norm", attended),
        *dense_entries(f"{block}/mlp_in", f"{theirs}.intermediate.dense"),
        *dense_entries(f"{block}/mlp_out", f"{theirs}.output.dense"),
        *_bert_norm(f"{block}/mlp_norm", f"{theirs}.output"),
    )


def _tables(names: dict[str, str]) -> tuple[Entry, ...]:
    return tuple(
        Entry(f"params/embed_{ours}/embedding", (f"{theirs}.weight",))
        for ours, theirs in names.items()
    )


def bert_layouts(depth: int) -> tuple[Layout, ...]:
    """Returns the layout of BERT's weights.

    The heads of masked-token and next-sentence prediction are left.

    Args:
        depth: number of blocks.

    Example:
        >>> bert_layouts(12)[0].entries[0].theirs
        ('embeddings.word_embeddings.weight',)
    """
    embeddings = {
        "tokens": "embeddings.word_embeddings",
        "positions": "embeddings.position_embeddings",
        "segments": "embeddings.token_type_embeddings",
    }
    entries = (
        *_tables(embeddings),
        *_bert_norm("embed_norm", "embeddings"),
        *(
            entry
            for i in range(depth)
            for entry in _bert_block(f"block_{i}", f"encoder.layer.{i}")
        ),
        *dense_entries("pooler", "pooler.dense"),
        *dense_entries("head", "classifier"),
    )
    unused = (r"^cls\.", r"position_ids$")
    return (Layout("transformers", entries, unused, ("", "bert.", "module.")),)


@functools.lru_cache(maxsize=3)
def _third(number: int) -> Callable[..., Array]:
    """Of query, key and value side by side: [in, 3 * d] -> [in, d]; biases alike."""

    def convert(packed: Array, *, shape: tuple[int, ...]) -> Array:
        del shape
        return np.split(packed, 3, axis=-1)[number]

    return convert


def _no_bias(kernel: Array, *, shape: tuple[int, ...]) -> Array:
    """The head's: it has a kernel [classes, d] only."""
    del shape
    return np.zeros(len(kernel), kernel.dtype)


def _gpt2_dense(ours: str, theirs: str) -> tuple[Entry, ...]:
    """Kernels are [in, out], like ours: these layers were convolutions once."""
    return (
        Entry(f"params/{ours}/kernel", (f"{theirs}.weight",)),
        Entry(f"params/{ours}/bias", (f"{theirs}.bias",)),
    )


def _gpt2_block(block: str, theirs: str) -> tuple[Entry, ...]:
    inner = [
        Entry(
            f"params/{block}/attention/{name}/{leaf}",
            (f"{theirs}.attn.c_attn.{stored}",),
            _third(number),
        )
        for number, name in enumerate(("query", "key", "value"))
        for leaf, stored in (("kernel", "weight"), ("bias", "bias"))
    ]
    return (
        *layer_norm_entries(f"{block}/attention_norm", f"{theirs}.ln_1"),
        *inner,
        *_gpt2_dense(f"{block}/attention/out", f"{theirs}.attn.c_proj"),
        *layer_norm_entries(f"{block}/mlp_norm", f"{theirs}.ln_2"),
        *_gpt2_dense(f"{block}/mlp_in", f"{theirs}.mlp.c_fc"),
        *_gpt2_dense(f"{block}/mlp_out", f"{theirs}.mlp.c_proj"),
    )


def gpt2_layouts(depth: int) -> tuple[Layout, ...]:
    """Returns the layout of GPT-2's weights.

    The head that predicts tokens is the table of embeddings again, and is left.

    Args:
        depth: number of blocks.

    Example:
        >>> gpt2_layouts(12)[0].entries[0].theirs
        ('wte.weight',)
    """
    entries = (
        *_tables({"tokens": "wte", "positions": "wpe"}),
        *(entry for i in range(depth) for entry in _gpt2_block(f"block_{i}", f"h.{i}")),
        *layer_norm_entries("norm", "ln_f"),
        Entry("head/kernel", ("score.weight",), dense_kernel),
        Entry("head/bias", ("score.weight",), _no_bias),
    )
    # Causal masks were once stored among the weights.
    unused = (r"^lm_head\.", r"\.attn\.(masked_)?bias$")
    return (Layout("transformers", entries, unused, ("", "transformer.", "module.")),)
