"""Partial freezing: fine-tuning with some layers left as the source made them.

Frozen means frozen: weights, weight decay, optimiser moments and batch statistics.
"""

from collections.abc import Mapping
from typing import Unpack

from da_zoo.finetune import FineTunePlan, Rule, Stage
from da_zoo.network import Network
from da_zoo.registry import Hyperparameter, MethodSpec
from da_zoo.settings import Continuous, Settings
from da_zoo.types import Recipe

__all__ = ["partial_freezing"]


def partial_freezing(
    network: Network,
    *,
    classes: int | Mapping[str, int] | Continuous,
    freeze: str = r"^encoder[^/]*/[A-Za-z]+_0/",
    encoder_factor: float = 0.1,
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds fine-tuning with the layers that a regular expression hits frozen.

    Args:
        network: the encoder.
        classes: number of classes, or {"source": a, "target": b};
            or ``Continuous(outputs)`` (regression).
        freeze: regular expression on parameter paths such as
            ``encoder/Dense_0/kernel``. The default freezes the first layer of each
            kind (``Dense_0``, ``Conv_0``, ``BatchNorm_0``).
        encoder_factor: the other encoder layers' learning rate as a multiple of the
            head's.
        **settings: see :class:`da_zoo.Settings`.

    Returns:
        Two phases: source (60 % of the steps), then the labelled target (40 %).

    Raises:
        ValueError: for an invalid setting; when training starts, if ``freeze`` hits no
            parameter (the message names the nearest paths) or all of them.

    Example:
        >>> from da_zoo import network_by_name
        >>> recipe = partial_freezing(network_by_name("mlp"), classes=3)
        >>> [phase.name for phase in recipe]
        ['source', 'tune']

    References:
        Yosinski et al., "How transferable are features in deep neural networks?",
        NeurIPS 2014.
    """
    rules = (Rule(freeze, rate=0.0), Rule("^encoder", encoder_factor))
    plan = FineTunePlan((Stage("tune", rules),))
    return plan.recipe(network, classes=classes, **settings)


SPEC = MethodSpec(
    name="partial_freezing",
    factory=partial_freezing,
    summary="Fine-tuning with chosen layers, and their batch statistics, frozen.",
    setting="labelled source, then the labelled target share",
    tracks=frozenset("F"),
    regression=True,
    paper=(
        "Yosinski, Clune, Bengio and Lipson, How transferable are features in deep "
        "neural networks?, NeurIPS 2014."
    ),
    year=2014,
    bibtex="""@inproceedings{yosinski2014transferable,
  title = {How transferable are features in deep neural networks?},
  author = {Yosinski, Jason and Clune, Jeff and Bengio, Yoshua and Lipson, Hod},
  booktitle = {Advances in Neural Information Processing Systems},
  year = {2014}
}""",
    hparams=(
        Hyperparameter(
            "freeze",
            r"^encoder[^/]*/[A-Za-z]+_0/",
            scale="choice",
            traced=False,
            source="the first layer of each kind; Yosinski et al. 2014 vary the depth",
        ),
        Hyperparameter(
            "encoder_factor", 0.1, 0.01, 1.0, traced=False, source="TLLib default"
        ),
    ),
    departures=(
        "The paper studies how transfer falls with the number of frozen layers; the "
        "default freezes the first of each kind. A frozen normalisation layer keeps "
        "its statistics too, which many implementations forget."
    ),
)
