"""DANN: features that a discriminator cannot tell apart, by gradient reversal.

The discriminator minimises its cross-entropy; the encoder receives the same gradient
times ``-trade_off * ramp(progress)``.
"""

import functools
from collections.abc import Mapping
from typing import Unpack

from jaxtyping import Array, Float

from da_zoo.classifier import Forward
from da_zoo.compose import progress
from da_zoo.discriminator import make_discriminator
from da_zoo.layers import reverse_gradient
from da_zoo.losses.adversarial import domain_accuracy, domain_adversarial
from da_zoo.losses.weighting import without_padding
from da_zoo.network import Network
from da_zoo.registry import Hyperparameter, MethodSpec
from da_zoo.schedules import schedule_by_name
from da_zoo.settings import Continuous, Settings, resolve_classes, resolve_settings
from da_zoo.supervised import Alignment, aligned
from da_zoo.types import Key, Params, Recipe, TrainState

__all__ = ["dann", "reversal_term"]


@functools.lru_cache(maxsize=64)
def reversal_term(
    hidden: tuple[int, ...] = (100,), trade_off_schedule: str = "ramp"
) -> Alignment:
    """Builds the term alone, for steps that hold others too.

    Args:
        hidden: widths of the discriminator's hidden layers.
        trade_off_schedule: of the reversal's strength.

    Example:
        >>> import jax
        >>> sorted(reversal_term((8,)).init(jax.random.key(0), 4))
        ['discriminator']
    """
    discriminator = make_discriminator(hidden)
    ramp = schedule_by_name(trade_off_schedule)

    def loss(
        params: Params, state: TrainState, forward: Forward, key: Key
    ) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
        del key
        strength = state.hparams["trade_off"] * ramp(progress(state))
        weights = forward.weights
        kept = {
            stream: without_padding(forward.features[stream], weights[stream])
            for stream in ("source", "target")
        }
        logits_source, logits_target = (
            discriminator.apply(params, reverse_gradient(rows, strength))
            for rows in kept.values()
        )
        own = {
            "weight_source": weights["source"],
            "weight_target": weights["target"],
        }
        domain_loss = domain_adversarial(logits_source, logits_target, **own)
        return domain_loss, {
            "domain_loss": domain_loss,
            "domain_accuracy": domain_accuracy(logits_source, logits_target, **own),
            "reversal": strength,
        }

    return Alignment(loss, discriminator.init)


def dann(
    network: Network,
    *,
    classes: int | Mapping[str, int] | Continuous,
    trade_off: float = 1.0,
    discriminator: tuple[int, ...] = (100,),
    trade_off_schedule: str = "ramp",
    labelled_target: bool = False,
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds domain-adversarial training.

    Args:
        network: the encoder.
        classes: number of classes, or {"source": a, "target": b} (then with
            ``labelled_target``);
            or ``Continuous(outputs)`` (regression).
        trade_off: the largest reversal strength; 0 leaves the encoder to the task.
        discriminator: widths of the discriminator's hidden layers.
        trade_off_schedule: "ramp" (0 to 1 over training, the paper's) or "constant".
        labelled_target: whether some target rows come with labels (track F).
        **settings: see :class:`da_zoo.Settings`.

    Returns:
        One training phase; under a batch-norm policy per domain, a second one that
        estimates the target's batch statistics.

    Raises:
        ValueError: for an invalid setting or class count.

    Example:
        >>> from da_zoo import network_by_name
        >>> [phase.name for phase in dann(network_by_name("mlp"), classes=3)]
        ['adapt']

    References:
        Ganin et al., "Domain-Adversarial Training of Neural Networks", JMLR 2016.
    """
    training = resolve_settings(**settings)
    return aligned(
        network,
        resolve_classes(classes, training.width, continuous=True),
        training,
        reversal_term(tuple(discriminator), trade_off_schedule),
        hparams={"trade_off": trade_off},
        labelled_target=labelled_target,
    )


SPEC = MethodSpec(
    name="dann",
    factory=dann,
    summary="A discriminator tells domains apart; its reversed gradient aligns them.",
    setting="labelled source and unlabelled target (and labelled target rows if any)",
    tracks=frozenset("UF"),
    regression=True,
    paper=(
        "Ganin, Ustinova, Ajakan, Germain, Larochelle, Laviolette, Marchand and "
        "Lempitsky, Domain-Adversarial Training of Neural Networks, JMLR 17, 2016."
    ),
    year=2016,
    bibtex="""@article{ganin2016domain,
  title = {Domain-Adversarial Training of Neural Networks},
  author = {Ganin, Yaroslav and Ustinova, Evgeniya and Ajakan, Hana and
            Germain, Pascal and Larochelle, Hugo and Laviolette, Francois and
            Marchand, Mario and Lempitsky, Victor},
  journal = {Journal of Machine Learning Research},
  volume = {17},
  number = {59},
  year = {2016}
}""",
    hparams=(
        Hyperparameter("trade_off", 1.0, 0.01, 1.0, source="Ganin et al. 2016: 1"),
        Hyperparameter(
            "trade_off_schedule",
            "ramp",
            scale="choice",
            traced=False,
            choices=("ramp", "constant"),
            source="Ganin et al. 2016, section 5.2.2",
        ),
        Hyperparameter(
            "discriminator",
            (100,),
            scale="choice",
            traced=False,
            choices=((100,), (1024, 1024)),
            source="Ganin et al. 2016: 100 units for MNIST, two of 1024 for SVHN",
        ),
    ),
    departures=(
        "The two domains' cross-entropies are averaged (half their sum). The ramp "
        "follows true progress, so it reaches 1 at the end of training of any length."
    ),
)
