"""What ``pretrain`` refuses, before anything is traced."""

import jax
import numpy as np
import pytest

from da_zoo import fit
from da_zoo.methods.pretraining import PRETRAINING, pretrain, pretrained_from
from tests.methods.pretraining.toys import (
    BERT,
    IMAGES,
    MLP,
    TABLE,
    TOYS,
    VIT,
    recipe_of,
)

TEXTS = TOYS["masked_tokens"].x
BERT_IDS = TOYS["masked_tokens"].options
PAIRS = TOYS["next_sentence"].x
PAIR_IDS = TOYS["next_sentence"].options


def refused(error, match, task, network, x, **options):
    with pytest.raises(error, match=match):
        pretrain(task, network, x, jax.random.key(0), steps=2, batch_size=8, **options)


@pytest.mark.parametrize(
    ("match", "task", "network", "x", "options"),
    [
        ("did you mean 'rotation'", "rotations", MLP, IMAGES, {}),
        ("unknown rotation option 'ratio'", "rotation", MLP, IMAGES, {"ratio": 0.5}),
        ("square images", "rotation", MLP, IMAGES[:, :3], {}),
        ("square images", "rotation", MLP, TABLE, {}),
        ("reads labels: pass the pair", "supervised", MLP, TABLE, {"classes": 3}),
        (r"needs the options \['classes'\]", "supervised", MLP, (TABLE, TABLE), {}),
        ("batch_norm must be one of", "denoising", MLP, TABLE,
         {"batch_norm": "separate"}),
        ("NaN or infinite", "denoising", MLP, TABLE * np.nan, {}),
        (r"share must lie in \(0, 1\)", "masked_features", MLP, TABLE, {"share": 1.0}),
        (r"amount must lie in \(0, 1\)", "denoising", MLP, TABLE,
         {"noise": "dropout", "amount": 1.5}),
        ("did you mean 'gaussian'", "denoising", MLP, TABLE, {"noise": "gausian"}),
        ("temperature must lie in", "simclr", MLP, TABLE, {"temperature": 0.0}),
        ("projection must have at least one", "simclr", MLP, TABLE, {"projection": ()}),
        ("projection must be widths", "simclr", MLP, TABLE, {"projection": (0,)}),
        ("unknown augmentation", "simclr", MLP, TABLE, {"augmentation": "crop"}),
        (r"ratio must lie in \(0, 1\)", "masked_autoencoding", VIT, IMAGES,
         {"patch": 2, "ratio": 1.0}),
        ("leaves 0 of 4 patches", "masked_autoencoding", VIT, IMAGES,
         {"patch": 2, "ratio": 0.9}),
        ("whole patches of 3 x 3", "masked_autoencoding", VIT, IMAGES, {"patch": 3}),
        ("patch=1 makes 16 patches", "masked_autoencoding", VIT, IMAGES,
         {"patch": 1, "decoder": (8, 1, 2), "norm_pixels": False}),
        ("decoder must be", "masked_autoencoding", VIT, IMAGES,
         {"patch": 2, "decoder": (6, 1, 2)}),
        (r"must be 0..23 for vocabulary=24, got 0..24", "masked_tokens", BERT,
         TEXTS + np.int32(TEXTS.max() == TEXTS), BERT_IDS),
        ("with fractions", "masked_tokens", BERT, TEXTS + 0.5, BERT_IDS),
        (r"shape \[n, length\]", "masked_tokens", BERT, TEXTS[:, None], BERT_IDS),
        ("mask_id=2 is one of the special", "masked_tokens", BERT, TEXTS,
         BERT_IDS | {"mask_id": 2}),
        ("mask_id must be 0..23, got 24", "masked_tokens", BERT, TEXTS,
         BERT_IDS | {"mask_id": 24}),
        ("share must lie in", "masked_tokens", BERT, TEXTS, BERT_IDS | {"share": 0.0}),
        ("a tied decoder needs", "masked_tokens", BERT, TEXTS,
         BERT_IDS | {"vocabulary": 30}),
        (r"shape \[n, 2, length\]", "next_sentence", BERT, TEXTS, PAIR_IDS),
        ("ids of their own", "next_sentence", BERT, PAIRS, PAIR_IDS | {"sep_id": 1}),
    ],
)  # fmt: skip
def test_it_is_a_value_error_that_says_what_would_be_right(
    match, task, network, x, options
):
    refused(ValueError, match, task, network, x, **options)


def test_labels_are_refused_where_none_are_read():
    refused(TypeError, "reads no labels", "rotation", MLP, (IMAGES, np.zeros(24, int)))


def test_labels_out_of_range_are_refused():
    x = (TABLE, np.arange(24))
    refused(ValueError, "source labels must be 0..2", "supervised", MLP, x, classes=3)


def test_small_integer_types_are_ids_and_no_pixels():
    """Uint8 is a picture's type everywhere else."""
    toy = TOYS["masked_tokens"]
    found = [
        pretrain(
            "masked_tokens",
            toy.network,
            toy.x.astype(kind),
            jax.random.key(0),
            steps=2,
            batch_size=8,
            **toy.options,
        ).manifest["metrics"]
        for kind in (np.uint8, np.int64, np.int32)
    ]
    assert found[0] == found[1] == found[2]


def test_one_index_per_axis():
    result = fit(
        recipe_of("denoising"),
        TOYS["denoising"].data,
        jax.random.key(0),
        steps=2,
        batch_size=8,
        seeds=2,
    )
    with pytest.raises(ValueError, match=r"one index is needed for each axis"):
        pretrained_from(result)


def test_the_kinds_of_input_are_all_there():
    assert {spec.inputs for spec in PRETRAINING.values()} == {
        "any",
        "images",
        "table",
        "tokens",
    }


def test_ids_are_no_numbers_to_add_noise_to():
    ids = np.arange(40, dtype=np.int32).reshape(8, 5)
    refused(TypeError, "denoising needs float inputs, got int32", "denoising", MLP, ids)
