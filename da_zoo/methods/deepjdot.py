"""DeepJDOT: transport source features and labels to target ones, and lower the cost."""

import functools
from collections.abc import Mapping
from typing import Unpack

from jaxtyping import Array, Float

from da_zoo.classifier import Forward
from da_zoo.compose import progress
from da_zoo.losses.joint_transport import joint_transport
from da_zoo.network import Network
from da_zoo.registry import Hyperparameter, MethodSpec
from da_zoo.schedules import schedule_by_name
from da_zoo.settings import Settings, resolve_settings, shared_classes
from da_zoo.supervised import Alignment, aligned
from da_zoo.types import Key, Params, Recipe, TrainState

__all__ = ["deepjdot"]


@functools.lru_cache(maxsize=64)
def _alignment(iterations: int, schedule: str) -> Alignment:
    ramp = schedule_by_name(schedule)

    def loss(
        params: Params, state: TrainState, forward: Forward, key: Key
    ) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
        del params, key
        transport = joint_transport(
            forward.features["source"],
            forward.labels["source"],
            forward.features["target"],
            forward.logits["target"],
            feature_cost=state.hparams["feature_cost"],
            label_cost=state.hparams["label_cost"],
            epsilon=state.hparams["epsilon"],
            iterations=iterations,
            weight_source=forward.weights["source"],
            weight_target=forward.weights["target"],
        )
        weight = state.hparams["trade_off"] * ramp(progress(state))
        return weight * transport, {"transport": transport}

    return Alignment(loss)


def deepjdot(
    network: Network,
    *,
    classes: int | Mapping[str, int],
    trade_off: float = 1.0,
    feature_cost: float = 0.001,
    label_cost: float = 0.0001,
    epsilon: float = 0.05,
    iterations: int = 100,
    trade_off_schedule: str = "constant",
    labelled_target: bool = False,
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds training with a joint optimal transport term.

    Args:
        network: the encoder.
        classes: number of classes; source and target must share them.
        trade_off: weight of the whole term.
        feature_cost: weight of squared feature distances in the cost (alpha). The
            useful range depends on the scale of the features.
        label_cost: weight of the cross-entropy between source labels and target
            predictions in the cost.
        epsilon: entropic regularisation of the plan, as a multiple of the mean cost;
            the paper's plan is exact (0).
        iterations: of Sinkhorn's algorithm per step.
        trade_off_schedule: "constant" or "ramp" (0 to 1 over training).
        labelled_target: whether some target rows come with labels (track F).
        **settings: see :class:`da_zoo.Settings`.

    Returns:
        One training phase; under a batch-norm policy per domain, a second one that
        estimates the target's batch statistics.

    Raises:
        ValueError: for an invalid setting, class count, epsilon or number of
            iterations, or two label spaces.

    Example:
        >>> from da_zoo import network_by_name
        >>> [phase.name for phase in deepjdot(network_by_name("mlp"), classes=3)]
        ['adapt']

    References:
        Damodaran et al., "DeepJDOT: Deep Joint Distribution Optimal Transport for
        Unsupervised Domain Adaptation", ECCV 2018.
    """
    training = resolve_settings(**settings)
    if not epsilon > 0:
        raise ValueError(
            f"epsilon must be positive, got {epsilon}; 0.01 times the mean cost is "
            "close to an exact plan"
        )
    if iterations < 1:
        raise ValueError(f"iterations must be at least 1, got {iterations}")
    return aligned(
        network,
        shared_classes(classes, training.width, "deepjdot"),
        training,
        _alignment(iterations, trade_off_schedule),
        hparams={
            "trade_off": trade_off,
            "feature_cost": feature_cost,
            "label_cost": label_cost,
            "epsilon": epsilon,
        },
        labelled_target=labelled_target,
    )


SPEC = MethodSpec(
    name="deepjdot",
    factory=deepjdot,
    summary="Optimal transport of source features and labels onto the target's.",
    setting="labelled source and unlabelled target (and labelled target rows if any)",
    tracks=frozenset("UF"),
    same_task=True,
    paper=(
        "Damodaran, Kellenberger, Flamary, Tuia and Courty, DeepJDOT: Deep Joint "
        "Distribution Optimal Transport for Unsupervised Domain Adaptation, ECCV 2018."
    ),
    year=2018,
    bibtex="""@inproceedings{damodaran2018deepjdot,
  title = {{DeepJDOT}: Deep Joint Distribution Optimal Transport for Unsupervised
           Domain Adaptation},
  author = {Damodaran, Bharath Bhushan and Kellenberger, Benjamin and
            Flamary, R{\\'e}mi and Tuia, Devis and Courty, Nicolas},
  booktitle = {European Conference on Computer Vision},
  year = {2018}
}""",
    hparams=(
        Hyperparameter("trade_off", 1.0, 0.1, 10.0, source="the authors' code: 1"),
        Hyperparameter(
            "feature_cost", 0.001, 0.0001, 1.0, source="Damodaran et al. 2018: 0.001"
        ),
        Hyperparameter(
            "label_cost", 0.0001, 0.00001, 1.0, source="Damodaran et al. 2018: 0.0001"
        ),
        Hyperparameter(
            "epsilon", 0.05, 0.005, 0.5, source="ours; the paper's plan is exact"
        ),
        Hyperparameter(
            "iterations",
            100,
            scale="choice",
            traced=False,
            choices=(20, 100, 500),
            source="ours",
        ),
        Hyperparameter(
            "trade_off_schedule",
            "constant",
            scale="choice",
            traced=False,
            choices=("constant", "ramp"),
            source="Damodaran et al. 2018: constant",
        ),
    ),
    departures=(
        "The plan is entropic (Sinkhorn, inside the compiled step) instead of exact. "
        "Source batches are drawn at random, not class-balanced; the authors' code "
        "uses Adam at 1e-4."
    ),
)
