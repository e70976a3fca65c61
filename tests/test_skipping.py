"""Steps that would make a training non-finite: left out, counted, and nothing else."""

import numpy as np
import pytest

from da_zoo import ArrayData, NonFiniteLossError
from tests.checkpoint.small import assert_same_bits, small_data, train


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
    import jax

    return [np.asarray(leaf) for leaf in jax.tree.leaves(tree)]


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
