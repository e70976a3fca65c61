"""Networks: a pair of pure functions, whatever library the encoder was written in.

The core sees only ``Network(init, apply)`` over plain dicts. Heads belong to the
method (:func:`make_head`), so an encoder ends in a feature vector.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, runtime_checkable

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, PyTree, Shaped

from da_zoo.types import Key, Outputs

__all__ = [
    "Head",
    "Network",
    "make_head",
    "mask_classes",
    "network_from_linen",
    "network_from_nnx",
]

Train = bool | Callable[[str], bool]


@runtime_checkable
class ApplyFn(Protocol):
    """Runs an encoder on a batch."""

    def __call__(
        self,
        params: PyTree,
        stats: PyTree,
        x: PyTree[Shaped[Array, "n ..."]],
        *,
        weight: Float[Array, " n"] | None = None,
        train: Train = False,
        key: Key | None = None,
    ) -> tuple[Outputs, PyTree]: ...


class Network(NamedTuple):
    """An encoder as pure functions.

    ``init(key, x) -> (params, stats)``; ``apply(params, stats, x, *, weight, train,
    key) -> (Outputs, stats)``. ``train`` says whether batch normalisation uses (and
    updates) batch statistics: a bool, or a predicate on the module path of each
    normalisation layer, which is how single layers are frozen. ``key`` turns dropout
    on. ``weight`` 0 marks padding, which batch statistics leave out. ``layer_patterns``
    are
    regular expressions of parameter paths, from input to output, for plans that treat
    depths differently.
    """

    init: Callable[[Key, PyTree], tuple[PyTree, PyTree]]
    apply: ApplyFn
    features_dim: int | None = None
    name: str = "custom"
    layer_patterns: tuple[str, ...] = ()
    head_init: Callable[[int], dict[str, Array]] | None = None
    """``outputs -> a source head`` to start from; None draws one."""
    pretrained: bool = False
    """Whether ``init`` gives variables that were learned."""


class Head(NamedTuple):
    """A linear map from features to logits."""

    init: Callable[[Key], dict[str, Array]]
    apply: Callable[[dict[str, Array], Float[Array, "n d"]], Float[Array, "n k"]]


def make_head(features_dim: int, width: int) -> Head:
    """Returns a dense layer, LeCun-normal weights and zero bias.

    Raises:
        ValueError: if a size is not positive.

    Example:
        >>> head = make_head(8, 3)
        >>> head.apply(head.init(jax.random.key(0)), jnp.ones((4, 8))).shape
        (4, 3)
    """
    for name, value in (("features_dim", features_dim), ("width", width)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")

    def init(key: Key) -> dict[str, Array]:
        kernel = jax.nn.initializers.lecun_normal()(key, (features_dim, width))
        return {"kernel": kernel, "bias": jnp.zeros((width,))}

    def apply(
        params: dict[str, Array], features: Float[Array, "n d"]
    ) -> Float[Array, "n k"]:
        return features @ params["kernel"] + params["bias"][None, :]

    return Head(init, apply)


def mask_classes(
    logits: Float[Array, "n k"], classes: Float[Array, ""]
) -> Float[Array, "n k"]:
    """Rules out the columns past ``classes``: probability 0, never a gradient.

    Heads are padded to a common width so that label spaces of different sizes share
    one compiled program; ``classes`` is traced.

    Example:
        >>> mask_classes(jnp.zeros((1, 3)), jnp.float32(2))[0, 2] < -1e8
        Array(True, dtype=bool)
    """
    allowed = jnp.arange(logits.shape[1]) < classes
    return jnp.where(allowed[None, :], logits, -1e9)


def _as_outputs(result: Any) -> Outputs:
    """Accepts Outputs, a feature array, or (features, stages)."""
    if isinstance(result, Outputs):
        return result
    if hasattr(result, "features") and hasattr(result, "stages"):
        return Outputs(result.features, dict(result.stages))
    if isinstance(result, tuple) and len(result) == 2:
        return Outputs(result[0], dict(result[1]))
    return Outputs(result, {})


def _call_arguments(
    call: Callable[..., Any], *, batch_statistics: bool, dropout: bool, weight: Any
) -> dict[str, Any]:
    """Fills in the arguments that a module's ``__call__`` happens to have."""
    offered = {
        "train": batch_statistics,
        "training": batch_statistics,
        "use_running_average": not batch_statistics,
        "deterministic": not dropout,
        "weight": weight,
    }
    accepted = inspect.signature(call).parameters
    return {name: value for name, value in offered.items() if name in accepted}


def _norms_trained_where(train: Callable[[str], bool]) -> Any:
    """Overrides ``use_running_average`` layer by layer, by module path."""

    def interceptor(next_call: Any, args: Any, kwargs: Any, context: Any) -> Any:
        if isinstance(context.module, nn.BatchNorm) and (
            context.method_name == "__call__"
        ):
            use_running = not train("/".join(context.module.path))
            args = args[:1]
            # Flax refuses a flag given both to the constructor and to the call. The
            # bound module is this call's own copy, so clearing it there is safe.
            object.__setattr__(context.module, "use_running_average", None)
            kwargs = {**kwargs, "use_running_average": use_running}
        return next_call(*args, **kwargs)

    return nn.intercept_methods(interceptor)


@functools.lru_cache(maxsize=256)
def network_from_linen(module: nn.Module, *, name: str | None = None) -> Network:
    """Wraps a Linen module that maps a batch to features.

    Equal modules give the same Network object, so nothing is compiled twice.

    Args:
        module: its ``__call__(x, ...)`` may take any of ``train`` (or ``training`` or
            ``use_running_average``), ``deterministic`` and ``weight``, and returns a
            feature array [n, d], ``Outputs``, or ``(features, stages)``.
        name: what reports call it.

    Raises:
        TypeError: if ``module`` is not a Linen module.

    Example:
        >>> network = network_from_linen(nn.Dense(4))
        >>> params, stats = network.init(jax.random.key(0), jnp.ones((2, 3)))
        >>> outputs, stats = network.apply(params, stats, jnp.ones((2, 3)))
        >>> outputs.features.shape
        (2, 4)
    """
    if not isinstance(module, nn.Module):
        raise TypeError(
            f"module must be a flax.linen.Module, got {type(module).__name__}; "
            "an NNX module goes through network_from_nnx"
        )

    def init(key: Key, x: PyTree) -> tuple[PyTree, PyTree]:
        arguments = _call_arguments(
            module.__call__, batch_statistics=False, dropout=False, weight=None
        )
        variables = dict(module.init(key, x, **arguments))
        params = variables.pop("params", {})
        return params, variables

    def apply(
        params: PyTree,
        stats: PyTree,
        x: PyTree[Shaped[Array, "n ..."]],
        *,
        weight: Float[Array, " n"] | None = None,
        train: Train = False,
        key: Key | None = None,
    ) -> tuple[Outputs, PyTree]:
        arguments = _call_arguments(
            module.__call__,
            batch_statistics=bool(train),
            dropout=key is not None,
            weight=weight,
        )
        rngs = None if key is None else {"dropout": key}
        variables = {"params": params, **stats}
        if train is False or not stats:
            return _as_outputs(
                module.apply(variables, x, rngs=rngs, **arguments)
            ), stats
        mutable = list(stats)
        if callable(train):
            with _norms_trained_where(train):
                result, new = module.apply(
                    variables, x, rngs=rngs, mutable=mutable, **arguments
                )
        else:
            result, new = module.apply(
                variables, x, rngs=rngs, mutable=mutable, **arguments
            )
        return _as_outputs(result), {**stats, **new}

    return Network(
        init,
        apply,
        getattr(module, "features_dim", None),
        name or type(module).__name__.lower(),
        tuple(getattr(module, "layer_patterns", ())),
    )


@functools.lru_cache(maxsize=256)
def network_from_nnx(
    factory: Callable[[nnx.Rngs], nnx.Module], *, name: str | None = None
) -> Network:
    """Wraps an NNX module, given as ``rngs -> module``.

    The module is split into plain dicts once and merged inside ``apply``; ``nnx.jit``
    and ``nnx.Optimizer`` are never involved.

    Args:
        factory: builds the module; its ``__call__(x)`` returns what a Linen module may
            return. Batch normalisation and dropout follow ``train()``/``eval()``.
        name: what reports call it.

    Example:
        >>> network = network_from_nnx(lambda rngs: nnx.Linear(3, 4, rngs=rngs))
        >>> params, stats = network.init(jax.random.key(0), jnp.ones((2, 3)))
        >>> network.apply(params, stats, jnp.ones((2, 3)))[0].features.shape
        (2, 4)
    """

    def split(model: nnx.Module) -> tuple[Any, ...]:
        return nnx.split(model, nnx.Param, nnx.BatchStat, nnx.RngState, ...)

    # The graph definition is the same whatever the key, so an abstract model does.
    graph, like_params, like_stats, like_keys, like_rest = split(
        nnx.eval_shape(lambda: factory(nnx.Rngs(params=0, dropout=0)))
    )

    def init(key: Key, x: PyTree) -> tuple[PyTree, PyTree]:
        del x
        model = factory(nnx.Rngs(params=key, dropout=0))
        _, params, stats, _, rest = split(model)
        pure = {"batch_stats": nnx.to_pure_dict(stats)}
        if jax.tree.leaves(rest):
            pure["rest"] = nnx.to_pure_dict(rest)
        return nnx.to_pure_dict(params), pure

    def fill(like: Any, pure: PyTree) -> Any:
        state = jax.tree.map(lambda leaf: leaf, like)  # a copy: replacing is in place
        nnx.replace_by_pure_dict(state, pure)
        return state

    def blank_keys() -> Any:
        """Random state is no part of ours: dropout gets its key from the caller."""
        return jax.tree.map(
            lambda leaf: (
                jax.random.key(0)
                if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)
                else jnp.zeros(leaf.shape, leaf.dtype)
            ),
            like_keys,
        )

    def apply(
        params: PyTree,
        stats: PyTree,
        x: PyTree[Shaped[Array, "n ..."]],
        *,
        weight: Float[Array, " n"] | None = None,
        train: Train = False,
        key: Key | None = None,
    ) -> tuple[Outputs, PyTree]:
        model = nnx.merge(
            graph,
            fill(like_params, params),
            fill(like_stats, stats["batch_stats"]),
            blank_keys(),
            fill(like_rest, stats.get("rest", {})),
        )
        for path, node in nnx.iter_graph(model):
            if isinstance(node, nnx.BatchNorm):
                here = "/".join(map(str, path))
                node.use_running_average = not (
                    train(here) if callable(train) else train
                )
            if isinstance(node, nnx.Dropout):
                node.deterministic = key is None
                if key is not None:
                    node.rngs = nnx.Rngs(dropout=key).dropout.fork()
        arguments = _call_arguments(
            model.__call__,
            batch_statistics=bool(train),
            dropout=key is not None,
            weight=weight,
        )
        outputs = _as_outputs(model(x, **arguments))
        new = nnx.to_pure_dict(nnx.state(model, nnx.BatchStat))
        return outputs, stats | {"batch_stats": new}

    return Network(init, apply, None, name or "nnx")
