"""DALN: the task's own classifier is the critic; no discriminator at all.

The classifier raises the nuclear-norm Wasserstein discrepancy of its predictions on
source and target; the encoder lowers it, through a gradient reversal of strength
``ramp(progress)``.
"""

import functools
from collections.abc import Mapping
from typing import Unpack

from jaxtyping import Array, Float

from da_zoo.classifier import Forward
from da_zoo.compose import progress
from da_zoo.layers import reverse_gradient
from da_zoo.losses.nuclear_wasserstein import nuclear_wasserstein
from da_zoo.network import Network
from da_zoo.registry import Hyperparameter, MethodSpec
from da_zoo.schedules import schedule_by_name
from da_zoo.settings import Settings, resolve_classes, resolve_settings
from da_zoo.supervised import Alignment, aligned
from da_zoo.two_heads import head_logits
from da_zoo.types import Key, Params, Recipe, TrainState

__all__ = ["daln"]


@functools.lru_cache(maxsize=16)
def _alignment(reversal: str) -> Alignment:
    ramp = schedule_by_name(reversal)

    def loss(
        params: Params, state: TrainState, forward: Forward, key: Key
    ) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
        del key
        strength = ramp(progress(state))
        # The critic is the source's classifier, on target rows of any task.
        source, target = (
            head_logits(
                params,
                state,
                reverse_gradient(forward.features[name], strength),
                "head_source",
            )
            for name in ("source", "target")
        )
        found = nuclear_wasserstein(
            source,
            target,
            weight_source=forward.weights["source"],
            weight_target=forward.weights["target"],
        )
        return -state.hparams["trade_off"] * found, {
            "nuclear_wasserstein": found,
            "reversal": strength,
        }

    return Alignment(loss)


def daln(
    network: Network,
    *,
    classes: int | Mapping[str, int],
    trade_off: float = 1.0,
    reversal_schedule: str = "ramp",
    labelled_target: bool = False,
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds discriminator-free adversarial training.

    Args:
        network: the encoder.
        classes: number of classes, or {"source": a, "target": b} (then with
            ``labelled_target``).
        trade_off: weight of the discrepancy, for classifier and encoder alike.
        reversal_schedule: strength of the reversal over training, "ramp" (0 to 1) or
            "constant" (1).
        labelled_target: whether some target rows come with labels (track F).
        **settings: see :class:`da_zoo.Settings`.

    Returns:
        One training phase; under a batch-norm policy per domain, a second one that
        estimates the target's batch statistics.

    Raises:
        ValueError: for an invalid setting or class count.

    Example:
        >>> from da_zoo import network_by_name
        >>> [phase.name for phase in daln(network_by_name("mlp"), classes=3)]
        ['adapt']

    References:
        Chen et al., "Reusing the Task-specific Classifier as a Discriminator:
        Discriminator-free Adversarial Domain Adaptation", CVPR 2022.
    """
    training = resolve_settings(**settings)
    return aligned(
        network,
        resolve_classes(classes, training.width),
        training,
        _alignment(reversal_schedule),
        hparams={"trade_off": trade_off},
        labelled_target=labelled_target,
    )


SPEC = MethodSpec(
    name="daln",
    factory=daln,
    summary="The task's classifier is the critic, by nuclear norms of predictions.",
    setting="labelled source and unlabelled target (and labelled target rows if any)",
    tracks=frozenset("UF"),
    paper=(
        "Chen, Chen, Wei, Jin, Tan, Jin and Chen, Reusing the Task-specific Classifier "
        "as a Discriminator: Discriminator-free Adversarial Domain Adaptation, CVPR, "
        "2022."
    ),
    year=2022,
    bibtex="""@inproceedings{chen2022reusing,
  title = {Reusing the Task-specific Classifier as a Discriminator:
           Discriminator-free Adversarial Domain Adaptation},
  author = {Chen, Lin and Chen, Huaian and Wei, Zhixiang and Jin, Xin and Tan, Xiao
            and Jin, Yi and Chen, Enhong},
  booktitle = {IEEE/CVF Conference on Computer Vision and Pattern Recognition},
  year = {2022}
}""",
    hparams=(
        Hyperparameter("trade_off", 1.0, 0.01, 10.0, source="Chen et al. 2022: 1"),
        Hyperparameter(
            "reversal_schedule",
            "ramp",
            scale="choice",
            traced=False,
            choices=("ramp", "constant"),
            source="the authors' code: ramp",
        ),
    ),
    departures=(
        "The ramp follows true progress, so it reaches 1 at the end of training of any "
        "length. No bottleneck layer of its own."
    ),
)
