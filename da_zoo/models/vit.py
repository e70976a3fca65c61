"""The Vision Transformer."""

from collections.abc import Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree

from da_zoo.models.patches import patches_of
from da_zoo.models.preprocessing import Preprocessing
from da_zoo.models.pretrained.entries import Layout
from da_zoo.models.pretrained.vit import vit_layouts
from da_zoo.models.transformer import block_patterns, layer_norm, transformer_blocks
from da_zoo.types import Outputs

__all__ = ["ViT", "resize_positions"]

SMALL = nn.initializers.normal(0.02)


def resize_positions(
    positions: Float[Array, "1 p q d"], grid: tuple[int, int]
) -> Float[Array, "1 h w d"]:
    """Interpolates position embeddings to another grid of patches.

    Bicubic, with smoothing where the grid gets coarser, as timm does it.

    Args:
        positions: [1, p, q, d].
        grid: rows and columns of patches.

    Returns:
        [1, rows, columns, d]; ``positions`` themselves where they fit.

    Example:
        >>> resize_positions(jnp.ones((1, 4, 4, 8)), (2, 3)).shape
        (1, 2, 3, 8)
    """
    if positions.shape[1:3] == grid:
        return positions
    shape = (1, *grid, positions.shape[3])
    return jax.image.resize(positions, shape, method="cubic")


class ViT(nn.Module):
    """A Vision Transformer: patches and a class token through pre-norm blocks.

    Images may have any size that the patch divides: position embeddings are those of
    the size that the parameters were initialised with, interpolated for others.

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

    # Of the authors' weights as timm evaluates them; DeiT's and MAE's are prepared by
    # ImageNet's mean and deviation.
    preprocessing = Preprocessing(
        mean=(0.5,) * 3, std=(0.5,) * 3, resize=248, interpolation="cubic"
    )
    example_input = jax.ShapeDtypeStruct((1, 224, 224, 3), jnp.float32)

    @property
    def features_dim(self) -> int:
        """Width of the features."""
        return self.width

    @property
    def layer_patterns(self) -> tuple[str, ...]:
        """Patterns of the layers' parameters, from input to output."""
        return block_patterns(self.depth, "(embed|class_|positions)", "norm")

    @property
    def weight_layouts(self) -> tuple[Layout, ...]:
        """How libraries store the weights."""
        return vit_layouts(self.depth)

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
            x, keep = x["pixels"], jnp.asarray(x["keep"])
        h = self._embed(jnp.asarray(x), keep)
        h = nn.Dropout(self.dropout)(h, deterministic=deterministic)
        stages = transformer_blocks(
            h,
            self.depth,
            deterministic=deterministic,
            heads=self.heads,
            hidden=self.hidden or 4 * self.width,
            epsilon=self.epsilon,
            dropout=self.dropout,
        )
        h = layer_norm(self.epsilon, "norm")(list(stages.values())[-1])
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
        n, rows, columns, _ = x.shape
        grid = (rows // size, columns // size)
        # A convolution with stride = window is a matrix product over patches.
        h = nn.Dense(self.width, name="embed")(patches_of(x, size))
        positions = self._positions(grid)
        h = h + positions.reshape(1, -1, self.width)
        if keep is not None:
            h = jnp.take_along_axis(h, keep[:, :, None], axis=1)
        shape = (1, 1, self.width)
        first = self.param("class_token", SMALL, shape)
        first = first + self.param("class_position", SMALL, shape)
        return jnp.concatenate([jnp.broadcast_to(first, (n, 1, self.width)), h], axis=1)

    def _positions(self, grid: tuple[int, int]) -> Float[Array, "1 h w d"]:
        if self.has_variable("params", "positions"):
            # Not `param`, which refuses any size but that of this image.
            return resize_positions(self.get_variable("params", "positions"), grid)
        return self.param("positions", SMALL, (1, *grid, self.width))
