"""Files of ViT weights as people have them; values are compared in parity tests."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

from da_zoo.models import load_pretrained, module_by_name, weights_report
from da_zoo.models.pretrained import read_weights
from da_zoo.network import network_from_linen

GOLDENS = Path(__file__).parents[1] / "goldens"
MODULE = module_by_name("vit_b16", patch=4, width=12, depth=2, heads=3, hidden=24)
COLOUR = jax.ShapeDtypeStruct((1, 12, 12, 3), jnp.float32)
IN_MEMORY = {
    "encoder.layer": "layers",
    "attention.attention.query": "attention.q_proj",
    "attention.attention.key": "attention.k_proj",
    "attention.attention.value": "attention.v_proj",
    "attention.output.dense": "attention.o_proj",
    "intermediate.dense": "mlp.fc1",
    "output.dense": "mlp.fc2",
}


def same(one, two):
    return jax.tree.all(jax.tree.map(np.array_equal, one, two))


def written(tmp_path, weights):
    file = tmp_path / "model.safetensors"
    safetensors.numpy.save_file(weights, file)
    return file


def test_names_in_memory_do_as_well_as_names_on_disk(tmp_path):
    file = GOLDENS / "vit_transformers.safetensors"
    renamed = {}
    for name, value in read_weights(file).items():
        for disk, memory in IN_MEMORY.items():
            name = name.replace(disk, memory)
        renamed[name] = value
    assert "vit.layers.1.attention.o_proj.bias" in renamed
    other = written(tmp_path, renamed)
    one, two = (load_pretrained(f, MODULE, x=COLOUR) for f in (file, other))
    assert same(one.params, two.params) and same(one.head, two.head)


def test_a_bare_encoder_with_a_pooler_has_no_head(tmp_path):
    weights = read_weights(GOLDENS / "vit_transformers.safetensors")
    bare = {
        name.removeprefix("vit."): value
        for name, value in weights.items()
        if not name.startswith("classifier")
    }
    bare["pooler.dense.weight"] = np.ones((12, 12))
    loaded = load_pretrained(written(tmp_path, bare), MODULE, x=COLOUR)
    assert loaded.head is None and loaded.manifest["layout"] == "transformers"


def test_the_encoder_of_a_masked_autoencoder_is_taken(tmp_path):
    weights = dict(read_weights(GOLDENS / "vit_timm.safetensors"))
    del weights["head.weight"], weights["head.bias"]
    weights |= {"mask_token": np.ones((1, 1, 8)), "decoder_pred.bias": np.ones(3)}
    assert load_pretrained(written(tmp_path, weights), MODULE, x=COLOUR).head is None


def test_grey_images_get_the_sum_over_colours(x64):
    grey = jnp.asarray(np.random.default_rng(0).random((2, 12, 12, 1)))
    network = network_from_linen(MODULE)
    for file in ("vit_timm.safetensors", "vit_google.npz"):
        features = [
            network.apply(load_pretrained(GOLDENS / file, MODULE, x=x).params, {}, x)[
                0
            ].features
            for x in (grey, grey.repeat(3, axis=3))
        ]
        np.testing.assert_allclose(*features, rtol=1e-10)


def test_prefixes_of_wrappers_and_optimisers_are_taken_off(tmp_path):
    google = read_weights(GOLDENS / "vit_google.npz")
    file = tmp_path / "checkpoint.npz"
    np.savez(file, **{f"opt/target/{name}": v for name, v in google.items()})
    plain = load_pretrained(GOLDENS / "vit_google.npz", MODULE, x=COLOUR)
    wrapped = load_pretrained(file, MODULE, x=COLOUR)
    assert same(plain.params, wrapped.params)
    timm = read_weights(GOLDENS / "vit_timm.safetensors")
    file = written(tmp_path, {f"module.{name}": v for name, v in timm.items()})
    assert weights_report(file, MODULE, x=COLOUR).complete


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"depth": 3}, "missing"),
        ({"depth": 1}, "unexpected"),
        ({"patch": 2}, "mismatched"),
        ({"hidden": 48}, "mismatched"),
    ],
)
def test_another_size_is_reported(change, kind):
    module = MODULE.clone(**change)
    file = GOLDENS / "vit_timm.safetensors"
    report = weights_report(file, module, x=COLOUR)
    assert getattr(report, kind) and not report.complete
    with pytest.raises(ValueError, match=f"(?s)does not fit vit.*{kind}:"):
        load_pretrained(file, module, x=COLOUR)
