"""Small inputs for every pre-training task, and the options that go with them."""

from typing import Any, NamedTuple

import numpy as np

from da_zoo import ArrayData, network_by_name
from da_zoo.methods.pretraining import PRETRAINING
from da_zoo.types import Recipe

VOCABULARY = 24
MLP = network_by_name("mlp", hidden=(6, 4))
VIT = network_by_name("vit_ti16", patch=2, width=8, depth=1, heads=2)
TEXT: dict[str, Any] = {
    "vocabulary": VOCABULARY,
    "width": 8,
    "depth": 1,
    "heads": 2,
    "max_length": 16,
    "dropout": 0.0,
    "pad_id": 0,
}
BERT = network_by_name("bert", **TEXT)
GPT2 = network_by_name("gpt2", **TEXT)


class Toy(NamedTuple):
    """A task on 24 rows."""

    network: Any
    x: Any
    options: dict[str, Any]

    @property
    def data(self) -> ArrayData:
        if isinstance(self.x, tuple):
            return ArrayData(source=self.x)
        return ArrayData(target=self.x)


def _texts(*shape: int) -> np.ndarray:
    ids = np.random.default_rng(0).integers(4, VOCABULARY, shape).astype(np.int32)
    ids[::3, ..., -2:] = 0  # padding
    return ids


_RNG = np.random.default_rng(0)
IMAGES = _RNG.uniform(size=(24, 4, 4, 1)).astype(np.float32)
TABLE = _RNG.normal(size=(24, 6)).astype(np.float32)
SMALL = {"decoder": (8, 1, 2)}

TOYS: dict[str, Toy] = {
    "supervised": Toy(MLP, (TABLE, np.arange(24) % 3), {"classes": 3}),
    "rotation": Toy(MLP, IMAGES, {"head": (5,)}),
    "simclr": Toy(MLP, TABLE, {"projection": (5, 4)}),
    "masked_autoencoding": Toy(VIT, IMAGES, {"patch": 2, "ratio": 0.5} | SMALL),
    "masked_features": Toy(MLP, TABLE, {}),
    "denoising": Toy(MLP, TABLE, {"decoder": (5,)}),
    "masked_tokens": Toy(
        BERT,
        _texts(24, 8),
        {"vocabulary": VOCABULARY, "mask_id": 3, "special_ids": (1, 2)},
    ),
    "next_sentence": Toy(
        BERT, _texts(24, 2, 5), {"vocabulary": VOCABULARY, "cls_id": 1, "sep_id": 2}
    ),
    "causal_tokens": Toy(GPT2, _texts(24, 8), {"vocabulary": VOCABULARY, "pad_id": 0}),
}


def recipe_of(name: str, **settings: Any) -> Recipe:
    toy = TOYS[name]
    return PRETRAINING[name].factory(toy.network, **toy.options, **settings)
