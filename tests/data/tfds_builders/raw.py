"""Small files in the publishers' layouts, and how the tests prepare sets of them."""

import gzip
import struct
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

from da_zoo.data.tfds_builders import builder_class

tfds.disable_progress_bar()


def prepared(name, manual, data_dir, config=None):
    """Prepares a set as ``da-zoo data prepare`` does, without a network."""
    builder = builder_class(name)(
        config=config, data_dir=data_dir, file_format="array_record"
    )
    manual.mkdir(exist_ok=True)
    (manual / "anything_else.txt").write_text("TFDS takes an empty folder for none")
    options = tfds.download.DownloadConfig(manual_dir=manual)
    builder.download_and_prepare(download_config=options)
    return builder


def rows(builder, split="train"):
    return list(builder.as_data_source(split))


def image(path, colour=(10, 20, 30), size=(6, 4), mode="RGB", **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    grey = mode in ("L", "1")
    Image.new(mode, size, colour[0] if grey else colour).save(path, **options)


def tree(root, folders, classes, count=2):
    """Writes ``root/folder/class/n.png``; the colour says which image it is."""
    for place, folder in enumerate(folders):
        for number, name in enumerate(classes):
            for n in range(count):
                image(root / folder / name / f"{n}.png", (place, number, n))


def idx(path, array):
    head = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(
        f">{array.ndim}I", *array.shape
    )
    raw = head + array.astype(np.uint8).tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)


def zip_lines(path, x, y):
    """USPS as the Elements of Statistical Learning have it: values from -1 to 1."""
    values = x.reshape(len(x), -1) / 255 * 2 - 1
    table = np.column_stack([y, values])
    text = "\n".join(" ".join(f"{v:.4f}" for v in row) + " " for row in table)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode()))


def heart_lines(path, x, severity):
    """UCI's CSV: a question mark where a value is missing."""
    lines = []
    for values, label in zip(x, severity, strict=True):
        cells = ["?" if v != v else f"{v:.1f}" for v in values]
        lines.append(",".join([*cells, str(int(label))]))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def no_tensorflow():
    import sys

    return "tensorflow" not in sys.modules


def real(data_dir: Path, name: str):
    with np.load(data_dir / name, allow_pickle=False) as file:
        return dict(file)
