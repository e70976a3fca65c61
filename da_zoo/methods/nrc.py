"""NRC: target predictions agree with those of their reciprocal nearest neighbours.

The source is gone when adaptation begins. Banks hold every target row's feature and
score; a batch renews its own rows and is compared with its neighbours'.
"""

import functools
from collections.abc import Mapping
from typing import Any, Unpack

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from da_zoo.classifier import Forward
from da_zoo.losses.information import marginal_entropy
from da_zoo.losses.neighbourhood import find_neighbours, neighbourhood_agreement
from da_zoo.losses.weighting import weighted_mean
from da_zoo.network import Network
from da_zoo.registry import Hyperparameter, MethodSpec
from da_zoo.row_scores import row_scores
from da_zoo.settings import Settings, resolve_settings, shared_classes
from da_zoo.source_free import (
    ENCODER,
    SOURCE_SHARE,
    Adaptation,
    adaptation_phase,
    smoothed_source_phase,
)
from da_zoo.supervised import supervised_model
from da_zoo.types import Examples, Recipe, TrainState, Views

__all__ = ["nrc"]

BANKS = ("features", "scores", "valid")


def _unit(rows: Float[Array, "n d"]) -> Float[Array, "n d"]:
    squares = jnp.sum(jnp.square(rows), axis=1, keepdims=True)
    return rows / jnp.sqrt(jnp.maximum(squares, 1e-24))


@functools.lru_cache(maxsize=64)
def _adaptation(
    network: Network, batch_norm: str, near: int, expanded: int
) -> Adaptation:
    scores_of = row_scores(network, batch_norm)

    def loss(
        state: TrainState, forward: Forward, rows: Examples
    ) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]], dict[str, Any]]:
        logits = forward.logits["target"]
        p = jax.nn.softmax(logits, axis=1)
        banks = {name: state.extra[name] for name in BANKS}
        # Before the first refresh the banks have rows of their own number.
        index = rows.index % banks["valid"].shape[0]
        there = jnp.ones(p.shape[0]) if rows.weight is None else rows.weight > 0
        own = (_unit(forward.features["target"]), p, there.astype(jnp.float32))
        fresh = jax.lax.stop_gradient(dict(zip(BANKS, own, strict=True)))
        banks = {k: bank.at[index].set(fresh[k]) for k, bank in banks.items()}
        found = find_neighbours(
            banks["features"], index, near=near, expanded=expanded, valid=banks["valid"]
        )
        agreement = neighbourhood_agreement(
            p, banks["scores"], found, affinity=state.hparams["affinity"]
        )
        means = {k: weighted_mean(v, rows.weight) for k, v in agreement.items()}
        diversity = marginal_entropy(logits, weight=rows.weight)
        metrics = {f"agreement_{k}": value for k, value in means.items()}
        metrics["diversity"] = diversity
        total = -(means["near"] + means["expanded"] + means["self"]) - diversity
        return total, metrics, banks

    def empty(rows: int, features_dim: int, width: int) -> dict[str, Any]:
        size = rows + max(near, expanded) + 1
        shapes = ((size, features_dim), (size, width), (size,))
        return {k: jnp.zeros(s) for k, s in zip(BANKS, shapes, strict=True)}

    def refresh(state: TrainState, views: Views) -> TrainState:
        rows = views.target
        assert rows is not None and rows.weight is not None
        old = {name: state.extra[name] for name in BANKS}
        features, logits = scores_of(state, rows.x)
        there = (rows.weight > 0).astype(jnp.float32)
        filled = dict(
            zip(BANKS, (_unit(features), jax.nn.softmax(logits), there), strict=True)
        )
        if old["valid"].shape == there.shape:
            # Once only: from then on every batch renews its own rows.
            filled = {
                k: jnp.where(state.step == 0, new, old[k]) for k, new in filled.items()
            }
        return state._replace(extra=state.extra | filled)

    return Adaptation(loss, empty, refresh)


def nrc(
    network: Network,
    *,
    classes: int | Mapping[str, int],
    neighbours: int = 5,
    expanded: int = 5,
    affinity: float = 0.1,
    label_smoothing: float = 0.1,
    adaptation_factor: float = 1.0,
    source_share: float = SOURCE_SHARE,
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds neighbourhood reciprocity clustering.

    Args:
        network: the encoder.
        classes: number of classes; the target's are the source's.
        neighbours: nearest neighbours of a row (K), at least 1 and fewer than the
            target has rows.
        expanded: nearest neighbours of each of those (M), likewise.
        affinity: weight of neighbours that are not reciprocal, and of the expanded ones
            (r).
        label_smoothing: of the source training, in [0, 1).
        adaptation_factor: learning rate on the target as a multiple of the source's.
        source_share: share of the steps spent on the source.
        **settings: see :class:`da_zoo.Settings`.

    Returns:
        Two phases: source, then the target without it.

    Raises:
        ValueError: for an invalid setting or class count, two label spaces, or a number
            out of range; in training, if the target has too few rows.

    Example:
        >>> from da_zoo import network_by_name
        >>> [sorted(phase.uses) for phase in nrc(network_by_name("mlp"), classes=3)]
        [['source'], ['target']]

    References:
        Yang et al., "Exploiting the Intrinsic Neighborhood Structure for Source-free
        Domain Adaptation", NeurIPS 2021.
    """
    training = resolve_settings(**settings)
    spaces = shared_classes(classes, training.width, "nrc")
    for name, value in (("neighbours", neighbours), ("expanded", expanded)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    model = supervised_model(
        network, spaces, training.batch_norm, labelled_target=False
    )
    return (
        smoothed_source_phase(
            network,
            spaces,
            training,
            label_smoothing=label_smoothing,
            share=source_share,
        ),
        adaptation_phase(
            model,
            spaces,
            training,
            _adaptation(network, training.batch_norm, neighbours, expanded),
            wrt=(*ENCODER, "head_source"),
            hparams={"affinity": affinity, "adaptation_factor": adaptation_factor},
            share=1.0 - source_share,
        ),
    )


SPEC = MethodSpec(
    name="nrc",
    factory=nrc,
    summary="Without the source: predictions agree with reciprocal neighbours'.",
    setting="labelled source first, then only its model and the unlabelled target",
    tracks=frozenset("U"),
    paper=(
        "Yang, Wang, van de Weijer, Herranz and Jui, Exploiting the Intrinsic "
        "Neighborhood Structure for Source-free Domain Adaptation, NeurIPS, 2021."
    ),
    year=2021,
    bibtex="""@inproceedings{yang2021exploiting,
  title = {Exploiting the Intrinsic Neighborhood Structure for Source-free Domain
           Adaptation},
  author = {Yang, Shiqi and Wang, Yaxing and van de Weijer, Joost and Herranz, Luis and
            Jui, Shangling},
  booktitle = {Advances in Neural Information Processing Systems},
  year = {2021}
}""",
    hparams=(
        Hyperparameter("affinity", 0.1, 0.01, 1.0, source="Yang et al. 2021: 0.1"),
        Hyperparameter(
            "neighbours",
            5,
            scale="choice",
            traced=False,
            choices=(2, 3, 5),
            source="Yang et al. 2021: 5 on VisDA, 3 on Office",
        ),
        Hyperparameter(
            "expanded",
            5,
            scale="choice",
            traced=False,
            choices=(2, 3, 5),
            source="Yang et al. 2021: 5 on VisDA, 2 on Office",
        ),
        Hyperparameter(
            "adaptation_factor",
            1.0,
            0.1,
            10.0,
            source="the authors' code: 1 (0.1 for a pre-trained backbone)",
        ),
        Hyperparameter(
            "label_smoothing",
            0.1,
            scale="choice",
            traced=False,
            choices=(0.0, 0.1),
            source="the authors' code: 0.1",
        ),
        Hyperparameter(
            "source_share",
            0.5,
            scale="choice",
            traced=False,
            choices=(0.3, 0.5, 0.7),
            source="ours: half of the steps",
        ),
    ),
    departures=(
        "No bottleneck layer of its own, and a plain linear classifier without weight "
        "normalisation. The four terms are the paper's; the authors' code leaves the "
        "agreement of a row with itself to the expanded neighbours, and uses fewer of "
        "those on small data sets."
    ),
)
