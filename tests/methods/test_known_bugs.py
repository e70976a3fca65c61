"""Bugs that other libraries have and that no other test of ours would catch.

Each is about how a method is put together; its losses are tested by themselves.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import fit, methods, network_by_name
from da_zoo.diagnostics import discriminator_accuracy
from da_zoo.discriminator import make_discriminator
from da_zoo.losses import cross_entropy, domain_adversarial, mmd_squared
from da_zoo.losses.joint_mmd import joint_mmd_squared
from da_zoo.losses.prediction import minimum_class_confusion
from da_zoo.programs import forget_programs
from da_zoo.settings import resolve_classes
from da_zoo.supervised import supervised_model
from da_zoo.testing import example_batch, toy_data

NETWORK = network_by_name("mlp", hidden=(8, 4))
NESTEROV = 1.9
"""The first step of SGD is so many gradients long."""


@pytest.fixture(autouse=True, scope="module")
def _few_programs():
    yield
    forget_programs()


def started(name, network=NETWORK, **values):
    """The adapter, a state in mid-training and a batch."""
    (phase, *_) = getattr(methods, name)(network, classes=3, **values)
    batch = example_batch(toy_data(), phase.uses)
    state = jax.jit(phase.adapter.init)(jax.random.key(0), batch)
    state = state._replace(total_steps=jnp.float32(8), step=jnp.int32(4))
    return phase.adapter._replace(update=jax.jit(phase.adapter.update)), state, batch


def forward(params, state, batch):
    model = supervised_model(
        NETWORK, resolve_classes(3), "joint", labelled_target=False
    )
    return model.forward(params, state, batch)


def largest(tree):
    return max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(tree))


def gap(a, b):
    return jax.tree.map(lambda x, y: x - y, a, b)


def assert_close(a, b, **tolerance):
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_allclose(x, y, **tolerance)


# DANN, CDAN, CDAN+E


def plain_domain_loss(params, state, batch, name):
    """With no reversal: what the discriminator minimises."""
    seen = forward(params, state, batch)
    outputs, certainty = [], []
    for stream in ("source", "target"):
        features = seen.features[stream]
        p = jax.lax.stop_gradient(jax.nn.softmax(seen.logits[stream], axis=1))
        pairs = jnp.einsum("nd,nk->ndk", features, p).reshape(len(features), -1)
        rows = features if name == "dann" else pairs
        outputs.append(make_discriminator((8,)).apply(params, rows))
        sure = 1.0 + jnp.exp(jnp.sum(p * jnp.log(p), axis=1))
        certainty.append(sure if name == "cdan_e" else jnp.ones(len(features)))
    return domain_adversarial(
        *outputs, weight_source=certainty[0], weight_target=certainty[1]
    )


@pytest.mark.parametrize("name", ["dann", "cdan", "cdan_e"])
def test_the_encoder_gets_the_discriminators_gradient_reversed(name):
    """Not the gradient itself, and none that waits for an alternating step."""
    adapter, state, batch = started(
        name,
        discriminator=(8,),
        trade_off=0.5,
        learning_rate=1.0,
        schedule="constant",
    )
    off = state._replace(hparams=state.hparams | {"trade_off": jnp.float32(0)})
    (after, metrics), (without, _) = (adapter.update(s, batch) for s in (state, off))
    plain = jax.jit(
        jax.value_and_grad(lambda p: plain_domain_loss(p, state, batch, name))
    )
    value, slopes = plain(state.params)
    np.testing.assert_allclose(metrics["domain_loss"], value, rtol=1e-5)
    strength = 0.5 * np.tanh(0.5 * 10 * 0.5)
    assert largest(slopes["encoder"]) > 1e-3
    assert_close(
        gap(after.params["encoder"], without.params["encoder"]),
        jax.tree.map(lambda g: NESTEROV * strength * g, slopes["encoder"]),
        rtol=1e-3,
        atol=1e-5,
    )
    # The discriminator goes down, at full strength whatever the trade-off.
    assert largest(slopes["discriminator"]) > 1e-3
    down = jax.tree.map(lambda g: -NESTEROV * g, slopes["discriminator"])
    for end in (after, without):
        moved = gap(end.params["discriminator"], state.params["discriminator"])
        assert_close(moved, down, rtol=1e-3, atol=1e-5)


def test_only_cdan_e_weighs_rows_by_certainty():
    values = {}
    for name in ("cdan", "cdan_e"):
        adapter, state, batch = started(name)
        values[name] = float(adapter.update(state, batch)[1]["domain_loss"])
    assert abs(values["cdan"] - values["cdan_e"]) > 1e-5


@pytest.mark.parametrize("name", ["cdan", "cdan_e", "pada"])
def test_the_reversal_reaches_one_and_not_at_once(name):
    recipe = getattr(methods, name)(NETWORK, classes=3)
    run = fit(recipe, toy_data(), jax.random.key(0), steps=100, batch_size=8)
    reversal = run.history["adapt/reversal"]
    assert reversal[0] == 0.0
    assert reversal[20] < 0.85
    assert reversal[-1] > 0.999


@pytest.mark.parametrize("name", ["cdan", "cdan_e"])
def test_the_random_map_is_in_the_state_fixed_and_used(name):
    """Otherwise a model that is loaded meets a discriminator of another map."""
    wide = network_by_name("mlp", hidden=(1400,))
    adapter, state, batch = started(name, wide, discriminator=(4,))
    pair = state.extra["projections"]
    assert [p.shape for p in pair] == [(1400, 1024), (3, 1024)]
    after, metrics = adapter.update(state, batch)
    for before, now in zip(pair, after.extra["projections"], strict=True):
        np.testing.assert_array_equal(before, now)
    other_map = {"projections": (2 * pair[0], pair[1])}
    other = adapter.update(state._replace(extra=state.extra | other_map), batch)[1]
    assert abs(float(other["domain_loss"]) - float(metrics["domain_loss"])) > 1e-4


@pytest.mark.parametrize("name", ["dann", "cdan", "cdan_e", "adda", "pada", "dsbn"])
def test_a_discriminator_is_reported(name):
    recipe = getattr(methods, name)(NETWORK, classes=3, batch_norm="separate")
    if name == "dsbn":
        recipe = methods.dsbn(NETWORK, classes=3)
    run = fit(recipe, toy_data(), jax.random.key(0), steps=12, batch_size=8)
    found = discriminator_accuracy(run.history)
    assert found is not None
    assert 0.0 <= found <= 1.0


# DAN, JAN, MCC: options that must not be inert


@pytest.mark.parametrize(
    "values",
    [{}, {"bandwidths": (0.3,)}, {"estimator": "v"}, {"estimator": "linear"}],
    ids=["defaults", "bandwidths", "v", "linear"],
)
def test_dan_measures_with_the_kernels_and_the_estimator_it_was_given(values):
    adapter, state, batch = started("dan", **values)
    found = adapter.update(state, batch)[1]["mmd_squared"]
    features = jax.jit(forward)(state.params, state, batch).features
    options = {"bandwidths": None, "estimator": "u"} | values
    expected = mmd_squared(features["source"], features["target"], **options)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("values", "estimator"), [({}, "u"), ({"estimator": "v"}, "v")], ids=["u", "v"]
)
def test_jan_gives_softmax_outputs_a_fixed_kernel_of_their_own(values, estimator):
    adapter, state, batch = started("jan", **values)
    found = adapter.update(state, batch)[1]["joint_mmd_squared"]
    seen = jax.jit(forward)(state.params, state, batch)
    layers = [
        [seen.features[name], jax.nn.softmax(seen.logits[name], axis=1)]
        for name in ("source", "target")
    ]
    expected = joint_mmd_squared(*layers, [None, 0.92], estimator)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    median = joint_mmd_squared(*layers, [None, None], estimator)
    assert abs(float(found - median)) > 1e-3


@pytest.mark.parametrize("values", [{}, {"temperature": 1.0}], ids=["default", "1"])
def test_mcc_softens_with_its_temperature(values):
    adapter, state, batch = started("mcc", **values)
    found = adapter.update(state, batch)[1]["class_confusion"]
    logits = jax.jit(forward)(state.params, state, batch).logits["target"]
    temperature = values.get("temperature", 2.5)
    expected, other = (
        minimum_class_confusion(logits, t) for t in (temperature, temperature + 1.5)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert abs(float(found - other)) > 1e-3


# MCD and SWD


@pytest.mark.parametrize("name", ["mcd", "swd"])
def test_the_encoder_learns_the_task_of_both_heads_and_the_heads_keep_learning_it(name):
    adapter, state, batch = started(
        name, trade_off=0.5, learning_rate=0.1, schedule="constant"
    )

    def task(params):
        seen = forward(params, state, batch)
        head = params["head_second"]
        second = seen.features["source"] @ head["kernel"] + head["bias"][None, :]
        y = batch.source.y
        return cross_entropy(seen.logits["source"], y) + cross_entropy(second, y)

    slopes = jax.jit(jax.grad(task))(state.params)
    assert largest(slopes["encoder"]) > 1e-2
    moved = jax.tree.map(lambda p, g: p - 0.1 * NESTEROV * g, state.params, slopes)
    # Without the game the first step is all that moves the encoder.
    off = state._replace(hparams=state.hparams | {"trade_off": jnp.float32(0)})
    end = adapter.update(off, batch)[0].params["encoder"]
    assert_close(end, moved["encoder"], rtol=1e-4, atol=1e-5)
    # The second step: the task less the discrepancy, and no third term.
    metrics = adapter.update(state, batch)[1]
    expected = jax.jit(task)(moved) - 0.5 * metrics["discrepancy_before"]
    np.testing.assert_allclose(metrics["heads_loss"], expected, rtol=1e-3)


# WDGRL


def test_the_critics_loss_is_ten_penalties_less_the_distance():
    adapter, state, batch = started("wdgrl", critic_factor=0.0)  # it stays as it is
    metrics = adapter.update(state, batch)[1]
    features = jax.jit(forward)(state.params, state, batch).features
    critic = make_discriminator((100,))
    source, target = (
        jnp.mean(critic.apply(state.params, features[name]))
        for name in ("source", "target")
    )
    assert float(metrics["gradient_penalty"]) > 1e-3
    expected = 10.0 * metrics["gradient_penalty"] - (source - target)
    np.testing.assert_allclose(metrics["critic_loss"], expected, rtol=1e-4, atol=1e-6)


def test_the_critic_takes_five_steps_unless_told_otherwise():
    moved = {}
    for steps in (None, 1, 5):
        values = {} if steps is None else {"critic_steps": steps}
        adapter, state, batch = started("wdgrl", **values)
        after = adapter.update(state, batch)[0]
        change = gap(after.params["discriminator"], state.params["discriminator"])
        moved[steps] = largest(change)
    np.testing.assert_allclose(moved[None], moved[5], rtol=1e-5)
    assert moved[5] > 1.5 * moved[1] > 0.0


# AdaBN


def test_adabn_weighs_all_batches_alike_and_not_the_last_ones_more():
    # 32 batches of 6 of the 24 rows: each row is in exactly eight of them.
    data = toy_data()
    recipe = methods.adabn(NETWORK, classes=3)
    state = fit(recipe, data, jax.random.key(0), steps=4, batch_size=6).state
    kernel = np.asarray(state.params["encoder"]["Dense_0"]["kernel"])
    found = state.stats["target"]["batch_stats"]["BatchNorm_0"]["mean"]
    before_norm = np.asarray(data.target.pool) @ kernel
    np.testing.assert_allclose(found, before_norm.mean(axis=0), atol=1e-3)


# LP-FT


def test_the_probe_of_lp_ft_freezes_all_but_the_head_and_tuning_starts_from_it():
    recipe = methods.lp_ft(NETWORK, classes=3, batch_norm="separate", weight_decay=0.1)
    data = toy_data()

    def end(phases, steps):
        run = {"steps": steps, "batch_size": 8}
        return fit(recipe[:phases], data, jax.random.key(3), **run).state

    # 12 of 16 steps are the source's: the first phase is the same run.
    source, probe = end(1, 12), end(2, 16)
    assert_close(source.params["encoder"], probe.params["encoder"], rtol=0, atol=0)
    assert_close(source.stats["source"], probe.stats["target"], rtol=0, atol=0)
    head = probe.params["head_target"]
    assert largest(gap(head, source.params["head_source"])) > 1e-4
    tune = recipe[2]
    batch = example_batch(data, tune.uses)
    fresh = jax.jit(tune.adapter.init)(jax.random.key(0), batch)
    begun = tune.warm_start(probe, fresh)
    assert_close(begun.params["head_target"], head, rtol=0, atol=0)
    begun = begun._replace(total_steps=jnp.float32(8))
    after = jax.jit(tune.adapter.update)(begun, batch)[0]
    assert largest(gap(after.params["encoder"], begun.params["encoder"])) > 1e-5
