"""SWD: MCD's game, with the sliced Wasserstein distance between the heads' outputs."""

import functools
from collections.abc import Mapping
from typing import Unpack

import jax
from jaxtyping import Array, Float

from da_zoo.alternating import alternating
from da_zoo.losses.wasserstein import sliced_wasserstein, unit_directions
from da_zoo.network import Network
from da_zoo.registry import Hyperparameter, MethodSpec
from da_zoo.settings import Settings, resolve_classes, resolve_settings
from da_zoo.supervised import supervised_model
from da_zoo.two_heads import Distance, minimax_updates, two_heads
from da_zoo.types import Key, Recipe

__all__ = ["swd"]


@functools.lru_cache(maxsize=16)
def _distance(projections: int) -> Distance:
    def distance(
        first: Float[Array, "n k"],
        second: Float[Array, "n k"],
        weight: Float[Array, " n"] | None,
        key: Key,
    ) -> Float[Array, ""]:
        # Masked classes have no gap, but directions into them would shrink the others'.
        directions = unit_directions(
            key, first.shape[1], projections, allowed=first[0] > -1e8
        )
        return sliced_wasserstein(
            jax.nn.softmax(first, axis=1),
            jax.nn.softmax(second, axis=1),
            directions,
            kept=None if weight is None else weight > 0,
        )

    return distance


def swd(
    network: Network,
    *,
    classes: int | Mapping[str, int],
    trade_off: float = 1.0,
    num_k: int = 1,
    projections: int = 128,
    labelled_target: bool = False,
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds training against the sliced Wasserstein discrepancy of two classifiers.

    Predictions are by the mean of the two heads' logits.

    Args:
        network: the encoder.
        classes: number of classes, or {"source": a, "target": b} (then with
            ``labelled_target``).
        trade_off: weight of the discrepancy, for heads and encoder alike.
        num_k: encoder steps per step, at least 1.
        projections: random directions per evaluation, drawn anew each time.
        labelled_target: whether some target rows come with labels (track F).
        **settings: see :class:`da_zoo.Settings`.

    Returns:
        One training phase; under a batch-norm policy per domain, a second one that
        estimates the target's batch statistics.

    Raises:
        ValueError: for an invalid setting, class count, ``num_k`` or number of
            projections.

    Example:
        >>> from da_zoo import network_by_name
        >>> [phase.name for phase in swd(network_by_name("mlp"), classes=3)]
        ['adapt']

    References:
        Lee et al., "Sliced Wasserstein Discrepancy for Unsupervised Domain
        Adaptation", CVPR 2019.
    """
    if projections < 1:
        raise ValueError(f"projections must be at least 1, got {projections}")
    training = resolve_settings(**settings)
    resolved = resolve_classes(classes, training.width)
    model = two_heads(
        supervised_model(
            network, resolved, training.batch_norm, labelled_target=labelled_target
        )
    )
    updates = minimax_updates(
        model.forward,
        _distance(projections),
        training.optimizer,
        training.schedule,
        num_k,
    )
    return alternating(
        network,
        resolved,
        training,
        model,
        updates,
        hparams={"trade_off": trade_off},
        labelled_target=labelled_target,
    )


SPEC = MethodSpec(
    name="swd",
    factory=swd,
    summary="MCD with the sliced Wasserstein distance between the two classifiers.",
    setting="labelled source and unlabelled target (and labelled target rows if any)",
    tracks=frozenset("UF"),
    paper=(
        "Lee, Batra, Baig and Ulbricht, Sliced Wasserstein Discrepancy for "
        "Unsupervised Domain Adaptation, CVPR, 2019."
    ),
    year=2019,
    bibtex="""@inproceedings{lee2019sliced,
  title = {Sliced {Wasserstein} Discrepancy for Unsupervised Domain Adaptation},
  author = {Lee, Chen-Yu and Batra, Tanmay and Baig, Mohammad Haris and
            Ulbricht, Daniel},
  booktitle = {IEEE/CVF Conference on Computer Vision and Pattern Recognition},
  year = {2019}
}""",
    hparams=(
        Hyperparameter("trade_off", 1.0, 0.1, 100.0, source="Lee et al. 2019: 1"),
        Hyperparameter(
            "num_k",
            1,
            scale="choice",
            traced=False,
            choices=(1, 4),
            source="the authors' code: 1",
        ),
        Hyperparameter(
            "projections",
            128,
            scale="choice",
            traced=False,
            choices=(32, 128, 512),
            source="Lee et al. 2019: 128",
        ),
    ),
    departures=(
        "Heads are linear (the authors' have hidden layers). Each of the three steps "
        "keeps an optimiser state of its own: under "
        "Adam the encoder's step is then as long as the task's, however small the "
        "discrepancy, so prefer SGD. Running statistics move once per step. Where "
        "the target has a task of its own, the source's two heads play the game on "
        "target rows and a third head learns the target's labels."
    ),
)
