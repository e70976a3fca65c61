"""Files of text models' weights as people have them."""

from pathlib import Path

import jax
import numpy as np
import pytest
import safetensors.numpy

from da_zoo.models import load_pretrained, module_by_name
from da_zoo.models.pretrained import read_weights

GOLDENS = Path(__file__).parents[1] / "goldens"
SIZES = {"width": 12, "depth": 2, "heads": 3, "hidden": 24}
TEXT = {**SIZES, "vocabulary": 30, "max_length": 10}
BERT, GPT2 = (module_by_name(name, **TEXT) for name in ("bert", "gpt2"))


def same(one, two):
    return jax.tree.all(jax.tree.map(np.array_equal, one, two))


def load(tmp_path, weights, module, **options):
    file = tmp_path / "model.safetensors"
    safetensors.numpy.save_file(weights, file)
    return load_pretrained(file, module, **options)


def test_old_names_bare_names_and_heads_of_pre_training(tmp_path):
    weights = read_weights(GOLDENS / "bert.safetensors")
    old = {}
    for name, value in weights.items():
        name = name.replace("LayerNorm.weight", "LayerNorm.gamma")
        name = name.replace("LayerNorm.bias", "LayerNorm.beta")
        if not name.startswith("classifier"):
            old[name] = value
    assert "bert.encoder.layer.1.output.LayerNorm.gamma" in old
    old |= {
        "cls.predictions.bias": np.ones(30),
        "bert.embeddings.position_ids": np.arange(10)[None],
    }
    loaded = load(tmp_path, old, BERT)
    assert loaded.head is None
    reference = load_pretrained(GOLDENS / "bert.safetensors", BERT)
    assert same(loaded.params, reference.params)
    bare = {k.removeprefix("bert."): v for k, v in old.items() if k[:3] != "cls"}
    assert same(load(tmp_path, bare, BERT).params, reference.params)


def test_a_masked_language_model_without_a_pooler_is_taken_when_asked(tmp_path):
    weights = read_weights(GOLDENS / "bert.safetensors")
    without = {k: v for k, v in weights.items() if "pooler" not in k}
    with pytest.raises(ValueError, match=r"missing: params/pooler/kernel"):
        load(tmp_path, without, BERT)
    loaded = load(tmp_path, without, BERT, strict=False)
    assert loaded.params["pooler"]["kernel"].shape == (12, 12)


def test_gpt2_without_its_prefix_and_with_its_masks(tmp_path):
    weights = read_weights(GOLDENS / "gpt2.safetensors")
    reference = load_pretrained(GOLDENS / "gpt2.safetensors", GPT2)
    assert not reference.head["bias"].any() and reference.head["kernel"].any()
    bare = {
        name.removeprefix("transformer."): value
        for name, value in weights.items()
        if name != "score.weight"
    }
    bare |= {
        "h.0.attn.bias": np.ones((1, 1, 10, 10)),
        "h.0.attn.masked_bias": np.ones(1),
        "lm_head.weight": bare["wte.weight"].copy(),
    }
    loaded = load(tmp_path, bare, GPT2)
    assert loaded.head is None and same(loaded.params, reference.params)


def test_a_file_of_another_network_says_so():
    with pytest.raises(ValueError, match="weights of another network"):
        load_pretrained(GOLDENS / "vit_timm.safetensors", GPT2)
