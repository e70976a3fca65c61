"""ViT, BERT and GPT-2 compute what timm and transformers compute, in float64.

``goldens/make_transformers.py`` wrote the weights and what those libraries return.
"""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from da_zoo.models import load_pretrained, module_by_name
from da_zoo.models.pretrained import read_weights
from da_zoo.models.pretrained.matching import choose_layout, match
from da_zoo.models.vit import resize_positions
from da_zoo.network import network_from_linen
from da_zoo.partition import paths

GOLDENS = Path(__file__).parent / "goldens"
SIZES = {"width": 12, "depth": 2, "heads": 3, "hidden": 24}
TEXT = {**SIZES, "vocabulary": 30, "max_length": 10, "dropout": 0.0, "pad_id": 0}
IMAGE = {**SIZES, "patch": 4}
MODELS = {
    "vit_timm": ("vit_b16", IMAGE),
    # Transformers' configuration has this epsilon, timm's and the authors' 1e-6.
    "vit_transformers": ("vit_b16", {**IMAGE, "epsilon": 1e-12}),
    "bert": ("bert", TEXT),
    "gpt2": ("gpt2", TEXT),
}
TOLERANCE = {"rtol": 1e-10, "atol": 1e-13}


def golden(name):
    """The network, its weights, its input, and what it should return."""
    kind, options = MODELS[name]
    module = module_by_name(kind, **options)
    expected = read_weights(GOLDENS / f"{name}_expected.safetensors")
    x = jnp.asarray(expected.pop("x"))
    x = x.transpose(0, 2, 3, 1) if x.ndim == 4 else x.astype(jnp.int32)
    file = GOLDENS / f"{name}.safetensors"
    pretrained = load_pretrained(file, module, x=x)
    if "segments" in expected:
        x = {"tokens": x, "segments": jnp.int32(expected.pop("segments"))}
    return module, pretrained, x, expected


def run(module, pretrained, x, **options):
    network = network_from_linen(module)

    @jax.jit
    def forward(params, head):
        outputs, _ = network.apply(params, pretrained.stats, x, **options)
        logits = outputs.features @ head["kernel"] + head["bias"][None]
        return logits, outputs.stages

    return forward(pretrained.params, pretrained.head)


@pytest.mark.parametrize("name", MODELS)
def test_logits_and_every_stage(x64, name):
    module, pretrained, x, expected = golden(name)
    logits, stages = run(module, pretrained, x)
    assert logits.dtype == jnp.float64
    np.testing.assert_allclose(logits, expected["logits"], **TOLERANCE)
    named = {key[6:] for key in expected if key.startswith("stage/")}
    assert named == set(stages)
    for stage, value in stages.items():
        wanted = expected[f"stage/{stage}"]
        np.testing.assert_allclose(value, wanted, **TOLERANCE, err_msg=stage)


@pytest.mark.parametrize("name", MODELS)
def test_training_and_the_gradient_of_every_parameter(x64, name):
    module, pretrained, x, expected = golden(name)
    network = network_from_linen(module)
    labels = jnp.asarray(expected["labels"])

    @jax.jit
    def loss(params, head):
        outputs, _ = network.apply(
            params, {}, x, train=True, key=jax.random.key(0)
        )  # dropout is on, at rate 0
        logits = outputs.features @ head["kernel"] + head["bias"][None]
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
        return losses.mean(), logits

    given = (pretrained.params, pretrained.head)
    gradients, logits = jax.jit(jax.grad(loss, (0, 1), has_aux=True))(*given)
    np.testing.assert_allclose(logits, expected["train_logits"], **TOLERANCE)
    # Conversions are linear, so that gradients go through them as weights do.
    named = {
        key.removeprefix("gradient/"): value
        for key, value in expected.items()
        if key.startswith("gradient/")
    }
    layout, named = choose_layout(named, module.weight_layouts)
    ours = {
        f"{prefix}/{path}": np.asarray(leaf)
        for prefix, tree in zip(("params", "head"), gradients, strict=True)
        for path, leaf in zip(paths(tree), jax.tree.leaves(tree), strict=True)
    }
    theirs, report = match(named, layout, {k: v.shape for k, v in ours.items()})
    assert report.complete and set(theirs) == set(ours)
    for path, value in ours.items():
        if path == "head/bias" and name == "gpt2":
            continue  # it has none
        np.testing.assert_allclose(value, theirs[path], **TOLERANCE, err_msg=path)
    moved = [path for path, value in ours.items() if np.abs(value).max() > 1e-6]
    # Keys' biases shift all scores of a query alike: softmax does not see them.
    still = {path for path in ours if path.endswith("key/bias")}
    assert set(ours) - set(moved) == still


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("vit_timm", {"epsilon": 1e-5}),
        ("vit_transformers", {"epsilon": 1e-6}),
        ("bert", {"epsilon": 1e-5}),
        ("gpt2", {"epsilon": 1e-6}),
        ("vit_timm", {"heads": 2}),
        ("bert", {"pad_id": 31}),
        ("gpt2", {"pad_id": 31}),
    ],
)
def test_a_wrong_detail_is_seen(x64, name, change):
    module, pretrained, x, expected = golden(name)
    right = expected["logits"]
    logits, _ = run(module.clone(**change), pretrained, x)
    error = np.abs(logits - right).max() / np.abs(right).max()
    assert error > 1e-7  # a thousand times the tolerance


@pytest.mark.parametrize("name", ["vit_timm", "bert", "gpt2"])
def test_the_other_gelu_is_seen(x64, name, monkeypatch):
    from da_zoo.models import transformer

    module, pretrained, x, expected = golden(name)
    gelu, gelu_tanh = transformer.gelu, transformer.gelu_tanh
    swapped = gelu if name == "gpt2" else gelu_tanh
    real = transformer.TransformerBlock.__call__

    def other(self, *args, **options):
        object.__setattr__(self, "activation", swapped)
        return real(self, *args, **options)

    monkeypatch.setattr(transformer.TransformerBlock, "__call__", other)
    logits, _ = run(module, pretrained, x)
    right = expected["logits"]
    assert np.abs(logits - right).max() / np.abs(right).max() > 1e-5


def test_the_authors_archive_is_read_as_timm_reads_it(x64):
    expected = read_weights(GOLDENS / "vit_google_expected.safetensors")
    x = jnp.asarray(expected["x"]).transpose(0, 2, 3, 1)
    module = module_by_name("vit_b16", **IMAGE)
    pretrained = load_pretrained(GOLDENS / "vit_google.npz", module, x=x)
    assert pretrained.manifest["layout"] == "google"
    logits, _ = run(module, pretrained, x)
    np.testing.assert_allclose(logits, expected["logits"], **TOLERANCE)


@pytest.mark.parametrize("grid", [(2, 2), (5, 5), (2, 4)])
def test_positions_are_interpolated_as_timm_does(grid):
    """It interpolates in float32, whatever it is given."""
    expected = read_weights(GOLDENS / "vit_timm_expected.safetensors")
    module = module_by_name("vit_b16", **IMAGE)
    x = jax.ShapeDtypeStruct((1, 4 * grid[0], 4 * grid[1], 3), jnp.float32)
    file = GOLDENS / "vit_timm.safetensors"
    fitted, whole = (
        load_pretrained(file, module, x=size).params["positions"]
        for size in (x, jax.ShapeDtypeStruct((1, 12, 12, 3), jnp.float32))
    )
    theirs = expected["positions/{}x{}".format(*grid)][:, 1:].reshape(1, *grid, 12)
    np.testing.assert_allclose(fitted, theirs, atol=2e-6)
    np.testing.assert_allclose(resize_positions(whole, grid), theirs, atol=2e-6)
