"""Plans: frozen means frozen, rates scale updates, tables say what training does."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from da_zoo import (
    Pretrained,
    fit,
    methods,
    network_by_name,
    network_from_linen,
    network_from_nnx,
    start_from,
)
from da_zoo.finetune import FineTunePlan, LoRA, Rule, Stage, bss, l2_sp, presets
from da_zoo.finetune.rules import rule_for
from da_zoo.loop import phase_steps
from da_zoo.partition import paths
from da_zoo.programs import forget_programs
from da_zoo.testing import check_adapter, example_batch, toy_data

NETWORK = network_by_name("mlp", hidden=(8, 4))
SETTINGS = {"batch_norm": "separate", "weight_decay": 0.1, "schedule": "constant"}


@pytest.fixture(autouse=True, scope="module")
def _few_programs():
    yield
    forget_programs()


def tuned(plan, network=NETWORK, steps=10, **settings):
    """Last states of the source phase and of the whole plan."""
    recipe = plan.recipe(network, classes=3, **(SETTINGS | settings))
    whole = fit(recipe, toy_data(), jax.random.key(0), steps=steps, batch_size=8)
    own = fit(
        recipe[:1],
        toy_data(),
        jax.random.key(0),
        steps=round(0.6 * steps),
        batch_size=8,
    )
    return own.state, whole.state


def same(a, b):
    return jax.tree.all(jax.tree.map(np.array_equal, a, b))


def flat(params):
    return dict(zip(paths(params), jax.tree.leaves(params), strict=True))


def test_frozen_layers_keep_weights_decay_and_statistics_and_the_others_move():
    plan = FineTunePlan((Stage("tune", (Rule("_0/", rate=0.0),)),))
    source, end = tuned(plan)
    before, after = flat(source.params["encoder"]), flat(end.params["encoder"])
    for path, leaf in after.items():
        assert np.array_equal(leaf, before[path]) == ("_0/" in path), path
    norms = {
        key: (source.stats["source"]["batch_stats"][key], value)
        for key, value in end.stats["target"]["batch_stats"].items()
    }
    assert same(*norms["BatchNorm_0"])
    assert not same(*norms["BatchNorm_1"])
    # No moments are kept for what does not train.
    assert not [p for p in paths(end.opt_state) if "encoder/Dense_0" in p]
    assert [p for p in paths(end.opt_state) if "encoder/Dense_1" in p]


@pytest.mark.parametrize("statistics", ["frozen", "eval"])
def test_statistics_stay_the_sources(statistics):
    source, end = tuned(FineTunePlan((Stage("tune", statistics=statistics),)))
    assert same(end.stats["target"], source.stats["source"])
    assert not same(end.params["encoder"], source.params["encoder"])


def test_eval_drops_nothing_out():
    network = network_by_name("mlp", hidden=(8, 4), dropout=0.5)
    losses = {}
    for statistics in ("frozen", "eval"):
        plan = FineTunePlan((Stage("tune", statistics=statistics),))
        recipe = plan.recipe(network, classes=3, **SETTINGS)
        adapter = recipe[1].adapter
        batch = example_batch(toy_data(), recipe[1].uses)
        state = jax.jit(adapter.init)(jax.random.key(0), batch)
        other = state._replace(key=jax.random.key(1))
        step = jax.jit(adapter.update)
        losses[statistics] = [
            float(step(s, batch)[1]["task_loss"]) for s in (state, other)
        ]
    assert losses["eval"][0] == losses["eval"][1]
    assert losses["frozen"][0] != losses["frozen"][1]


class Dropping(nn.Module):
    """Has one argument for everything, as many people's modules do."""

    @nn.compact
    def __call__(self, x, train):
        x = nn.BatchNorm(use_running_average=not train, name="norm")(x)
        x = nn.Dense(8, name="low")(x)
        return nn.Dropout(0.5, deterministic=not train)(x)


@pytest.mark.parametrize(
    "network",
    [
        network_from_linen(Dropping()),
        network_by_name("mlp", hidden=(8, 4), dropout=0.5),
    ],
    ids=["one flag", "mlp"],
)
def test_a_wholly_frozen_encoder_is_at_rest_however_it_is_said(network):
    """Frozen bit by bit or at a stroke: no dropout, no statistics, one loss."""
    losses = {}
    layers = ("norm/", "low/", "(Dense|BatchNorm)_0/", "(Dense|BatchNorm)_1/")
    one_by_one = tuple(Rule(layer, rate=0.0, needed=False) for layer in layers)
    for name, rules in {
        "^encoder": (Rule("^encoder", rate=0.0),),
        "^encoder/": (Rule("^encoder/", rate=0.0),),
        "one by one": one_by_one,
        "partly": (Rule("(kernel|bias)$", rate=0.0), Rule("^head")),
    }.items():
        plan = FineTunePlan((Stage("tune", (Rule("^head"), *rules)),))
        phase = plan.recipe(network, classes=3, schedule="constant")[1]
        batch = example_batch(toy_data(), phase.uses)
        state = jax.jit(phase.adapter.init)(jax.random.key(0), batch)
        step = jax.jit(phase.adapter.update)
        ends = [
            step(state._replace(key=jax.random.key(seed)), batch) for seed in (0, 1)
        ]
        losses[name] = [float(metrics["task_loss"]) for _, metrics in ends]
        assert same(ends[0][0].stats, state.stats) == (name != "partly")
    assert len({*losses["^encoder"], *losses["^encoder/"], *losses["one by one"]}) == 1
    assert losses["partly"][0] != losses["partly"][1]


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_rates_scale_the_update(optimizer):
    """Not the gradient: Adam would divide the factor away."""
    moved = {}
    for rate in (1.0, 0.1):
        plan = FineTunePlan((Stage("tune", (Rule("^encoder", rate=rate),)),))
        recipe = plan.recipe(NETWORK, classes=3, optimizer=optimizer)
        adapter = recipe[1].adapter
        batch = example_batch(toy_data(), recipe[1].uses)
        state = jax.jit(adapter.init)(jax.random.key(0), batch)
        after = jax.jit(adapter.update)(state, batch)[0]
        moved[rate] = jax.tree.map(
            lambda a, b: np.asarray(a) - np.asarray(b), after.params, state.params
        )
    for slow, fast in zip(
        jax.tree.leaves(moved[0.1]["encoder"]),
        jax.tree.leaves(moved[1.0]["encoder"]),
        strict=True,
    ):
        np.testing.assert_allclose(slow, 0.1 * fast, rtol=1e-3, atol=1e-7)
    assert same(moved[0.1]["head_target"], moved[1.0]["head_target"])


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_decay_spares_what_a_rule_says(optimizer):
    plan = FineTunePlan((Stage("tune", (Rule("bias$", decay=False),)),))
    moved = {}
    for decay in (0.0, 0.5):
        recipe = plan.recipe(
            NETWORK, classes=3, optimizer=optimizer, weight_decay=decay
        )
        adapter = recipe[1].adapter
        batch = example_batch(toy_data(), recipe[1].uses)
        state = jax.jit(adapter.init)(jax.random.key(0), batch)
        ones = state._replace(params=jax.tree.map(jnp.ones_like, state.params))
        moved[decay] = flat(jax.jit(adapter.update)(ones, batch)[0].params)
    for path, leaf in moved[0.5].items():
        if path.startswith("head_source"):
            continue
        assert np.array_equal(leaf, moved[0.0][path]) == path.endswith("bias"), path


def test_presets_that_are_methods_train_the_same():
    for plan, method in (
        (presets.head_x10(), methods.fine_tuning),
        (presets.linear_probe(), methods.linear_probe),
        (presets.lp_ft(), methods.lp_ft),
    ):
        data, key = toy_data(), jax.random.key(0)
        run = {"steps": 10, "batch_size": 8}
        ours = fit(plan.recipe(NETWORK, classes=3), data, key, **run).state
        theirs = fit(method(NETWORK, classes=3), data, key, **run).state
        assert same(ours.params, theirs.params)


def test_layers_thaw_one_by_one_at_falling_rates():
    plan = presets.gradual_unfreezing(NETWORK.layer_patterns)
    assert [s.name for s in plan.stages] == [f"unfreeze_{i}" for i in range(3)]
    rates = [
        [
            rule_for(stage.rules, path).rate
            for path in (
                "head_target/kernel",
                "encoder/Dense_1/kernel",
                "encoder/Dense_0/kernel",
            )
        ]
        for stage in plan.stages
    ]
    np.testing.assert_allclose(
        rates, [[1, 0, 0], [1, 1 / 2.6, 0], [1, 1 / 2.6, 1 / 2.6**2]]
    )
    # What no pattern names thaws last.
    other = [rule_for(stage.rules, "encoder/embedding").rate for stage in plan.stages]
    np.testing.assert_allclose(other, [0, 0, 2.6**-2])
    recipe = plan.recipe(NETWORK, classes=3)
    states = [
        fit(recipe[: n + 1], toy_data(), jax.random.key(0), steps=6 + n, batch_size=8)
        for n in range(1, 4)
    ]
    kernels = [
        [run.state.params["encoder"][f"Dense_{i}"]["kernel"] for i in (0, 1)]
        for run in states
    ]
    assert np.array_equal(kernels[0][0], kernels[1][0])
    assert not np.array_equal(kernels[0][1], kernels[1][1])
    assert not np.array_equal(kernels[1][0], kernels[2][0])


def test_layer_decay_is_that_of_timm():
    # 12 blocks and an embedding at 0.75: 0.75^13 = 0.0238, then 0.0317 ...
    layers = ["embed/", *(f"block_{i}/" for i in range(12))]
    (stage,) = presets.layer_decay(layers).stages
    found = [rule_for(stage.rules, f"encoder/{layer}kernel").rate for layer in layers]
    np.testing.assert_allclose(found[:2], [0.0238, 0.0317], atol=5e-5)
    assert rule_for(stage.rules, "head_target/kernel").rate == 1.0
    assert not rule_for(stage.rules, "encoder/block_3/norm/scale").decay
    assert rule_for(stage.rules, "encoder/block_3/norm/kernel").decay
    assert rule_for(stage.rules, "encoder/pos_embed").rate == 0.75**13
    (floored,) = presets.layer_decay(layers, smallest=0.1).stages
    assert rule_for(floored.rules, "encoder/embed/kernel").rate == 0.1


@pytest.mark.parametrize("head", [False, True])
def test_surgery_moves_one_layer(head):
    source, end = tuned(presets.surgical("Dense_1/", head))
    before, after = flat(source.params), flat(end.params)
    moved = {
        path
        for path, leaf in after.items()
        if path.startswith("encoder") and not np.array_equal(leaf, before[path])
    }
    assert moved == {"encoder/Dense_1/kernel"}
    starts = jax.tree.map(
        np.array_equal, end.params["head_target"], source.params["head_source"]
    )
    assert jax.tree.all(starts) != head
    assert same(end.stats["target"], source.stats["source"])


def test_bitfit_moves_biases_alone():
    source, end = tuned(presets.bitfit(), batch_norm="joint")
    before = flat(source.params["encoder"])
    for path, leaf in flat(end.params["encoder"]).items():
        assert np.array_equal(leaf, before[path]) != path.endswith("bias"), path


def linen():
    class Mine(nn.Module):
        @nn.compact
        def __call__(self, x):
            return nn.relu(nn.Dense(4, name="top")(nn.relu(nn.Dense(5, name="low")(x))))

    return network_from_linen(Mine())


def unlike():
    class Mine(nnx.Module):
        def __init__(self, rngs):
            self.low = nnx.Linear(6, 5, rngs=rngs)
            self.top = nnx.Linear(5, 4, rngs=rngs)

        def __call__(self, x):
            return nnx.relu(self.top(nnx.relu(self.low(x))))

    return network_from_nnx(lambda rngs: Mine(rngs))


@pytest.mark.parametrize("build", [linen, unlike], ids=["linen", "nnx"])
def test_a_plan_fits_any_module(build):
    plan = FineTunePlan(
        (Stage("top", (Rule("^encoder/low/", rate=0.0),)), Stage("all"))
    )
    recipe = plan.recipe(build(), classes=3)
    data, key = toy_data(), jax.random.key(0)
    states = [
        fit(recipe[:n], data, key, steps=s, batch_size=8).state
        for n, s in ((1, 6), (2, 8), (3, 10))
    ]
    low = [state.params["encoder"]["low"] for state in states]
    top = [state.params["encoder"]["top"] for state in states]
    assert same(low[0], low[1])
    assert not same(top[0], top[1])
    assert not same(low[1], low[2])
    check_adapter(recipe, data, thorough=False)


LOW_AND_TOP = ["low/", "top/"]


@pytest.mark.parametrize("build", [linen, unlike], ids=["linen", "nnx"])
@pytest.mark.parametrize(
    "plan",
    [
        presets.lora(rank=2),
        presets.auto_rgn(),
        presets.gradual_unfreezing(LOW_AND_TOP),
        presets.fine_tune(LOW_AND_TOP),
    ],
    ids=["lora", "auto_rgn", "gradual_unfreezing", "fine_tune"],
)
def test_presets_fit_any_module(build, plan):
    """Every stage steps once: something of what its rules name moves, nothing else."""
    network = build()._replace(pretrained=True)  # or nothing of it may be frozen
    recipe = plan.recipe(network, classes=3, source_share=0.0)
    batch = example_batch(toy_data(), frozenset({"target_labelled"}))
    state = jax.jit(recipe[0].adapter.init)(jax.random.key(0), batch)
    for stage, phase in zip(plan.stages, recipe[1:], strict=True):
        fresh = jax.jit(phase.adapter.init)(jax.random.key(1), batch)
        state = phase.warm_start(state, fresh)
        # Midway, so that a warm-up from 0 is over.
        begin = state._replace(total_steps=jnp.float32(4), step=jnp.int32(2))
        state, metrics = jax.jit(phase.adapter.update)(begin, batch)
        assert np.isfinite(metrics["task_loss"])
        before, after = flat(begin.params), flat(state.params)
        for path, leaf in after.items():
            frozen = path.startswith(("head_source", "encoder/base/"))
            frozen = frozen or rule_for(stage.rules, path).rate == 0
            if frozen:
                assert np.array_equal(leaf, before[path]), path
        assert not np.array_equal(after["head_target/bias"], before["head_target/bias"])


def test_the_table_says_what_training_does():
    source, _ = tuned(FineTunePlan((Stage("tune"),)), steps=5)
    params = {
        "encoder": source.params["encoder"],
        "head_target": source.params["head_source"],
    }
    text = presets.lp_ft().table(params, learning_rate=0.02, weight_decay=0.1)
    rows = [line.split("   ") for line in text.splitlines()]
    cells = {row[0].strip(): [c.strip() for c in row if c.strip()] for row in rows}
    assert cells["path"] == ["path", "shape", "probe", "tune"]
    assert cells["encoder/Dense_0/kernel"] == [
        "encoder/Dense_0/kernel",
        "6 x 8",
        "frozen",
        "0.02, decay 0.1",
    ]
    assert cells["head_target/bias"][2:] == ["0.02, decay 0.1"] * 2
    assert "frozen" in presets.lp_ft().table({"encoder": params["encoder"]})
    adapted = presets.lora(rank=2).table(params)
    assert "encoder/base/Dense_0/kernel" in adapted
    assert "encoder/lora/Dense_0/kernel/a" in adapted


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (FineTunePlan((Stage("tune", (Rule("Danse_0"),)),)), "nearest.*Dense_0"),
        (FineTunePlan((Stage("tune", (Rule("", rate=0.0),)),)), "nothing would be"),
        (
            FineTunePlan(
                (
                    Stage(
                        "tune",
                        (
                            Rule(
                                "(",
                            ),
                        ),
                    ),
                )
            ),
            "regular expression",
        ),
        (
            FineTunePlan((Stage("tune", (Rule("Dense_0", rate=-1.0),)),)),
            "rate for 'Dense_0' must be",
        ),
        (FineTunePlan(()), "different names"),
        (FineTunePlan((Stage("a"), Stage("a"))), "different names"),
        (FineTunePlan((Stage("source"),)), "source"),
        (FineTunePlan((Stage("a", share=0.0),)), "share must be positive"),
        (FineTunePlan((Stage("a", statistics="evil"),)), "statistics"),
        (FineTunePlan((Stage("a", learning_rate=-1.0),)), "learning_rate must be"),
        (FineTunePlan((Stage("a", penalties=(bss(), bss(count=2))),)), "twice"),
        (FineTunePlan((Stage("a", penalties=(l2_sp(),), lora=LoRA(2)),)), "l2_sp"),
        (
            FineTunePlan((Stage("a", (Rule("^encoder", 0.0),), lora=LoRA(2)),)),
            "every fac",
        ),
        (FineTunePlan((Stage("a", lora=LoRA(2)), Stage("b"))), "merge"),
        (FineTunePlan((Stage("a", lora=LoRA(0)),)), "rank must be"),
        (FineTunePlan((Stage("a", lora=LoRA(2, pattern="kern$")),)), "matches no"),
        (FineTunePlan((Stage("a", lora=LoRA(2, pattern="bias$")),)), "two axes"),
    ],
)
def test_mistakes_are_named(plan, message):
    with pytest.raises(ValueError, match=message):
        recipe = plan.recipe(NETWORK, classes=3)
        fit(
            recipe,
            toy_data(),
            jax.random.key(0),
            steps=10,
            batch_size=8,
            on_metrics=lambda *_: pytest.fail("it had begun to train"),
        )


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (FineTunePlan(Stage("tune")), "stages must be a tuple"),
        (FineTunePlan((Stage("tune", Rule("Dense_0")),)), "rules must be a tuple"),
        (FineTunePlan((Stage("tune", [Rule("Dense_0")]),)), "rules must be a tuple"),
        (FineTunePlan((Stage("tune", penalties=bss()),)), "penalties must be a tuple"),
    ],
)
def test_forgotten_commas_are_named(plan, message):
    with pytest.raises(TypeError, match=message):
        plan.recipe(NETWORK, classes=3)


def test_a_fresh_head_is_not_frozen():
    with pytest.raises(ValueError, match="starts fresh"):
        presets.surgical("Dense_0/").recipe(NETWORK, classes={"source": 3, "target": 2})


@pytest.mark.parametrize("swept", [False, True])
def test_a_stages_own_rate_multiplies_the_shared_one(swept):
    moved = {}
    for rate in (1.0, 0.5):
        plan = FineTunePlan((Stage("tune", learning_rate=rate),))
        recipe = plan.recipe(NETWORK, classes=3, learning_rate=0.02)
        options = {"sweep": {"learning_rate": [0.02]}} if swept else {}
        begin = fit(recipe[:1], toy_data(), jax.random.key(0), steps=6, batch_size=8)
        end = fit(
            recipe, toy_data(), jax.random.key(0), steps=10, batch_size=8, **options
        )
        assert phase_steps(recipe, 10) == [6, 4]
        kernel = np.asarray(end.state.params["encoder"]["Dense_0"]["kernel"])
        kernel = kernel.reshape(6, 8)
        moved[rate] = np.abs(
            kernel - np.asarray(begin.state.params["encoder"]["Dense_0"]["kernel"])
        ).mean()
    assert 0.3 * moved[1.0] < moved[0.5] < 0.7 * moved[1.0]


def test_stages_share_the_steps():
    plan = FineTunePlan((Stage("a", share=1.0), Stage("b", share=3.0)))
    assert phase_steps(plan.recipe(NETWORK, classes=3), 100) == [60, 10, 30]


def test_factors_go_on_through_stages():
    stages = (Stage("a"), Stage("b", lora=LoRA(2)), Stage("c", lora=LoRA(2)))
    recipe = FineTunePlan(stages).recipe(NETWORK, classes=3)
    options = {"batch_size": 8}
    b = fit(recipe[:3], toy_data(), jax.random.key(0), steps=9, **options).state
    batch = example_batch(toy_data(), recipe[3].uses)
    fresh = jax.jit(recipe[3].adapter.init)(jax.random.key(1), batch)
    begun = recipe[3].warm_start(b, fresh)
    assert same(begun.params["encoder"], b.params["encoder"])
    assert any(np.any(own["b"]) for own in b.params["encoder"]["lora"].values())


def test_rules_hold_for_the_targets_own_scales():
    for pattern, moves in (
        ("^encoder/BatchNorm_0/", False),
        ("^encoder/Dense_0/", True),
    ):
        plan = FineTunePlan((Stage("tune", (Rule(pattern, rate=0.0),)),))
        source, end = tuned(plan, batch_norm="domain_specific", weight_decay=0.0)
        own = end.params["encoder_target_norms"]["BatchNorm_0"]["scale"]
        start = source.params["encoder"]["BatchNorm_0"]["scale"]
        assert np.array_equal(own, start) != moves
        statistics = [
            state.stats[domain]["batch_stats"]["BatchNorm_0"]["mean"]
            for state, domain in ((source, "source"), (end, "target"))
        ]
        assert np.array_equal(*statistics) != moves


def test_a_module_may_call_its_own_fields_layers():
    class Mine(nn.Module):
        layers: int = 2

        @nn.compact
        def __call__(self, x):
            return nn.Dense(4, use_bias=False, name="low")(x)

    network = network_from_linen(Mine())
    assert network.layer_patterns == ()
    with pytest.raises(ValueError, match="layer_patterns"):
        methods.layer_decay(network, classes=3)
    named = network._replace(layer_patterns=("low/",))
    recipe = methods.layer_decay(named, classes=3)
    fit(recipe, toy_data(), jax.random.key(0), steps=5, batch_size=8)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: presets.layer_decay([]), "layers must be"),
        (lambda: presets.layer_decay("Dense_0"), "layers must be"),
        (lambda: presets.layer_decay(["Dense_0"], decay=1.5), "decay must lie"),
        (lambda: presets.layer_decay(["Dense_0"], smallest=-1.0), "smallest must lie"),
        (lambda: presets.gradual_unfreezing(["a"], decay=0.5), "decay must be"),
        (lambda: presets.surgical("("), "not a regular expression"),
    ],
)
def test_mistakes_of_presets_are_named(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_a_head_that_nothing_learned_is_not_frozen():
    params, stats = NETWORK.init(jax.random.key(0), jnp.ones((2, 6)))
    plan = presets.surgical("Dense_0/")
    with pytest.raises(ValueError, match="'tune' freezes the head"):
        plan.recipe(
            start_from(NETWORK, Pretrained(params, stats)), classes=3, source_share=0.0
        )
    head = {"kernel": jnp.ones((4, 3)), "bias": jnp.zeros(3)}
    whole = start_from(NETWORK, Pretrained(params, stats, head))
    assert len(plan.recipe(whole, classes=3, source_share=0.0)) == 2
