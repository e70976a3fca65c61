"""CDAN: a discriminator of features AND predictions, by their outer product.

``cdan_e`` weights rows by how certain their predictions are.
"""

import functools
from collections.abc import Mapping
from typing import Any, Unpack

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from da_zoo.classifier import Forward
from da_zoo.compose import named_key, progress
from da_zoo.discriminator import make_discriminator
from da_zoo.layers import reverse_gradient
from da_zoo.losses.adversarial import domain_accuracy, domain_adversarial
from da_zoo.losses.multilinear import (
    conditional_map,
    conditional_width,
    random_projections,
)
from da_zoo.losses.prediction import entropies
from da_zoo.losses.weighting import weighted_mean
from da_zoo.network import Network
from da_zoo.registry import Hyperparameter, MethodSpec
from da_zoo.schedules import schedule_by_name
from da_zoo.settings import Settings, resolve_classes, resolve_settings
from da_zoo.supervised import Alignment, aligned
from da_zoo.types import Key, Params, Recipe, TrainState

__all__ = ["cdan", "conditional_alignment"]


def _certainty(
    logits: Float[Array, "n k"], weight: Float[Array, " n"] | None = None
) -> Float[Array, " n"]:
    """Weights 1 + exp(-H), mean 1 over the domain's rows, without a gradient.

    Row weights multiply them, and count in that mean; padding (0) stays 0.
    """
    certain = 1.0 + jnp.exp(-entropies(jax.lax.stop_gradient(logits)))
    certain = certain / weighted_mean(certain, weight)
    return certain if weight is None else jnp.where(weight > 0, certain * weight, 0.0)


@functools.lru_cache(maxsize=64)
def conditional_alignment(
    width: int, hidden: tuple[int, ...], reversal: str, attached: bool, entropy: bool
) -> Alignment:
    """Builds CDAN's term.

    Args:
        width: of the class logits.
        hidden: the discriminator's layers.
        reversal: schedule of the reversal strength.
        attached: let the gradient through the conditioning predictions.
        entropy: weight rows by certainty (CDAN+E).

    Raises:
        ValueError: for an unknown schedule, or widths that are not positive.
    """
    discriminator = make_discriminator(hidden)
    ramp = schedule_by_name(reversal)

    def init(key: Key, features_dim: int) -> Params:
        return discriminator.init(key, conditional_width(features_dim, width))

    def extra(key: Key, features_dim: int) -> dict[str, Any]:
        # Part of the state: a model continued from a checkpoint keeps its map.
        inputs = conditional_width(features_dim, width)
        if inputs == features_dim * width:
            return {}
        drawn = named_key(key, "projections")
        return {"projections": random_projections(drawn, features_dim, width, inputs)}

    def loss(
        params: Params, state: TrainState, forward: Forward, key: Key
    ) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
        del key
        strength = state.hparams["trade_off"] * ramp(progress(state))
        projections = state.extra.get("projections")
        outputs, weights = {}, {}
        for name in ("source", "target"):
            logits, rows = forward.logits[name], forward.weights[name]
            predictions = jax.nn.softmax(logits, axis=1)
            if not attached:
                predictions = jax.lax.stop_gradient(predictions)
            joint = conditional_map(
                forward.features[name], predictions, projections, weight=rows
            )
            reversed_ = reverse_gradient(joint, strength)
            outputs[name] = discriminator.apply(params, reversed_)
            weights[name] = _certainty(logits, rows) if entropy else rows
        domain_loss = domain_adversarial(
            outputs["source"],
            outputs["target"],
            weight_source=weights["source"],
            weight_target=weights["target"],
        )
        return domain_loss, {
            "domain_loss": domain_loss,
            "domain_accuracy": domain_accuracy(
                outputs["source"],
                outputs["target"],
                weight_source=forward.weights["source"],
                weight_target=forward.weights["target"],
            ),
            "reversal": strength,
        }

    return Alignment(loss, init, extra)


def cdan(
    network: Network,
    *,
    classes: int | Mapping[str, int],
    trade_off: float = 1.0,
    discriminator: tuple[int, ...] = (100,),
    attached: bool = False,
    trade_off_schedule: str = "ramp",
    labelled_target: bool = False,
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds conditional domain-adversarial training.

    Args:
        network: the encoder.
        classes: number of classes, or {"source": a, "target": b} (then with
            ``labelled_target``).
        trade_off: the largest reversal strength; 0 leaves the encoder to the task.
        discriminator: widths of the discriminator's hidden layers.
        attached: let the adversarial gradient through the predictions too.
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
        >>> [phase.name for phase in cdan(network_by_name("mlp"), classes=3)]
        ['adapt']

    References:
        Long et al., "Conditional Adversarial Domain Adaptation", NeurIPS 2018.
    """
    training = resolve_settings(**settings)
    resolved = resolve_classes(classes, training.width)
    return aligned(
        network,
        resolved,
        training,
        conditional_alignment(
            resolved.width, tuple(discriminator), trade_off_schedule, attached, False
        ),
        hparams={"trade_off": trade_off},
        labelled_target=labelled_target,
    )


SPEC = MethodSpec(
    name="cdan",
    factory=cdan,
    summary="DANN whose discriminator sees features times predictions.",
    setting="labelled source and unlabelled target (and labelled target rows if any)",
    tracks=frozenset("UF"),
    paper=(
        "Long, Cao, Wang and Jordan, Conditional Adversarial Domain Adaptation, "
        "NeurIPS 31, 2018."
    ),
    year=2018,
    bibtex="""@inproceedings{long2018conditional,
  title = {Conditional Adversarial Domain Adaptation},
  author = {Long, Mingsheng and Cao, Zhangjie and Wang, Jianmin and
            Jordan, Michael I.},
  booktitle = {Advances in Neural Information Processing Systems},
  volume = {31},
  year = {2018}
}""",
    hparams=(
        Hyperparameter("trade_off", 1.0, 0.01, 1.0, source="Long et al. 2018: 1"),
        Hyperparameter(
            "trade_off_schedule",
            "ramp",
            scale="choice",
            traced=False,
            choices=("ramp", "constant"),
            source="Long et al. 2018: ramp",
        ),
        Hyperparameter(
            "discriminator",
            (100,),
            scale="choice",
            traced=False,
            choices=((100,), (1024, 1024)),
            source="ours, for small networks; Long et al. 2018: two of 1024",
        ),
        Hyperparameter(
            "attached",
            False,
            scale="choice",
            traced=False,
            choices=(False, True),
            source="the authors' code: detached",
        ),
    ),
    departures=(
        "The random map replaces the outer product where that has over 4096 entries, "
        "as the paper proposes; its projections are part of the state. The "
        "discriminator has no dropout (the authors': 0.5). Where source "
        "and target have label spaces of their own, the discriminator is conditioned "
        "on predictions of different meaning."
    ),
)
