"""Strictness, heads, layouts and what a manifest says, on a network of four tensors."""

import json

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

from da_zoo import models, network_by_name, start_from
from da_zoo.models import load_pretrained, weights_report
from da_zoo.models.pretrained.entries import (
    Entry,
    Layout,
    dense_entries,
    layer_norm_entries,
)
from da_zoo.models.pretrained.files import file_digest

RNG = np.random.default_rng(0)
WEIGHTS = {
    "body.weight": RNG.normal(size=(3, 2)).astype(np.float32),
    "body.bias": RNG.normal(size=3).astype(np.float32),
    "norm.weight": np.ones(3, np.float32),
    "norm.bias": np.zeros(3, np.float32),
    "fc.weight": RNG.normal(size=(7, 3)).astype(np.float32),
    "fc.bias": RNG.normal(size=7).astype(np.float32),
    "norm.num_batches_tracked": np.array(0),
}


class Tiny(nn.Module):
    """Two layers that two libraries name differently."""

    width: int = 3
    features_dim = 3
    example_input = jax.ShapeDtypeStruct((1, 2), jnp.float32)
    weight_layouts = (
        Layout(
            "one",
            dense_entries("dense", "body")
            + layer_norm_entries("norm", "norm")
            + dense_entries("head", "fc"),
        ),
        Layout(
            "other",
            (
                Entry("params/dense/kernel", ("d/kernel",)),
                Entry(
                    "params/dense/bias",
                    ("d/bias", ("d/left", "d/right")),
                    lambda *parts, shape: np.concatenate(parts),
                ),
                Entry("params/norm/scale", ("n/scale",)),
                Entry("params/norm/bias", ("n/bias",)),
            ),
        ),
    )

    @nn.compact
    def __call__(self, x):
        return nn.LayerNorm(name="norm")(nn.Dense(self.width, name="dense")(x))


@pytest.fixture
def save(tmp_path):
    def write(weights, name="w.safetensors"):
        safetensors.numpy.save_file(weights, tmp_path / name)
        return tmp_path / name

    return write


def without(*names):
    return {name: value for name, value in WEIGHTS.items() if name not in names}


def test_everything_arrives_with_a_manifest_of_plain_values(save):
    file = save(WEIGHTS)
    loaded = load_pretrained(file, Tiny())
    np.testing.assert_array_equal(
        loaded.params["dense"]["kernel"], WEIGHTS["body.weight"].T
    )
    np.testing.assert_array_equal(loaded.head["kernel"], WEIGHTS["fc.weight"].T)
    assert loaded.stats == {}
    manifest = json.loads(json.dumps(loaded.manifest))
    assert manifest["file"] == "w.safetensors"
    assert manifest["sha256"] == file_digest(file)
    assert manifest["network"], manifest["layout"] == ("tiny", "one")
    assert manifest["preprocessing"] is None
    assert manifest["report"]["missing"] == []
    assert len(manifest["report"]["loaded"]) == 6


def test_the_head_is_taken_skipped_or_absent(save):
    assert load_pretrained(save(WEIGHTS), Tiny()).head["bias"].shape == (7,)
    assert load_pretrained(save(WEIGHTS), Tiny(), head=None).head is None
    headless = save(without("fc.weight", "fc.bias"))
    assert load_pretrained(headless, Tiny()).head is None
    with pytest.raises(ValueError, match=r"missing: head/bias \(fc.bias\)"):
        load_pretrained(save(without("fc.bias")), Tiny())
    with pytest.raises(ValueError, match="head must be"):
        load_pretrained(headless, Tiny(), head="fc")


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (without("body.bias"), r"missing: params/dense/bias \(body.bias\)"),
        (WEIGHTS | {"extra": np.ones(1)}, "unexpected: extra"),
        (
            WEIGHTS | {"body.bias": np.ones(4)},
            r"mismatched: params/dense/bias: \(4,\) instead of \(3,\)",
        ),
        (
            WEIGHTS | {"fc.weight": np.ones((7, 4))},
            r"head/kernel: \(4, 7\) instead of \(3, -1\)",
        ),
        (
            {"conv1.weight": np.ones(3)},
            "w.safetensors: .*another network.*'body.weight'",
        ),
    ],
)
def test_strict_loading_names_what_does_not_fit(save, weights, message):
    with pytest.raises(ValueError, match=message):
        load_pretrained(save(weights), Tiny())


def test_many_differences_are_counted_not_listed(save):
    extra = {f"extra{i}": np.ones(1) for i in range(9)}
    with pytest.raises(ValueError, match=r"9 unexpected.*\n.*extra2 and 6 more"):
        load_pretrained(save(WEIGHTS | extra), Tiny())
    report = weights_report(save(WEIGHTS | extra), Tiny())
    assert not report.complete
    assert "extra8" in str(report)
    assert len(report.loaded) == 6


def test_lenient_loading_keeps_what_fits_and_draws_the_rest(save):
    wrong = without("body.bias") | {"body.weight": np.ones((9, 9)), "extra": np.ones(1)}
    loaded = load_pretrained(save(wrong), Tiny(), strict=False)
    again = load_pretrained(save(wrong), Tiny(), strict=False)
    kernel = loaded.params["dense"]["kernel"]
    assert kernel.shape == (2, 3)
    assert float(jnp.std(kernel)) > 0
    np.testing.assert_array_equal(kernel, again.params["dense"]["kernel"])
    np.testing.assert_array_equal(loaded.params["norm"]["scale"], np.ones(3))
    assert loaded.manifest["report"]["unexpected"] == ["extra"]


def test_the_layout_and_its_prefix_are_told_from_the_names(save):
    kernel = WEIGHTS["body.weight"].T.copy()
    other = {"d/kernel": kernel, "n/scale": np.ones(3), "n/bias": np.zeros(3)}
    parts = {"d/left": np.ones(1), "d/right": np.zeros(2)}
    loaded = load_pretrained(save(other | parts), Tiny())
    assert loaded.manifest["layout"] == "other"
    np.testing.assert_array_equal(loaded.params["dense"]["bias"], [1, 0, 0])
    wrapped = {f"module.{name}": value for name, value in WEIGHTS.items()}
    assert load_pretrained(save(wrapped), Tiny()).manifest["layout"] == "one"


def test_half_precision_becomes_float32(save):
    half = {k: v.astype(np.float16) for k, v in WEIGHTS.items() if "num" not in k}
    loaded = load_pretrained(save(half), Tiny())
    assert {leaf.dtype for leaf in jax.tree.leaves(loaded.params)} == {
        jnp.dtype("float32")
    }


def test_bad_modules_are_refused(save):
    file = save(WEIGHTS)
    with pytest.raises(TypeError, match="no weights are known for Dense"):
        load_pretrained(file, nn.Dense(3))
    with pytest.raises(TypeError):
        load_pretrained(file, 3)
    with pytest.raises(TypeError, match="options"):
        load_pretrained(file, Tiny(), width=3)
    with pytest.raises(ValueError, match="unknown network"):
        load_pretrained(file, "resnet51")
    with pytest.raises(ValueError, match="there is no file"):
        load_pretrained("absent.safetensors", Tiny())


def test_a_network_starts_from_a_file_in_colour_or_grey(save):
    options = {"blocks": (1,), "width": 2}
    colour, _ = jax.jit(network_by_name("resnet18", **options).init)(
        jax.random.key(0), jnp.ones((1, 8, 8, 3))
    )
    weights = _as_torchvision(models.module_by_name("resnet18", **options), colour)
    file = save(weights | {"fc.weight": np.ones((5, 2)), "fc.bias": np.zeros(5)})
    loaded = load_pretrained(file, "resnet18", **options)
    assert loaded.manifest["preprocessing"]["crop"] == 224
    network = start_from(network_by_name("resnet18", **options), loaded)
    params, stats = network.init(jax.random.key(1), jnp.ones((1, 8, 8, 3)))
    for ours, theirs in zip(
        jax.tree.leaves(params), jax.tree.leaves(colour), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
    assert network.head_init(7)["kernel"].shape == (2, 7)

    grey = load_pretrained(file, "resnet18", x=jnp.ones((1, 8, 8, 1)), **options)
    apply = jax.jit(network_by_name("resnet18", **options).apply)
    x = jax.random.normal(jax.random.key(2), (2, 8, 8, 1))
    repeated = apply(params, stats, jnp.repeat(x, 3, axis=3))[0].features
    np.testing.assert_allclose(
        apply(grey.params, grey.stats, x)[0].features, repeated, rtol=1e-5
    )
    assert float(jnp.std(repeated)) > 0


def _as_torchvision(module, params):
    """A state dict of the given weights, with fresh statistics."""
    weights = {}
    for entry in module.weight_layouts[0].entries:
        collection, *keys = entry.ours.split("/")
        if collection == "head":
            continue
        leaf = params if collection == "params" else None
        for key in keys:
            leaf = leaf[key] if leaf is not None else None
        if leaf is None:
            width = params[keys[0]]["scale"] if len(keys) == 2 else None
            width = params[keys[0]][keys[1]]["scale"] if width is None else width
            leaf = np.zeros_like(width) if keys[-1] == "mean" else np.ones_like(width)
        leaf = np.asarray(leaf)
        if leaf.ndim == 4:
            leaf = leaf.transpose(3, 2, 0, 1)
        weights[entry.theirs[0]] = np.ascontiguousarray(leaf)
    return weights


@pytest.mark.parametrize(
    ("value", "told"),
    [(np.full(3, np.nan, np.float32), "NaN"), (np.ones(3, np.int32), "integers")],
)
def test_what_is_no_weight_is_refused(save, value, told):
    with pytest.raises(ValueError, match=f"params/norm/scale: {told}"):
        load_pretrained(save(WEIGHTS | {"norm.weight": value}), Tiny())
