"""Sets of tensorflow-datasets as domains, with and without TensorFlow."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from da_zoo.data.domain_data import DomainData, make_domain_data
from da_zoo.data.table import Table
from da_zoo.data.tfds_examples import Examples
from da_zoo.data.tfds_features import choose_roles
from da_zoo.data.tfds_images import ImageRows, bombs_are_errors
from da_zoo.data.tfds_sets import find_prepared, parse_name

__all__ = ["read_tfds"]


def read_tfds(
    name: Any,
    *,
    split: str = "train",
    data_dir: str | Path | None = None,
    inputs: str | None = None,
    label: bool | str | None = None,
    domain: str | None = None,
    classes: Sequence[str] | None = None,
    regression: bool = False,
    limit: int | None = None,
    skip_corrupt: bool = False,
) -> DomainData:
    """Reads a set that is prepared: of TFDS's catalogue, of da_zoo's, or one's own.

    Sets stored as array_record, as ``da-zoo data prepare`` does, need no TensorFlow.
    An image feature gives kind "images": an array where all have one size, else a
    :class:`~da_zoo.data.tfds_images.RecordImages`, which decodes when asked. Text
    gives "text", a vector "features", a matrix [time, channels] "signals", and several
    scalars a "table".

    Args:
        name: such as "tfds:mnist", "tfds:domainnet/sketch", "tfds:office31/amazon" or
            "tfds:mnist:3.0.1"; or a builder of tensorflow-datasets.
        split: such as "train", "test", "train+test" or "train[:10%]".
        data_dir: the folder of prepared sets; None means ``$TFDS_DATA_DIR``, or
            ``~/tensorflow_datasets``.
        inputs: the features that are inputs, with commas between the columns of a
            table; None takes what the set declares, or its only image, text or tensor.
        label: the feature of labels; True takes the one that the set declares. None
            reads none.
        domain: the feature that names each row's domain; None makes the set one.
        classes: names in the order of their numbers; None takes the feature's own.
        regression: whether labels are values.
        limit: only so many examples, the first. TFDS shuffles when it prepares, so
            that they are a random draw, unless the set forbids it.
        skip_corrupt: whether images that do not decode are left out and named in
            ``notes``; by default one such image is an error.

    Raises:
        ValueError: for a set that is not prepared or is only readable by TensorFlow,
            for unknown splits and features, and images that do not decode; the message
            says what to run or to give.

    Example:
        >>> import tensorflow_datasets as tfds
        >>> builder = tfds.builder("mnist", data_dir="nowhere")
        >>> with tfds.testing.mock_data(num_examples=3):
        ...     data = read_tfds(builder, label=True)
        >>> data.x.shape, data.classes[:3], data.rows
        ((3, 28, 28, 1), ('0', '1', '2'), 3)
    """
    builder, title = _builder(name, data_dir)
    if limit is not None and limit < 1:
        raise ValueError(f"limit must be at least 1, got {limit}")
    features = builder.info.features
    roles = choose_roles(title, builder.info, inputs, label, domain)
    examples = Examples(builder, split, roles.names)
    count = len(examples) if limit is None else min(limit, len(examples))
    if not count:
        raise ValueError(f"{title} has no examples in split {split!r}")
    notes = []
    if count < len(examples):
        notes.append(f"Only {count} of {len(examples)} examples are read, as asked.")
        if builder.info.disable_shuffling:
            notes.append("They are in the publisher's order, maybe of few classes.")
    where = f"{title}, split {split}"
    images = ImageRows(roles.shape, count) if roles.kind == "images" else None
    columns: dict[str, list[Any]] = {
        one: [] for one in roles.names if images is None or one not in roles.inputs
    }
    with bombs_are_errors():
        for batch in examples.batches(count):
            for example in batch:
                for one, values in columns.items():
                    values.append(example[one])
                if images is not None:
                    images.add(example[roles.inputs[0]])
    mark = None
    x: Any
    if images is not None:
        kept, told = images.kept(where, skip_corrupt=skip_corrupt)
        notes += told
        columns = {one: [own[n] for n in kept] for one, own in columns.items()}
        x = images.array(kept)
        if x is None:
            pixels = Examples(builder, split, roles.inputs)
            x, mark = images.records(where, pixels, kept)
    elif roles.kind == "table":
        x = Table({one: _column(features[one], columns[one]) for one in roles.inputs})
        mark = x.fingerprint()
    elif roles.kind == "text":
        x = np.array([_plain(one) for one in columns[roles.inputs[0]]], object)
    else:
        x = np.stack(columns[roles.inputs[0]]).astype(np.float32)
        if not np.isfinite(x).all():
            raise ValueError(
                f"{where}: feature {roles.inputs[0]!r} has NaN or infinite values"
            )
    labels = origin = None
    if roles.label is not None:
        labels = [_named(features[roles.label], one) for one in columns[roles.label]]
        if classes is None and not regression:
            classes = getattr(features[roles.label], "names", None)
    if roles.domain is not None:
        own = features[roles.domain]
        origin = [str(_named(own, one)) for one in columns[roles.domain]]
    return make_domain_data(
        title,
        roles.kind,
        x,
        labels,
        classes=classes,
        regression=regression,
        domain=origin,
        mark=mark,
        notes=notes,
    )


def _builder(name: Any, data_dir: str | Path | None) -> tuple[Any, str]:
    """A builder of what is prepared, and what messages call it."""
    if not isinstance(name, str):
        if not hasattr(name, "as_data_source"):
            raise TypeError(
                f"name must be text or a builder of tensorflow-datasets, got {name!r}"
            )
        return name, f"tfds:{name.info.full_name}"
    wanted = parse_name(name)
    folder = find_prepared(wanted, data_dir)
    import tensorflow_datasets as tfds

    try:
        return tfds.builder_from_directory(folder), f"tfds:{wanted}"
    except Exception as error:  # JSON, protobuf and TFDS have many types
        raise ValueError(
            f"{folder} is no readable set of tensorflow-datasets ({error}); remove it "
            "and prepare it again"
        ) from None


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8")
    return value.item() if isinstance(value, np.generic) else value


def _named(feature: Any, value: Any) -> Any:
    """A label or domain as a name or a number; None where there is none."""
    names = getattr(feature, "names", None)
    if names is None:
        return _plain(value)
    return None if value < 0 else names[value]


def _column(feature: Any, values: list[Any]) -> np.ndarray:
    """Numbers (NaN: missing), or names where the set has them."""
    cells = [_named(feature, one) for one in values]
    if any(isinstance(one, str) for one in cells):
        return np.array(["" if one is None else str(one) for one in cells], str)
    return np.array(cells, np.float64)
