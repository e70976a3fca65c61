"""The trained model that is looked into: a network, its variables and a head."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PyTree, Shaped

from da_zoo.batch_norm import TARGET_NORMS
from da_zoo.compose import predicted_with
from da_zoo.data import batches
from da_zoo.loop import FitResult
from da_zoo.network import Network, make_head
from da_zoo.partition import merge
from da_zoo.types import Outputs

__all__ = ["Model", "as_floats", "as_inputs", "chosen_classes", "model_of"]


class Model(NamedTuple):
    """A classifier in evaluation mode: running statistics, no dropout.

    Called with inputs [n, ...] it returns logits [n, k]; what takes a function from
    inputs to logits takes a model.

    Example:
        >>> import jax
        >>> from da_zoo import network_by_name
        >>> network = network_by_name("mlp", hidden=(4,))
        >>> params, stats = network.init(jax.random.key(0), jnp.ones((2, 3)))
        >>> head = {"kernel": jnp.ones((4, 2)), "bias": jnp.zeros(2)}
        >>> Model(network, params, stats, head)(jnp.ones((5, 3))).shape
        (5, 2)
    """

    network: Network
    params: PyTree
    """Of the encoder."""
    stats: PyTree
    """Of its normalisation layers."""
    head: dict[str, Array]
    """{"kernel": [d, k], "bias": [k]}."""

    def __call__(self, x: PyTree[Shaped[Any, "n ..."]]) -> Float[Array, "n k"]:
        """Returns the logits [n, k] of inputs [n, ...]."""
        return self.logits(self.outputs(x).features)

    def outputs(self, x: PyTree[Shaped[Any, "n ..."]]) -> Outputs:
        """Returns the features [n, d] and named stages of inputs [n, ...]."""
        return self.network.apply(self.params, self.stats, as_inputs(x))[0]

    def logits(self, features: Float[Array, "n d"]) -> Float[Array, "n k"]:
        """Returns the logits [n, k] of features [n, d]."""
        return make_head(*self.head["kernel"].shape).apply(self.head, features)


def model_of(
    result: FitResult,
    network: Network,
    *,
    domain: str = "target",
    head: str | None = None,
) -> Model:
    """Takes the model out of a fit.

    Args:
        result: of :func:`da_zoo.fit`, one run without a seed or sweep axis.
        network: that was trained.
        domain: "source" or "target": of the rows. Batch statistics, scale and shift are
            those that the fit predicts the domain's rows with.
        head: "source" or "target"; None takes the one that answers for the domain's
            label space.

    Returns:
        A :class:`Model`; columns of a padded head that are no classes are cut off.

    Raises:
        ValueError: for a result with axes, an unknown domain or head, or parameters
            that are not an encoder with linear heads (LoRA: merge its factors first).

    Example:
        >>> import jax
        >>> from da_zoo import ArrayData, fit, methods, network_by_name
        >>> network = network_by_name("mlp", hidden=(4,))
        >>> x, y = np.ones((8, 3)), np.arange(8) % 2
        >>> recipe = methods.source_only(network, classes=2)
        >>> result = fit(recipe, ArrayData((x, y)), jax.random.key(0), steps=1)
        >>> model_of(result, network)(x).shape
        (8, 2)
    """
    if domain not in ("source", "target"):
        raise ValueError(f'domain must be "source" or "target", got {domain!r}')
    if result.axes:
        raise ValueError(
            f"result has the axes {list(result.axes)}; fit one run, with a single key "
            "and no sweep, to look into it"
        )
    state = predicted_with(result.adapter, result.state)
    params, stats = state.params, state.stats
    heads = [name for name in params if name.startswith("head_")]
    encoder = params.get("encoder")
    if encoder is None or not heads or set(encoder) == {"base", "lora"}:
        raise ValueError(
            f"result must hold an encoder and linear heads, got {sorted(params)}; give "
            "Model(network, params, stats, head) instead (of LoRA, after merge_lora)"
        )
    told = getattr(result.adapter.predict, "__dict__", {})
    name = f"head_{head or domain}"
    if head is None:
        name = told.get("answers", {}).get(domain, name)
    if name not in heads:
        if head is not None:
            raise ValueError(f"there is no head {head!r}; there are {heads}")
        name = heads[0]
    if told.get("statistics") is not None:  # some predict both domains with one's
        domain = told["statistics"]
    if domain == "target" and TARGET_NORMS in params:
        encoder = merge(params[TARGET_NORMS], encoder)
    kernel, bias = params[name]["kernel"], params[name]["bias"]
    count = state.hparams.get(f"classes_{name.removeprefix('head_')}")
    width = kernel.shape[1] if count is None else int(count)
    own = stats[domain] if domain in stats else stats["joint"]
    return Model(
        network, encoder, own, {"kernel": kernel[:, :width], "bias": bias[:width]}
    )


def as_inputs(x: PyTree) -> PyTree[Shaped[Array, "n ..."]]:
    """Returns inputs as training has them: float32; uint8 pixels become [0, 1].

    Int32 are ids, of tokens say, and stay. Of a dict every part is an input.

    Raises:
        TypeError: for inputs that are no numbers.
        ValueError: for fewer than two axes.

    Example:
        >>> float(as_inputs(np.full((1, 2), 255, np.uint8))[0, 0])
        1.0
    """
    if isinstance(x, Mapping):
        return {name: as_inputs(part) for name, part in x.items()}
    if not hasattr(x, "dtype"):
        x = np.asarray(x)
    if x.dtype.kind not in "biufV":
        raise TypeError(f"x must hold numbers, got dtype {x.dtype}")
    if x.ndim < 2:
        raise ValueError(f"x must have shape [n, ...], got {x.shape}")
    return batches.as_inputs(x)


def as_floats(x: PyTree) -> Float[Array, "n ..."]:
    """Returns :func:`as_inputs` of what small changes make sense for.

    Raises:
        TypeError: for ids and dicts too.
        ValueError: for fewer than two axes.

    Example:
        >>> as_floats(np.eye(2)).dtype
        dtype('float32')
    """
    inputs = as_inputs(x)
    if not hasattr(inputs, "dtype") or inputs.dtype == np.int32:
        raise TypeError(
            "x must be one array of numbers to change a little, got "
            f"{'a dict' if isinstance(x, Mapping) else 'int32, which are ids'}; pass "
            "float32 if they are numbers"
        )
    return jnp.asarray(inputs)


def chosen_classes(
    logits: Float[Array, "n k"], classes: int | Int[Any, " n"] | None
) -> Int[Array, " n"]:
    """Returns which logit of each row is explained.

    Args:
        logits: of the rows.
        classes: one class for all rows, or one a row [n]; None: each row's largest.

    Raises:
        ValueError: for a class that the model has not, or another number of rows.

    Example:
        >>> chosen_classes(jnp.eye(2), None).tolist()
        [0, 1]
    """
    n, k = logits.shape
    if classes is None:
        return jnp.argmax(logits, axis=1)
    given = np.asarray(classes)
    if given.dtype.kind not in "iu" or given.shape not in ((), (n,)):
        raise ValueError(
            f"classes must be one whole number or {n} of them, got {given.dtype} "
            f"{given.shape}"
        )
    if given.min() < 0 or given.max() >= k:
        raise ValueError(
            f"classes must be 0..{k - 1}, got {given.min()}..{given.max()}"
        )
    return jnp.broadcast_to(jnp.asarray(given, jnp.int32), (n,))
