"""A Transformer encoder of text in BERT's layout."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from da_zoo.models.attention import attention_mask
from da_zoo.models.pretrained.entries import Layout
from da_zoo.models.pretrained.text import bert_layouts
from da_zoo.models.tokens import embedding, split_text
from da_zoo.models.transformer import (
    block_patterns,
    gelu,
    layer_norm,
    transformer_blocks,
)
from da_zoo.types import Outputs

__all__ = ["BERT"]


class BERT(nn.Module):
    """BERT: tokens, positions and segments, post-norm blocks, a tanh layer on top.

    The features are the pooled first token ("[CLS]"), which next-sentence prediction
    trains; the stage ``tokens`` is what masked-token prediction reads.

    Attributes:
        vocabulary: number of token ids.
        width: of tokens and features.
        depth: number of blocks.
        heads: a divisor of the width.
        hidden: width inside a block's dense layers; 0 means 4 times the width.
        max_length: number of positions.
        segments: number of segment ids (token types).
        pad_id: the token that marks padding; no other looks at it.
        dropout: rate, in [0, 1).
        epsilon: of the layer normalisations.
        deviation: of the first weights.

    Example:
        >>> module = BERT(vocabulary=30, width=8, depth=1, heads=2, max_length=16)
        >>> x = jnp.array([[2, 5, 6, 3], [2, 7, 3, 0]])
        >>> variables = module.init(jax.random.key(0), x)
        >>> outputs = module.apply(variables, x)
        >>> outputs.features.shape, outputs.stages["tokens"].shape
        ((2, 8), (2, 4, 8))

    References:
        Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers for
        Language Understanding", NAACL 2019; the defaults are BERT-base's.
    """

    vocabulary: int = 30522
    width: int = 768
    depth: int = 12
    heads: int = 12
    hidden: int = 0
    max_length: int = 512
    segments: int = 2
    pad_id: int = 0
    dropout: float = 0.1
    epsilon: float = 1e-12
    deviation: float = 0.02

    example_input = jax.ShapeDtypeStruct((1, 8), jnp.int32)

    @property
    def features_dim(self) -> int:
        """Width of the features."""
        return self.width

    @property
    def layer_patterns(self) -> tuple[str, ...]:
        """Patterns of the layers' parameters, from input to output."""
        return block_patterns(self.depth, "embed_", "pooler")

    @property
    def weight_layouts(self) -> tuple[Layout, ...]:
        """How libraries store the weights."""
        return bert_layouts(self.depth)

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
            x: token ids [n, t], or {"tokens": ids, "segments": ids}; without segments
                all tokens are of segment 0.
            train: unused: there are no batch statistics.
            weight: unused, as rows do not mix.
            deterministic: no dropout.

        Returns:
            Features [n, d]; the stages ``embed``, ``block_0`` ..., ``tokens``, all of
            shape [n, t, d], the last two of which are the same.

        Raises:
            ValueError: if ``x`` is something else, or a text is too long.
        """
        del train, weight
        tokens, segments = split_text("bert", x, self.max_length)
        places = jnp.arange(tokens.shape[1], dtype=jnp.int32)[None]
        if segments is None:
            segments = jnp.zeros_like(tokens)
        h = sum(
            embedding(ids, count, self.width, self.deviation, f"embed_{name}")
            for name, ids, count in (
                ("tokens", tokens, self.vocabulary),
                ("segments", segments, self.segments),
            )
        ) + embedding(
            places, self.max_length, self.width, self.deviation, "embed_positions"
        )
        h = layer_norm(self.epsilon, "embed_norm")(h)
        h = nn.Dropout(self.dropout)(h, deterministic=deterministic)
        kernel_init = nn.initializers.truncated_normal(self.deviation)
        stages = transformer_blocks(
            h,
            self.depth,
            attention_mask(tokens != self.pad_id),
            deterministic=deterministic,
            heads=self.heads,
            hidden=self.hidden or 4 * self.width,
            epsilon=self.epsilon,
            pre_norm=False,
            activation=gelu,
            dropout=self.dropout,
            kernel_init=kernel_init,
        )
        h = list(stages.values())[-1]
        stages["tokens"] = h
        pooler = nn.Dense(self.width, kernel_init=kernel_init, name="pooler")
        return Outputs(jnp.tanh(pooler(h[:, 0])), stages)
