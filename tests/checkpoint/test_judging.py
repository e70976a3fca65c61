"""A phase is judged before its end is kept: no later call takes up one that failed."""

import jax
import numpy as np
import pytest

from da_zoo import ArrayData, Checkpointing, NonFiniteLossError, fit
from da_zoo.methods import METHODS
from tests.checkpoint.small import NETWORK, KilledError, dying, small_data, train


def huge(scale, *, source=1.0):
    """Data of which one side has values that no network can square."""
    data = small_data()
    rows, labels = data.source.pool * source, data.source.labels[0]
    return ArrayData((rows, labels), data.target.pool * scale)


def test_a_phase_without_a_step_is_refused_again_and_again(tmp_path):
    options = {"data": huge(1.0, source=1e25), "on_nonfinite": "skip", "steps": 40}
    for _ in range(2):
        with (
            pytest.warns(UserWarning, match="10 steps .* were all left out"),
            pytest.raises(NonFiniteLossError, match="every step of phase 'source'"),
        ):
            train("shot", tmp_path / "run", every=10, **options)


def test_statistics_between_two_trainings_stay_marked(tmp_path):
    source, statistics = METHODS["adabn"].factory(NETWORK, classes=3)

    def call(on_metrics=None):
        return fit(
            (source, statistics, source._replace(name="again")),
            huge(1e25),
            jax.random.key(0),
            steps=40,
            batch_size=16,
            on_nonfinite="mark",
            checkpoint=Checkpointing(tmp_path / "run", every=50),
            on_metrics=on_metrics,
        )

    with pytest.raises(KilledError):
        call(dying(3))  # one call for each phase: the third has kept nothing yet
    result = call()
    assert not np.asarray(result.finite)
    assert "statistics" in result.failures[0] and len(result.failures) == 1
