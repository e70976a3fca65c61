"""OSBP: an extra class for the unknown, and an encoder that decides what falls in it.

On target rows the classifier pulls the unknown class's probability to ``t``; the
encoder receives the reversed gradient and pushes each row away from it, to the known
classes or to the unknown one.
"""

import functools
from collections.abc import Mapping
from typing import Unpack

from jaxtyping import Array, Float

from da_zoo.classifier import Forward
from da_zoo.compose import progress
from da_zoo.layers import reverse_gradient
from da_zoo.losses.open_set import unknown_cross_entropy, unknown_log_odds
from da_zoo.losses.weighting import weighted_mean
from da_zoo.network import Network, make_head, mask_classes
from da_zoo.registry import Hyperparameter, MethodSpec
from da_zoo.schedules import schedule_by_name
from da_zoo.settings import Settings, resolve_classes, resolve_settings
from da_zoo.supervised import Alignment, aligned
from da_zoo.types import Key, Params, Recipe, TrainState

__all__ = ["osbp"]


@functools.lru_cache(maxsize=64)
def _alignment(boundary: float, reversal: str) -> Alignment:
    ramp = schedule_by_name(reversal)

    def loss(
        params: Params, state: TrainState, forward: Forward, key: Key
    ) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
        del key
        strength = state.hparams["trade_off"] * ramp(progress(state))
        # The unknown class is the last of those that are not padding.
        count = state.hparams["classes_source"]
        reversed_ = reverse_gradient(forward.features["target"], strength)
        head = params["head_source"]
        raw = make_head(*head["kernel"].shape).apply(head, reversed_)
        logits = mask_classes(raw, count)
        weight = forward.weights["target"]
        adversarial = unknown_cross_entropy(
            logits, count - 1, target=boundary, weight=weight
        )
        rejected = unknown_log_odds(logits, count - 1) > 0
        return adversarial, {
            "adversarial_loss": adversarial,
            "unknown_share": weighted_mean(rejected.astype(raw.dtype), weight),
        }

    return Alignment(loss)


def osbp(
    network: Network,
    *,
    classes: int | Mapping[str, int],
    trade_off: float = 1.0,
    boundary: float = 0.5,
    trade_off_schedule: str = "constant",
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds open-set adaptation by backpropagation.

    Args:
        network: the encoder.
        classes: number of KNOWN classes; the head has one more, the last, for the rest.
        trade_off: strength of the reversed gradient; 0 leaves the encoder to the task.
        boundary: t, the unknown probability that the classifier pulls target rows to,
            in (0, 1).
        trade_off_schedule: "constant" or "ramp" (0 to 1 over training).
        **settings: see :class:`da_zoo.Settings`. A ``width`` too small for the extra
            class grows by it.

    Returns:
        One training phase; under a batch-norm policy per domain, a second one that
        estimates the target's batch statistics. Logits have ``classes + 1`` columns
        that are not masked.

    Raises:
        ValueError: for an invalid setting or class count, or ``boundary`` out of range.

    Example:
        >>> from da_zoo import network_by_name
        >>> recipe = osbp(network_by_name("mlp"), classes=3)
        >>> recipe[0].adapter.init.keywords["hparams"]["classes_source"]
        4.0

    References:
        Saito et al., "Open Set Domain Adaptation by Backpropagation", ECCV 2018.
    """
    if not 0 < boundary < 1:
        raise ValueError(f"boundary must be in (0, 1), got {boundary}")
    training = resolve_settings(**settings)
    known = resolve_classes(classes, training.width)
    if not known.shared:
        raise ValueError(f"osbp needs one label space: classes an int, got {classes}")
    head = known.source + 1
    width = head if training.width is None else max(training.width, head)
    return aligned(
        network,
        resolve_classes(head, width),
        training,
        _alignment(boundary, trade_off_schedule),
        hparams={"trade_off": trade_off, "known": known.source},
        labelled_target=False,
    )


SPEC = MethodSpec(
    name="osbp",
    factory=osbp,
    summary="Reject target rows of unknown classes by a reversed gradient.",
    setting="labelled source and an unlabelled target that has further classes",
    tracks=frozenset("U"),
    paper=(
        "Saito, Yamamoto, Ushiku and Harada, Open Set Domain Adaptation by "
        "Backpropagation, ECCV 2018."
    ),
    year=2018,
    bibtex="""@inproceedings{saito2018open,
  title = {Open Set Domain Adaptation by Backpropagation},
  author = {Saito, Kuniaki and Yamamoto, Shohei and Ushiku, Yoshitaka and
            Harada, Tatsuya},
  booktitle = {ECCV},
  year = {2018}
}""",
    hparams=(
        Hyperparameter("trade_off", 1.0, 0.01, 1.0, source="Saito et al. 2018: 1"),
        Hyperparameter(
            "boundary",
            0.5,
            scale="choice",
            traced=False,
            choices=(0.3, 0.5, 0.7),
            source="Saito et al. 2018: 0.5",
        ),
        Hyperparameter(
            "trade_off_schedule",
            "constant",
            scale="choice",
            traced=False,
            choices=("constant", "ramp"),
            source="Saito et al. 2018, section 3.2: constant",
        ),
    ),
    departures=(
        "The classifier is one linear layer on the encoder's features; the paper's has "
        "hidden layers of its own. Source and target batches have one size."
    ),
    label_sets=frozenset({"open"}),
)
