"""DSBN: batch-norm layers of each domain's own, and a second stage on pseudo-labels.

Stage one aligns the domains (MSTN: a discriminator and class centroids) in a network
whose normalisation is domain-specific. Stage two trains it on source labels and target
pseudo-labels; those come from stage one's network at first, and from the network that
is being trained in the end.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, Unpack

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from da_zoo.batch_norm import domain_encoder
from da_zoo.classifier import Classifier, Forward, task_loss
from da_zoo.compose import from_updates, inherit, progress
from da_zoo.discriminator import make_discriminator
from da_zoo.layers import reverse_gradient
from da_zoo.losses.adversarial import domain_accuracy, domain_adversarial
from da_zoo.losses.classification import cross_entropy
from da_zoo.losses.moving_centroids import centroid_distance, moved_centroids
from da_zoo.losses.weighting import weighted_mean, without_padding
from da_zoo.network import Network, make_head, mask_classes
from da_zoo.optimizers import make_optimizer
from da_zoo.own_norms import requiring_norms, with_own_norms
from da_zoo.registry import Hyperparameter, MethodSpec
from da_zoo.schedules import SCHEDULES, adversarial_ramp
from da_zoo.settings import Settings, resolve_settings, shared_classes
from da_zoo.source_free import base_hparams
from da_zoo.supervised import supervised_model
from da_zoo.target_statistics import target_statistics
from da_zoo.types import (
    Aux,
    Batch,
    Key,
    Params,
    Phase,
    Recipe,
    TrainState,
    Update,
)

__all__ = ["dsbn"]

POLICY = "domain_specific"
BOTH = frozenset({"source", "target"})


def _top(logits: Array) -> Array:
    return jax.lax.stop_gradient(jnp.argmax(logits, axis=1)).astype(jnp.int32)


@functools.lru_cache(maxsize=64)
def _stage_one(
    forward_batch: Callable[..., Forward],
    optimizer: str,
    schedule: str,
    hidden: tuple[int, ...],
) -> Update:
    """MSTN: the task, a reversed discriminator and the distance of class centroids."""
    discriminator = make_discriminator(hidden)

    def loss(
        params: Params, state: TrainState, batch: Batch, key: Key
    ) -> tuple[Float[Array, ""], Aux]:
        del key
        forward = forward_batch(params, state, batch)
        task, metrics = task_loss(forward, batch)
        strength = state.hparams["trade_off"] * adversarial_ramp(progress(state))
        labels = {
            "source": forward.labels["source"],
            "target": _top(forward.logits["target"]),
        }
        scores, centroids = [], {}
        for name in ("source", "target"):
            features = without_padding(forward.features[name], forward.weights[name])
            reversed_ = reverse_gradient(features, strength)
            scores.append(discriminator.apply(params, reversed_))
            centroids[name] = moved_centroids(
                state.extra["centroids"][name],
                features,
                labels[name],
                weight=forward.weights[name],
            )
        own: dict[str, Any] = {
            f"weight_{name}": forward.weights[name] for name in centroids
        }
        domain_loss = domain_adversarial(*scores, **own)
        distance = centroid_distance(
            centroids["source"], centroids["target"], state.hparams["classes_source"]
        )
        metrics |= {
            "domain_loss": domain_loss,
            "domain_accuracy": domain_accuracy(*scores, **own),
            "centroid_distance": distance,
        }
        kept = jax.lax.stop_gradient(centroids)
        aux = Aux(forward.stats, metrics, state.extra | {"centroids": kept})
        return task + domain_loss + strength * distance, aux

    return Update(
        "align",
        loss,
        lambda path: True,
        make_optimizer(optimizer),
        schedule=SCHEDULES[schedule],
    )


@functools.lru_cache(maxsize=64)
def _stage_one_init(init_params: Any, hidden: tuple[int, ...]) -> Any:
    discriminator = make_discriminator(hidden)

    def init(key: Key, batch: Batch) -> tuple[Params, dict[str, Any], dict[str, Any]]:
        params, stats, _ = init_params(key, batch)
        dim, width = params["head_source"]["kernel"].shape
        zeros = {name: jnp.zeros((width, dim)) for name in ("source", "target")}
        return params | discriminator.init(key, dim), stats, {"centroids": zeros}

    return init


def _teacher(params: Params, stats: dict[str, Any]) -> dict[str, Any]:
    """A copy, because a donated state may not hold one buffer twice."""
    kept = {name: value for name, value in params.items() if name != "discriminator"}
    return {
        "teacher": jax.tree.map(jnp.copy, (kept, {"target": stats["target"]})),
    }


@functools.lru_cache(maxsize=64)
def _stage_two(
    network: Network,
    forward_batch: Callable[..., Forward],
    optimizer: str,
    schedule: str,
) -> Update:
    encoder = domain_encoder(network, POLICY)

    def loss(
        params: Params, state: TrainState, batch: Batch, key: Key
    ) -> tuple[Float[Array, ""], Aux]:
        del key
        assert batch.target is not None
        forward = forward_batch(params, state, batch)
        task, metrics = task_loss(forward, batch)
        teacher, stats = state.extra["teacher"]
        x = batch.target.x
        features = encoder.encode(teacher, stats, x, domain="target").features
        head = teacher["head_source"]
        raw = make_head(*head["kernel"].shape).apply(head, features)
        first = mask_classes(raw, state.hparams["classes_target"])
        logits = forward.logits["target"]
        trust = adversarial_ramp(progress(state))
        mixed = (1.0 - trust) * jax.nn.softmax(first) + trust * jax.nn.softmax(logits)
        labels = _top(mixed)
        target = cross_entropy(logits, labels, weight=batch.target.weight)
        metrics |= {
            "pseudo_label_loss": target,
            "labels_changed": weighted_mean(
                (labels != _top(first)).astype(jnp.float32), batch.target.weight
            ),
        }
        return task + target, Aux(forward.stats, metrics, state.extra)

    return Update(
        "self_train",
        loss,
        lambda path: True,
        make_optimizer(optimizer),
        schedule=SCHEDULES[schedule],
    )


@functools.lru_cache(maxsize=64)
def _stage_two_init(init_params: Any) -> Any:
    def init(key: Key, batch: Batch) -> tuple[Params, dict[str, Any], dict[str, Any]]:
        params, stats, extra = init_params(key, batch)
        return params, stats, extra | _teacher(params, stats)

    return init


def _second_stage(previous: TrainState, fresh: TrainState) -> TrainState:
    state = inherit(previous, fresh)
    return state._replace(extra=state.extra | _teacher(previous.params, previous.stats))


def dsbn(
    network: Network,
    *,
    classes: int | Mapping[str, int],
    trade_off: float = 1.0,
    discriminator: tuple[int, ...] = (100,),
    first_share: float = 0.5,
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds domain-specific batch normalisation with its two stages.

    Args:
        network: the encoder, with batch normalisation.
        classes: number of classes; the target's are the source's.
        trade_off: the largest weight of the two alignment terms of stage one.
        discriminator: widths of the discriminator's hidden layers.
        first_share: share of the steps spent on stage one.
        **settings: see :class:`da_zoo.Settings`. The batch-norm policy is
            "domain_specific" by nature: "joint" and "separate" are read as that.

    Returns:
        Three phases: stage one, stage two, and the one that estimates the target's
        batch statistics.

    Raises:
        ValueError: for an invalid setting or class count, two label spaces,
            ``batch_norm="frozen"`` or a share out of range; when the state is built,
            for a network without batch normalisation.

    Example:
        >>> from da_zoo import network_by_name
        >>> [phase.name for phase in dsbn(network_by_name("mlp"), classes=3)]
        ['stage_one', 'stage_two', 'target_statistics']

    References:
        Chang et al., "Domain-Specific Batch Normalization for Unsupervised Domain
        Adaptation", CVPR 2019; its base: Xie et al., "Learning Semantic Representations
        for Unsupervised Domain Adaptation", ICML 2018.
    """
    training = with_own_norms(resolve_settings(**settings), "dsbn")
    spaces = shared_classes(classes, training.width, "dsbn")
    if not 0.0 < first_share < 1.0:
        raise ValueError(
            f"first_share must be between 0 and 1, got {first_share}: both stages need "
            "steps"
        )
    model: Classifier = requiring_norms(
        supervised_model(network, spaces, POLICY, labelled_target=False),
        network.name,
        "dsbn",
    )
    hidden = tuple(discriminator)
    names = (training.optimizer, training.schedule)
    hparams = base_hparams(training, spaces)
    align = from_updates(
        _stage_one_init(model.init_params, hidden),
        (_stage_one(model.forward, *names, hidden),),
        predict=model.predict,
        hparams=hparams | {"trade_off": trade_off},
    )
    self_train = from_updates(
        _stage_two_init(model.init_params),
        (_stage_two(network, model.forward, *names),),
        predict=model.predict,
        hparams=hparams,
    )
    return (
        Phase("stage_one", align, BOTH, share=first_share),
        Phase(
            "stage_two",
            self_train,
            BOTH,
            warm_start=_second_stage,
            share=1.0 - first_share,
        ),
        target_statistics(network, POLICY, model, spaces),
    )


SPEC = MethodSpec(
    name="dsbn",
    factory=dsbn,
    summary="Batch-norm layers per domain; then a second stage on pseudo-labels.",
    setting="labelled source and unlabelled target; needs batch normalisation",
    tracks=frozenset("U"),
    paper=(
        "Chang, You, Seo, Kwak and Han, Domain-Specific Batch Normalization for "
        "Unsupervised Domain Adaptation, CVPR, 2019."
    ),
    year=2019,
    bibtex="""@inproceedings{chang2019domain,
  title = {Domain-Specific Batch Normalization for Unsupervised Domain Adaptation},
  author = {Chang, Woong-Gi and You, Tackgeun and Seo, Seonguk and Kwak, Suha and
            Han, Bohyung},
  booktitle = {IEEE Conference on Computer Vision and Pattern Recognition},
  year = {2019}
}""",
    hparams=(
        Hyperparameter(
            "trade_off", 1.0, 0.01, 10.0, source="Xie et al. 2018: 1, ramped"
        ),
        Hyperparameter(
            "discriminator",
            (100,),
            scale="choice",
            traced=False,
            choices=((100,), (100, 100)),
            source="Ganin et al. 2016, digits: one layer of 100",
        ),
        Hyperparameter(
            "first_share",
            0.5,
            scale="choice",
            traced=False,
            choices=(0.3, 0.5, 0.7),
            source="ours: half of the steps",
        ),
    ),
    departures=(
        "MSTN is the base; CPUA, the paper's other one, is not offered. Stage two goes "
        "on from stage one's weights, where the paper starts from pre-trained ones "
        "again, and is not iterated. Centroids of classes that a batch lacks stay, "
        "where the authors' code draws them to 0. Target statistics are re-estimated "
        "at the end over 32 batches, as for every aligner here."
    ),
)
