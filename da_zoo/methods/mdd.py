"""MDD: an adversarial classifier agrees with ours on the source, not on the target.

It minimises the margin disparity loss; the encoder receives the same gradient times
``-trade_off * ramp(progress)``.
"""

import functools
from collections.abc import Mapping
from typing import Unpack

import jax.numpy as jnp
from jaxtyping import Array, Float

from da_zoo.classifier import Forward
from da_zoo.compose import named_key, progress
from da_zoo.layers import reverse_gradient
from da_zoo.losses.margin import margin_disparity
from da_zoo.network import Network, make_head
from da_zoo.registry import Hyperparameter, MethodSpec
from da_zoo.schedules import schedule_by_name
from da_zoo.settings import Settings, resolve_classes, resolve_settings
from da_zoo.supervised import Alignment, aligned
from da_zoo.two_heads import head_logits
from da_zoo.types import Key, Params, Recipe, TrainState

__all__ = ["mdd"]

ADVERSARY = "head_adversary"


@functools.lru_cache(maxsize=64)
def _alignment(width: int, reversal: str) -> Alignment:
    ramp = schedule_by_name(reversal)

    def init(key: Key, features_dim: int) -> Params:
        head = make_head(features_dim, width)
        return {ADVERSARY: head.init(named_key(key, ADVERSARY))}

    def loss(
        params: Params, state: TrainState, forward: Forward, key: Key
    ) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
        del key
        strength = state.hparams["trade_off"] * ramp(progress(state))
        predicted, adversary = {}, {}
        for name in ("source", "target"):
            features = forward.features[name]
            # On target rows too it is the source's classes that are compared.
            own = head_logits(params, state, features, "head_source")
            predicted[name] = jnp.argmax(own, axis=1)
            reversed_ = reverse_gradient(features, strength)
            adversary[name] = head_logits(params, state, reversed_, ADVERSARY)
        disparity = margin_disparity(
            adversary["source"],
            predicted["source"],
            adversary["target"],
            predicted["target"],
            state.hparams["gamma"],
            weight_source=forward.weights["source"],
            weight_target=forward.weights["target"],
        )
        return disparity, {"margin_disparity": disparity, "reversal": strength}

    return Alignment(loss, init)


def mdd(
    network: Network,
    *,
    classes: int | Mapping[str, int],
    trade_off: float = 0.1,
    gamma: float = 4.0,
    trade_off_schedule: str = "ramp",
    labelled_target: bool = False,
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds training against the margin disparity discrepancy.

    Args:
        network: the encoder.
        classes: number of classes, or {"source": a, "target": b} (then with
            ``labelled_target``).
        trade_off: the largest reversal strength; 0 leaves the encoder to the task.
        gamma: the margin factor, which weighs the source term; above 0.
        trade_off_schedule: "ramp" (0 to 1 over training, the authors') or "constant".
        labelled_target: whether some target rows come with labels (track F).
        **settings: see :class:`da_zoo.Settings`.

    Returns:
        One training phase; under a batch-norm policy per domain, a second one that
        estimates the target's batch statistics.

    Raises:
        ValueError: for an invalid setting or class count, or a gamma that is not
            positive.

    Example:
        >>> from da_zoo import network_by_name
        >>> [phase.name for phase in mdd(network_by_name("mlp"), classes=3)]
        ['adapt']

    References:
        Zhang et al., "Bridging Theory and Algorithm for Domain Adaptation", ICML 2019.
    """
    if not gamma > 0:
        raise ValueError(f"gamma must be positive, got {gamma}; the paper uses 2 to 4")
    training = resolve_settings(**settings)
    resolved = resolve_classes(classes, training.width)
    return aligned(
        network,
        resolved,
        training,
        _alignment(resolved.width, trade_off_schedule),
        hparams={"trade_off": trade_off, "gamma": gamma},
        labelled_target=labelled_target,
    )


SPEC = MethodSpec(
    name="mdd",
    factory=mdd,
    summary="An adversarial classifier that disagrees on the target, with a margin.",
    setting="labelled source and unlabelled target (and labelled target rows if any)",
    tracks=frozenset("UF"),
    paper=(
        "Zhang, Liu, Long and Jordan, Bridging Theory and Algorithm for Domain "
        "Adaptation, ICML, 2019."
    ),
    year=2019,
    bibtex="""@inproceedings{zhang2019bridging,
  title = {Bridging Theory and Algorithm for Domain Adaptation},
  author = {Zhang, Yuchen and Liu, Tianle and Long, Mingsheng and
            Jordan, Michael I.},
  booktitle = {International Conference on Machine Learning},
  year = {2019}
}""",
    hparams=(
        Hyperparameter("trade_off", 0.1, 0.01, 1.0, source="the authors' code: 0.1"),
        Hyperparameter(
            "gamma", 4.0, 1.0, 8.0, source="Zhang et al. 2019: 4 (2 for Office-Home)"
        ),
        Hyperparameter(
            "trade_off_schedule",
            "ramp",
            scale="choice",
            traced=False,
            choices=("ramp", "constant"),
            source="the authors' code: ramp",
        ),
    ),
    departures=(
        "Both classifiers are linear (the authors' have a hidden layer of 1024 units "
        "behind a bottleneck). The ramp follows true progress, so it reaches its end "
        "in training of any length. Where the target has a task of its own, the two "
        "classifiers of the source's task are compared on target rows."
    ),
)
