"""Layer-wise learning-rate decay: the nearer to the input, the slower."""

from collections.abc import Mapping
from typing import Unpack

from da_zoo.finetune import presets
from da_zoo.network import Network
from da_zoo.registry import Hyperparameter, MethodSpec
from da_zoo.settings import Continuous, Settings
from da_zoo.types import Recipe

__all__ = ["layer_decay"]


def layer_decay(
    network: Network,
    *,
    classes: int | Mapping[str, int] | Continuous,
    decay: float = 0.75,
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds fine-tuning with rates that fall from the head to the input.

    Args:
        network: the encoder.
        classes: number of classes (the target head starts from the source's), or
            {"source": a, "target": b} (it starts fresh);
            or ``Continuous(outputs)`` (regression).
        decay: rate of a layer as a multiple of that of the one above, in (0, 1].
        **settings: see :class:`da_zoo.Settings`.

    Returns:
        Two phases: source (60 % of the steps), then the labelled target (40 %).

    Raises:
        ValueError: for an invalid setting, class count or decay, or a network that does
            not say what its layers are.

    Example:
        >>> from da_zoo import network_by_name
        >>> [phase.name for phase in layer_decay(network_by_name("mlp"), classes=3)]
        ['source', 'tune']

    References:
        Clark et al., "ELECTRA: Pre-training Text Encoders as Discriminators Rather Than
        Generators", ICLR 2020.
    """
    if not network.layer_patterns:
        raise ValueError(
            f"network {network.name!r} does not say what its layers are: give it "
            "patterns from input to output, network._replace(layer_patterns=(...))"
        )
    plan = presets.layer_decay(network.layer_patterns, decay)
    return plan.recipe(network, classes=classes, **settings)


SPEC = MethodSpec(
    name="layer_decay",
    factory=layer_decay,
    summary="Fine-tuning with learning rates that fall from the head to the input.",
    setting="labelled source, then the labelled target share",
    tracks=frozenset("F"),
    regression=True,
    paper=(
        "Clark, Luong, Le and Manning, ELECTRA: Pre-training Text Encoders as "
        "Discriminators Rather Than Generators, ICLR 2020."
    ),
    year=2020,
    bibtex="""@inproceedings{clark2020electra,
  title = {{ELECTRA}: Pre-training Text Encoders as Discriminators Rather Than
           Generators},
  author = {Clark, Kevin and Luong, Minh-Thang and Le, Quoc V. and
            Manning, Christopher D.},
  booktitle = {International Conference on Learning Representations},
  year = {2020}
}""",
    hparams=(
        Hyperparameter(
            "decay", 0.75, 0.3, 1.0, scale="linear", traced=False, source="timm: 0.75"
        ),
    ),
    departures=(
        "For any network, not Transformers alone. Weight decay spares biases and "
        "normalisation layers, as in timm."
    ),
)
