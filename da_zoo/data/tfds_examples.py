"""Examples of a prepared TFDS set, of which only the features asked for are parsed."""

import io
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from da_zoo.data.tfds_sets import has_tensorflow

__all__ = ["Examples", "png"]

AT_ONCE = 256
"""Examples read in one go."""


class Examples:
    """The examples of a split, each a dict of some of its features.

    Sets in array_record are read without TensorFlow, one record at a time, and a
    feature that is not asked for (a label, say) is not even parsed. Anything else goes
    through TFDS's own decoding, and into memory where TFDS cannot skip about.

    Args:
        builder: of tensorflow-datasets, whose set is prepared.
        split: such as "train", "train[:10%]" or "train+test".
        names: of the features to read.

    Attributes:
        encoded: whether images are given as the bytes of a PNG or JPEG file.

    Raises:
        ValueError: for a split that is not there, or a set in a format that only
            TensorFlow reads, where there is none.

    Example:
        >>> import tensorflow_datasets as tfds
        >>> builder = tfds.builder("mnist", data_dir="nowhere")
        >>> with tfds.testing.mock_data(num_examples=3):
        ...     examples = Examples(builder, "train", ["image"])
        ...     len(examples), examples[[0]][0]["image"].shape
        (3, (28, 28, 1))
    """

    def __init__(self, builder: Any, split: str, names: Sequence[str]) -> None:
        import tensorflow_datasets as tfds

        self.names = tuple(names)
        form = builder.info.file_format
        raw = tfds.core.decode.base.DeserializeMethod.RAW_BYTES
        self.encoded = form is not None and form.value == "array_record"
        self._parse: Any = None
        if self.encoded:
            self._parse = tfds.features.FeaturesDict(
                {name: _unopened(builder.info.features[name]) for name in names}
            )
        elif form is not None and form.value == "parquet" and "[" in split:
            # TFDS 4.9.10 gives all rows of the split then, without a word.
            raise ValueError(
                f"{builder.info.full_name} is stored as parquet, of which no part such "
                f"as {split!r} can be read; prepare it again as array_record"
            )
        try:
            if self.encoded:
                self._source = builder.as_data_source(split, deserialize_method=raw)
            else:
                self._source = builder.as_data_source(split)
        except NotImplementedError:
            self._source = _through_tensorflow(builder, split)
        except (ValueError, KeyError) as error:
            raise ValueError(
                f"{builder.info.full_name} has no split {split!r} ({error})"
            ) from None

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, rows: Iterable[Any]) -> list[dict[str, Any]]:
        """Reads examples by their numbers."""
        places = [int(row) for row in rows]
        if self.encoded:
            records = self._source.__getitems__(places) if places else []
            return [self._parse.deserialize_example_np(one) for one in records]
        return [self._source[place] for place in places]

    def batches(self, count: int) -> Iterable[list[dict[str, Any]]]:
        """Reads the first examples, some at a time."""
        for start in range(0, count, AT_ONCE):
            yield self[range(start, min(start + AT_ONCE, count))]


def _unopened(feature: Any) -> Any:
    """An image as the bytes that it was stored as; other features as they are."""
    import tensorflow_datasets as tfds

    if isinstance(feature, tfds.features.Image):
        return tfds.features.Tensor(shape=(), dtype=np.object_)
    return feature


def _through_tensorflow(builder: Any, split: str) -> list[Any]:
    info = builder.info
    if not has_tensorflow():
        raise ValueError(
            f"{builder.data_dir} is stored as {info.file_format.value}, which only "
            'TensorFlow reads: pip install "da-zoo[tf]"; or prepare the set as '
            f"array_record, which needs none: da-zoo data prepare {info.name} "
            "--data-dir ANOTHER_FOLDER"
        )
    import tensorflow_datasets as tfds

    return list(tfds.as_numpy(builder.as_dataset(split=split)))


def png(pixels: UInt8[np.ndarray, "h w c"]) -> bytes:
    """Encodes pixels without loss.

    Example:
        >>> png(np.zeros((2, 2, 1), np.uint8))[1:4]
        b'PNG'
    """
    file = io.BytesIO()
    plain = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
    Image.fromarray(plain).save(file, "PNG")
    return file.getvalue()
