"""Masked features: restore entries swapped with other rows', and find them."""

import functools
import math
from typing import Unpack

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from da_zoo.corruption import shuffle_features
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
from da_zoo.network import Network
from da_zoo.settings import Settings, non_negative
from da_zoo.types import Examples, Key, Outputs, Params, Recipe

__all__ = ["masked_features"]


def _flat(x: Array) -> Array:
    return x.reshape(x.shape[0], -1)


@functools.lru_cache(maxsize=64)
def _objective(decoder: tuple[int, ...], detect: bool) -> Objective:
    def prepare(key: Key, rows: Examples, hparams: dict[str, Array]) -> Prepared:
        corrupted, _ = shuffle_features(
            key, rows.x, rows.weight, share=hparams["share"]
        )
        # An entry that got its own value back is not to be found.
        changed = _flat(corrupted != rows.x)
        return Prepared(corrupted, rows.weight, (_flat(rows.x), changed))

    def init(key: Key, prepared: Prepared, outputs: Outputs) -> Params:
        width = math.prod(prepared.x.shape[1:])
        sizes = (outputs.features.shape[1], *decoder, width)
        names = ("decoder", "detector") if detect else ("decoder",)
        keys = jax.random.split(key, len(names))
        return {
            name: dense_init(own, sizes) for name, own in zip(names, keys, strict=True)
        }

    def loss(
        params: Params, outputs: Outputs, prepared: Prepared, hparams: dict[str, Array]
    ) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
        clean, changed = prepared.goal
        restored = dense_apply(params["decoder"], outputs.features)
        error = jnp.mean(jnp.square(restored - clean), axis=1)
        metrics = {"reconstruction": weighted_mean(error, prepared.weight)}
        value = hparams["trade_off"] * metrics["reconstruction"]
        if detect:
            logits = dense_apply(params["detector"], outputs.features)
            entropy = optax.sigmoid_binary_cross_entropy(
                logits, changed.astype(logits.dtype)
            )
            found = weighted_mean(jnp.mean(entropy, axis=1), prepared.weight)
            value, metrics = value + found, metrics | {"detection": found}
        return value, metrics

    return Objective(prepare, init, loss)


def masked_features(
    network: Network,
    *,
    share: float = 0.3,
    trade_off: float = 2.0,
    detect: bool = True,
    decoder: tuple[int, ...] = (),
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds pre-training on corrupted rows of a table, or signals.

    Each entry is replaced, with probability ``share``, by the same column's of another
    row of the batch. From the features of the corrupted row, one decoder restores the
    row and another says which entries were replaced.

    Args:
        network: the encoder.
        share: probability of a replacement, in (0, 1); traced.
        trade_off: weight of the reconstruction beside the detection, at least 0;
            traced.
        detect: False restores only, without a detector.
        decoder: widths of hidden layers of the two decoders.
        **settings: see :func:`resolve_pretraining`.

    Returns:
        One phase, which reads the unlabelled stream "target". Errors are in squared
        units of the columns: standardise them.

    Raises:
        ValueError: for an invalid setting, share, trade-off or width.

    Example:
        >>> from da_zoo import network_by_name
        >>> [phase.name for phase in masked_features(network_by_name("mlp"))]
        ['pretrain']

    References:
        Yoon et al., "VIME: Extending the Success of Self- and Semi-supervised Learning
        to Tabular Domain", NeurIPS 2020.
    """
    objective = _objective(check_widths("decoder", decoder), bool(detect))
    hparams = {
        "share": within("share", share, 0.0, 1.0),
        "trade_off": non_negative("trade_off", trade_off),
    }
    training = resolve_pretraining(**settings)
    return self_supervised(network, objective, training, hparams)


SPEC = TaskSpec(
    name="masked_features",
    factory=masked_features,
    summary="Restore entries swapped with other rows', and say which they are.",
    inputs="table",
    paper=(
        "Yoon, Zhang, Jordon and van der Schaar, VIME: Extending the Success of Self- "
        "and Semi-supervised Learning to Tabular Domain, NeurIPS, 2020."
    ),
    year=2020,
    bibtex="""@inproceedings{yoon2020vime,
  title = {{VIME}: Extending the Success of Self- and Semi-supervised Learning to
           Tabular Domain},
  author = {Yoon, Jinsung and Zhang, Yao and Jordon, James and
            van der Schaar, Mihaela},
  booktitle = {Advances in Neural Information Processing Systems},
  year = {2020}
}""",
    departures=(
        "Columns are permuted within the batch, not over the whole table. All columns "
        "are numbers: there is no cross-entropy for categories. Adam in place of "
        "RMSprop."
    ),
)
