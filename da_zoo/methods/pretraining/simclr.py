"""SimCLR: two random views of a row find each other among all views of the batch."""

import functools
from typing import Unpack

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from da_zoo.augment import Augmentation, augmentation_by_name
from da_zoo.dense import check_widths, dense_apply, dense_init
from da_zoo.losses.ntxent import ntxent
from da_zoo.methods.pretraining.objective import (
    Objective,
    Prepared,
    resolve_pretraining,
    self_supervised,
    within,
)
from da_zoo.methods.pretraining.spec import TaskSpec
from da_zoo.network import Network
from da_zoo.settings import Settings
from da_zoo.types import Examples, Key, Outputs, Params, Recipe

__all__ = ["simclr"]


@functools.lru_cache(maxsize=64)
def _objective(augmentation: Augmentation, projection: tuple[int, ...]) -> Objective:
    def prepare(key: Key, rows: Examples, hparams: dict[str, Array]) -> Prepared:
        del hparams
        views = [
            augmentation.strong(own, rows.x, rows.weight)
            for own in jax.random.split(key)
        ]
        # One pass for both: batch statistics are then those of all views.
        x = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *views)
        weight = None if rows.weight is None else jnp.tile(rows.weight, 2)
        return Prepared(x, weight, None)

    def init(key: Key, prepared: Prepared, outputs: Outputs) -> Params:
        del prepared
        sizes = (outputs.features.shape[1], *projection)
        return {"projection": dense_init(key, sizes)}

    def loss(
        params: Params, outputs: Outputs, prepared: Prepared, hparams: dict[str, Array]
    ) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
        embedded = dense_apply(params["projection"], outputs.features)
        first, second = jnp.split(embedded, 2)
        weight = prepared.weight
        value, accuracy = ntxent(
            first,
            second,
            temperature=hparams["temperature"],
            weight=None if weight is None else jnp.split(weight, 2)[0],
        )
        return value, {"accuracy": accuracy}

    return Objective(prepare, init, loss)


def simclr(
    network: Network,
    *,
    augmentation: str = "auto",
    temperature: float = 0.5,
    projection: tuple[int, ...] = (128, 64),
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds contrastive pre-training on unlabelled rows.

    A batch of n rows is 2n views for the encoder; the more rows, the more candidates.

    Args:
        network: the encoder.
        augmentation: which random views: a name of
            :data:`da_zoo.augment.AUGMENTATIONS`, whose strong views are taken. "auto":
            images are cropped, lit and covered; tables and signals get noise and lose
            features. "crops" and "shuffled" are the papers' (SimCLR, SCARF).
        temperature: of the similarities, above 0; traced.
        projection: widths of the dense layers between features and loss; they are
            dropped afterwards.
        **settings: see :func:`resolve_pretraining`.

    Returns:
        One phase, which reads the unlabelled stream "target".

    Raises:
        ValueError: for an invalid setting, augmentation, temperature or width.

    Example:
        >>> from da_zoo import network_by_name
        >>> [phase.name for phase in simclr(network_by_name("mlp"))]
        ['pretrain']

    References:
        Chen et al., "A Simple Framework for Contrastive Learning of Visual
        Representations", ICML 2020. Tables: Bahri et al., "SCARF", ICLR 2022.
    """
    if not projection:
        raise ValueError("projection must have at least one width, got ()")
    objective = _objective(
        augmentation_by_name(augmentation), check_widths("projection", projection)
    )
    temperature = within("temperature", temperature, 0.0, float("inf"))
    training = resolve_pretraining(**settings)
    return self_supervised(network, objective, training, {"temperature": temperature})


SPEC = TaskSpec(
    name="simclr",
    factory=simclr,
    summary="Tell which views are of the same row (NT-Xent).",
    inputs="any",
    paper=(
        "Chen, Kornblith, Norouzi and Hinton, A Simple Framework for Contrastive "
        "Learning of Visual Representations, ICML, 2020."
    ),
    year=2020,
    bibtex="""@inproceedings{chen2020simple,
  title = {A Simple Framework for Contrastive Learning of Visual Representations},
  author = {Chen, Ting and Kornblith, Simon and Norouzi, Mohammad and
            Hinton, Geoffrey},
  booktitle = {International Conference on Machine Learning},
  year = {2020}
}""",
    departures=(
        "Views come from the augmentation that is named: only crops_color distorts "
        "colours, and none blurs. Adam in place of LARS, and batches as large as they "
        "are given; the projection has no batch normalisation."
    ),
)
