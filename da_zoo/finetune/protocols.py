"""Tuning protocols: a plan with the steps, batch and schedule it was published with."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Unpack

from da_zoo.finetune.plan import FineTunePlan, Stage
from da_zoo.finetune.rules import Rule, check_layers, inside_encoder
from da_zoo.network import Network
from da_zoo.settings import Continuous, Settings
from da_zoo.types import Recipe

__all__ = ["VTAB_TASKS", "TuningProtocol", "bit_hyperrule", "fine_tune", "vtab1k"]


class TuningProtocol(NamedTuple):
    """A plan for a pre-trained network, with everything else that training needs.

    Optimiser and schedule are this library's: SGD has Nesterov momentum 0.9 and no
    weight decay. Inputs are yours to resize and crop.

    Example:
        >>> from da_zoo import network_by_name
        >>> protocol = bit_hyperrule(5000, resolution=32)
        >>> recipe = protocol.recipe(network_by_name("mlp"), classes=3)
        >>> [phase.name for phase in recipe], protocol.fit_options
        (['start', 'tune'], {'steps': 500, 'batch_size': 512})
    """

    plan: FineTunePlan
    steps: int
    batch_size: int
    learning_rate: float
    schedule: str
    """Its name in :data:`da_zoo.schedules.SCHEDULES`; its shape follows the steps."""
    warm_up: int
    """Steps over which the learning rate rises from 0."""
    decay_steps: tuple[int, ...]
    """After each the learning rate is a tenth of what it was."""
    mixup: float = 0.0
    """Parameter of MixUp's beta distribution, which the plan's stage has too; 0 = no
    MixUp."""
    resize: int | None = None
    """Pixels a side that training images are resized to."""
    crop: int | None = None
    """Pixels a side of the random crop; images of evaluation are resized to it."""

    def recipe(
        self,
        network: Network,
        *,
        classes: int | Mapping[str, int] | Continuous,
        source_share: float = 0.0,
        **settings: Unpack[Settings],
    ) -> Recipe:
        """Builds the recipe; there is no source phase.

        Args:
            network: pre-trained, see :func:`da_zoo.start_from`.
            classes: as for :meth:`da_zoo.finetune.FineTunePlan.recipe`.
            source_share: share of the steps that the source gets; the protocols have
                none.
            **settings: what is to differ from the protocol.

        Raises:
            TypeError: as the plan's recipe does.
            ValueError: as the plan's recipe does.
        """
        chosen: Any = {
            "learning_rate": self.learning_rate,
            "schedule": self.schedule,
            **settings,
        }
        return self.plan.recipe(
            network, classes=classes, source_share=source_share, **chosen
        )

    @property
    def fit_options(self) -> dict[str, int]:
        """Keyword arguments of :func:`da_zoo.fit`: steps and batch size."""
        return {"steps": self.steps, "batch_size": self.batch_size}


_BIT = (
    # Below so many examples: steps, decays, warm-up.
    (20_000, 500, (200, 300, 400), 100),
    (500_000, 10_000, (3000, 6000, 9000), 500),
    (None, 20_000, (6000, 12_000, 18_000), 500),
)


def bit_hyperrule(examples: int, resolution: int | Sequence[int]) -> TuningProtocol:
    """BiT-HyperRule: length, MixUp and resolution by the size of the task.

    Args:
        examples: training rows, at least 1.
        resolution: pixels of the task's images, a side or (height, width).

    Returns:
        Everything trains, in batches of 512 from learning rate 0.003. MixUp with 0.1
        from 20,000 examples; images under 96 x 96 in area are resized to 160 and
        cropped to 128, others to 512 and 480.

    Raises:
        ValueError: if a number is not positive.

    Example:
        >>> protocol = bit_hyperrule(50_000, resolution=32)
        >>> protocol.steps, protocol.mixup, protocol.resize, protocol.crop
        (10000, 0.1, 160, 128)

    References:
        Kolesnikov et al., "Big Transfer (BiT): General Visual Representation Learning",
        ECCV 2020, and ``bit_hyperrule.py`` of their code.
    """
    sides = (resolution, resolution) if isinstance(resolution, int) else resolution
    if examples < 1 or len(sides) != 2 or min(sides) < 1:
        raise ValueError(
            "examples must be at least 1 and resolution a side or (height, width) in "
            f"pixels, got {examples} and {resolution}"
        )
    size = next(row for row in _BIT if row[0] is None or examples < row[0])
    _, steps, decays, warm_up = size
    small = sides[0] * sides[1] < 96 * 96
    mixup = 0.1 if examples >= 20_000 else 0.0
    return TuningProtocol(
        FineTunePlan((Stage("tune", mixup=mixup),)),
        steps=steps,
        batch_size=512,
        learning_rate=0.003,
        schedule=f"bit_{steps}",
        warm_up=warm_up,
        decay_steps=decays,
        mixup=mixup,
        resize=160 if small else 512,
        crop=128 if small else 480,
    )


def vtab1k() -> TuningProtocol:
    """VTAB-1k: 1000 steps on 1000 examples of each of 19 tasks.

    Returns:
        Everything trains, in batches of 64 from learning rate 0.01. The tasks are in
        :data:`VTAB_TASKS`; take 1000 training rows of each.

    Example:
        >>> vtab1k().decay_steps
        (300, 600, 900)

    References:
        Zhai et al., "A Large-scale Study of Representation Learning with the Visual
        Task Adaptation Benchmark", 2019, and ``run_all_tasks.sh`` of their code.
    """
    return TuningProtocol(
        FineTunePlan((Stage("tune"),)),
        steps=1000,
        batch_size=64,
        learning_rate=0.01,
        schedule="vtab_1000",
        warm_up=80,
        decay_steps=(300, 600, 900),
    )


VTAB_TASKS: dict[str, tuple[str, ...]] = {
    "natural": (
        "caltech101",
        "cifar100",
        "dtd",
        "oxford_flowers102",
        "oxford_iiit_pet",
        "sun397",
        "svhn",
    ),
    "specialized": (
        "diabetic_retinopathy",
        "eurosat",
        "patch_camelyon",
        "resisc45",
    ),
    "structured": (
        "clevr_count",
        "clevr_distance",
        "dmlab",
        "dsprites_location",
        "dsprites_orientation",
        "kitti_distance",
        "smallnorb_azimuth",
        "smallnorb_elevation",
    ),
}
"""VTAB's tasks by group; the VTAB score is the mean accuracy over all 19."""

_NORMS = Rule("(?i)^encoder.*(norm|bn)[^/]*/(scale|bias)$", 0.1, needed=False)


def fine_tune(
    layers: Sequence[str], epochs: int = 1, freeze_epochs: int = 1, lr_mult: float = 100
) -> FineTunePlan:
    """The head and the norms first, then everything at rates rising with depth.

    fastai's ``fine_tune``: both stages follow a one-cycle schedule; the second has half
    the learning rate, and its layers' rates rise evenly on a log scale from
    1 / ``lr_mult`` at the input to 1 at the head. fastai trains with Adam from 0.002,
    and moves the momentum too, which this does not. Norms train in the first stage
    where their layers have "norm" or "bn" in the name.

    Args:
        layers: regular expressions inside the encoder, from input to output.
        epochs: of the second stage, at least 1; only its ratio to ``freeze_epochs``
            counts.
        freeze_epochs: of the first, at least 1.
        lr_mult: at least 1.

    Raises:
        ValueError: if there are no layers, or a number is out of range.

    Example:
        >>> plan = fine_tune(["Dense_0/", "Dense_1/"], epochs=4)
        >>> [round(rule.rate, 2) for rule in plan.stages[1].rules]
        [0.01, 0.1, 0.01]

    References:
        Howard and Gugger, "fastai: A Layered API for Deep Learning", Information 2020.
    """
    check_layers(layers)
    if min(epochs, freeze_epochs) < 1 or not 1 <= lr_mult < float("inf"):
        raise ValueError(
            "epochs, freeze_epochs and lr_mult must be at least 1, got "
            f"{epochs}, {freeze_epochs} and {lr_mult}"
        )
    rates = [lr_mult ** (number / len(layers) - 1) for number in range(len(layers))]
    rules = [
        Rule(inside_encoder(x), rate) for x, rate in zip(layers, rates, strict=True)
    ]
    rest = Rule("^encoder", rates[0], needed=False)
    frozen = Rule("^encoder", rate=0.0)
    return FineTunePlan(
        (
            Stage("freeze", (_NORMS, frozen), freeze_epochs, schedule="one_cycle_99"),
            Stage(
                "unfreeze",
                (*rules, rest),
                epochs,
                learning_rate=0.5,
                schedule="one_cycle_30",
            ),
        )
    )
