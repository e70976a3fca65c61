"""Rotation prediction: tell by how many quarter turns an image was rotated."""

import functools
from collections.abc import Mapping
from typing import Any, Unpack

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Shaped

from da_zoo.dense import check_widths, dense_apply, dense_init
from da_zoo.losses.classification import cross_entropy
from da_zoo.losses.weighting import weighted_mean
from da_zoo.methods.pretraining.objective import (
    Objective,
    Prepared,
    resolve_pretraining,
    self_supervised,
)
from da_zoo.methods.pretraining.spec import TaskSpec
from da_zoo.network import Network
from da_zoo.settings import Settings
from da_zoo.types import Examples, Key, Outputs, Params, Recipe

__all__ = ["four_rotations", "rotation"]

QUARTERS = 4


def four_rotations(x: Float[Array, "n side side c"]) -> Float[Array, "m side side c"]:
    """Stacks the images turned by 0, 90, 180 and 270 degrees, anticlockwise.

    Args:
        x: square images [n, side, side, channels].

    Returns:
        [4n, side, side, channels]: all images by one angle, then by the next.

    Raises:
        ValueError: if the images are not square.

    Example:
        >>> four_rotations(jnp.ones((2, 8, 8, 1))).shape
        (8, 8, 8, 1)
    """
    _check_square(x.shape)
    turned = [jnp.rot90(x, turns, axes=(1, 2)) for turns in range(QUARTERS)]
    return jnp.concatenate(turned)


def _check_square(shape: tuple[int, ...]) -> None:
    if len(shape) != 4 or shape[1] != shape[2]:
        raise ValueError(
            "rotation needs square images [n, side, side, channels], got "
            f"{list(shape)}; crop or resize them"
        )


def _prepare(key: Key, rows: Examples, hparams: dict[str, Array]) -> Prepared:
    del key, hparams
    _check_square(rows.x.shape)  # before jaxtyping words it
    n = rows.x.shape[0]
    weight = None if rows.weight is None else jnp.tile(rows.weight, QUARTERS)
    turns = jnp.repeat(jnp.arange(QUARTERS), n)
    return Prepared(four_rotations(rows.x), weight, turns)


def _loss(
    params: Params, outputs: Outputs, prepared: Prepared, hparams: dict[str, Array]
) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
    del hparams
    logits = dense_apply(params["rotation_head"], outputs.features)
    right = (jnp.argmax(logits, axis=1) == prepared.goal).astype(logits.dtype)
    return cross_entropy(logits, prepared.goal, weight=prepared.weight), {
        "accuracy": weighted_mean(right, prepared.weight)
    }


@functools.lru_cache(maxsize=64)
def _objective(head: tuple[int, ...]) -> Objective:
    def init(key: Key, prepared: Prepared, outputs: Outputs) -> Params:
        del prepared
        sizes = (outputs.features.shape[1], *head, QUARTERS)
        return {"rotation_head": dense_init(key, sizes)}

    return Objective(_prepare, init, _loss)


def rotation(
    network: Network,
    *,
    head: tuple[int, ...] = (128,),
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds pre-training by rotation prediction on unlabelled images.

    Every image is seen in all four rotations at each step, so a batch of n rows is 4n
    images for the encoder.

    Args:
        network: the encoder, of square images.
        head: widths of hidden layers between features and the four logits. What lies
            right below them is good for rotations and little else, so the last layers
            should be these, which are dropped afterwards.
        **settings: see :func:`resolve_pretraining`.

    Returns:
        One phase, which reads the unlabelled stream "target".

    Raises:
        ValueError: for an invalid setting or width; before training, for images that
            are not square.

    Example:
        >>> from da_zoo import network_by_name
        >>> [phase.name for phase in rotation(network_by_name("lenet"))]
        ['pretrain']

    References:
        Gidaris, Singh and Komodakis, "Unsupervised Representation Learning by
        Predicting Image Rotations", ICLR 2018.
    """
    objective = _objective(check_widths("head", head))
    return self_supervised(network, objective, resolve_pretraining(**settings), {})


def _check(x: Shaped[np.ndarray, "n ..."], options: Mapping[str, Any]) -> None:
    del options
    _check_square(x.shape)


SPEC = TaskSpec(
    name="rotation",
    factory=rotation,
    summary="Tell an image's rotation by 0, 90, 180 or 270 degrees.",
    inputs="images",
    paper=(
        "Gidaris, Singh and Komodakis, Unsupervised Representation Learning by "
        "Predicting Image Rotations, ICLR, 2018."
    ),
    year=2018,
    bibtex="""@inproceedings{gidaris2018unsupervised,
  title = {Unsupervised Representation Learning by Predicting Image Rotations},
  author = {Gidaris, Spyros and Singh, Praveer and Komodakis, Nikos},
  booktitle = {International Conference on Learning Representations},
  year = {2018}
}""",
    departures=(
        "Adam with a cosine decay in place of SGD with steps; no crops or mirrors "
        "beside the rotations. The paper takes features from a block in the middle; "
        "here the features are the network's, and a hidden layer follows them."
    ),
    check=_check,
)
