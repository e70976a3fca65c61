"""Networks that start from variables learned elsewhere."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import ArrayData, Pretrained, fit, methods, network_by_name, start_from
from da_zoo.finetune import presets

NETWORK = network_by_name("mlp", hidden=(6, 4))


def _toy(rows: int = 48) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = np.arange(rows) % 3
    return (rng.normal(size=(rows, 5)) + 3 * np.eye(5)[y]).astype(np.float32), y


@pytest.fixture(scope="module")
def pretrained() -> Pretrained:
    x, y = _toy()
    recipe = methods.source_only(NETWORK, classes=3)
    state = fit(
        recipe, ArrayData(source=(x, y)), jax.random.key(0), steps=30, batch_size=16
    ).state
    return Pretrained(
        state.params["encoder"], state.stats["joint"], state.params["head_source"]
    )


def test_a_plan_without_a_source_phase_needs_no_source_rows(pretrained):
    x, y = _toy()
    network = start_from(NETWORK, pretrained)
    recipe = presets.linear_probe().recipe(
        network, classes=3, source_share=0.0, learning_rate=1e-6
    )
    data = ArrayData(target_labelled=(x, y))
    state = fit(recipe, data, jax.random.key(1), steps=1, batch_size=16).state
    for ours, theirs in zip(
        jax.tree.leaves(state.params["encoder"]),
        jax.tree.leaves(pretrained.params),
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(
        state.params["head_source"]["kernel"], pretrained.head["kernel"]
    )
    # The target head starts from the source's, and one tiny step has moved it.
    moved = state.params["head_target"]["kernel"] - pretrained.head["kernel"]
    assert 0 < float(jnp.max(jnp.abs(moved))) < 1e-4


def test_all_steps_go_to_the_stages(pretrained):
    x, y = _toy()
    network = start_from(NETWORK, pretrained)
    recipe = presets.lp_ft().recipe(network, classes=3, source_share=0.0)
    data = ArrayData(target_labelled=(x, y))
    result = fit(recipe, data, jax.random.key(1), steps=10, batch_size=16, seeds=2)
    lengths = {name: v.shape for name, v in result.history.items() if "task" in name}
    assert lengths == {"probe/task_loss": (2, 5), "tune/task_loss": (2, 5)}


def test_every_method_starts_from_it(pretrained):
    x, y = _toy()
    network = start_from(NETWORK, pretrained)
    recipe = methods.mean_teacher(network, classes=3, learning_rate=1e-30)
    data = ArrayData(source=(x, y), target=x)
    state = fit(recipe, data, jax.random.key(1), steps=2, batch_size=16).state
    for ours, theirs in zip(
        jax.tree.leaves(state.params["encoder"]),
        jax.tree.leaves(pretrained.params),
        strict=True,
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_another_network_is_refused(pretrained):
    wide = start_from(network_by_name("mlp", hidden=(7, 4)), pretrained)
    with pytest.raises(ValueError, match=r"Dense_0/kernel: \(5, 6\) instead of"):
        wide.init(jax.random.key(0), jnp.ones((2, 5)))
    missing = dict(pretrained.params)
    del missing["Dense_1"]
    lacking = start_from(NETWORK, pretrained._replace(params=missing))
    with pytest.raises(ValueError, match="Dense_1/kernel: missing instead of"):
        lacking.init(jax.random.key(0), jnp.ones((2, 5)))


def test_a_narrower_head_is_padded_and_a_wider_one_refused(pretrained):
    network = start_from(NETWORK, pretrained)
    assert network.head_init is not None
    padded = network.head_init(5)
    assert padded["kernel"].shape == (4, 5)
    np.testing.assert_array_equal(padded["kernel"][:, 3:], 0)
    with pytest.raises(ValueError, match="has 3 outputs and the recipe 2"):
        network.head_init(2)


def test_what_nothing_has_trained_is_not_frozen():
    x, y = _toy()
    data = ArrayData(target_labelled=(x, y))
    recipe = presets.linear_probe().recipe(NETWORK, classes=3, source_share=0.0)
    with pytest.raises(ValueError, match=r"frozen, and nothing has trained them"):
        fit(recipe, data, jax.random.key(0), steps=1, batch_size=16)


def test_swapped_arguments_are_named(pretrained):
    with pytest.raises(TypeError, match="Network"):
        start_from(pretrained, NETWORK)
    with pytest.raises(TypeError, match="Pretrained"):
        start_from(NETWORK, pretrained.params)
    with pytest.raises(TypeError, match="Network"):
        presets.full().recipe("mlp", classes=3)
