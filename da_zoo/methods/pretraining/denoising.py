"""Denoising autoencoding: restore a row from a damaged copy."""

import functools
import math
from typing import Unpack

import jax.numpy as jnp
from jaxtyping import Array, Float

from da_zoo.augment import add_noise
from da_zoo.corruption import drop_entries
from da_zoo.dense import check_widths, dense_apply, dense_init
from da_zoo.losses.weighting import weighted_mean
from da_zoo.methods.pretraining.objective import (
    Objective,
    Prepared,
    resolve_pretraining,
    self_supervised,
    within,
)
from da_zoo.methods.pretraining.spec import TaskSpec
from da_zoo.naming import choose
from da_zoo.network import Network
from da_zoo.settings import Settings
from da_zoo.types import Examples, Key, Outputs, Params, Recipe

__all__ = ["denoising"]

NOISES = {"gaussian": (0.0, float("inf")), "dropout": (0.0, 1.0)}
"""By name, the range that ``amount`` must lie in."""


@functools.lru_cache(maxsize=64)
def _objective(noise: str, decoder: tuple[int, ...]) -> Objective:
    def prepare(key: Key, rows: Examples, hparams: dict[str, Array]) -> Prepared:
        if not jnp.issubdtype(rows.x.dtype, jnp.floating):
            raise TypeError(
                f"denoising needs float inputs, got {rows.x.dtype}, which are ids; "
                "pass float32 if they are numbers"
            )
        amount = hparams["amount"]
        if noise == "gaussian":
            damaged = add_noise(key, rows.x, rows.weight, scale=amount)
        else:
            damaged = drop_entries(key, rows.x, share=amount)
        return Prepared(damaged, rows.weight, rows.x.reshape(rows.x.shape[0], -1))

    def init(key: Key, prepared: Prepared, outputs: Outputs) -> Params:
        width = math.prod(prepared.x.shape[1:])
        sizes = (outputs.features.shape[1], *decoder, width)
        return {"decoder": dense_init(key, sizes)}

    def loss(
        params: Params, outputs: Outputs, prepared: Prepared, hparams: dict[str, Array]
    ) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
        del hparams
        restored = dense_apply(params["decoder"], outputs.features)
        error = jnp.mean(jnp.square(restored - prepared.goal), axis=1)
        return weighted_mean(error, prepared.weight), {}

    return Objective(prepare, init, loss)


def denoising(
    network: Network,
    *,
    noise: str = "gaussian",
    amount: float = 0.3,
    decoder: tuple[int, ...] = (),
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds pre-training of a denoising autoencoder, on inputs of any shape.

    Args:
        network: the encoder.
        noise: "gaussian", or "dropout" (entries are set to 0).
        amount: of "gaussian", its standard deviation as a multiple of each feature's
            own in the batch, above 0; of "dropout", the probability, in (0, 1); traced.
        decoder: widths of hidden layers between features and restored rows.
        **settings: see :func:`resolve_pretraining`.

    Returns:
        One phase, which reads the unlabelled stream "target". Errors are in squared
        units of the inputs.

    Raises:
        TypeError: before training, for inputs that are ids (int32).
        ValueError: for an invalid setting, noise, amount or width.

    Example:
        >>> from da_zoo import network_by_name
        >>> [phase.name for phase in denoising(network_by_name("mlp"))]
        ['pretrain']

    References:
        Vincent et al., "Extracting and Composing Robust Features with Denoising
        Autoencoders", ICML 2008.
    """
    low, high = choose(NOISES, noise, "noise")
    objective = _objective(noise, check_widths("decoder", decoder))
    hparams = {"amount": within("amount", amount, low, high)}
    training = resolve_pretraining(**settings)
    return self_supervised(network, objective, training, hparams)


SPEC = TaskSpec(
    name="denoising",
    factory=denoising,
    summary="Restore a row from a copy with Gaussian noise or entries set to 0.",
    inputs="any",
    paper=(
        "Vincent, Larochelle, Bengio and Manzagol, Extracting and Composing Robust "
        "Features with Denoising Autoencoders, ICML, 2008."
    ),
    year=2008,
    bibtex="""@inproceedings{vincent2008extracting,
  title = {Extracting and Composing Robust Features with Denoising Autoencoders},
  author = {Vincent, Pascal and Larochelle, Hugo and Bengio, Yoshua and
            Manzagol, Pierre-Antoine},
  booktitle = {International Conference on Machine Learning},
  year = {2008}
}""",
    departures=(
        "All layers are trained at once, not stacked one by one; the decoder's weights "
        "are its own, not the encoder's transposed; squared error in place of "
        "cross-entropy between pixels."
    ),
)
