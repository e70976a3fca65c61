"""What tests of penalties share: a stage at its start, as ``fit`` would begin it."""

import jax
import numpy as np

from da_zoo import fit, network_by_name
from da_zoo.finetune import FineTunePlan, Stage
from da_zoo.testing import example_batch, toy_data

PLAIN = network_by_name("mlp", hidden=(5, 4), batch_norm=False)
NORMALISED = network_by_name("mlp", hidden=(5, 4))
NESTEROV = 1.9  # times gradient and rate: the first step with momentum 0.9
STEPS = {"steps": 20, "batch_size": 8}


def tuned(*penalties, network=PLAIN, classes=3, share=0.6, stage=None, **settings):
    """The recipe of a plan with one stage."""
    stage = (stage or Stage("tune"))._replace(penalties=penalties)
    plan = FineTunePlan((stage,))
    return plan.recipe(network, classes=classes, source_share=share, **settings)


def begun(recipe, seed=0):
    """The first state of the last phase, after an untrained source, and a batch."""
    data = toy_data()
    first, last = recipe[0], recipe[-1]
    source = jax.jit(first.adapter.init)(
        jax.random.key(seed), example_batch(data, first.uses)
    )
    batch = example_batch(data, last.uses)
    fresh = jax.jit(last.adapter.init)(jax.random.key(seed + 1), batch)
    return last.warm_start(source, fresh), batch


def elsewhere(state, size=0.3, groups=("encoder", "head_source", "head_target")):
    """As if training had moved the parameters."""
    rng = np.random.default_rng(5)

    def moved(tree):
        return jax.tree.map(
            lambda w: w + size * rng.normal(size=w.shape).astype(np.float32), tree
        )

    params = {k: moved(v) if k in groups else v for k, v in state.params.items()}
    return state._replace(params=params)


def forward(params, x):
    """The plain network in float64: its two stages."""
    layers = [
        {k: np.asarray(v, np.float64) for k, v in params["encoder"][name].items()}
        for name in ("Dense_0", "Dense_1")
    ]
    stages, x = [], np.asarray(x, np.float64)
    for layer in layers:
        x = np.maximum(x @ layer["kernel"] + layer["bias"], 0.0)
        stages.append(x)
    return stages


def logits(params, x, head):
    own = {k: np.asarray(v, np.float64) for k, v in params[f"head_{head}"].items()}
    return forward(params, x)[-1] @ own["kernel"] + own["bias"]


def log_softmax(z):
    z = z - z.max(axis=1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=1, keepdims=True))


def end(recipe, **options):
    run = fit(recipe, toy_data(), jax.random.key(3), **(STEPS | options))
    return run


def assert_trains_alike(
    recipe, other, groups=("encoder", "head_target"), tolerance=0.0
):
    """Two recipes end with the same parameters and statistics."""
    one, two = (end(r).state for r in (recipe, other))
    both = [([s.params[group] for group in groups], s.stats) for s in (one, two)]
    for a, b in zip(*map(jax.tree.leaves, both), strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)
