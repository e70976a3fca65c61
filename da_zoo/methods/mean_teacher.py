"""Mean teacher: agree with a moving average of yourself about the target."""

import functools
from collections.abc import Mapping
from typing import Unpack

from jaxtyping import Array, Float

from da_zoo.augment import AUGMENTATIONS, augmentation_by_name
from da_zoo.classifier import task_loss
from da_zoo.compose import named_key, progress
from da_zoo.losses.pseudo_labels import consistency
from da_zoo.naming import choose
from da_zoo.network import Network
from da_zoo.registry import Hyperparameter, MethodSpec
from da_zoo.self_training import (
    ForwardFn,
    SelfTraining,
    check_fraction,
    check_predict_with,
    ramp_by_name,
    self_trained,
    with_views,
)
from da_zoo.settings import Settings, resolve_classes, resolve_settings
from da_zoo.types import Aux, Batch, Key, Params, Recipe, TrainState

__all__ = ["mean_teacher"]


@functools.lru_cache(maxsize=64)
def _method(
    augmentation: str,
    augment_labelled: bool,
    student_view: str,
    schedule: str,
    predict_with: str,
) -> SelfTraining:
    views = augmentation_by_name(augmentation)
    ramp = ramp_by_name(schedule)
    choose({"weak": 0, "strong": 0}, student_view, "student_view")
    labelled = ("weak",) if augment_labelled else ("plain",)

    def loss(
        forward: ForwardFn, params: Params, state: TrainState, batch: Batch, key: Key
    ) -> tuple[Float[Array, ""], Aux]:
        ours = with_views(batch, views, key, labelled=labelled, target=(student_view,))
        # The labelled rows look alike to both, so that under a joint normalisation
        # the target is seen among the same other rows.
        other_view = with_views(
            Batch(target=batch.target),
            views,
            named_key(key, "teacher"),
            labelled=labelled,
            target=("weak",),
        )
        theirs = ours._replace(target=other_view.target)
        student = forward(params, state, ours)
        # Another key: a teacher with the student's dropout would be the student.
        other = state._replace(key=named_key(state.key, "teacher"))
        teacher = forward(state.extra["teacher"]["params"], other, theirs)
        task, metrics = task_loss(student, ours)
        term = consistency(
            student.logits["target"],
            teacher.logits["target"],
            state.hparams["threshold"],
            weight=student.weights["target"],
        )
        metrics |= {"consistency": term}
        total = task + state.hparams["trade_off"] * ramp(progress(state)) * term
        return total, Aux(student.stats, metrics, state.extra)

    return SelfTraining(loss, teacher=True, predict_with=predict_with)


def mean_teacher(
    network: Network,
    *,
    classes: int | Mapping[str, int],
    trade_off: float = 3.0,
    ema: float = 0.99,
    threshold: float = 0.0,
    augmentation: str = "auto",
    augment_labelled: bool = True,
    student_view: str = "strong",
    predict_with: str = "teacher",
    trade_off_schedule: str = "sigmoid",
    labelled_target: bool = False,
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds training that also asks for the teacher's predictions on the target.

    The teacher is a moving average of the student's parameters and running statistics;
    the term is the squared difference of their softmaxes on two views of a row.

    Args:
        network: the encoder.
        classes: number of classes, or {"source": a, "target": b} (then with
            ``labelled_target``).
        trade_off: the largest weight of the term.
        ema: decay of the moving average, in [0, 1]; the first steps use less, so that
            the initial weights fade.
        threshold: rows of which the teacher is less sure are left out (French et al.
            2018: 0.968, with ``trade_off_schedule="constant"``).
        augmentation: how views are drawn: "auto" (by the rank of the inputs),
            "images", "images_flip", "vectors" or "none"; see ``da_zoo.augment``.
        augment_labelled: show labelled rows in a weak view (the papers') rather than
            as they are.
        student_view: "strong", or "weak" like the teacher's.
        predict_with: "teacher" (the papers') or "student".
        trade_off_schedule: "sigmoid" (over the first 0.3 of training), "constant",
            "ramp" or "half_cosine".
        labelled_target: whether some target rows come with labels (track F).
        **settings: see :class:`da_zoo.Settings`.

    Returns:
        One training phase; under a batch-norm policy per domain, a second one that
        estimates the target's batch statistics, of the teacher where it predicts.

    Raises:
        ValueError: for an invalid setting, class count or option, or a float outside
            [0, 1].
        TypeError: for a float that is no number.

    Example:
        >>> from da_zoo import network_by_name
        >>> [phase.name for phase in mean_teacher(network_by_name("mlp"), classes=3)]
        ['adapt']

    References:
        Tarvainen and Valpola, "Mean teachers are better role models: Weight-averaged
        consistency targets improve semi-supervised deep learning results", NeurIPS
        2017; French, Mackiewicz and Fisher, "Self-ensembling for visual domain
        adaptation", ICLR 2018.
    """
    training = resolve_settings(**settings)
    return self_trained(
        network,
        resolve_classes(classes, training.width),
        training,
        _method(
            augmentation,
            augment_labelled,
            student_view,
            trade_off_schedule,
            check_predict_with(predict_with),
        ),
        hparams={
            "trade_off": trade_off,
            "ema": check_fraction("ema", ema),
            "threshold": check_fraction("threshold", threshold),
        },
        labelled_target=labelled_target,
    )


SPEC = MethodSpec(
    name="mean_teacher",
    factory=mean_teacher,
    summary="Agree on the target with a moving average of the own weights.",
    setting="labelled source and unlabelled target (and labelled target rows if any)",
    tracks=frozenset("UF"),
    paper=(
        "Tarvainen and Valpola, Mean Teachers Are Better Role Models: "
        "Weight-Averaged Consistency Targets Improve Semi-Supervised Deep Learning "
        "Results, NeurIPS 30, 2017."
    ),
    year=2017,
    bibtex="""@inproceedings{tarvainen2017mean,
  title = {Mean Teachers Are Better Role Models: Weight-Averaged Consistency Targets
           Improve Semi-Supervised Deep Learning Results},
  author = {Tarvainen, Antti and Valpola, Harri},
  booktitle = {Advances in Neural Information Processing Systems},
  volume = {30},
  year = {2017}
}""",
    hparams=(
        Hyperparameter("trade_off", 3.0, 0.1, 100.0, source="French et al. 2018: 3"),
        Hyperparameter(
            "ema",
            0.99,
            0.9,
            0.999,
            scale="linear",
            source="French et al. 2018: 0.99; Tarvainen and Valpola 2017: 0.99, 0.999",
        ),
        Hyperparameter(
            "threshold",
            0.0,
            0.0,
            0.99,
            scale="linear",
            source="Tarvainen and Valpola 2017: none; French et al. 2018: 0.968",
        ),
        Hyperparameter(
            "trade_off_schedule",
            "sigmoid",
            scale="choice",
            traced=False,
            choices=("sigmoid", "constant"),
            source="Tarvainen and Valpola 2017: sigmoid; its share of training is ours",
        ),
        Hyperparameter(
            "augmentation",
            "auto",
            scale="choice",
            traced=False,
            choices=tuple(AUGMENTATIONS),
            source="ours; French et al. 2018: shifts, affine maps and noise",
        ),
        Hyperparameter(
            "augment_labelled",
            True,
            scale="choice",
            traced=False,
            choices=(True, False),
            source="both papers: yes",
        ),
        Hyperparameter(
            "student_view",
            "strong",
            scale="choice",
            traced=False,
            choices=("strong", "weak"),
            source="ours; the papers draw both views alike",
        ),
        Hyperparameter(
            "predict_with",
            "teacher",
            scale="choice",
            traced=False,
            choices=("teacher", "student"),
            source="both papers: the teacher",
        ),
    ),
    departures=(
        "Consistency on target rows only, as in French et al. 2018, but without their "
        "class-balance term. The student sees a stronger view than the teacher. The "
        "teacher's running statistics are averages of the student's."
    ),
)
