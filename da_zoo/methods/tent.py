"""Tent: lower the entropy of target predictions by batch-norm scale and shift alone.

Everything else stays as the source left it. The default adapts online, over batches of
the unlabelled target, and predicts with the result. With ``episodic=True`` a prediction
adapts to the very rows it is given and forgets them again.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, Unpack

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PyTree

from da_zoo.backend import compiler_options
from da_zoo.batch_norm import adopt_source, domain_encoder
from da_zoo.classifier import Forward
from da_zoo.compose import from_updates
from da_zoo.finetune.tuning import source_model
from da_zoo.losses.prediction import mean_entropy
from da_zoo.network import Network, make_head, mask_classes
from da_zoo.optimizers import make_optimizer
from da_zoo.own_norms import NORMS, requiring_norms, with_own_norms
from da_zoo.registry import Hyperparameter, MethodSpec
from da_zoo.settings import (
    Classes,
    Settings,
    Training,
    resolve_settings,
    shared_classes,
)
from da_zoo.source_free import take_over
from da_zoo.supervised import supervised_model, supervised_phase
from da_zoo.target_statistics import target_statistics
from da_zoo.types import (
    Aux,
    Batch,
    Examples,
    Key,
    Params,
    Phase,
    Predictions,
    Recipe,
    TrainState,
    Update,
)

__all__ = ["tent"]

POLICY = "domain_specific"


def _optimizer(hparams: dict[str, Float[Array, ""]]) -> optax.GradientTransformation:
    """Adam at its own rate, and no decay: scales would shrink towards 0."""
    rate = hparams["adaptation_rate"]
    own = {"learning_rate": rate, "weight_decay": jnp.zeros_like(rate)}
    return make_optimizer("adam")(own)


@functools.lru_cache(maxsize=64)
def _update(forward_batch: Callable[..., Forward], adaptation_steps: int) -> Update:
    def loss(
        params: Params, state: TrainState, batch: Batch, key: Key
    ) -> tuple[Float[Array, ""], Aux]:
        del key
        forward = forward_batch(params, state, batch)
        value = mean_entropy(forward.logits["target"], weight=forward.weights["target"])
        return value, Aux(forward.stats, {"entropy": value}, state.extra)

    return Update("adapt", loss, (NORMS,), _optimizer, repeat=adaptation_steps)


def _rows(x: PyTree) -> Examples:
    n = jax.tree.leaves(x)[0].shape[0]
    zeros = jnp.zeros(n, jnp.int32)
    return Examples(x, zeros, jnp.zeros(n, bool), zeros, zeros)


@functools.lru_cache(maxsize=64)
def _episode(network: Network, adaptation_steps: int) -> Callable[..., Predictions]:
    """Adapts a source state to the rows of one call; a pure function, so it forgets."""
    encoder = domain_encoder(network, POLICY)

    @functools.partial(jax.jit, compiler_options=compiler_options())
    def predict(
        params: Params,
        stats: dict[str, PyTree],
        hparams: dict[str, Float[Array, ""]],
        x: PyTree,
    ) -> Predictions:
        params, stats = adopt_source(params, stats)
        streams = {"target": _rows(x)}

        def passed(norms: PyTree) -> tuple[Array, Array]:
            # In training mode: the batch statistics are those of these rows.
            outputs, _ = encoder.forward(params | {NORMS: norms}, stats, streams)
            features = outputs["target"].features
            head = params["head_source"]
            raw = make_head(*head["kernel"].shape).apply(head, features)
            return features, mask_classes(raw, hparams["classes_target"])

        norms = params[NORMS]
        optimizer = _optimizer(hparams)
        opt_state = optimizer.init(norms)
        for _ in range(adaptation_steps):
            gradient = jax.grad(lambda own: mean_entropy(passed(own)[1]))(norms)
            change, opt_state = optimizer.update(gradient, opt_state, norms)
            norms = optax.apply_updates(norms, change)
        features, logits = passed(norms)
        return Predictions({"source": logits, "target": logits}, features)

    return predict


@functools.lru_cache(maxsize=64)
def _episodic_predict(
    network: Network, plain: Callable[..., Predictions], adaptation_steps: int
) -> Callable[..., Predictions]:
    adapted = _episode(network, adaptation_steps)

    def predict(state: TrainState, x: PyTree, *, domain: str = "target") -> Predictions:
        if domain != "target":
            return plain(state, x, domain=domain)
        return adapted(state.params, state.stats, state.hparams, x)

    return predict


def _source(
    network: Network,
    spaces: Classes,
    training: Training,
    hparams: dict[str, float],
    share: float,
) -> Phase:
    model = requiring_norms(source_model(network, spaces, POLICY), network.name, "tent")
    return supervised_phase(
        "source",
        model,
        spaces,
        training,
        uses=frozenset({"source"}),
        hparams=hparams,
        share=share,
    )


def tent(
    network: Network,
    *,
    classes: int | Mapping[str, int],
    adaptation_rate: float = 1e-3,
    adaptation_steps: int = 1,
    episodic: bool = False,
    source_share: float = 0.9,
    **settings: Unpack[Settings],
) -> Recipe:
    """Builds test-time entropy minimisation.

    Args:
        network: the encoder, with batch normalisation.
        classes: number of classes; the target's are the source's.
        adaptation_rate: Adam's learning rate on scale and shift.
        adaptation_steps: gradient steps per batch, at least 1.
        episodic: adapt to the rows of each call of ``predict`` from the source state,
            and forget them. Such a prediction is transductive: statistics and gradient
            are those of the rows predicted together, so that it depends on which they
            are. No target row is needed in training.
        source_share: share of the steps spent on the source, where not ``episodic``.
        **settings: see :class:`da_zoo.Settings`. The batch-norm policy is
            "domain_specific" by nature: "joint" and "separate" are read as that.

    Returns:
        Three phases: source, adaptation without it, and the target's batch statistics;
        the first one alone if ``episodic``.

    Raises:
        ValueError: for an invalid setting or class count, two label spaces,
            ``batch_norm="frozen"`` or a number out of range; when the state is built,
            for a network without batch normalisation.

    Example:
        >>> from da_zoo import network_by_name
        >>> [phase.name for phase in tent(network_by_name("mlp"), classes=3)]
        ['source', 'adapt', 'target_statistics']

    References:
        Wang et al., "Tent: Fully Test-time Adaptation by Entropy Minimization", ICLR
        2021.
    """
    training = with_own_norms(resolve_settings(**settings), "tent")
    spaces = shared_classes(classes, training.width, "tent")
    if adaptation_steps < 1:
        raise ValueError(f"adaptation_steps must be at least 1, got {adaptation_steps}")
    if not 0.0 < source_share < 1.0:
        raise ValueError(
            f"source_share must be between 0 and 1, got {source_share}: both phases "
            "need steps"
        )
    own = {"adaptation_rate": adaptation_rate}
    source = _source(network, spaces, training, own if episodic else {}, source_share)
    if episodic:
        plain: Any = source.adapter.predict
        predict = _episodic_predict(network, plain, adaptation_steps)
        return (source._replace(adapter=source.adapter._replace(predict=predict)),)
    model = supervised_model(network, spaces, POLICY, labelled_target=False)
    adapter = from_updates(
        model.init_params,
        (_update(model.forward, adaptation_steps),),
        predict=model.predict,
        hparams=own | spaces.hparams,
    )
    adapt = Phase(
        "adapt",
        adapter,
        frozenset({"target"}),
        warm_start=take_over,
        share=1.0 - source_share,
    )
    return (source, adapt, target_statistics(network, POLICY, model, spaces))


SPEC = MethodSpec(
    name="tent",
    factory=tent,
    summary="Lower target entropy by batch-norm scale and shift alone, source-free.",
    setting="a source model and the unlabelled target; needs batch normalisation",
    tracks=frozenset("U"),
    paper=(
        "Wang, Shelhamer, Liu, Olshausen and Darrell, Tent: Fully Test-time Adaptation "
        "by Entropy Minimization, ICLR, 2021."
    ),
    year=2021,
    bibtex="""@inproceedings{wang2021tent,
  title = {Tent: Fully Test-time Adaptation by Entropy Minimization},
  author = {Wang, Dequan and Shelhamer, Evan and Liu, Shaoteng and Olshausen, Bruno and
            Darrell, Trevor},
  booktitle = {International Conference on Learning Representations},
  year = {2021}
}""",
    hparams=(
        Hyperparameter(
            "adaptation_rate", 1e-3, 1e-4, 1e-1, source="Wang et al. 2021: 0.001"
        ),
        Hyperparameter(
            "adaptation_steps",
            1,
            scale="choice",
            traced=False,
            choices=(1, 3, 10),
            source="Wang et al. 2021: 1",
        ),
        Hyperparameter(
            "episodic",
            False,
            scale="choice",
            traced=False,
            choices=(False, True),
            source="Wang et al. 2021: online",
        ),
        Hyperparameter(
            "source_share",
            0.9,
            scale="choice",
            traced=False,
            choices=(0.5, 0.7, 0.9),
            source="ours: adaptation is short in the paper, one epoch",
        ),
    ),
    departures=(
        "Online, it adapts to unlabelled target training rows and then predicts others "
        "with running statistics (re-estimated over 32 batches), so that a prediction "
        "does not depend on the rows beside it; the paper adapts to test batches while "
        "it predicts them, with their statistics. Episodic, that is done, and the "
        "prediction is transductive. There it is the one after the last gradient step, "
        "where the authors' code returns the one before it."
    ),
)
