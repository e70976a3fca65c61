"""Which features of a TFDS set are inputs, and which is the label."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from da_zoo.naming import choose

__all__ = ["Roles", "choose_roles"]

CHANNELS = (1, 3, 4)


class Roles(NamedTuple):
    """What each feature is for.

    Example:
        >>> Roles("images", ("image",), (28, 28, 1), "label", None).names
        ('image', 'label')
    """

    kind: str
    """Of the rows; see :data:`da_zoo.data.domain_data.KINDS`."""
    inputs: tuple[str, ...]
    """One feature, or the columns of a table."""
    shape: tuple[int | None, ...]
    """Of the one feature; None where sizes vary."""
    label: str | None
    domain: str | None

    @property
    def names(self) -> tuple[str, ...]:
        """All features to read."""
        more = [one for one in (self.label, self.domain) if one is not None]
        return (*self.inputs, *dict.fromkeys(more))


def choose_roles(
    title: str,
    info: Any,
    inputs: str | None = None,
    label: bool | str | None = None,
    domain: str | None = None,
) -> Roles:
    """Decides by what is asked for, then by what the set declares, then by types.

    Args:
        title: how messages call the set.
        info: its ``tfds.core.DatasetInfo``.
        inputs: features, with commas between them; None decides.
        label: a feature; True takes the declared one, None none.
        domain: a feature, or None.

    Raises:
        ValueError: for a feature that is not there, cannot be an input, or has two
            roles, and if nothing says which the inputs are.

    Example:
        >>> import tensorflow_datasets as tfds
        >>> info = tfds.builder("mnist", data_dir="nowhere").info
        >>> choose_roles("mnist", info, label=True).label
        'label'
    """
    features = _features(title, info)
    declared_inputs, declared_label = _declared(info.supervised_keys)
    if label is True:
        if declared_label not in features:
            raise ValueError(
                f"{title} does not declare which feature its label is; name one with "
                f"label=, of {list(features)}"
            )
        label = declared_label
    for what, one in (("label", label), ("domain", domain)):
        if one:
            choose(features, one, f"{what} feature of {title}")
    apart = {label, domain, declared_label}
    if inputs is not None:
        chosen = [one.strip() for one in inputs.split(",")]
    elif declared_inputs and set(declared_inputs) <= set(features):
        chosen = declared_inputs
    else:
        chosen = _only(title, features, apart)
    for one in chosen:
        choose(features, one, f"input feature of {title}")
        if one in (label, domain):
            raise ValueError(
                f"{title}: feature {one!r} cannot be an input and the label or domain"
            )
    kind, shape = _kind(title, features, chosen)
    return Roles(kind, tuple(chosen), shape, label or None, domain)


def _features(title: str, info: Any) -> dict[str, Any]:
    import tensorflow_datasets as tfds

    found = info.features
    if not isinstance(found, tfds.features.FeaturesDict):
        raise ValueError(f"{title} has no named features but {found!r:.200}")
    return dict(found.items())


def _declared(keys: Any) -> tuple[list[str], str | None]:
    """Inputs and label of ``supervised_keys``, which may be nested."""
    if not keys:
        return [], None
    first, label = keys[0], keys[1]
    if isinstance(first, str):
        names = [first]
    else:
        names = list(first.values() if isinstance(first, Mapping) else first)
    plain = all(isinstance(one, str) for one in names)
    return names if plain else [], label if isinstance(label, str) else None


def _only(title: str, features: dict[str, Any], apart: set[Any]) -> list[str]:
    """The only image, else the only text, else the only tensor."""
    free = {name: one for name, one in features.items() if name not in apart}
    for test in (_is_image, _is_text, lambda one: len(_shape(one)) > 0):
        found = [name for name, one in free.items() if test(one)]
        if len(found) == 1:
            return found
        if found:
            break
    raise ValueError(
        f"{title} does not declare its inputs; name them with inputs=, of "
        f"{list(features)}"
    )


def _shape(feature: Any) -> tuple[int | None, ...]:
    shape = getattr(feature, "shape", ())
    return tuple(shape) if isinstance(shape, Sequence) else ()


def _is_image(feature: Any) -> bool:
    import tensorflow_datasets as tfds

    return isinstance(feature, tfds.features.Image)


def _is_text(feature: Any) -> bool:
    return _is_tensor(feature) and _shape(feature) == () and not _is_number(feature)


def _is_tensor(feature: Any) -> bool:
    import tensorflow_datasets as tfds

    return isinstance(feature, tfds.features.Tensor | tfds.features.ClassLabel)


def _is_number(feature: Any) -> bool:
    return np.dtype(feature.np_dtype).kind in "biuf"


def _kind(
    title: str, features: dict[str, Any], chosen: Sequence[str]
) -> tuple[str, tuple[int | None, ...]]:
    name, *others = chosen
    one = features[name]
    shape = _shape(one)
    if others or (_is_tensor(one) and shape == () and _is_number(one)):
        for column in chosen:
            if not _is_tensor(features[column]) or _shape(features[column]) != ():
                raise ValueError(
                    f"{title}: feature {column!r} is no single number or text, so it "
                    "cannot be a column beside others; name one input"
                )
        return "table", ()
    if _is_image(one):
        if np.dtype(one.np_dtype) != np.uint8 or shape[-1] not in CHANNELS:
            raise ValueError(
                f"{title}: feature {name!r} has images of {one.np_dtype} {shape}; only "
                "uint8 with 1, 3 or 4 channels can be read"
            )
        return "images", shape
    if _is_text(one):
        return "text", ()
    if not _is_tensor(one) or None in shape or not _is_number(one):
        raise ValueError(
            f"{title}: feature {name!r} ({one!r:.120}) is no image, text or tensor of "
            f"one size, so it cannot be an input; name another, of {list(features)}"
        )
    pixels = np.dtype(one.np_dtype) == np.uint8
    if pixels and (len(shape) == 2 or (len(shape) == 3 and shape[-1] in CHANNELS)):
        return "images", shape if len(shape) == 3 else (*shape, 1)
    if len(shape) > 2:
        raise ValueError(
            f"{title}: feature {name!r} has shape {shape}; inputs are vectors, "
            "matrices [time, channels] or images"
        )
    return ("features" if len(shape) == 1 else "signals"), shape
