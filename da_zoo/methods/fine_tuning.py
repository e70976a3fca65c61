"""Fine-tuning: pre-train on the source, then tune every parameter on target labels.

The head trains at ``learning_rate``, the encoder at a tenth of it, the common recipe of
transfer-learning libraries (TLLib, ``tllib/modules/classifier.py``).
"""

from collections.abc import Mapping
from typing import Unpack

from da_zoo.finetune import presets
from da_zoo.network import Network
from da_zoo.registry import Hyperparameter, MethodSpec
from da_zoo.settings import Continuous, Settings
from da_zoo.types import Recipe

__all__ = ["fine_tuning"]


def fine_tuning(
    network: Network,
    *,
    classes: int | Mapping[str, int] | Continuous,
    encoder_factor: float = 0.1,
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds fine-tuning of all parameters.

    Args:
        network: the encoder.
        classes: number of classes (the target head starts from the source's), or
            {"source": a, "target": b} (it starts fresh);
            or ``Continuous(outputs)`` (regression).
        encoder_factor: the encoder's learning rate as a multiple of the head's.
        **settings: see :class:`da_zoo.Settings`.

    Returns:
        Two phases: source (60 % of the steps), then the labelled target (40 %).

    Raises:
        ValueError: for an invalid setting or class count.

    Example:
        >>> from da_zoo import network_by_name
        >>> [phase.name for phase in fine_tuning(network_by_name("mlp"), classes=3)]
        ['source', 'tune']

    References:
        Yosinski et al., "How transferable are features in deep neural networks?",
        NeurIPS 2014.
    """
    plan = presets.head_x10(encoder_factor)
    return plan.recipe(network, classes=classes, **settings)


SPEC = MethodSpec(
    name="fine_tuning",
    factory=fine_tuning,
    summary="Pre-train on the source, tune everything on target labels, head at 10x.",
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
            "encoder_factor", 0.1, 0.01, 1.0, traced=False, source="TLLib default"
        ),
    ),
    departures=(
        "The source phase is part of the recipe: 60 % of the steps. The learning rate "
        "decays smoothly in each phase (TLLib steps it down to a tenth)."
    ),
)
