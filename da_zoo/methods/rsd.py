"""RSD: bring the subspaces of source and target features together, for regression.

Matching distributions changes the scale of features, and a regression lives by it;
subspaces have directions only.
"""

import functools
from collections.abc import Mapping
from typing import Unpack

from jaxtyping import Array, Float

from da_zoo.classifier import Forward
from da_zoo.compose import progress
from da_zoo.losses.subspace import subspace_distance
from da_zoo.network import Network
from da_zoo.registry import Hyperparameter, MethodSpec
from da_zoo.schedules import schedule_by_name
from da_zoo.settings import Continuous, Settings, resolve_classes, resolve_settings
from da_zoo.supervised import Alignment, aligned
from da_zoo.types import Key, Params, Recipe, TrainState

__all__ = ["rsd"]


@functools.lru_cache(maxsize=64)
def _alignment(directions: int | None, schedule: str) -> Alignment:
    ramp = schedule_by_name(schedule)

    def loss(
        params: Params, state: TrainState, forward: Forward, key: Key
    ) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
        del params, key
        distance, mismatch = subspace_distance(
            forward.features["source"],
            forward.features["target"],
            directions=directions,
            weight_source=forward.weights["source"],
            weight_target=forward.weights["target"],
        )
        total = distance + state.hparams["mismatch"] * mismatch
        return state.hparams["trade_off"] * ramp(progress(state)) * total, {
            "subspace_distance": distance,
            "base_mismatch": mismatch,
        }

    return Alignment(loss)


def rsd(
    network: Network,
    *,
    classes: int | Mapping[str, int] | Continuous,
    trade_off: float = 0.001,
    mismatch: float = 0.01,
    directions: int | None = None,
    trade_off_schedule: str = "constant",
    labelled_target: bool = False,
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds training with the representation subspace distance.

    Args:
        network: the encoder.
        classes: ``Continuous(outputs)``, what it was made for; a number of classes, or
            {"source": a, "target": b} (then with ``labelled_target``), works too.
        trade_off: weight of the term.
        mismatch: weight of the base mismatch penalty, within the term.
        directions: how many of the strongest directions of each batch to compare; None
            means as many as a batch spans, or half of the features where a batch is
            larger than their number: it would span everything.
        trade_off_schedule: "constant" or "ramp" (0 to 1 over training).
        labelled_target: whether some target rows come with labels (track F).
        **settings: see :class:`da_zoo.Settings`.

    Returns:
        One training phase; under a batch-norm policy per domain, a second one that
        estimates the target's batch statistics.

    Raises:
        ValueError: for an invalid setting, class count or number of directions.

    Example:
        >>> from da_zoo import Continuous, network_by_name
        >>> recipe = rsd(network_by_name("mlp"), classes=Continuous(1))
        >>> [phase.name for phase in recipe]
        ['adapt']

    References:
        Chen et al., "Representation Subspace Distance for Domain Adaptation
        Regression", ICML 2021.
    """
    training = resolve_settings(**settings)
    if directions is not None and directions < 1:
        raise ValueError(f"directions must be at least 1 or None, got {directions}")
    return aligned(
        network,
        resolve_classes(classes, training.width, continuous=True),
        training,
        _alignment(directions, trade_off_schedule),
        hparams={"trade_off": trade_off, "mismatch": mismatch},
        labelled_target=labelled_target,
    )


SPEC = MethodSpec(
    name="rsd",
    factory=rsd,
    summary="Bring the subspaces of features together and keep their scale.",
    setting="labelled source and unlabelled target (and labelled target rows if any)",
    tracks=frozenset("UF"),
    regression=True,
    paper=(
        "Chen, Wang, Wang and Long, Representation Subspace Distance for Domain "
        "Adaptation Regression, ICML 2021."
    ),
    year=2021,
    bibtex="""@inproceedings{chen2021representation,
  title = {Representation Subspace Distance for Domain Adaptation Regression},
  author = {Chen, Xinyang and Wang, Sinan and Wang, Jianmin and Long, Mingsheng},
  booktitle = {International Conference on Machine Learning},
  year = {2021}
}""",
    hparams=(
        Hyperparameter("trade_off", 0.001, 1e-4, 1.0, source="the authors' code"),
        Hyperparameter("mismatch", 0.01, 1e-3, 1.0, source="the authors' code"),
        Hyperparameter(
            "directions",
            None,
            scale="choice",
            traced=False,
            source="all that a batch spans, as in the paper",
        ),
        Hyperparameter(
            "trade_off_schedule",
            "constant",
            scale="choice",
            traced=False,
            choices=("constant", "ramp"),
            source="the authors' code: constant",
        ),
    ),
    departures=(
        "Batches of at least as many rows as features would span the whole space, "
        "where every angle is 0: the stronger half of the directions is compared then. "
        "Directions that a batch does not have are left out; sines are computed "
        "directly, and the gradient of singular vectors is bounded at ties."
    ),
)
