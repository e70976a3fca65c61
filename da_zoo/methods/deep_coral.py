"""Deep CORAL: match the covariances of source and target features."""

from collections.abc import Mapping
from typing import Unpack

from da_zoo.losses.coral import coral
from da_zoo.network import Network
from da_zoo.registry import Hyperparameter, MethodSpec
from da_zoo.settings import Continuous, Settings, resolve_classes, resolve_settings
from da_zoo.supervised import aligned, discrepancy
from da_zoo.types import Recipe

__all__ = ["deep_coral"]


def deep_coral(
    network: Network,
    *,
    classes: int | Mapping[str, int] | Continuous,
    trade_off: float = 1.0,
    trade_off_schedule: str = "constant",
    labelled_target: bool = False,
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds training with the term ||Cs - Ct||^2 / (4 d^2) of covariances.

    Args:
        network: the encoder.
        classes: number of classes, or {"source": a, "target": b} (then with
            ``labelled_target``);
            or ``Continuous(outputs)`` (regression).
        trade_off: weight of the term. It shrinks with the squared feature width, so
            useful weights range over orders of magnitude.
        trade_off_schedule: "constant" or "ramp" (0 to 1 over training).
        labelled_target: whether some target rows come with labels (track F).
        **settings: see :class:`da_zoo.Settings`.

    Returns:
        One training phase; under a batch-norm policy per domain, a second one that
        estimates the target's batch statistics.

    Raises:
        ValueError: for an invalid setting or class count.

    Example:
        >>> from da_zoo import network_by_name
        >>> [phase.name for phase in deep_coral(network_by_name("mlp"), classes=3)]
        ['adapt']

    References:
        Sun and Saenko, "Deep CORAL: Correlation Alignment for Deep Domain Adaptation",
        ECCV workshops 2016.
    """
    training = resolve_settings(**settings)
    return aligned(
        network,
        resolve_classes(classes, training.width, continuous=True),
        training,
        discrepancy(coral, "coral", trade_off_schedule),
        hparams={"trade_off": trade_off},
        labelled_target=labelled_target,
    )


SPEC = MethodSpec(
    name="deep_coral",
    factory=deep_coral,
    summary="Match the covariances of source and target features.",
    setting="labelled source and unlabelled target (and labelled target rows if any)",
    tracks=frozenset("UF"),
    regression=True,
    paper=(
        "Sun and Saenko, Deep CORAL: Correlation Alignment for Deep Domain Adaptation, "
        "ECCV workshops 2016."
    ),
    year=2016,
    bibtex="""@inproceedings{sun2016deep,
  title = {Deep {CORAL}: Correlation Alignment for Deep Domain Adaptation},
  author = {Sun, Baochen and Saenko, Kate},
  booktitle = {ECCV Workshops},
  year = {2016}
}""",
    hparams=(
        Hyperparameter(
            "trade_off", 1.0, 0.1, 1000.0, source="Sun and Saenko 2016: of order 1"
        ),
        Hyperparameter(
            "trade_off_schedule",
            "constant",
            scale="choice",
            traced=False,
            choices=("constant", "ramp"),
            source="Sun and Saenko 2016: constant",
        ),
    ),
    departures=(
        "On the last features; the paper aligns the last layer's outputs. Covariances "
        "only: means are not matched, as in the paper (some libraries add them)."
    ),
)
