"""A causal Transformer of text in GPT-2's layout."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from da_zoo.models.attention import attention_mask
from da_zoo.models.pretrained.entries import Layout
from da_zoo.models.pretrained.text import gpt2_layouts
from da_zoo.models.tokens import embedding, split_text
from da_zoo.models.transformer import (
    block_patterns,
    gelu_tanh,
    layer_norm,
    transformer_blocks,
)
from da_zoo.types import Outputs

__all__ = ["GPT2"]


class GPT2(nn.Module):
    """GPT-2: tokens look back only, so that each can be predicted from those before.

    The features are the last token's that is not padding, the only one that has seen
    the whole text. Padding belongs after the text: positions count from its first
    column.

    Attributes:
        vocabulary: number of token ids.
        width: of tokens and features.
        depth: number of blocks.
        heads: a divisor of the width.
        hidden: width inside a block's dense layers; 0 means 4 times the width.
        max_length: number of positions.
        pad_id: the token that marks padding. GPT-2 was trained without; its
            end-of-text token is the usual choice.
        dropout: rate, in [0, 1).
        epsilon: of the layer normalisations.
        deviation: of the first weights.

    Example:
        >>> module = GPT2(
        ...     vocabulary=30, width=8, depth=1, heads=2, max_length=16, pad_id=0
        ... )
        >>> x = jnp.array([[5, 6, 3, 4], [7, 3, 0, 0]])
        >>> variables = module.init(jax.random.key(0), x)
        >>> outputs = module.apply(variables, x)
        >>> bool((outputs.features[1] == outputs.stages["tokens"][1, 1]).all())
        True

    References:
        Radford et al., "Language Models are Unsupervised Multitask Learners", 2019; the
        defaults are those of its smallest model (124 million parameters).
    """

    vocabulary: int = 50257
    width: int = 768
    depth: int = 12
    heads: int = 12
    hidden: int = 0
    max_length: int = 1024
    pad_id: int = 50256
    dropout: float = 0.1
    epsilon: float = 1e-5
    deviation: float = 0.02

    example_input = jax.ShapeDtypeStruct((1, 8), jnp.int32)

    @property
    def features_dim(self) -> int:
        """Width of the features."""
        return self.width

    @property
    def layer_patterns(self) -> tuple[str, ...]:
        """Patterns of the layers' parameters, from input to output."""
        return block_patterns(self.depth, "embed_", "norm")

    @property
    def weight_layouts(self) -> tuple[Layout, ...]:
        """How libraries store the weights."""
        return gpt2_layouts(self.depth)

    @nn.compact
    def __call__(
        self,
        x: PyTree,
        *,
        train: bool = False,
        weight: Float[Array, " n"] | None = None,
        deterministic: bool = True,
    ) -> Outputs:
        """Encodes texts.

        Args:
            x: token ids [n, t], or {"tokens": ids}.
            train: unused: there are no batch statistics.
            weight: unused, as rows do not mix.
            deterministic: no dropout.

        Returns:
            Features [n, d]; the stages ``embed``, ``block_0`` ..., ``tokens`` (after
            the last normalisation), all of shape [n, t, d].

        Raises:
            ValueError: if ``x`` is something else, or a text is too long.
        """
        del train, weight
        tokens, segments = split_text("gpt2", x, self.max_length)
        if segments is not None:
            raise ValueError("gpt2 has no segments: pass tokens only")
        places = jnp.arange(tokens.shape[1], dtype=jnp.int32)
        h = embedding(
            tokens, self.vocabulary, self.width, self.deviation, "embed_tokens"
        ) + embedding(
            places[None], self.max_length, self.width, self.deviation, "embed_positions"
        )
        h = nn.Dropout(self.dropout)(h, deterministic=deterministic)
        real = tokens != self.pad_id
        mask = attention_mask(real, causal=True)
        stages = transformer_blocks(
            h,
            self.depth,
            mask,
            deterministic=deterministic,
            heads=self.heads,
            hidden=self.hidden or 4 * self.width,
            epsilon=self.epsilon,
            activation=gelu_tanh,
            dropout=self.dropout,
            kernel_init=nn.initializers.normal(self.deviation),
        )
        h = layer_norm(self.epsilon, "norm")(list(stages.values())[-1])
        stages["tokens"] = h
        last = jnp.max(jnp.where(real, places[None], 0), axis=1)
        features = jnp.take_along_axis(h, last[:, None, None], axis=1)[:, 0]
        return Outputs(features, stages)
