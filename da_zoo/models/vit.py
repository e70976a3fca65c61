"""The Vision Transformer."""

import math
from collections.abc import Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree

from da_zoo.models.transformer import TransformerBlock, block_patterns, layer_norm
from da_zoo.types import Outputs

__all__ = ["ViT", "resize_positions"]


def resize_positions(
    positions: Float[Array, "1 t d"], grid: tuple[int, int]
) -> Float[Array, "1 u d"]:
    """Interpolates position embeddings to another grid of patches.

    Bicubic, with smoothing where the grid gets coarser (as timm does it); the class
    token's, which is first, stays. Embeddings that fit the grid are returned as they
    are.

    Args:
        positions: [1, 1 + side * side, d], of a square grid where they do not fit.
        grid: rows and columns of patches.

    Returns:
        [1, 1 + rows * columns, d].

    Raises:
        ValueError: if they do not fit and come from no square grid.

    Example:
        >>> resize_positions(jnp.ones((1, 1 + 4 * 4, 8)), (2, 3)).shape
        (1, 7, 8)
    """
    count, width = positions.shape[1] - 1, positions.shape[2]
    if count == grid[0] * grid[1]:
        return positions
    side = math.isqrt(count)
    if side * side != count:
        raise ValueError(
            f"{count} position embeddings are of no square grid, and the image has "
            f"{grid[0]} x {grid[1]} patches"
        )
    square = positions[0, 1:].reshape(side, side, width)
    fitted = jax.image.resize(square, (*grid, width), method="cubic")
    fitted = fitted.astype(positions.dtype).reshape(1, -1, width)
    return jnp.concatenate([positions[:, :1], fitted], axis=1)


class ViT(nn.Module):
    """A Vision Transformer: patches and a class token through pre-norm blocks.

    Images may have any size that the patch divides: position embeddings belong to the
    size that the parameters were initialised with, and are interpolated for others.

    Attributes:
        patch: side of a patch in pixels.
        width: of tokens and features.
        depth: number of blocks.
        heads: a divisor of the width.
        hidden: width inside a block's dense layers; 0 means 4 times the width.
        dropout: rate, in [0, 1).
        epsilon: of the layer normalisations.

    Example:
        >>> module = ViT(patch=4, width=8, depth=1, heads=2)
        >>> x = jnp.ones((2, 8, 8, 3))
        >>> variables = module.init(jax.random.key(0), x)
        >>> outputs = module.apply(variables, x)
        >>> outputs.features.shape, outputs.stages["tokens"].shape
        ((2, 8), (2, 5, 8))
        >>> some = {"pixels": x, "keep": jnp.array([[3], [0]])}  # one patch of each
        >>> module.apply(variables, some).stages["tokens"].shape
        (2, 2, 8)

    References:
        Dosovitskiy et al., "An Image is Worth 16x16 Words", ICLR 2021; the defaults are
        those of ViT-B/16. Visible patches only: He et al., "Masked Autoencoders Are
        Scalable Vision Learners", CVPR 2022.
    """

    patch: int = 16
    width: int = 768
    depth: int = 12
    heads: int = 12
    hidden: int = 0
    dropout: float = 0.0
    epsilon: float = 1e-6

    @property
    def features_dim(self) -> int:
        """Width of the features."""
        return self.width

    @property
    def layer_patterns(self) -> tuple[str, ...]:
        """Patterns of the layers' parameters, from input to output."""
        return block_patterns(self.depth, "(embed|class_token|positions)", "norm")

    @nn.compact
    def __call__(
        self,
        x: PyTree,
        *,
        train: bool = False,
        weight: Float[Array, " n"] | None = None,
        deterministic: bool = True,
    ) -> Outputs:
        """Encodes images.

        Args:
            x: [n, h, w, c], or {"pixels": [n, h, w, c], "keep": int [n, v]}: then the
                blocks see these patches of each image only, in this order (patches are
                numbered row by row from 0).
            train: unused: there are no batch statistics.
            weight: unused, as rows do not mix.
            deterministic: no dropout.

        Returns:
            Features [n, d]; the stages ``embed``, ``block_0`` ..., ``tokens`` (after
            the last normalisation) of shape [n, 1 + patches, d], the class token first.

        Raises:
            ValueError: if ``x`` is something else, or the patch does not divide it.
        """
        del train, weight
        keep = None
        if isinstance(x, Mapping):
            if set(x) != {"pixels", "keep"}:
                raise ValueError(
                    'vit takes images or {"pixels": ..., "keep": ...}, got the keys '
                    f"{sorted(x)}"
                )
            x, keep = x["pixels"], x["keep"]
        h = self._embed(x, keep)
        h = nn.Dropout(self.dropout)(h, deterministic=deterministic)
        stages = {"embed": h}
        for i in range(self.depth):
            h = TransformerBlock(
                self.heads,
                self.hidden or 4 * self.width,
                epsilon=self.epsilon,
                dropout=self.dropout,
                name=f"block_{i}",
            )(h, deterministic=deterministic)
            stages[f"block_{i}"] = h
        h = layer_norm(self.epsilon, "norm")(h)
        stages["tokens"] = h
        return Outputs(h[:, 0], stages)

    def _embed(
        self, x: Float[Array, "..."], keep: Int[Array, "n v"] | None
    ) -> Float[Array, "n t d"]:
        size = self.patch
        if x.ndim != 4 or x.shape[1] % size or x.shape[2] % size or 0 in x.shape:
            raise ValueError(
                "vit takes images [n, height, width, channels] of whole patches of "
                f"{size} x {size} pixels, got {x.shape}; resize them or set patch"
            )
        n, rows, columns, channels = x.shape
        grid = (rows // size, columns // size)
        patches = x.reshape(n, grid[0], size, grid[1], size, channels)
        patches = patches.transpose(0, 1, 3, 2, 4, 5).reshape(n, grid[0] * grid[1], -1)
        # A convolution with stride = window is a matrix product over patches.
        h = nn.Dense(self.width, name="embed")(patches)
        small = nn.initializers.normal(0.02)
        first = self.param("class_token", small, (1, 1, self.width))
        positions = self._positions(small, grid)
        h = h + positions[:, 1:]
        if keep is not None:
            h = jnp.take_along_axis(h, keep[:, :, None], axis=1)
        first = jnp.broadcast_to(first + positions[:, :1], (n, 1, self.width))
        return jnp.concatenate([first.astype(h.dtype), h], axis=1)

    def _positions(
        self, init: nn.initializers.Initializer, grid: tuple[int, int]
    ) -> Float[Array, "1 t d"]:
        name = "positions"
        if self.has_variable("params", name):
            # Not `param`, which refuses any size but that of this image.
            return resize_positions(self.get_variable("params", name), grid)
        return self.param(name, init, (1, 1 + grid[0] * grid[1], self.width))
