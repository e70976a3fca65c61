"""L2-SP: fine-tuning that is pulled back to where it started, not to zero."""

from collections.abc import Mapping
from typing import Unpack

from da_zoo.finetune import FineTunePlan, Rule, Stage
from da_zoo.finetune import l2_sp as penalty
from da_zoo.network import Network
from da_zoo.registry import Hyperparameter, MethodSpec
from da_zoo.settings import Continuous, Settings
from da_zoo.types import Recipe

__all__ = ["l2_sp"]


def l2_sp(
    network: Network,
    *,
    classes: int | Mapping[str, int] | Continuous,
    pull: float = 0.01,
    head_pull: float = 0.01,
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds fine-tuning with a quadratic pull to the source's encoder.

    Args:
        network: the encoder.
        classes: number of classes (the target head starts from the source's), or
            {"source": a, "target": b} (it starts fresh);
            or ``Continuous(outputs)`` (regression).
        pull: weight of half the encoder's squared distance to its start.
        head_pull: weight of half the head's squared norm.
        **settings: see :class:`da_zoo.Settings`.

    Returns:
        Two phases: source (60 % of the steps), then the labelled target (40 %).

    Raises:
        ValueError: for an invalid setting, class count or weight.

    Example:
        >>> from da_zoo import network_by_name
        >>> [phase.name for phase in l2_sp(network_by_name("mlp"), classes=3)]
        ['source', 'tune']

    References:
        Li, Grandvalet and Davoine, "Explicit Inductive Bias for Transfer Learning with
        Convolutional Networks", ICML 2018.
    """
    # The pull is in the place of weight decay.
    rules = (Rule("", decay=False),)
    stage = Stage("tune", rules, penalties=(penalty(pull, head_pull),))
    return FineTunePlan((stage,)).recipe(network, classes=classes, **settings)


SPEC = MethodSpec(
    name="l2_sp",
    factory=l2_sp,
    summary="Fine-tuning that is pulled back to the source's weights, not to zero.",
    setting="labelled source, then the labelled target share",
    tracks=frozenset("F"),
    regression=True,
    paper=(
        "Li, Grandvalet and Davoine, Explicit Inductive Bias for Transfer Learning "
        "with Convolutional Networks, ICML 2018."
    ),
    year=2018,
    bibtex="""@inproceedings{li2018explicit,
  title = {Explicit Inductive Bias for Transfer Learning with Convolutional Networks},
  author = {Li, Xuhong and Grandvalet, Yves and Davoine, Franck},
  booktitle = {International Conference on Machine Learning},
  year = {2018}
}""",
    hparams=(
        Hyperparameter("pull", 0.01, 0.0001, 1.0, source="TLLib: 0.01"),
        Hyperparameter("head_pull", 0.01, 0.0001, 1.0, source="TLLib: 0.01"),
    ),
    departures=("Scale and shift of normalisation layers are pulled too, as in TLLib."),
)
