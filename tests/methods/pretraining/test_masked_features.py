"""Masked features and denoising: the goals, and the loss by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo.methods.pretraining import denoising, masked_features
from da_zoo.methods.pretraining.masked_features import _objective
from da_zoo.types import Examples, Outputs
from tests.methods.pretraining.toys import MLP, TABLE

ROWS = Examples(
    jnp.asarray(TABLE), *[jnp.zeros(24, int)] * 1, jnp.zeros(24, bool),
    jnp.arange(24), jnp.zeros(24, int),
)  # fmt: skip
HPARAMS = {"share": jnp.float32(0.3), "trade_off": jnp.float32(2.0)}


def test_only_what_really_changed_is_to_be_found():
    rows = ROWS._replace(x=ROWS.x.at[:, 0].set(1.0))
    prepared = _objective((), True).prepare(jax.random.key(0), rows, HPARAMS)
    clean, changed = map(np.asarray, prepared.goal)
    np.testing.assert_array_equal(clean, rows.x)
    np.testing.assert_array_equal(changed, np.asarray(prepared.x) != clean)
    assert not changed[:, 0].any()
    assert 0.15 < changed[:, 1:].mean() < 0.45


def test_the_loss_is_the_papers():
    objective = _objective((), True)
    prepared = objective.prepare(jax.random.key(0), ROWS, HPARAMS)
    rng = np.random.default_rng(0)
    features = rng.normal(size=(24, 3))
    layers = {
        name: {
            "Dense_0": {"kernel": rng.normal(size=(3, 6)), "bias": rng.normal(size=6)}
        }
        for name in ("decoder", "detector")
    }

    def by_hand(name):
        layer = layers[name]["Dense_0"]
        return features @ layer["kernel"] + layer["bias"]

    clean, changed = map(np.asarray, prepared.goal)
    error = np.square(by_hand("decoder") - clean).mean()
    p = 1 / (1 + np.exp(-by_hand("detector")))
    entropy = -np.where(changed, np.log(p), np.log(1 - p)).mean()
    as_float32 = jax.tree.map(lambda a: jnp.asarray(a, jnp.float32), layers)
    outputs = Outputs(jnp.asarray(features, jnp.float32), {})
    loss, metrics = objective.loss(as_float32, outputs, prepared, HPARAMS)
    assert float(metrics["reconstruction"]) == pytest.approx(error, rel=1e-4)
    assert float(metrics["detection"]) == pytest.approx(entropy, rel=1e-4)
    assert float(loss) == pytest.approx(2 * error + entropy, rel=1e-4)


def test_without_a_detector_there_is_none():
    (phase,) = masked_features(MLP, detect=False)
    shapes = jax.eval_shape(phase.adapter.init, jax.random.key(0), _batch())
    assert sorted(shapes.params) == ["decoder", "encoder"]


@pytest.mark.parametrize("noise", ["gaussian", "dropout"])
def test_denoising_restores_the_clean_rows(noise):
    """The decoder's error is taken at the rows as they were."""
    (phase,) = denoising(MLP, noise=noise, amount=0.5, optimizer="sgd")
    batch = _batch()
    state = jax.jit(phase.adapter.init)(jax.random.key(0), batch)
    layer = state.params["decoder"]["Dense_0"]
    blind = {"kernel": 0 * layer["kernel"], "bias": 0 * layer["bias"]}
    params = state.params | {"decoder": {"Dense_0": blind}}
    _, metrics = jax.jit(phase.adapter.update)(state._replace(params=params), batch)
    want = np.square(TABLE).mean()
    assert float(metrics["pretrain_loss"]) == pytest.approx(want, rel=1e-5)


def _batch():
    from da_zoo.types import Batch

    return Batch(target=ROWS)
