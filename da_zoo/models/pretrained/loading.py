"""``load_pretrained``: a file of weights as the variables of one of our networks."""

from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree, Shaped

from da_zoo.models.pretrained.entries import Layout
from da_zoo.models.pretrained.files import HUB, file_digest, locate, read_weights
from da_zoo.models.pretrained.matching import SHOWN, Report, choose_layout, match
from da_zoo.network import network_from_linen
from da_zoo.partition import leaves_by_path
from da_zoo.pretrained import Pretrained

__all__ = ["load_pretrained", "weights_report"]

HEADS = ("auto", None)


def load_pretrained(
    source: str | Path,
    module: str | nn.Module,
    *,
    x: PyTree = None,
    head: str | None = "auto",
    strict: bool = True,
    layouts: tuple[Layout, ...] | None = None,
    **options: Any,
) -> Pretrained:
    """Reads a file of weights into one of the zoo's networks.

    Which library wrote the file is told from its names. A head of any number of classes
    is kept apart, as the source's; first layers of networks for grey images take the
    sum over RGB.

    Args:
        source: path of a ``.safetensors``, ``.npz`` or (with torch) ``.pth`` file; or
            "hub:owner/name", "hub:owner/name/file", with "@revision" or without, which
            needs the extra ``weights``.
        module: name of a network ("resnet50"), or a Linen module.
        x: an input, or shapes, for networks whose variables depend on its size or
            channels; None is the size that the network was trained with, in colour.
        head: "auto" takes the source's head if the file has one, None leaves it.
        strict: whether everything has to fit. Without it, what the file lacks or has in
            another shape is drawn afresh, from a fixed key.
        layouts: how files store the module; None means as the zoo knows it.
        **options: of the named network, such as ``width=32``.

    Returns:
        Float32 variables (float64 where the file has it and JAX's x64 is on), the head,
        and a manifest: file, sha256, network, layout, preprocessing, report. For
        :func:`da_zoo.start_from`.

    Raises:
        ValueError: if the file cannot be read or is another network's; if ``strict``
            and anything is missing, unexpected or misshapen, naming the first ones.
        TypeError: for a module that no file is known for.
        ImportError: for the hub without ``huggingface_hub``.

    Example:
        >>> import tempfile, safetensors.numpy
        >>> from da_zoo.models.pretrained.entries import dense_entries
        >>> file = Path(tempfile.mkdtemp()) / "tiny.safetensors"
        >>> weights = {"fc.weight": np.ones((3, 2)), "fc.bias": np.zeros(3)}
        >>> safetensors.numpy.save_file(weights, file)
        >>> layout = Layout("torch", dense_entries("Dense_0", "fc"))
        >>> class Tiny(nn.Module):
        ...     features_dim = 3
        ...
        ...     @nn.compact
        ...     def __call__(self, x):
        ...         return nn.Dense(3)(x)
        >>> loaded = load_pretrained(
        ...     file, Tiny(), x=jnp.ones((1, 2)), layouts=(layout,)
        ... )
        >>> loaded.params["Dense_0"]["kernel"].shape
        (2, 3)
    """
    module, name = _module(module, options)
    path = locate(source)
    filled, report, layout, init = _matched(path, module, x, head, layouts)
    if strict and not report.complete:
        raise ValueError(
            f"{path} does not fit {name} (as {layout.name} stores it): "
            f"{report.to_text(SHOWN)}\nstrict=False takes what fits"
        )
    if strict or not (report.missing or report.mismatched):
        expected = jax.eval_shape(init)
    else:
        expected = jax.jit(init)()
    params, stats = (
        _fill(tree, filled, prefix)
        for tree, prefix in zip(expected, ("params/", ""), strict=True)
    )
    taken = {
        leaf: _as_jax(filled[f"head/{leaf}"])
        for leaf in ("kernel", "bias")
        if f"head/{leaf}" in filled
    }
    preprocessing = getattr(module, "preprocessing", None)
    manifest = {
        "file": str(source) if str(source).startswith(HUB) else path.name,
        "sha256": file_digest(path),
        "network": name,
        "layout": layout.name,
        "preprocessing": None if preprocessing is None else preprocessing._asdict(),
        "report": {kind: list(names) for kind, names in report._asdict().items()},
    }
    return Pretrained(params, stats, taken if len(taken) == 2 else None, manifest)


def weights_report(
    source: str | Path,
    module: str | nn.Module,
    *,
    x: PyTree = None,
    head: str | None = "auto",
    layouts: tuple[Layout, ...] | None = None,
    **options: Any,
) -> Report:
    """Says how a file of weights fits a network; for when it does not.

    Args:
        source: see :func:`load_pretrained`, as are the other arguments.
        module: name, or Linen module.
        x: an input, or shapes.
        head: "auto" or None.
        layouts: how files store the module.
        **options: of the named network.

    Returns:
        Loaded, missing, unexpected and mismatched names; ``print`` shows them all.

    Raises:
        ValueError: if the file cannot be read, or is another network's.
    """
    module, _ = _module(module, options)
    return _matched(locate(source), module, x, head, layouts)[1]


def _module(module: str | nn.Module, options: dict[str, Any]) -> tuple[nn.Module, str]:
    if isinstance(module, str):
        from da_zoo.models import module_by_name  # it imports this package

        return module_by_name(module, **options), module
    if not isinstance(module, nn.Module):
        raise TypeError(
            "module must be a network's name or a flax.linen.Module, got "
            f"{type(module).__name__}"
        )
    if options:
        raise TypeError(
            f"options {sorted(options)} are for a network given by name; set them on "
            "the module"
        )
    return module, type(module).__name__.lower()


def _matched(
    path: Path,
    module: nn.Module,
    x: PyTree,
    head: str | None,
    layouts: tuple[Layout, ...] | None,
) -> tuple[dict[str, np.ndarray], Report, Layout, Any]:
    if head not in HEADS:
        raise ValueError(f'head must be "auto" or None, got {head!r}')
    if layouts is None:
        layouts = getattr(module, "weight_layouts", ())
    if x is None:
        x = getattr(module, "example_input", None)
    if not layouts or x is None:
        raise TypeError(
            f"no weights are known for {type(module).__name__}; give layouts=(Layout("
            "...),) and an input x"
        )
    network = network_from_linen(module)

    def init() -> tuple[PyTree, PyTree]:
        zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), x)
        return network.init(jax.random.key(0), zeros)

    params, stats = jax.eval_shape(init)
    shapes = {
        prefix + path: leaf.shape
        for prefix, tree in (("params/", params), ("", stats))
        for path, leaf in leaves_by_path(tree).items()
    }
    width = network.features_dim or -1
    shapes |= {"head/kernel": (width, -1), "head/bias": (-1,)}
    try:
        layout, weights = choose_layout(read_weights(path), layouts)
    except ValueError as error:
        if str(path) in str(error):
            raise
        raise ValueError(f"{path}: {error}") from None
    filled, report = match(weights, layout, shapes, head=head is not None)
    return filled, report, layout, init


def _as_jax(value: Shaped[np.ndarray, "..."]) -> Shaped[Array, "..."]:
    # Half precision is a format to store weights in, not to train them in.
    return jnp.asarray(value.astype(jnp.promote_types(value.dtype, jnp.float32)))


def _fill(tree: PyTree, filled: dict[str, np.ndarray], prefix: str) -> PyTree:
    leaves = [
        _as_jax(filled[prefix + path]) if prefix + path in filled else leaf
        for path, leaf in leaves_by_path(tree).items()
    ]
    return jax.tree.unflatten(jax.tree.structure(tree), leaves)
