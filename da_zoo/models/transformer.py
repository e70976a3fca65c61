"""The block that ViT, BERT and GPT-2 repeat: attention, then two dense layers."""

import functools
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
from jaxtyping import Array, Bool, Float

from da_zoo.models.attention import SelfAttention

__all__ = [
    "TransformerBlock",
    "block_patterns",
    "gelu",
    "gelu_tanh",
    "layer_norm",
    "transformer_blocks",
]

gelu = functools.partial(jax.nn.gelu, approximate=False)
"""x times the normal distribution function, by erf: ViT's and BERT's."""
gelu_tanh = functools.partial(jax.nn.gelu, approximate=True)
"""The approximation by tanh: GPT-2's (``gelu_new``)."""


def layer_norm(epsilon: float, name: str) -> nn.LayerNorm:
    """Returns a layer normalisation; call it inside a compact module.

    Args:
        epsilon: added to the variance. 1e-6 in ViT, 1e-12 in BERT, 1e-5 in GPT-2.
        name: of the layer.

    Example:
        >>> layer_norm(1e-6, "norm").epsilon
        1e-06
    """
    # Fast variance, E[x^2] - E[x]^2, loses digits where the mean is large.
    return nn.LayerNorm(epsilon=epsilon, use_fast_variance=False, name=name)


def block_patterns(depth: int, first: str, last: str) -> tuple[str, ...]:
    """Returns patterns of the layers' parameters, from input to output.

    Args:
        depth: number of blocks.
        first: pattern of the embeddings.
        last: name of what follows the last block, which counts as a part of it.

    Example:
        >>> block_patterns(2, "embed/", "norm")
        ('embed/', 'block_0/', '(block_1|norm)/')
    """
    blocks = [f"block_{i}/" for i in range(depth)]
    if not blocks:
        return (first, f"{last}/")
    return (first, *blocks[:-1], f"(block_{depth - 1}|{last})/")


def transformer_blocks(
    x: Float[Array, "n t d"],
    depth: int,
    mask: Bool[Array, "#n 1 #t t"] | None = None,
    *,
    deterministic: bool,
    **options: Any,
) -> dict[str, Float[Array, "n t d"]]:
    """Runs blocks one after another; call it inside a compact module.

    Args:
        x: tokens [n, t, d].
        depth: number of blocks, called ``block_0`` and so on.
        mask: as in :class:`da_zoo.models.attention.SelfAttention`.
        deterministic: no dropout.
        **options: attributes of :class:`TransformerBlock`.

    Returns:
        ``embed``, which is ``x``, and what each block put out, by name, in order.
    """
    stages = {"embed": x}
    for i in range(depth):
        block = TransformerBlock(**options, name=f"block_{i}")
        x = block(x, mask, deterministic=deterministic)
        stages[f"block_{i}"] = x
    return stages


class TransformerBlock(nn.Module):
    """Self-attention and two dense layers, each added to its input.

    Attributes:
        heads: a divisor of the width.
        hidden: width between the two dense layers.
        epsilon: of the layer normalisations.
        pre_norm: normalise what goes into each half (ViT, GPT-2), or the sum that
            comes out of it (the original, BERT).
        activation: between the dense layers.
        dropout: rate on attention weights and on what either half adds, in [0, 1).
        kernel_init: of all kernels.

    Example:
        >>> import jax.numpy as jnp
        >>> block, x = TransformerBlock(heads=2, hidden=8), jnp.ones((1, 3, 4))
        >>> params = block.init(jax.random.key(0), x)["params"]
        >>> sorted(params)
        ['attention', 'attention_norm', 'mlp_in', 'mlp_norm', 'mlp_out']

    References:
        Vaswani et al., "Attention Is All You Need", NeurIPS 2017; Xiong et al., "On
        Layer Normalization in the Transformer Architecture", ICML 2020 (pre-norm).
    """

    heads: int
    hidden: int
    epsilon: float = 1e-6
    pre_norm: bool = True
    activation: Callable[[Array], Array] = gelu
    dropout: float = 0.0
    kernel_init: nn.initializers.Initializer = nn.initializers.xavier_uniform()

    @nn.compact
    def __call__(
        self,
        x: Float[Array, "n t d"],
        mask: Bool[Array, "#n 1 #t t"] | None = None,
        *,
        deterministic: bool = True,
    ) -> Float[Array, "n t d"]:
        """Transforms tokens.

        Args:
            x: [n, t, d].
            mask: as in :class:`da_zoo.models.attention.SelfAttention`.
            deterministic: no dropout.
        """

        def attention(x: Array) -> Array:
            layer = SelfAttention(
                self.heads, self.dropout, self.kernel_init, name="attention"
            )
            return layer(x, mask, deterministic=deterministic)

        def mlp(x: Array) -> Array:
            width = x.shape[-1]
            x = nn.Dense(self.hidden, kernel_init=self.kernel_init, name="mlp_in")(x)
            x = self.activation(x)
            return nn.Dense(width, kernel_init=self.kernel_init, name="mlp_out")(x)

        for half, name in ((attention, "attention_norm"), (mlp, "mlp_norm")):
            norm = layer_norm(self.epsilon, name)
            added = half(norm(x) if self.pre_norm else x)
            x = x + nn.Dropout(self.dropout)(added, deterministic=deterministic)
            x = x if self.pre_norm else norm(x)
        return x
