"""Two classifiers on one encoder, and the min-max game over what they disagree on.

The heads ``head_source`` and ``head_second`` answer the source's task. Where the target
has a task of its own, it has a third head, which takes no part in the game.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
from jaxtyping import Array, Float, PyTree

from da_zoo.classifier import Classifier, Forward, task_loss
from da_zoo.compose import named_key
from da_zoo.network import make_head, mask_classes
from da_zoo.optimizers import make_optimizer
from da_zoo.schedules import SCHEDULES
from da_zoo.types import Aux, Batch, Key, Params, Predictions, TrainState, Update

__all__ = ["Distance", "head_logits", "minimax_updates", "two_heads"]

Distance = Callable[[Array, Array, Array | None, Key], Float[Array, ""]]
"""``(first logits, second logits, row weights, key) -> disagreement``, at least 0."""

SECOND = "head_second"


def head_logits(
    params: Params, state: TrainState, features: Float[Array, "n d"], group: str
) -> Float[Array, "n k"]:
    """Applies a head of the source's label space, whatever domain the rows are from.

    Args:
        params: with the head's group.
        state: for the number of classes.
        features: [n, d].
        group: ``"head_source"`` or another head on the source's classes.
    """
    head = params[group]
    raw = make_head(*head["kernel"].shape).apply(head, features)
    return mask_classes(raw, state.hparams["classes_source"])


@functools.lru_cache(maxsize=256)
def two_heads(model: Classifier) -> Classifier:
    """Adds a second source head of its own initial weights to a classifier.

    Predictions are by the mean of the two heads' logits, the paper's ensemble. The
    heads being linear, that is one head with the mean of their weights.

    Args:
        model: with a ``head_source``.

    Returns:
        The classifier; its ``forward`` is the given one's.

    Example:
        >>> from da_zoo import methods, network_by_name
        >>> from da_zoo.testing import example_batch, toy_data
        >>> (phase,) = methods.mcd(network_by_name("mlp"), classes=3)
        >>> batch = example_batch(toy_data(), phase.uses)
        >>> sorted(phase.adapter.init(jax.random.key(0), batch).params)
        ['encoder', 'head_second', 'head_source']

    References:
        Saito et al., "Maximum Classifier Discrepancy for Unsupervised Domain
        Adaptation", CVPR 2018.
    """

    def init_params(
        key: Key, batch: Batch
    ) -> tuple[Params, dict[str, PyTree], dict[str, Any]]:
        params, stats, extra = model.init_params(key, batch)
        second = make_head(*params["head_source"]["kernel"].shape)
        return params | {SECOND: second.init(named_key(key, SECOND))}, stats, extra

    def predict(state: TrainState, x: PyTree, *, domain: str = "target") -> Predictions:
        first, second = state.params["head_source"], state.params[SECOND]
        mean = jax.tree.map(lambda a, b: 0.5 * (a + b), first, second)
        state = state._replace(params=state.params | {"head_source": mean})
        return model.predict(state, x, domain=domain)

    return model._replace(init_params=init_params, predict=predict)


def _task_of_both(
    params: Params,
    state: TrainState,
    forward: Forward,
    batch: Batch,
    *,
    players_only: bool = False,
) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
    """Task losses of every head (or the game's two), on rows labelled in its space."""
    own_task = "head_target" in params
    seen = batch._replace(target_labelled=None) if own_task else batch
    total, metrics = task_loss(forward, seen if players_only else batch)
    logits = {
        stream: head_logits(params, state, forward.features[stream], SECOND)
        for stream in ("source", "target_labelled")
        if getattr(seen, stream) is not None
    }
    second, _ = task_loss(forward._replace(logits=logits), seen)
    return total + second, metrics | {"second_head_loss": second}


@functools.lru_cache(maxsize=256)
def minimax_updates(
    forward_batch: Callable[..., Forward],
    distance: Distance,
    optimizer: str,
    schedule: str,
    num_k: int,
) -> tuple[Update, ...]:
    """Builds the three steps: task; heads disagree; encoder makes them agree.

    Every step forwards all rows with their batch statistics, but the task step alone
    writes running ones: they then move once per step, as in any other method, and the
    ``num_k`` repeats do not weigh the target more than the source. (What a step does
    not need of the forward, the compiler leaves out.)

    Args:
        forward_batch: of a classifier.
        distance: disagreement of the heads on unlabelled target rows; weighted by the
            hyper-parameter ``trade_off``.
        optimizer: by name; each step has a state of its own.
        schedule: decay of the learning rate, by name.
        num_k: encoder steps per step.

    Raises:
        ValueError: if ``num_k`` is under 1.
    """
    if num_k < 1:
        raise ValueError(f"num_k must be at least 1, got {num_k}")

    def disagreement(
        params: Params, state: TrainState, forward: Forward, key: Key
    ) -> Float[Array, ""]:
        first, second = (
            head_logits(params, state, forward.features["target"], group)
            for group in ("head_source", SECOND)
        )
        return distance(first, second, forward.weights["target"], key)

    def task(
        params: Params, state: TrainState, batch: Batch, key: Key
    ) -> tuple[Float[Array, ""], Aux]:
        del key
        forward = forward_batch(params, state, batch)
        total, metrics = _task_of_both(params, state, forward, batch)
        return total, Aux(forward.stats, metrics, state.extra)

    def heads(
        params: Params, state: TrainState, batch: Batch, key: Key
    ) -> tuple[Float[Array, ""], Aux]:
        forward = forward_batch(params, state, batch)
        total, _ = _task_of_both(params, state, forward, batch, players_only=True)
        found = disagreement(params, state, forward, key)
        loss = total - state.hparams["trade_off"] * found
        metrics = {"discrepancy_before": found}
        return loss, Aux(state.stats, metrics, state.extra)

    def encoder(
        params: Params, state: TrainState, batch: Batch, key: Key
    ) -> tuple[Float[Array, ""], Aux]:
        found = disagreement(params, state, forward_batch(params, state, batch), key)
        loss = state.hparams["trade_off"] * found
        return loss, Aux(state.stats, {"discrepancy": found}, state.extra)

    build, decay = make_optimizer(optimizer), SCHEDULES[schedule]
    return (
        Update("task", task, _everything, build, schedule=decay),
        Update("heads", heads, _is_head, build, schedule=decay),
        Update("encoder", encoder, _is_encoder, build, schedule=decay, repeat=num_k),
    )


def _everything(path: str) -> bool:
    del path
    return True


def _is_head(path: str) -> bool:
    # The third head, of the target's own task, learns in the task step alone.
    return path.split("/", 1)[0] in ("head_source", SECOND)


def _is_encoder(path: str) -> bool:
    # With the norms that a domain has for itself under "domain_specific".
    return path.startswith("encoder")
