"""Tent: only scale and shift move, and an episode leaves no trace."""

import jax
import numpy as np
import pytest

from da_zoo import fit, methods, network_by_name
from da_zoo.programs import forget_programs
from da_zoo.testing import check_adapter, example_batch, toy_data

NETWORK = network_by_name("mlp", hidden=(8, 4))


@pytest.fixture(autouse=True, scope="module")
def _few_programs():
    yield
    forget_programs()


def leaves_by_path(tree):
    return {
        jax.tree_util.keystr(path): np.asarray(leaf)
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
    }


def trained(recipe, steps=20):
    return fit(recipe, toy_data(), jax.random.key(3), steps=steps, batch_size=8)


def test_only_the_targets_scale_and_shift_move():
    recipe = methods.tent(NETWORK, classes=3, source_share=0.5, weight_decay=0.1)
    before = leaves_by_path(trained(recipe[:1], steps=10).state.params)
    after = leaves_by_path(trained(recipe[:2]).state.params)
    for path in before:
        if "encoder_target_norms" not in path:
            assert np.array_equal(before[path], after[path]), path
    for path, value in after.items():
        if "encoder_target_norms" in path:
            adopted = after[path.replace("encoder_target_norms", "encoder")]
            assert not np.array_equal(value, adopted), path
            # Adam at 0.001: ten steps move no number by more than about 0.01.
            assert np.abs(value - adopted).max() < 0.02
    state = trained(recipe[:2]).state
    moments = leaves_by_path(state.opt_state)
    assert {p.rsplit("[", 1)[1] for p in moments if "'BatchNorm" in p} == {
        "'scale']",
        "'bias']",
    }
    assert not any("kernel" in path for path in moments)


def test_entropy_falls():
    recipe = methods.tent(
        NETWORK, classes=3, source_share=0.5, adaptation_rate=0.02, optimizer="adam"
    )
    entropy = trained(recipe, steps=120).history["adapt/entropy"]
    assert entropy[-9:].mean() < 0.8 * entropy[:9].mean()


def test_the_adaptation_reads_the_target_alone():
    recipe = methods.tent(NETWORK, classes=3)
    assert recipe[1].uses == {"target"}
    assert example_batch(toy_data(), recipe[1].uses).source is None


def episodic(**values):
    values.setdefault("adaptation_rate", 0.01)
    recipe = methods.tent(NETWORK, classes=3, episodic=True, **values)
    return trained(recipe, steps=15)


def test_an_episode_depends_on_no_earlier_call():
    result = episodic()
    x = np.random.default_rng(0).normal(size=(9, 6)).astype(np.float32)
    first = np.asarray(result.predict(x).logits["target"])
    before = leaves_by_path(result.state.params)
    result.predict(3 * x + 1)
    again = np.asarray(result.predict(x).logits["target"])
    assert np.array_equal(first, again)
    for path, value in leaves_by_path(result.state.params).items():
        assert np.array_equal(value, before[path])


def test_an_episode_is_transductive_and_a_source_prediction_is_not():
    result = episodic()
    x = np.random.default_rng(0).normal(size=(9, 6)).astype(np.float32)
    part = np.asarray(result.predict(x[:4]).logits["target"])
    assert not np.allclose(part, result.predict(x).logits["target"][:4], atol=1e-4)
    # Rows of the source domain are predicted as the source model does.
    whole = result.predict(x, domain="source").logits["source"]
    some = result.predict(x[:4], domain="source").logits["source"]
    np.testing.assert_allclose(whole[:4], some, atol=1e-5)


def test_an_episode_lowers_the_entropy_of_its_own_rows():
    x = toy_data().target.pool

    def entropy(result):
        p = np.asarray(jax.nn.softmax(result.predict(x).logits["target"]))
        return float(np.mean(-np.sum(p * np.log(p + 1e-12), axis=1)))

    still, one, many = (
        entropy(episodic(adaptation_rate=rate, adaptation_steps=steps))
        for rate, steps in ((0.0, 1), (0.01, 1), (0.01, 10))
    )
    assert many < one < still


def test_at_rate_0_an_episode_is_a_forward_with_its_rows_statistics():
    result = episodic(adaptation_rate=0.0)
    x = toy_data().target.pool
    params = jax.tree.map(np.asarray, result.state.params)
    h = np.asarray(x)
    for i in range(2):
        h = h @ params["encoder"][f"Dense_{i}"]["kernel"]
        norm = params["encoder"][f"BatchNorm_{i}"]
        h = (h - h.mean(axis=0)) / np.sqrt(h.var(axis=0) + 1e-5)
        h = np.maximum(h * norm["scale"] + norm["bias"], 0)
    head = params["head_source"]
    np.testing.assert_allclose(
        result.predict(x).logits["target"],
        h @ head["kernel"] + head["bias"],
        rtol=1e-3,
        atol=1e-4,
    )


def test_the_episodic_recipe_keeps_the_contract():
    recipe = methods.tent(NETWORK, classes=3, episodic=True)
    assert [sorted(phase.uses) for phase in recipe] == [["source"]]
    check_adapter(recipe, toy_data(), thorough=False)


def test_bad_values_are_named():
    with pytest.raises(ValueError, match="frozen"):
        methods.tent(NETWORK, classes=3, batch_norm="frozen")
    with pytest.raises(ValueError, match="adaptation_steps"):
        methods.tent(NETWORK, classes=3, adaptation_steps=0)
    plain = network_by_name("mlp", hidden=(8, 4), batch_norm=False)
    with pytest.raises(ValueError, match="has none"):
        trained(methods.tent(plain, classes=3))
