"""A small set in TFDS's format, written by the tests into a folder of theirs."""

import io

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

tfds.disable_progress_bar()

COUNT = 20


def encoded(pixels, form="PNG"):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form)
    return file.getvalue()


def picture(n, varying):
    height = 4 + n % 3 if varying else 4
    return np.full((height, 6, 3), n, np.uint8)


class Toy(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Every kind of feature; row n has n in all of them."""

    name = "toy"
    VERSION = tfds.core.Version("1.2.0")
    BUILDER_CONFIGS = tuple(
        tfds.core.BuilderConfig(name=name, description=name)
        for name in ("fixed", "varying", "broken")
    )
    declared = ("image", "label")
    train = "train"

    def _info(self):
        side = (4, 6, 3) if self.builder_config.name == "fixed" else (None, None, 3)
        features = {
            "image": tfds.features.Image(shape=side),
            "label": tfds.features.ClassLabel(names=["no", "yes", "perhaps"]),
            "text": tfds.features.Text(),
            "vector": tfds.features.Tensor(shape=(3,), dtype=np.float32),
            "signal": tfds.features.Tensor(shape=(5, 2), dtype=np.float32),
            "grey": tfds.features.Tensor(shape=(4, 4), dtype=np.uint8),
            "age": tfds.features.Scalar(np.float32),
            "sex": tfds.features.ClassLabel(names=["f", "m"]),
            "town": tfds.features.Text(),
            "value": tfds.features.Scalar(np.float32),
            "pair": tfds.features.Sequence(np.int64),
        }
        return tfds.core.DatasetInfo(
            builder=self,
            description="toy",
            features=tfds.features.FeaturesDict(features),
            supervised_keys=self.declared,
        )

    def _split_generators(self, dl_manager):
        rest = self._generate_examples(COUNT, COUNT + 4)
        return {self.train: self._generate_examples(0, COUNT), "test": rest}

    def _generate_examples(self, first, last):
        config = self.builder_config.name
        for n in range(first, last):
            raw = encoded(picture(n, config != "fixed"))
            if config == "broken" and n == 7:
                raw = b"\x89PNG and nothing"
            yield (
                n,
                {
                    "image": io.BytesIO(raw),
                    "label": -1 if n == 3 else n % 3,
                    "text": f"th\u00fcs {n}",
                    "vector": np.full(3, n, np.float32),
                    "signal": np.full((5, 2), n, np.float32),
                    "grey": np.full((4, 4), n, np.uint8),
                    "age": np.float32(np.nan if n == 5 else n),
                    "sex": n % 2,
                    "town": ["A", "B"][n % 2],
                    "value": np.float32(n / 2),
                    "pair": [n, n],
                },
            )


def write_toy(data_dir, config="fixed", cls=Toy):
    builder = cls(data_dir=data_dir, config=config, file_format="array_record")
    builder.download_and_prepare()
    return builder
