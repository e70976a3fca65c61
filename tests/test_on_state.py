import jax
import numpy as np
import pytest

from da_zoo import fit, methods, network_by_name
from da_zoo.feed import CHUNK
from da_zoo.testing import toy_data

NETWORK = network_by_name("mlp", hidden=(4,))


@pytest.mark.parametrize("mode", ["vmap", "sequential"])
def test_states_are_shown_as_training_goes_on(mode):
    shown = {}

    def look(phase, done, state, members):
        for i, member in enumerate(members):
            kernel = np.array(state.params["head_source"]["kernel"][i])
            shown[phase.name, done, int(member)] = kernel

    recipe = methods.source_only(NETWORK, classes=3)
    result = fit(
        recipe,
        toy_data(),
        jax.random.key(0),
        steps=CHUNK + 3,
        batch_size=8,
        seeds=3,
        seeds_mode=mode,
        loop="scan",
        on_state=look,
    )
    steps = {done for _, done, _ in shown}
    assert steps == {CHUNK, CHUNK + 3}
    for seed in range(3):
        last = shown["source", CHUNK + 3, seed]
        np.testing.assert_array_equal(
            last, result.state.params["head_source"]["kernel"][seed]
        )
        assert not np.array_equal(last, shown["source", CHUNK, seed])


def test_a_single_run_is_shown_with_an_axis():
    shapes = []
    fit(
        methods.source_only(NETWORK, classes=3),
        toy_data(),
        jax.random.key(0),
        steps=2,
        batch_size=8,
        on_state=lambda phase, done, state, members: shapes.append(
            (state.step.shape, members.tolist())
        ),
    )
    assert shapes == [((1,), [0])]
