"""MME: prototypes and encoder play a game over the entropy of target predictions."""

import functools
from collections.abc import Mapping
from typing import Unpack

from jaxtyping import Array, Float

from da_zoo.classifier import Forward
from da_zoo.compose import progress
from da_zoo.cosine import normalised_network
from da_zoo.layers import reverse_gradient
from da_zoo.losses.prediction import mean_entropy
from da_zoo.network import Network, make_head, mask_classes
from da_zoo.registry import Hyperparameter, MethodSpec
from da_zoo.schedules import schedule_by_name
from da_zoo.settings import Settings, resolve_settings, shared_classes
from da_zoo.supervised import Alignment, aligned
from da_zoo.types import Key, Params, Recipe, TrainState

__all__ = ["mme"]


def _without_bias(path: str) -> bool:
    """Prototypes have a direction alone: the head's bias stays at 0."""
    return path != "head_source/bias"


@functools.lru_cache(maxsize=64)
def _alignment(schedule: str) -> Alignment:
    ramp = schedule_by_name(schedule)

    def loss(
        params: Params, state: TrainState, forward: Forward, key: Key
    ) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
        del key
        # The loss is MINUS the entropy: the head raises it and moves its prototypes
        # towards the target, the encoder (reversed) lowers it and gathers the rows.
        features = reverse_gradient(forward.features["target"])
        head = params["head_source"]
        raw = make_head(*head["kernel"].shape).apply(head, features)
        logits = mask_classes(raw, state.hparams["classes_target"])
        entropy = mean_entropy(logits, weight=forward.weights["target"])
        weight = state.hparams["trade_off"] * ramp(progress(state))
        return -weight * entropy, {"entropy": entropy}

    return Alignment(loss)


def mme(
    network: Network,
    *,
    classes: int | Mapping[str, int],
    trade_off: float = 0.1,
    temperature: float = 0.05,
    trade_off_schedule: str = "constant",
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds minimax entropy training on a cosine classifier.

    Args:
        network: the encoder; its features are normalised to one length.
        classes: number of classes; source and target must share them.
        trade_off: weight of the entropy in the game.
        temperature: of the cosine classifier, part of the program.
        trade_off_schedule: "constant" or "ramp" (0 to 1 over training).
        **settings: see :class:`da_zoo.Settings`.

    Returns:
        One training phase; under a batch-norm policy per domain, a second one that
        estimates the target's batch statistics.

    Raises:
        ValueError: for an invalid setting, class count or temperature, or two label
            spaces.

    Example:
        >>> from da_zoo import network_by_name
        >>> [phase.name for phase in mme(network_by_name("mlp"), classes=3)]
        ['adapt']

    References:
        Saito et al., "Semi-supervised Domain Adaptation via Minimax Entropy", ICCV
        2019.
    """
    training = resolve_settings(**settings)
    return aligned(
        normalised_network(network, float(temperature)),
        shared_classes(classes, training.width, "mme"),
        training,
        _alignment(trade_off_schedule),
        hparams={"trade_off": trade_off},
        labelled_target=True,
        wrt=_without_bias,
    )


SPEC = MethodSpec(
    name="mme",
    factory=mme,
    summary="Prototypes raise the entropy of target predictions, features lower it.",
    setting="labelled source, a few labelled target rows and the unlabelled target",
    tracks=frozenset("F"),
    same_task=True,
    paper=(
        "Saito, Kim, Sclaroff, Darrell and Saenko, Semi-supervised Domain Adaptation "
        "via Minimax Entropy, ICCV 2019."
    ),
    year=2019,
    bibtex="""@inproceedings{saito2019semi,
  title = {Semi-supervised Domain Adaptation via Minimax Entropy},
  author = {Saito, Kuniaki and Kim, Donghyun and Sclaroff, Stan and
            Darrell, Trevor and Saenko, Kate},
  booktitle = {International Conference on Computer Vision},
  year = {2019}
}""",
    hparams=(
        Hyperparameter("trade_off", 0.1, 0.01, 1.0, source="Saito et al. 2019: 0.1"),
        Hyperparameter(
            "temperature",
            0.05,
            0.01,
            1.0,
            traced=False,
            source="Saito et al. 2019: 0.05",
        ),
        Hyperparameter(
            "trade_off_schedule",
            "constant",
            scale="choice",
            traced=False,
            choices=("constant", "ramp"),
            source="Saito et al. 2019: constant",
        ),
    ),
    departures=(
        "One update on the sum of task loss and entropy where the authors' code takes "
        "two steps in turn. The mean losses of source and of labelled target rows are "
        "summed, whatever the numbers of rows."
    ),
)
