"""Deltas on disk: what tuning changed, beside the hash of what it started from.

A file holds heads, LoRA's factors, and every weight and statistic that differs from the
base's in a bit; the rest is the base's. It is read with that base and with no other.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from da_zoo.batch_norm import TARGET_NORMS
from da_zoo.finetune.lora import LoRA, merge_lora
from da_zoo.finetune.plan import FineTunePlan
from da_zoo.finetune.plan_json import describe_plan
from da_zoo.json_files import parse_json
from da_zoo.partition import shape_differences
from da_zoo.pretrained import Pretrained
from da_zoo.tensor_files import (
    decode_tree,
    encode_tree,
    hash_arrays,
    read_arrays,
    write_arrays,
)
from da_zoo.types import Params, TrainState

__all__ = ["Delta", "hash_variables", "load_delta", "save_delta"]

FORMAT = "da_zoo delta 1"
OWN, BASE = "own", "base"
Keys = tuple[Any, ...]


class Delta(NamedTuple):
    """A tuned model, read from a file and its base."""

    params: Params
    """By group, as in ``state.params``."""
    stats: dict[str, PyTree]
    """By domain, as in ``state.stats``."""
    plan: dict[str, Any] | None
    """The plan's description; ``read_plan`` makes a plan of it."""
    manifest: dict[str, Any]
    classes: dict[str, int] = {}  # noqa: RUF012
    """By label space, where labels are classes; a head's other columns are padding."""

    @property
    def tuned(self) -> Pretrained:
        """An ordinary network's variables, LoRA's factors merged, with target head.

        Columns of the head that are no classes are cut off.

        Raises:
            ValueError: for a stranger's file whose parts do not fit together.
        """
        try:
            return self._tuned()
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"the delta's parts do not fit together: {error!r:.1000}"
            ) from None

    def _tuned(self) -> Pretrained:
        encoder = self.params["encoder"]
        if _adapted(encoder):
            (size, *_) = [s["lora"] for s in (self.plan or {})["stages"] if "lora" in s]
            encoder = merge_lora(encoder["base"], encoder["lora"], LoRA(**size).scale)
        elif TARGET_NORMS in self.params:
            own = self.params[TARGET_NORMS]
            encoder = jax.tree.map(
                lambda mine, source: source if mine is None else mine,
                own,
                encoder,
                is_leaf=lambda leaf: leaf is None,
            )
        stats = self.stats.get("target", self.stats.get("joint", {}))
        head = self.params.get("head_target")
        if head is not None and (count := self.classes.get("target")) is not None:
            head = {name: leaf[..., :count] for name, leaf in head.items()}
        return Pretrained(encoder, stats, head, self.manifest)


def hash_variables(base: Pretrained) -> str:
    """Returns the sha256 of a base: names, dtypes, shapes and bytes, sorted by name.

    Example:
        >>> base = Pretrained({"kernel": jnp.ones((3, 2))})
        >>> other = Pretrained({"kernel": jnp.zeros((3, 2))})
        >>> hash_variables(base) == hash_variables(other)
        False
    """
    return hash_arrays(_base_arrays(base))


def save_delta(
    path: str | Path,
    base: Pretrained,
    state: TrainState,
    *,
    plan: FineTunePlan | None = None,
    manifest: Mapping[str, Any] | None = None,
) -> None:
    """Writes what a tuned state has beyond its base, as one safetensors file.

    Args:
        path: of the file; one that is there is replaced, at once or not at all.
        base: what tuning started from, with its head if it had one.
        state: last state of one run, ``fit(...).state``. Of a moving average's, take
            ``averaged_state(state)`` to keep the average.
        plan: how it was tuned; needed for LoRA, whose scale stands there.
        manifest: of plain JSON values, what you want to know later.

    Raises:
        TypeError: if the manifest holds no plain values, or the state no dicts.
        ValueError: if base and state are of different networks; if the state has axes
            of seeds or a sweep; if it has LoRA's factors and there is no plan.
        OSError: if the file cannot be written.

    Example:
        >>> import tempfile
        >>> from da_zoo import fit, network_by_name, start_from
        >>> from da_zoo.finetune import presets
        >>> from da_zoo.testing import toy_data
        >>> network = network_by_name("mlp", hidden=(4,))
        >>> base = Pretrained(*network.init(jax.random.key(0), jnp.ones((2, 6))))
        >>> plan = presets.linear_probe()
        >>> recipe = plan.recipe(start_from(network, base), classes=3, source_share=0.0)
        >>> state = fit(
        ...     recipe, toy_data(), jax.random.key(0), steps=2, batch_size=6
        ... ).state
        >>> path = Path(tempfile.mkdtemp()) / "probe.safetensors"
        >>> save_delta(path, base, state, plan=plan)
        >>> delta = load_delta(path, base)
        >>> bool(
        ...     jnp.all(
        ...         delta.tuned.head["kernel"] == state.params["head_target"]["kernel"]
        ...     )
        ... )
        True
    """
    encoder = state.params["encoder"]
    if adapted := _adapted(encoder):
        if plan is None or all(stage.lora is None for stage in plan.stages):
            raise ValueError(
                "the state has LoRA's factors: give the plan, for its scale"
            )
        encoder = encoder["base"]
    known = _base_arrays(base)
    _check_network(known, encoder)
    own: dict[str, np.ndarray] = {}

    def place(keys: Keys, leaf: Any) -> list[str]:
        array = np.asarray(leaf)
        name = _base_name(keys, adapted)
        if name in known and _same_bits(known[name], array):
            return [BASE, name]
        here = "/".join(map(str, keys))
        if here in own:
            raise ValueError(f"two leaves are called {here!r}")
        own[here] = array
        return [OWN, here]

    tree = encode_tree({"params": state.params, "stats": state.stats}, place)
    counts = {
        space: int(state.hparams[f"classes_{space}"])
        for space in ("source", "target")
        if f"classes_{space}" in state.hparams
    }
    text = {
        "format": FORMAT,
        "classes": json.dumps(counts),
        "base": hash_arrays(known),
        "tree": json.dumps(tree),
        "plan": json.dumps(None if plan is None else describe_plan(plan)),
        "manifest": json.dumps(dict(manifest or {}), allow_nan=False),
    }
    write_arrays(path, own, text | {"content": _content_hash(own, text)})


def load_delta(path: str | Path, base: Pretrained) -> Delta:
    """Reads a delta and puts it on its base.

    Args:
        path: of a file of :func:`save_delta`.
        base: the one it was saved with.

    Returns:
        Parameters and statistics, bit by bit those of the saved state.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is damaged or something else, or the base another one;
            the message names both hashes.

    Example:
        >>> load_delta("no.safetensors", Pretrained({}))
        Traceback (most recent call last):
        ...
        FileNotFoundError: ...
    """
    own, text = read_arrays(path)
    if text.get("format") != FORMAT:
        raise ValueError(
            f"{path} is no delta: its format is {text.get('format')!r}, not {FORMAT!r}"
        )
    told = text.pop("content", None)
    if told != _content_hash(own, text):
        raise ValueError(f"{path} is damaged: its content is not what was written")
    known = _base_arrays(base)
    if (found := hash_arrays(known)) != text["base"]:
        raise ValueError(
            f"{path} was saved with the base {text['base']}, and this one is {found}: "
            "params, stats and head must all be those it started from"
        )
    arrays = {OWN: own, BASE: known}

    def take(told: list[str]) -> Any:
        return jnp.asarray(arrays[told[0]][told[1]])

    try:
        whole = decode_tree(parse_json(text["tree"], deepest=300), take)
        plan, manifest, classes = (
            parse_json(text[name], deepest=300)
            for name in ("plan", "manifest", "classes")
        )
        return Delta(whole["params"], whole["stats"], plan, manifest, classes)
    except (IndexError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is no delta of ours: {error!r}") from None


def _adapted(encoder: PyTree) -> bool:
    return isinstance(encoder, Mapping) and set(encoder) == {"base", "lora"}


def _base_arrays(base: Pretrained) -> dict[str, np.ndarray]:
    parts = {"params": base.params, "stats": base.stats, "head": base.head or {}}
    found: dict[str, np.ndarray] = {}

    def note(keys: Keys, leaf: Any) -> None:
        # As JAX has it: a float64 file is float32 to a network.
        found["/".join(map(str, keys))] = np.asarray(jnp.asarray(leaf))

    encode_tree(parts, note)
    return found


def _base_name(keys: Keys, adapted: bool) -> str:
    """What the base calls a leaf of a state."""
    kind, group, *rest = keys
    if kind == "stats":
        where = "stats"
    elif str(group).startswith("head"):
        where = "head"
    else:
        where = "params"
        rest = rest[1:] if adapted else rest
    return "/".join(map(str, (where, *rest)))


def _check_network(known: Mapping[str, np.ndarray], encoder: PyTree) -> None:
    want = {k: v for k, v in known.items() if k.startswith("params/")}
    if wrong := shape_differences({"params": encoder}, want):
        raise ValueError(
            f"the state is not of the base's network, or of several runs, in "
            f"{len(wrong)} places: {'; '.join(wrong[:3])}"
        )


def _same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    return (a.dtype, a.shape) == (b.dtype, b.shape) and a.tobytes() == b.tobytes()


def _content_hash(arrays: Mapping[str, np.ndarray], text: Mapping[str, str]) -> str:
    words = np.frombuffer(json.dumps(dict(text), sort_keys=True).encode(), np.uint8)
    return hash_arrays({**arrays, "": words})
