"""One model out of several with the same start: WiSE-FT and soups."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from da_zoo.batch_norm import adopt_source
from da_zoo.finetune.averaging import AVERAGE, averaged_state, interpolate
from da_zoo.loop import FitResult
from da_zoo.partition import paths
from da_zoo.pretrained import Pretrained
from da_zoo.self_training import check_fraction
from da_zoo.types import TrainState

__all__ = ["ALPHAS", "uniform_soup", "wise_ft"]

ALPHAS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""The paper's grid."""


def wise_ft(
    result: FitResult,
    start: Pretrained | TrainState,
    alphas: Sequence[float] = ALPHAS,
) -> FitResult:
    """Interpolates between the model that tuning began with and the tuned one.

    Parameters, heads and batch statistics alike: the running means and variances of
    normalisation layers are interpolated, not estimated anew. Source and target must
    share their classes, because the start's head is the source's.

    Args:
        result: of tuning; with axes of its own, for which ``start`` has the same or
            none.
        start: what a plan without source phase started from, with its head; or the last
            state of the source phase (``fit(recipe[:1], ...).state``).
        alphas: weights of the tuned model, in [0, 1].

    Returns:
        The result with a leading axis "alpha", so that ``predict`` gives the
        predictions of every alpha, in one batch. It is not for further training: it has
        no optimiser state.

    Raises:
        TypeError: if ``start`` is neither.
        ValueError: if an alpha is out of range, or there is none; if the start has no
            head, or other variables than the network; for LoRA's factors, which are to
            be merged first; for different classes.

    Example:
        >>> from da_zoo import fit, network_by_name, start_from
        >>> from da_zoo.finetune import presets
        >>> from da_zoo.testing import toy_data
        >>> network = network_by_name("mlp", hidden=(4,))
        >>> params, stats = network.init(jax.random.key(0), jnp.ones((2, 6)))
        >>> head = {"kernel": jnp.ones((4, 3)), "bias": jnp.zeros(3)}
        >>> given = Pretrained(params, stats, head)
        >>> recipe = presets.full().recipe(
        ...     start_from(network, given), classes=3, source_share=0.0
        ... )
        >>> result = fit(recipe, toy_data(), jax.random.key(0), steps=2, batch_size=6)
        >>> swept = wise_ft(result, given, (0.0, 0.5, 1.0))
        >>> swept.predict(np.ones((5, 6))).logits["target"].shape
        (3, 5, 3)

    References:
        Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022.
    """
    chosen = tuple(check_fraction("alphas", alpha) for alpha in alphas)
    if not chosen:
        raise ValueError("alphas must hold a number in [0, 1], got none")
    tuned = averaged_state(result.state)
    end = {"params": tuned.params, "stats": tuned.stats}
    begin = _as_tuned(start, tuned)
    _check_same(begin, end)
    # A start without the result's axes serves them all; leaves go by path, because an
    # empty collection may lack in one of the trees.
    begin = jax.tree.unflatten(
        jax.tree.structure(end),
        [
            jnp.broadcast_to(a, b.shape)
            for a, b in zip(jax.tree.leaves(begin), jax.tree.leaves(end), strict=True)
        ],
    )
    weights = jnp.asarray(chosen, jnp.float32)
    between = jax.vmap(lambda alpha: interpolate(begin, end, alpha))(weights)

    def repeated(tree: PyTree) -> PyTree:
        return jax.tree.map(
            lambda leaf: jnp.broadcast_to(leaf, (len(chosen), *leaf.shape)), tree
        )

    bare = tuned._replace(params={}, stats={}, opt_state={})
    state = repeated(bare)._replace(**between)
    if AVERAGE in tuned.extra:
        state = state._replace(extra=state.extra | {AVERAGE: between})
    return result._replace(
        state=state,
        axes={"alpha": chosen, **result.axes},
        finite=np.stack([result.finite] * len(chosen)),
        history={
            name: np.broadcast_to(values, (len(chosen), *values.shape))
            for name, values in result.history.items()
        },
    )


def _as_tuned(start: Pretrained | TrainState, tuned: TrainState) -> dict[str, Any]:
    """Puts the start's variables in the places that the tuned state has for them."""
    if "lora" in tuned.params["encoder"] and "base" in tuned.params["encoder"]:
        raise ValueError(
            "the state has LoRA's factors: merge them (merge_lora) before interpolating"
        )
    counts: list[Any] = [
        tuned.hparams.get(f"classes_{space}") for space in ("source", "target")
    ]
    if counts[0] is not None and not np.array_equal(counts[0], counts[1]):
        raise ValueError(
            "source and target have different classes: no head to start at"
        )
    if isinstance(start, Pretrained):
        encoder, stats, head = start.params, start.stats, start.head
        if head is None:
            raise ValueError("the start has no head: Pretrained(params, stats, head)")
        width = tuned.params["head_target"]["bias"].shape[-1]
        spare = width - jnp.shape(head["bias"])[-1]
        head = {
            name: jnp.pad(
                jnp.asarray(leaf), [(0, 0)] * (jnp.ndim(leaf) - 1) + [(0, spare)]
            )
            for name, leaf in head.items()
        }
    elif isinstance(start, TrainState):
        start = averaged_state(start)
        encoder, head = start.params["encoder"], start.params["head_source"]
        stats = start.stats.get("source", start.stats.get("joint"))
    else:
        raise TypeError(
            f"start must be a Pretrained or a TrainState, got {type(start).__name__}"
        )
    own = {"encoder": encoder, "head_source": head, "head_target": head}
    params = tuned.params | {k: v for k, v in own.items() if k in tuned.params}
    params, _ = adopt_source(params, {})
    return jax.tree.map(
        jnp.asarray,
        {"params": params, "stats": {domain: stats for domain in tuned.stats}},
    )


def _check_same(start: PyTree, end: PyTree) -> None:
    names = paths(start), paths(end)
    if names[0] != names[1]:
        wrong = sorted(set(names[0]) ^ set(names[1]))
        raise ValueError(f"start and tuned model have different variables: {wrong[:5]}")
    for name, a, b in zip(
        names[0], jax.tree.leaves(start), jax.tree.leaves(end), strict=True
    ):
        if b.shape[b.ndim - a.ndim :] != a.shape:
            raise ValueError(
                f"{name} has shape {a.shape} at the start and {b.shape} when tuned"
            )


def uniform_soup(result: FitResult) -> FitResult:
    """Averages the weights of all runs of a sweep: one model, of one run's cost.

    For runs that tuned one start (one seed, or a pre-trained network): weights of runs
    that began apart have no mean of use. Batch statistics are averaged too.

    Args:
        result: with a leading axis or more.

    Returns:
        A result without axes; hyper-parameters and history are the first run's.

    Raises:
        ValueError: if there is one run only.

    Example:
        >>> from da_zoo import fit, methods, network_by_name
        >>> from da_zoo.testing import toy_data
        >>> recipe = methods.source_only(network_by_name("mlp", hidden=(4,)), classes=3)
        >>> result = fit(
        ...     recipe,
        ...     toy_data(),
        ...     jax.random.key(0),
        ...     steps=2,
        ...     sweep={"learning_rate": [0.1, 0.01]},
        ... )
        >>> uniform_soup(result).predict(np.ones((5, 6))).logits["source"].shape
        (5, 3)

    References:
        Wortsman et al., "Model soups", ICML 2022.
    """
    axes = result.finite.ndim
    if result.finite.size < 2:
        raise ValueError("a soup needs several runs: fit(sweep=...) or fit(seeds=...)")

    def mean(leaf: Array) -> Array:
        if not jnp.issubdtype(leaf.dtype, jnp.floating):
            return leaf[(0,) * axes]
        wide = leaf.astype(jnp.promote_types(leaf.dtype, jnp.float32))
        return jnp.mean(wide, axis=tuple(range(axes))).astype(leaf.dtype)

    def first(tree: Any) -> Any:
        return jax.tree.map(lambda leaf: leaf[(0,) * axes], tree)

    states = averaged_state(result.state)
    soup = jax.tree.map(mean, {"params": states.params, "stats": states.stats})
    state = first(states._replace(params={}, stats={}, opt_state={}))
    state = state._replace(**soup)
    if AVERAGE in state.extra:
        state = state._replace(extra=state.extra | {AVERAGE: soup})
    return result._replace(
        state=state,
        axes={},
        finite=np.asarray(result.finite.all()),
        history=first(result.history),
        width=0,
    )
