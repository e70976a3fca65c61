"""Protocols: the published numbers, and schedules against the reference's staircase."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import Pretrained, fit, network_by_name, start_from
from da_zoo.finetune import FineTunePlan, Stage, presets
from da_zoo.finetune.rules import rule_for
from da_zoo.loop import phase_steps
from da_zoo.schedules import SCHEDULES, schedule_by_name
from da_zoo.testing import toy_data

NETWORK = network_by_name("mlp", hidden=(4,), batch_norm=False)


@pytest.mark.parametrize(
    ("examples", "expected"),
    [
        (1000, (500, (200, 300, 400), 100, 0.0)),
        (19_999, (500, (200, 300, 400), 100, 0.0)),
        (20_000, (10_000, (3000, 6000, 9000), 500, 0.1)),
        (499_999, (10_000, (3000, 6000, 9000), 500, 0.1)),
        (500_000, (20_000, (6000, 12_000, 18_000), 500, 0.1)),
    ],
)
def test_bit_by_size(examples, expected):
    p = presets.bit_hyperrule(examples, 32)
    assert (p.steps, p.decay_steps, p.warm_up, p.mixup) == expected
    assert (p.batch_size, p.learning_rate) == (512, 0.003)
    assert p.plan.stages[0].mixup == p.mixup


@pytest.mark.parametrize(
    ("resolution", "sizes"),
    [
        (32, (160, 128)),
        ((95, 96), (160, 128)),
        (96, (512, 480)),
        ((40, 500), (512, 480)),
    ],
)
def test_bit_by_resolution(resolution, sizes):
    p = presets.bit_hyperrule(10, resolution)
    assert (p.resize, p.crop) == sizes


def test_vtab():
    p = presets.vtab1k()
    assert p.fit_options == {"steps": 1000, "batch_size": 64}
    assert (p.learning_rate, p.warm_up, p.decay_steps) == (0.01, 80, (300, 600, 900))
    groups = presets.VTAB_TASKS
    assert [len(tasks) for tasks in groups.values()] == [7, 4, 8]
    assert list(groups) == ["natural", "specialized", "structured"]
    assert len({task for tasks in groups.values() for task in tasks}) == 19


PROTOCOLS = [
    presets.bit_hyperrule(10, 8),
    presets.bit_hyperrule(20_000, 8),
    presets.bit_hyperrule(500_000, 8),
    presets.vtab1k(),
]


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda p: p.schedule)
def test_every_step_has_the_staircases_rate(protocol):
    """Step by step, with progress as the training step computes it, in float32."""
    steps = np.arange(protocol.steps)
    progress = jnp.asarray(steps, jnp.int32).astype(jnp.float32) / jnp.float32(
        protocol.steps
    )
    ours = jax.vmap(schedule_by_name(protocol.schedule))(progress)
    falls = sum((steps > decay).astype(int) for decay in protocol.decay_steps)
    rates = np.where(steps < protocol.warm_up, steps / protocol.warm_up, 0.1**falls)
    np.testing.assert_allclose(ours, rates, rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "rise", "start"),
    [("one_cycle", 0.25, 25), ("one_cycle_99", 0.99, 25), ("one_cycle_30", 0.3, 5)],
)
def test_one_cycle_is_fastais(name, rise, start):
    def cosine(a, b, p):  # fastai's SchedCos
        return a + (1 + np.cos(np.pi * (1 - p))) * (b - a) / 2

    grid = np.linspace(0, 1, 41)
    expected = [
        cosine(1 / start, 1, p / rise)
        if p < rise
        else cosine(1, 1e-5, (p - rise) / (1 - rise))
        for p in grid
    ]
    ours = [float(SCHEDULES[name](jnp.float32(p))) for p in grid]
    np.testing.assert_allclose(ours, expected, atol=1e-5)


def test_a_protocol_is_all_that_fit_needs():
    params, stats = NETWORK.init(jax.random.key(0), jnp.ones((2, 6)))
    network = start_from(NETWORK, Pretrained(params, stats))
    p = presets.bit_hyperrule(5000, 32)._replace(steps=10, batch_size=6)
    recipe = p.recipe(network, classes=3)
    assert [phase.uses for phase in recipe] == [frozenset({"target_labelled"})] * 2
    hparams = recipe[1].adapter.init.keywords["hparams"]
    assert (hparams["learning_rate"], hparams["weight_decay"]) == (0.003, 0.0)
    result = fit(recipe, toy_data(), jax.random.key(0), **p.fit_options)
    assert result.history["tune/task_loss"].shape == (10,)
    swept = p.recipe(network, classes=3, learning_rate=0.1, schedule="constant")
    assert swept[1].adapter.init.keywords["hparams"]["learning_rate"] == 0.1


def test_the_warm_up_reaches_the_step():
    """The very first step of a protocol moves nothing, the next ones do."""
    p = presets.bit_hyperrule(10, 8)._replace(steps=10, batch_size=6)
    recipe = p.recipe(NETWORK, classes=3, learning_rate=0.5)
    heads = [
        fit(recipe, toy_data(), jax.random.key(0), steps=10, batch_size=6).history[
            "tune/task_loss"
        ]
        for recipe in (recipe, p.recipe(NETWORK, classes=3, learning_rate=0.0))
    ]
    assert heads[0][1] == heads[1][1]
    assert heads[0][3] != heads[1][3]


def test_stages_have_schedules_of_their_own():
    plan = FineTunePlan((Stage("a", schedule="cosine"), Stage("b")))
    recipe = plan.recipe(NETWORK, classes=3, schedule="constant")
    same = FineTunePlan((Stage("a"), Stage("b"))).recipe(
        NETWORK, classes=3, schedule="constant"
    )
    assert recipe[1].adapter.update is not same[1].adapter.update
    assert recipe[2].adapter.update is same[2].adapter.update
    with pytest.raises(ValueError, match="unknown schedule for stage 'a' 'cosin'"):
        FineTunePlan((Stage("a", schedule="cosin"),)).recipe(NETWORK, classes=3)


def test_fastais_rates_and_norms():
    plan = presets.fine_tune(
        [f"Dense_{i}/" for i in range(4)], epochs=3, freeze_epochs=2
    )
    freeze, tune = plan.stages
    names = ["Dense_0/kernel", "Dense_2/kernel", "stem"]
    rates = [rule_for(tune.rules, f"encoder/{name}").rate for name in names]
    # Five groups with the head: 1/100 to 1 in equal ratios.
    np.testing.assert_allclose(rates, [0.01, 0.1, 0.01])
    assert rule_for(tune.rules, "head_target/kernel").rate == 1.0
    assert (tune.learning_rate, tune.schedule) == (0.5, "one_cycle_30")
    frozen = {
        "encoder/Dense_3/kernel": 0.0,
        "encoder/Dense_3/bias": 0.0,
        "encoder/BatchNorm_0/scale": 0.1,
        "encoder/block/bn1/bias": 0.1,
        "head_target/bias": 1.0,
    }
    assert {p: rule_for(freeze.rules, p).rate for p in frozen} == frozen
    recipe = plan.recipe(
        network_by_name("mlp", hidden=(5, 4, 4, 4)), classes=3, source_share=0.0
    )
    assert phase_steps(recipe, 50) == [0, 20, 30]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: presets.bit_hyperrule(0, 32), "examples must be"),
        (lambda: presets.bit_hyperrule(10, 0), "resolution a side"),
        (lambda: presets.bit_hyperrule(10, (1, 2, 3)), "resolution a side"),
        (lambda: presets.fine_tune([]), "layers must be"),
        (lambda: presets.fine_tune(["a"], epochs=0), "epochs, freeze_epochs"),
        (lambda: presets.fine_tune(["a"], lr_mult=0.5), "lr_mult"),
        (
            lambda: FineTunePlan((Stage("a", mixup=-1.0),)).recipe(NETWORK, classes=3),
            "mixup must be",
        ),
    ],
)
def test_mistakes_are_named(build, message):
    with pytest.raises(ValueError, match=message):
        build()
