"""Deltas: bit by bit back, small, and read with their own base alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import Pretrained, fit, network_by_name, start_from
from da_zoo.finetune import (
    describe_plan,
    hash_variables,
    load_delta,
    presets,
    read_plan,
    save_delta,
)
from da_zoo.finetune.deltas import _content_hash
from da_zoo.tensor_files import read_arrays, write_arrays
from da_zoo.testing import example_batch, toy_data

NETWORK = network_by_name("mlp", hidden=(64, 32))
PLANS = {
    "full": presets.full(),
    "probe": presets.linear_probe(),
    "bitfit": presets.bitfit(),
    "lora": presets.lora(rank=2, alpha=4.0),
}


@pytest.fixture(scope="module")
def base():
    params, stats = NETWORK.init(jax.random.key(0), jnp.ones((2, 6)))
    head = {"kernel": jnp.ones((32, 3)), "bias": jnp.zeros(3)}
    return Pretrained(params, stats, head)


def stepped(base, plan, count=2, **settings):
    """A tuned state, without the loop."""
    recipe = plan.recipe(
        start_from(NETWORK, base), classes=3, source_share=0.0, **settings
    )
    states = []
    for phase in recipe:
        batch = example_batch(toy_data(), phase.uses)
        states.append(jax.jit(phase.adapter.init)(jax.random.key(0), batch))
    state = recipe[1].warm_start(*states)
    update = jax.jit(recipe[1].adapter.update)
    for _ in range(count):
        state, _ = update(state, batch)
    return state, recipe[1].adapter


@pytest.fixture(scope="module")
def states(base):
    return {name: stepped(base, plan) for name, plan in PLANS.items()}


def same_bits(a, b):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert x.dtype == y.dtype
        assert np.asarray(x).tobytes() == np.asarray(y).tobytes()


@pytest.mark.parametrize("name", PLANS)
def test_there_and_back(name, base, states, tmp_path):
    state, adapter = states[name]
    path = tmp_path / "tuned.safetensors"
    plan = PLANS[name]
    save_delta(path, base, state, plan=plan, manifest={"data": "toy", "steps": 2})
    delta = load_delta(path, base)
    same_bits((delta.params, delta.stats), (state.params, state.stats))
    assert delta.manifest == {"data": "toy", "steps": 2}
    assert read_plan(delta.plan) == plan
    assert delta.plan == describe_plan(plan)
    # As an ordinary network's variables it predicts what the state does.
    x = jnp.float32(np.random.default_rng(0).normal(size=(4, 6)))
    tuned = delta.tuned
    features = NETWORK.apply(tuned.params, tuned.stats, x)[0].features
    logits = features @ tuned.head["kernel"] + tuned.head["bias"][None]
    np.testing.assert_allclose(
        logits, adapter.predict(state, x).logits["target"], rtol=1e-4, atol=1e-5
    )


def test_what_did_not_change_is_not_stored(base, states, tmp_path):
    stored, sizes = {}, {}
    for name, (state, _) in states.items():
        path = tmp_path / name
        save_delta(path, base, state, plan=PLANS[name])
        stored[name] = set(read_arrays(path)[0])
        sizes[name] = path.stat().st_size
    heads = {"params/head_target/kernel", "params/head_target/bias"}
    assert stored["probe"] == heads
    norms = {f"params/encoder/BatchNorm_{i}/bias" for i in (0, 1)}
    changed = {p for p in stored["bitfit"] if p.startswith("params")}
    assert changed == heads | norms
    assert not any("/base/" in p and "params" in p for p in stored["lora"])
    assert "params/encoder/lora/Dense_0/kernel/b" in stored["lora"]
    whole = 4 * sum(leaf.size for leaf in jax.tree.leaves(base.params))
    assert sizes["full"] > whole
    # The text takes a few kilobytes whatever the network's size.
    text = sizes["probe"] - 4 * 33 * 3
    for name in ("probe", "bitfit", "lora"):
        assert sizes[name] - text < 0.5 * whole, name


@pytest.mark.parametrize("policy", ["separate", "domain_specific"])
def test_statistics_per_domain(policy, base, tmp_path):
    state, adapter = stepped(base, PLANS["full"], 1, batch_norm=policy)
    save_delta(tmp_path / "a", base, state)
    delta = load_delta(tmp_path / "a", base)
    same_bits((delta.params, delta.stats), (state.params, state.stats))
    assert not [
        p for p in read_arrays(tmp_path / "a")[0] if p.startswith("stats/source")
    ]
    tuned, x = delta.tuned, jnp.ones((2, 6))
    features = NETWORK.apply(tuned.params, tuned.stats, x)[0].features
    ours = adapter.predict(state, x, domain="target").features
    np.testing.assert_allclose(features, ours, rtol=1e-4, atol=1e-6)


def test_bfloat16_and_odd_trees(states, tmp_path):
    state, _ = states["probe"]
    half = jnp.asarray([1.5, -0.0, jnp.nan], jnp.bfloat16)
    encoder = {"blocks": {0: {"w": half}, 1: {"w": half + 1}}}
    base = Pretrained(encoder, {"batch_stats": {}})
    changed = {"blocks": {0: {"w": half}, 1: {"w": half}}}
    state = state._replace(
        params=state.params | {"encoder": changed}, stats={"joint": {"batch_stats": {}}}
    )
    save_delta(tmp_path / "a", base, state)
    assert "params/encoder/blocks/0/w" not in read_arrays(tmp_path / "a")[0]
    delta = load_delta(tmp_path / "a", base)
    same_bits((delta.params, delta.stats), (state.params, state.stats))


def test_another_base_is_refused_and_both_are_named(base, states, tmp_path):
    path = tmp_path / "a"
    save_delta(path, base, states["probe"][0])
    kernel = np.array(base.params["Dense_0"]["kernel"])
    kernel[0, 0] = np.nextafter(kernel[0, 0], np.float32(9))
    layer = base.params["Dense_0"] | {"kernel": kernel}
    others = [
        base._replace(params=base.params | {"Dense_0": layer}),
        base._replace(stats=jax.tree.map(lambda s: s + 1, base.stats)),
        base._replace(head=None),
    ]
    for other in others:
        with pytest.raises(ValueError, match=hash_variables(other)) as raised:
            load_delta(path, other)
        assert hash_variables(base) in str(raised.value)


def test_damage_is_found(base, states, tmp_path):
    path = tmp_path / "a"
    save_delta(path, base, states["probe"][0], plan=PLANS["probe"])
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for at in (*rng.integers(8, len(whole), 30), len(whole) - 1):
        content = bytearray(whole)
        content[at] ^= 0x10
        path.write_bytes(content)
        try:
            load_delta(path, base)
        except ValueError:
            continue
        # Spaces that pad the header mean nothing.
        assert whole[at : at + 1] == b" ", at
    for end in (0, 7, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:end])
        with pytest.raises(ValueError, match="damaged or no safetensors file"):
            load_delta(path, base)


def test_other_files_are_refused(base, tmp_path):
    write_arrays(tmp_path / "a", {"w": np.ones(2)}, {})
    with pytest.raises(ValueError, match="is no delta: its format is None"):
        load_delta(tmp_path / "a", base)
    write_arrays(tmp_path / "a", {"w": np.ones(2)}, {"format": "da_zoo delta 1"})
    with pytest.raises(ValueError, match="is damaged"):
        load_delta(tmp_path / "a", base)
    text = {"format": "da_zoo delta 1", "base": hash_variables(base), "plan": "null"}
    for tree in ("", "3", '["own", "w"]', '{"dict": [["params", ["own", "v"]]]}'):
        own = {"w": np.ones(2)}
        told = text | {"tree": tree, "manifest": "{}"}
        told["content"] = _content_hash(own, told)
        write_arrays(tmp_path / "a", own, told)
        with pytest.raises(ValueError, match="no delta of ours"):
            load_delta(tmp_path / "a", base)


def test_mistakes_are_named(base, states, tmp_path):
    state, _ = states["lora"]
    with pytest.raises(ValueError, match="give the plan"):
        save_delta(tmp_path / "a", base, state)
    plain, _ = states["probe"]
    grouped = jax.tree.map(lambda leaf: leaf[None], plain)
    with pytest.raises(ValueError, match="of several runs"):
        save_delta(tmp_path / "a", base, grouped)
    with pytest.raises(ValueError, match="not of the base's network"):
        save_delta(tmp_path / "a", Pretrained({"w": jnp.ones(2)}), plain)
    with pytest.raises(TypeError):
        save_delta(tmp_path / "a", base, plain, manifest={"a": print})
    with pytest.raises(ValueError, match="JSON"):
        save_delta(tmp_path / "a", base, plain, manifest={"a": float("nan")})
    assert not list(tmp_path.iterdir())


def test_it_goes_on_from_a_file(base, states, tmp_path):
    """What was tuned is a start like any other."""
    save_delta(tmp_path / "a", base, states["full"][0])
    tuned = load_delta(tmp_path / "a", base).tuned
    recipe = PLANS["probe"].recipe(
        start_from(NETWORK, tuned), classes=3, source_share=0.0
    )
    state = fit(recipe, toy_data(), jax.random.key(0), steps=2, batch_size=8).state
    same_bits(state.params["encoder"], tuned.params)


def test_columns_of_a_head_that_are_no_classes_are_cut_off(tmp_path, base):
    # The heads are as wide as the larger label space: a column beyond the target's
    # classes never trained, and would win rows.
    plan = presets.full()
    given = base._replace(head={"kernel": jnp.ones((32, 9)), "bias": jnp.zeros(9)})
    result = fit(
        plan.recipe(
            start_from(NETWORK, given),
            classes={"source": 9, "target": 3},
            source_share=0.0,
        ),
        toy_data(),
        jax.random.key(0),
        steps=2,
        batch_size=6,
    )
    path = tmp_path / "padded.safetensors"
    save_delta(path, given, result.state, plan=plan)
    delta = load_delta(path, given)
    assert delta.classes == {"source": 9, "target": 3}
    same_bits(delta.params, result.state.params)  # nothing is lost
    assert delta.tuned.head["kernel"].shape == (32, 3)
    assert delta.tuned.head["bias"].shape == (3,)
