"""Plans find their way in Transformers."""

import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import ArrayData, fit, network_by_name, start_from
from da_zoo.finetune import LoRA, lora_factors, presets
from da_zoo.models import load_pretrained
from da_zoo.partition import paths

SIZES = {"width": 12, "depth": 2, "heads": 3, "hidden": 24}
TEXT = {**SIZES, "vocabulary": 30, "max_length": 10}
ATTENTION = "attention/(query|value)/kernel$"
RNG = np.random.default_rng(0)
INPUTS = {
    "vit_b16": ({**SIZES, "patch": 4}, np.float32(RNG.random((24, 12, 12, 3)))),
    "bert": (TEXT, RNG.integers(1, 30, (24, 7)).astype(np.int32)),
    "gpt2": (TEXT, RNG.integers(1, 30, (24, 7)).astype(np.int32)),
}


def parameters(name):
    options, x = INPUTS[name]
    network = network_by_name(name, **options)
    return network, jax.eval_shape(network.init, jax.random.key(0), x)[0]


def cells(plan, params, **settings):
    """path -> what the table says of it."""
    shapes = jax.tree.map(lambda leaf: np.empty(leaf.shape), params)
    table = plan.table({"encoder": shapes}, learning_rate=1.0, **settings)
    rows = [re.split(r" {3,}", line) for line in table.splitlines()[1:]]
    return {row[0].removeprefix("encoder/"): row[2] for row in rows}


@pytest.mark.parametrize("name", INPUTS)
def test_every_parameter_is_in_one_layer(name):
    network, params = parameters(name)
    layers = network.layer_patterns
    assert len(layers) == 3
    for path in paths(params):
        hits = [bool(re.match(f"(?:{layer})", path)) for layer in layers]
        assert sum(hits) == 1, path


def test_rates_fall_by_block_and_spare_norms_and_biases():
    network, params = parameters("vit_b16")
    plan = presets.layer_decay(network.layer_patterns, decay=0.5)
    table = cells(plan, params, weight_decay=0.1)
    assert table["embed/kernel"] == "0.125, decay 0.1"
    assert table["class_token"] == table["positions"] == "0.125, decay 0.1"
    assert table["block_0/attention/query/kernel"] == "0.25, decay 0.1"
    assert table["block_0/mlp_norm/scale"] == "0.25"
    assert table["block_1/mlp_out/kernel"] == "0.5, decay 0.1"
    assert table["norm/scale"] == table["block_1/mlp_out/bias"] == "0.5"


def test_bitfit_trains_biases_alone():
    _, params = parameters("bert")
    table = cells(presets.bitfit(), params)
    trained = {path for path, cell in table.items() if cell != "frozen"}
    assert trained == {path for path in table if path.endswith("bias")}


@pytest.mark.parametrize("name", INPUTS)
def test_lora_updates_are_the_papers(name):
    """Of a [d, d] projection a [d, r] and b [r, d], whatever the number of heads."""
    _, params = parameters(name)
    lora = LoRA(rank=2, pattern=ATTENTION)
    factors = jax.eval_shape(
        lambda params: lora_factors(jax.random.key(0), params, lora), params
    )
    assert sorted(factors) == [
        f"block_{i}/attention/{which}/kernel"
        for i in (0, 1)
        for which in ("query", "value")
    ]
    for pair in factors.values():
        assert pair["a"].shape == (12, 2) and pair["b"].shape == (2, 12)


@pytest.mark.slow
def test_a_plan_tunes_pretrained_weights_with_lora(key):
    options, x = INPUTS["vit_b16"]
    goldens = Path(__file__).parents[1] / "models" / "goldens"
    file = goldens / "vit_timm.safetensors"
    pretrained = load_pretrained(file, "vit_b16", x=jnp.asarray(x), **options)
    network = start_from(
        network_by_name("vit_b16", **options), pretrained._replace(head=None)
    )
    plan = presets.lora(rank=2, alpha=4.0, pattern=ATTENTION)
    recipe = plan.recipe(network, classes=2, source_share=0.0, learning_rate=0.01)
    y = (x.mean(axis=(1, 2, 3)) > 0.5).astype(int)
    data = ArrayData(target_labelled=(x, y))
    result = fit(recipe, data, key, steps=8, batch_size=24)
    tuned = result.state.params["encoder"]
    assert jax.tree.all(jax.tree.map(np.array_equal, tuned["base"], pretrained.params))
    assert all(np.abs(pair["b"]).max() > 0 for pair in tuned["lora"].values())
    losses = result.history["tune/task_loss"]
    assert losses[-1] < losses[0]
