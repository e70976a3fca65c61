"""The convolutional networks compute what torchvision's do, in float64.

The goldens come from benchmarks/goldens/convnets.py: widths an eighth of the published
ones, every depth and window as published.
"""

import json
import re
from pathlib import Path
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

from da_zoo.layers import Conv
from da_zoo.models import load_pretrained, module_by_name, resnet, weights_report
from da_zoo.network import network_from_linen
from da_zoo.partition import paths
from tests.models.formula import coefficients, distance, images, write_state

GOLDENS = Path(__file__).parent / "goldens"
TOLERANCE = 1e-10
OPTIONS = {
    "resnet18": {"width": 8},
    "resnet50": {"width": 8},
    "vgg16": {"width": 8, "hidden": 32},
    "vgg16_bn": {"width": 8, "hidden": 32},
    "alexnet": {"channels": (8, 24, 48, 32, 32), "hidden": 32},
}

pytestmark = [pytest.mark.parity, pytest.mark.usefixtures("x64")]


class Golden(NamedTuple):
    arrays: dict[str, np.ndarray]
    file: Path
    """Weights, as torch would have written them."""
    x: np.ndarray

    def under(self, kind):
        start = f"{kind}/"
        return {
            k[len(start) :]: v for k, v in self.arrays.items() if k.startswith(start)
        }


def read(name: str, folder: Path) -> Golden:
    path = GOLDENS / f"{name}.safetensors"
    metadata = write_state(path, folder / path.name)
    x = images(*json.loads(metadata["images"]))
    return Golden(safetensors.numpy.load_file(path), folder / path.name, x)


def relative(ours, theirs):
    return np.max(np.abs(np.asarray(ours) - theirs)) / np.sqrt(np.mean(theirs**2))


def by_path(tree, start=""):
    named = zip(paths(tree), jax.tree.leaves(tree), strict=True)
    return {start + path: leaf for path, leaf in named}


def counts(module, x):
    """Rows times pixels that each batch normalisation sees."""
    seen = {}

    def note(next_call, args, kwargs, context):
        if isinstance(context.module, nn.BatchNorm):
            seen["/".join(context.module.path)] = args[0][..., 0].size
        return next_call(*args, **kwargs)

    with nn.intercept_methods(note):
        jax.eval_shape(network_from_linen(module).init, jax.random.key(0), x)
    return seen


def evaluate(module, loaded, x):
    network = network_from_linen(module)

    @jax.jit
    def run(params, stats, head, x):
        features, _ = network.apply(params, stats, x)
        return features.features @ head["kernel"] + head["bias"][None]

    return run(loaded.params, loaded.stats, loaded.head, jnp.asarray(x))


@pytest.mark.parametrize(
    "name",
    [
        "resnet18",
        "resnet50",
        "vgg16_bn",
        "alexnet",
        # As vgg16_bn, but for names.
        pytest.param("vgg16", marks=pytest.mark.slow),
    ],
)
def test_stages_logits_gradients_and_statistics_are_torchs(name, tmp_path):
    golden = read(name, tmp_path)
    module = module_by_name(name, **OPTIONS[name])
    network = network_from_linen(module)
    loaded = load_pretrained(golden.file, module)
    assert loaded.manifest["layout"] == "torchvision"

    @jax.jit
    def run(params, stats, head, x):
        def logits(variables, train):
            encoder, head = variables
            outputs, new = network.apply(encoder, stats, x, train=train)
            scores = outputs.features @ head["kernel"] + head["bias"][None]
            return scores, outputs.stages, new

        def loss(variables):
            scores, _, new = logits(variables, True)
            return jnp.sum(jnp.asarray(coefficients(*scores.shape)) * scores), (
                scores,
                new,
            )

        evaluated, stages, _ = logits((params, head), False)
        slopes, (trained, new) = jax.grad(loss, has_aux=True)((params, head))
        return evaluated, stages, trained, slopes, new

    evaluated, stages, trained, slopes, new = run(
        loaded.params, loaded.stats, loaded.head, jnp.asarray(golden.x)
    )
    assert relative(evaluated, golden.arrays["eval/logits"]) < TOLERANCE
    assert relative(trained, golden.arrays["train/logits"]) < TOLERANCE

    theirs = golden.under("stage")
    assert stages.keys() == theirs.keys()
    assert not {
        k: d for k in stages if (d := distance(stages[k], theirs[k])) > TOLERANCE
    }

    names = {entry.ours: entry.theirs[0] for entry in module.weight_layouts[0].entries}
    ours = by_path(slopes[0], "params/") | by_path(slopes[1], "head/")
    theirs = golden.under("gradient")
    assert {names[path] for path in ours} == theirs.keys()
    for path, gradient in ours.items():
        if "bn" in name and re.search(r"conv.*bias", path):
            # The normalisation takes it away: 0 but for rounding.
            assert max(jnp.max(jnp.abs(gradient)), theirs[names[path]][0]) < 1e-12
        else:
            assert distance(gradient, theirs[names[path]]) < TOLERANCE, path

    theirs, old = golden.under("statistic"), by_path(loaded.stats)
    assert {names[path] for path in old} == theirs.keys()
    seen = counts(module, jnp.asarray(golden.x))
    for path, value in by_path(new).items():
        if path.endswith("/var"):  # PyTorch's is the unbiased one
            rows = seen[path[len("batch_stats/") : -len("/var")]]
            kept = 0.9 * old[path]
            value = kept + (value - kept) * rows / (rows - 1)
        assert distance(value, theirs[names[path]]) < TOLERANCE, path


def test_same_padding_is_another_network(tmp_path, monkeypatch):
    golden = read("resnet18", tmp_path)

    def same(width, size, stride, name):
        window, strides = (size, size), (stride, stride)
        return Conv(width, window, strides, "SAME", use_bias=False, name=name)

    monkeypatch.setattr(resnet, "_conv", same)
    module = module_by_name("resnet18", width=8)
    logits = evaluate(module, load_pretrained(golden.file, module), golden.x)
    assert relative(logits, golden.arrays["eval/logits"]) > 1e-2


def test_transformers_names_are_told_apart(tmp_path):
    golden = read("resnet18_transformers", tmp_path)
    module = module_by_name("resnet18", width=8)
    loaded = load_pretrained(golden.file, module)
    assert loaded.manifest["layout"] == "transformers"
    logits = evaluate(module, loaded, golden.x)
    assert relative(logits, golden.arrays["eval/logits"]) < TOLERANCE
    bottlenecks = read("resnet50_transformers", tmp_path).file
    assert weights_report(bottlenecks, "resnet50", width=8).complete
