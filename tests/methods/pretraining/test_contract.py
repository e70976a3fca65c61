"""What holds for every pre-training task alike."""

import inspect
import json
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import da_zoo
from da_zoo import ArrayData, fit, start_from
from da_zoo.finetune import presets
from da_zoo.methods import METHODS
from da_zoo.methods.pretraining import PRETRAINING, pretrain
from da_zoo.methods.pretraining.spec import INPUTS
from da_zoo.partition import paths
from da_zoo.step import make_train_step
from da_zoo.testing import check_adapter, example_batch
from tests.methods.pretraining.toys import TOYS, recipe_of

EVERY = pytest.mark.parametrize("name", PRETRAINING)


def some(*quick):
    """Every task; those that are not named are slow together."""
    return pytest.mark.parametrize(
        "name",
        [
            pytest.param(name, marks=() if name in quick else pytest.mark.slow)
            for name in PRETRAINING
        ],
    )


def leaves(tree):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(tree)]


@EVERY
def test_it_keeps_the_contract_of_every_method(name):
    check_adapter(recipe_of(name), TOYS[name].data, thorough=False)


@pytest.mark.slow
@some("simclr")
def test_loops_and_devices_end_alike(name):
    # Not Adam: it makes steps of rounding errors where a gradient is 0.
    check_adapter(recipe_of(name, optimizer="sgd"), TOYS[name].data)


@EVERY
def test_padding_changes_nothing_and_every_parameter_is_trained(name):
    """Two steps that differ in what rows of weight 0 hold end alike, bit for bit."""
    (phase,) = recipe_of(name, optimizer="sgd", learning_rate=0.1)
    batch = example_batch(TOYS[name].data, phase.uses)
    (stream,) = phase.uses
    rows = getattr(batch, stream)
    weight = jnp.ones(8).at[jnp.array([1, 6])].set(0.0)
    column = weight.reshape(-1, *(1 for _ in rows.x.shape[1:]))
    other = rows.x[::-1] if rows.x.dtype == jnp.int32 else 7.0 - 3.0 * rows.x
    rows = rows._replace(weight=weight)
    batch = batch._replace(**{stream: rows})
    altered = rows._replace(x=jnp.where(column > 0, rows.x, other))
    state = jax.jit(phase.adapter.init)(jax.random.key(0), batch)
    state = state._replace(total_steps=jnp.float32(8))
    step = make_train_step(phase.adapter, donate=False)
    once, again = (
        step(state, batch._replace(**{stream: own}))[0] for own in (rows, altered)
    )
    for a, b in zip(*(leaves((e.params, e.stats)) for e in (once, again)), strict=True):
        np.testing.assert_array_equal(a, b)
    triples = zip(
        paths(state.params), leaves(state.params), leaves(once.params), strict=True
    )
    still = {path for path, a, b in triples if (a == b).all()}
    # A key's bias adds the same to all scores; what is read per token is not pooled.
    spared = re.compile(r"key/bias$|encoder/pooler/")
    assert {path for path in still if not spared.search(path)} == set()


@some("supervised", "rotation", "simclr", "denoising", "masked_tokens")
def test_pretrain_gives_variables_and_a_plain_manifest(name):
    toy = TOYS[name]
    key = jax.random.key(3)
    found = [
        pretrain(name, toy.network, toy.x, key, steps=3, batch_size=8, **toy.options)
        for _ in range(2)
    ]
    for once, again in zip(*map(leaves, (f.params for f in found)), strict=True):
        np.testing.assert_array_equal(once, again)
    manifest = found[0].manifest
    assert json.loads(json.dumps(manifest)) == manifest == found[1].manifest
    assert manifest["task"] == name
    assert (manifest["steps"], manifest["batch_size"], manifest["rows"]) == (3, 8, 24)
    assert manifest["seed"] == [0, 3]
    assert manifest["version"] == da_zoo.__version__
    assert np.isfinite(manifest["metrics"]["pretrain_loss"])
    assert (found[0].head is not None) == PRETRAINING[name].labelled


@some("supervised", "masked_autoencoding")
def test_fine_tuning_starts_from_it(name):
    toy = TOYS[name]
    x = toy.x[0] if isinstance(toy.x, tuple) else toy.x
    if name == "next_sentence":
        x = x[:, 0]
    found = pretrain(
        name,
        toy.network,
        toy.x,
        jax.random.key(0),
        steps=2,
        batch_size=8,
        **toy.options,
    )
    recipe = presets.linear_probe().recipe(
        start_from(toy.network, found), classes=3, source_share=0.0
    )
    data = ArrayData(target_labelled=(x, np.arange(24) % 3))
    state = fit(recipe, data, jax.random.key(1), steps=2, batch_size=8).state
    for ours, theirs in zip(
        leaves(state.params["encoder"]), leaves(found.params), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


@EVERY
def test_the_registry_says_what_the_module_does(name):
    spec = PRETRAINING[name]
    assert spec.name == name == spec.factory.__name__
    assert spec.inputs in INPUTS
    assert spec.summary.endswith(".")
    assert spec.departures.endswith(".")
    assert str(spec.year) in spec.paper
    assert str(spec.year) in spec.bibtex
    assert recipe_of(name)[0].uses == ({"source"} if spec.labelled else {"target"})
    assert name not in METHODS
    # A second recipe of the same options is the same program.
    assert recipe_of(name)[0].adapter.update is recipe_of(name)[0].adapter.update
    module = inspect.getmodule(spec.factory)
    assert module is not None and name in module.__all__


def test_a_swept_float_does_not_change_the_program():
    toy = TOYS["simclr"]
    result = fit(
        recipe_of("simclr"),
        toy.data,
        jax.random.key(0),
        steps=2,
        batch_size=8,
        sweep={"temperature": [0.1, 1.0]},
    )
    low, high = result.history["pretrain/pretrain_loss"][:, 0]
    assert low != high
