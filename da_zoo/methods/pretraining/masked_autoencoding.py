"""MAE: restore the pixels of masked patches from the patches that are left."""

import functools
import math
from collections.abc import Mapping
from typing import Any, NamedTuple, Unpack

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Shaped

from da_zoo.dense import check_widths
from da_zoo.losses.tokens import masked_squared_error
from da_zoo.methods.pretraining.objective import (
    Objective,
    Prepared,
    resolve_pretraining,
    self_supervised,
    within,
)
from da_zoo.methods.pretraining.spec import TaskSpec
from da_zoo.models.patches import patches_of
from da_zoo.models.transformer import TransformerBlock, layer_norm
from da_zoo.network import Network
from da_zoo.settings import Settings
from da_zoo.types import Examples, Key, Outputs, Params, Recipe

__all__ = ["masked_autoencoding", "random_masks"]

Masks = tuple[Int[Array, "n v"], Int[Array, "n t"], Bool[Array, "n t"]]


def random_masks(key: Key, rows: int, patches: int, ratio: float) -> Masks:
    """Draws which patches of each row stay, equally many for all.

    Args:
        key: of the draws.
        rows: n.
        patches: t, per row.
        ratio: of masked ones; ``int(patches * (1 - ratio))`` stay.

    Returns:
        ``keep`` [n, v]: the patches that stay, in random order; ``restore`` [n, t]:
        where each patch lies among those that stay, followed by the masked ones;
        ``masked`` [n, t].

    Example:
        >>> keep, restore, masked = random_masks(jax.random.key(0), 2, 8, 0.75)
        >>> keep.shape, masked.sum(axis=1).tolist()
        ((2, 2), [6, 6])
    """
    kept = int(patches * (1.0 - ratio))
    order = jnp.argsort(jax.random.uniform(key, (rows, patches)), axis=1)
    restore = jnp.argsort(order, axis=1)
    return order[:, :kept], restore, restore >= kept


def _sines(rows: int, columns: int, width: int) -> Float[np.ndarray, "1 t d"]:
    """Fixed position embeddings: half of the width for the row, half for the column."""
    quarter = width // 4
    rates = 1.0 / 10000 ** (np.arange(quarter) / quarter)
    parts = []
    for place in np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij"):
        angles = place.reshape(-1, 1) * rates[None]
        parts += [np.sin(angles), np.cos(angles)]
    return np.concatenate(parts, axis=1)[None].astype(np.float32)


class _Decoder(nn.Module):
    """Blocks over all patches: the encoded ones in their places, a mask elsewhere."""

    width: int
    depth: int
    heads: int
    outputs: int

    @nn.compact
    def __call__(
        self,
        tokens: Float[Array, "n v d"],
        restore: Int[Array, "n t"],
        places: Float[Array, "1 t w"],
    ) -> Float[Array, "n t o"]:
        h = nn.Dense(self.width, name="embed")(tokens)
        mask = self.param(
            "mask_token", nn.initializers.normal(0.02), (1, 1, self.width)
        )
        n, missing = h.shape[0], restore.shape[1] + 1 - h.shape[1]
        filled = jnp.concatenate(
            [h[:, 1:], jnp.broadcast_to(mask, (n, missing, self.width))], axis=1
        )
        filled = jnp.take_along_axis(filled, restore[:, :, None], axis=1)
        h = jnp.concatenate([h[:, :1], filled + places], axis=1)
        for i in range(self.depth):
            h = TransformerBlock(self.heads, 4 * self.width, name=f"block_{i}")(h)
        h = layer_norm(1e-6, "norm")(h)
        return nn.Dense(self.outputs, name="pixels")(h[:, 1:])


class _Goal(NamedTuple):
    patches: Float[Array, "n t d"]
    restore: Int[Array, "n t"]
    masked: Bool[Array, "n t"]
    places: Float[Array, "1 t w"]


def _standardised(patches: Float[Array, "n t d"]) -> Float[Array, "n t d"]:
    mean = jnp.mean(patches, axis=2, keepdims=True)
    # With n - 1, as the authors' code.
    variance = jnp.var(patches, axis=2, keepdims=True, ddof=1)
    return (patches - mean) / jnp.sqrt(variance + 1e-6)


def _check_images(shape: tuple[int, ...], patch: int, ratio: float) -> None:
    if len(shape) != 4 or shape[1] % patch or shape[2] % patch:
        raise ValueError(
            "masked_autoencoding needs images [n, height, width, channels] of whole "
            f"patches of {patch} x {patch} pixels, got {list(shape)}"
        )
    count = (shape[1] // patch) * (shape[2] // patch)
    if not 0 < int(count * (1.0 - ratio)) < count:
        raise ValueError(
            f"ratio={ratio} leaves {int(count * (1.0 - ratio))} of {count} patches; "
            "some have to stay and some to go"
        )


@functools.lru_cache(maxsize=64)
def _objective(
    network: Network,
    patch: int,
    ratio: float,
    decoder: tuple[int, int, int],
    norm_pixels: bool,
) -> Objective:
    def module(channels: int) -> _Decoder:
        return _Decoder(*decoder, outputs=patch * patch * channels)

    def prepare(key: Key, rows: Examples, hparams: dict[str, Array]) -> Prepared:
        del hparams
        x = rows.x
        _check_images(x.shape, patch, ratio)
        if norm_pixels and patch * patch * x.shape[3] < 2:
            raise ValueError("a patch of one number cannot be standardised")
        n, grid = x.shape[0], (x.shape[1] // patch, x.shape[2] // patch)
        keep, restore, masked = random_masks(key, n, math.prod(grid), ratio)
        patches = patches_of(x, patch)
        goal = _Goal(
            _standardised(patches) if norm_pixels else patches,
            restore,
            masked,
            jnp.asarray(_sines(*grid, decoder[0])),
        )
        return Prepared({"pixels": x, "keep": keep}, rows.weight, goal)

    def check_network(pixels: Array) -> None:
        def tokens(key: Key, x: Array) -> Array:
            return network.apply(*network.init(key, x), x)[0].stages["tokens"]

        goal = (pixels.shape[1] // patch) * (pixels.shape[2] // patch)
        count = jax.eval_shape(tokens, jax.random.key(0), pixels).shape[1] - 1
        if count != goal:
            raise ValueError(
                f"patch={patch} makes {goal} patches, and network {network.name!r} "
                f"has {count}: give the network's own patch"
            )

    def init(key: Key, prepared: Prepared, outputs: Outputs) -> Params:
        pixels, goal = prepared.x["pixels"], prepared.goal
        if "tokens" not in outputs.stages:
            raise ValueError(
                f"network {network.name!r} has no stage 'tokens'; masked_autoencoding "
                "needs a Vision Transformer that can encode kept patches only"
            )
        check_network(pixels)
        tokens = jnp.zeros(outputs.stages["tokens"].shape)
        layers = module(pixels.shape[3]).init(key, tokens, goal.restore, goal.places)
        return {"decoder": layers["params"]}

    def loss(
        params: Params, outputs: Outputs, prepared: Prepared, hparams: dict[str, Array]
    ) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
        del hparams
        goal = prepared.goal
        restored = module(prepared.x["pixels"].shape[3]).apply(
            {"params": params["decoder"]},
            outputs.stages["tokens"],
            goal.restore,
            goal.places,
        )
        value = masked_squared_error(
            jnp.asarray(restored), goal.patches, goal.masked, weight=prepared.weight
        )
        return value, {}

    return Objective(prepare, init, loss)


def masked_autoencoding(
    network: Network,
    *,
    patch: int,
    ratio: float = 0.75,
    decoder: tuple[int, int, int] = (512, 8, 16),
    norm_pixels: bool = True,
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds pre-training of a Vision Transformer as a masked autoencoder.

    The encoder sees the patches that stay and no others, so it is quick; a small
    decoder, dropped afterwards, sees all places and restores the masked patches.

    Args:
        network: a ViT: its input may be ``{"pixels": images, "keep": patches}``.
        patch: side of its patches in pixels.
        ratio: share of masked patches, in (0, 1).
        decoder: width (a multiple of 4), blocks and heads (a divisor of the width).
        norm_pixels: whether each patch is standardised before it is compared.
        **settings: see :func:`resolve_pretraining`.

    Returns:
        One phase, which reads the unlabelled stream "target".

    Raises:
        ValueError: for an invalid setting, patch, ratio or decoder; before training,
            for images that are not whole patches or a network with other patches.

    Example:
        >>> from da_zoo import network_by_name
        >>> network = network_by_name("vit_ti16", patch=4, depth=1)
        >>> recipe = masked_autoencoding(network, patch=4, decoder=(16, 1, 2))
        >>> [phase.name for phase in recipe]
        ['pretrain']

    References:
        He et al., "Masked Autoencoders Are Scalable Vision Learners", CVPR 2022.
    """
    check_widths("patch", (patch,))
    check_widths("decoder", decoder)
    if len(decoder) != 3 or decoder[0] % 4 or decoder[0] % decoder[2]:
        raise ValueError(
            "decoder must be (width, blocks, heads), the width a multiple of 4 and of "
            f"the heads; got {decoder}"
        )
    ratio = within("ratio", ratio, 0.0, 1.0)
    objective = _objective(network, patch, ratio, tuple(decoder), bool(norm_pixels))
    return self_supervised(network, objective, resolve_pretraining(**settings), {})


def _check(x: Shaped[np.ndarray, "n ..."], options: Mapping[str, Any]) -> None:
    patch = check_widths("patch", (options["patch"],))[0]
    ratio = within("ratio", options.get("ratio", 0.75), 0.0, 1.0)
    _check_images(x.shape, patch, ratio)


SPEC = TaskSpec(
    name="masked_autoencoding",
    factory=masked_autoencoding,
    summary="Restore the pixels of masked patches from those that are left (ViT).",
    inputs="images",
    paper=(
        "He, Chen, Xie, Li, Dollár and Girshick, Masked Autoencoders Are Scalable "
        "Vision Learners, CVPR, 2022."
    ),
    year=2022,
    bibtex="""@inproceedings{he2022masked,
  title = {Masked Autoencoders Are Scalable Vision Learners},
  author = {He, Kaiming and Chen, Xinlei and Xie, Saining and Li, Yanghao and
            Doll{\\'a}r, Piotr and Girshick, Ross},
  booktitle = {Conference on Computer Vision and Pattern Recognition},
  year = {2022}
}""",
    departures=(
        "The encoder's position embeddings are learned (the decoder's are fixed sines, "
        "as in the paper); no random crops; Adam's second moment decays by 0.999, not "
        "0.95, and there is no warm-up."
    ),
    check=_check,
)
