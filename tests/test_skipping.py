"""Steps that would make a training non-finite: left out, counted, and nothing else."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import ArrayData, NonFiniteLossError, fit
from da_zoo.methods import METHODS
from da_zoo.skipping import skipping_update
from da_zoo.types import Batch, TrainState
from tests.checkpoint.small import NETWORK, assert_same_bits, small_data, train


def poisoned():
    """One source row is so large that the loss of its batch overflows."""
    data = small_data()
    x = np.array(data.source.pool)
    x[5] = 1e38
    return ArrayData((x, data.source.labels[0]), data.target.pool)


def test_bad_steps_are_left_out_and_counted():
    with pytest.raises(NonFiniteLossError):
        train("source_only", data=poisoned())
    result = train("source_only", data=poisoned(), on_nonfinite="skip")
    skipped = result.history["source/skipped"]
    # The row is met once an epoch of six steps, in 90 steps 15 times.
    assert skipped.sum() == 15
    assert all(np.isfinite(leaf).all() for leaf in _leaves(result.state.params))
    assert int(result.state.step) == 90
    losses = result.history["source/task_loss"]
    assert np.isfinite(losses[skipped == 0]).all()


def _leaves(tree):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(tree)]


def test_metrics_of_steps_left_out_are_nan():
    """Where the gradient alone is not finite, the loss would pull a mean down."""

    def update(state, batch):
        def loss_of(w):  # 0 at 0, where its gradient is NaN
            return jnp.sqrt(jnp.sum(w**2))

        loss, gradient = jax.value_and_grad(loss_of)(state.params["w"])
        params = {"w": state.params["w"] - gradient}
        return state._replace(params=params, step=state.step + 1), {"loss": loss}

    def metrics_at(value):
        state = TrainState(
            step=jnp.int32(0),
            total_steps=jnp.float32(1),
            key=jax.random.key(0),
            params={"w": jnp.full(2, value)},
            stats={},
            opt_state={},
            extra={},
            hparams={},
        )
        return skipping_update(update)(state, Batch())[1]

    assert {k: float(v) for k, v in metrics_at(3.0).items()} == pytest.approx(
        {"loss": 18**0.5, "skipped": 0.0}
    )
    left_out = metrics_at(0.0)
    assert np.isnan(left_out["loss"]) and left_out["skipped"] == 1.0


def test_all_metrics_of_steps_left_out_are_nan():
    result = train("source_only", data=poisoned(), on_nonfinite="skip", steps=12)
    skipped = result.history["source/skipped"] > 0
    assert skipped.sum() == 2
    for name in ("source/task_loss", "source/source_loss"):
        assert np.array_equal(np.isnan(result.history[name]), skipped)


def test_where_nothing_is_bad_nothing_changes():
    plain = train("dann", steps=30)
    skipping = train("dann", steps=30, on_nonfinite="skip")
    for one, other in zip(
        _leaves(plain.state.params), _leaves(skipping.state.params), strict=True
    ):
        np.testing.assert_allclose(one, other, atol=1e-6)
    assert skipping.history["adapt/skipped"].sum() == 0


def test_counts_survive_a_checkpoint(tmp_path):
    options = {"data": poisoned(), "on_nonfinite": "skip"}
    first = train("source_only", tmp_path / "run", **options)
    again = train("source_only", tmp_path / "run", **options)
    assert_same_bits(first.state, again.state)
    assert again.history["source/skipped"].sum() == 15


def test_where_every_step_is_bad_nothing_was_trained():
    data = small_data()
    bad = np.full_like(data.source.pool, 1e38)
    with pytest.raises(NonFiniteLossError, match="every step"):
        train(
            "source_only",
            data=ArrayData((bad, data.source.labels[0]), data.target.pool),
            on_nonfinite="skip",
            steps=10,
        )


def chunks_of_a_tuned_one(warm_start, error, **options):
    """Trains twice, the second time from what ``warm_start`` makes; counts chunks."""
    (source,) = METHODS["source_only"].factory(NETWORK, classes=3)
    seen = []
    with pytest.raises(NonFiniteLossError, match=error):
        fit(
            (source, source._replace(name="tuned", warm_start=warm_start)),
            small_data(),
            jax.random.key(0),
            steps=1600,
            batch_size=16,
            on_nonfinite="skip",
            on_metrics=lambda phase, done, n, m: seen.append((phase, done)),
            **options,
        )
    return [done for phase, done in seen if phase == "tuned"]


def times(number):
    """A warm start from the weights before, times a number (for each run)."""

    def warm_start(old, fresh):
        def scaled(leaf):
            return leaf * np.reshape(number, (-1, *[1] * (leaf.ndim - 1)))

        return fresh._replace(params=jax.tree.map(scaled, old.params))

    return warm_start


def test_from_weights_that_are_not_finite_no_100_000_steps_are_left_out():
    done = chunks_of_a_tuned_one(times(np.float32("nan")), "begins with weights")
    assert done == [200]


def test_steps_that_one_run_leaves_out_are_told_at_once():
    with pytest.warns(
        UserWarning, match=r"200 steps to step 200 of 800 .* for 1 of 2 runs"
    ) as told:
        done = chunks_of_a_tuned_one(
            times(np.float32([1.0, "nan"])), "every step", seeds=2, workers=1
        )
    assert done == [200, 400, 600, 800]
    assert len(told) == 1
