"""Multi-head self-attention with plain dense kernels."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

__all__ = ["SelfAttention", "attention_mask"]


def attention_mask(
    real: Bool[Array, "n t"], *, causal: bool = False
) -> Bool[Array, "n 1 q t"]:
    """Says which tokens each token may look at.

    Args:
        real: [n, t]; False marks padding, which no token looks at.
        causal: whether tokens look at themselves and those before them only.

    Returns:
        [n, 1, t, t] if ``causal``, else [n, 1, 1, t]: heads (and queries) share it.

    Example:
        >>> attention_mask(jnp.array([[True, True, False]]), causal=True)[0, 0].tolist()
        [[True, False, False], [True, True, False], [True, True, False]]
    """
    mask = real[:, None, None, :]
    if not causal:
        return mask
    places = jnp.arange(real.shape[1])
    before = places[None, :] <= places[:, None]
    return mask & before[None, None]


class SelfAttention(nn.Module):
    """Scaled dot-product attention of tokens to each other.

    Query, key, value and output kernels are dense, [d, d]: a low-rank update of one is
    the update of the LoRA paper.

    Attributes:
        heads: a divisor of the width.
        dropout: rate on the attention weights, in [0, 1).
        kernel_init: of the four kernels.

    Example:
        >>> module, x = SelfAttention(heads=2), jnp.ones((1, 3, 4))
        >>> params = module.init(jax.random.key(0), x)["params"]
        >>> params["query"]["kernel"].shape
        (4, 4)

    References:
        Vaswani et al., "Attention Is All You Need", NeurIPS 2017, section 3.2.
    """

    heads: int
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
        """Mixes tokens.

        Args:
            x: [n, t, d].
            mask: [n, 1, t, t], True where a query (third axis) sees a key (fourth);
                axes that are equal throughout may have length 1. A query that sees
                nothing gets the mean of all values.
            deterministic: no dropout.

        Raises:
            ValueError: if ``heads`` does not divide d.
        """
        n, t, width = x.shape
        if self.heads < 1 or width % self.heads:
            raise ValueError(f"heads={self.heads} does not divide the width {width}")

        def dense(name: str) -> nn.Dense:
            return nn.Dense(width, kernel_init=self.kernel_init, name=name)

        query, key, value = (
            dense(name)(x).reshape(n, t, self.heads, -1)
            for name in ("query", "key", "value")
        )
        scores = jnp.einsum("nqhc,nkhc->nhqk", query, key)
        # At least float32: bfloat16 has too few digits for a sum over many tokens.
        scores = scores.astype(jnp.promote_types(scores.dtype, jnp.float32))
        scores = scores / jnp.sqrt(jnp.asarray(query.shape[-1], scores.dtype))
        if mask is not None:
            # Finite, so that a row that is masked throughout has no NaN.
            scores = jnp.where(mask, scores, jnp.finfo(scores.dtype).min)
        weights = jax.nn.softmax(scores, axis=-1).astype(x.dtype)
        weights = nn.Dropout(self.dropout)(weights, deterministic=deterministic)
        mixed = jnp.einsum("nhqk,nkhc->nqhc", weights, value)
        return dense("out")(mixed.reshape(n, t, width))
