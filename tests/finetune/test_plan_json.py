"""Plans as JSON: there and back, readable, and honest about penalties."""

import json

import pytest

from da_zoo.finetune import (
    FineTunePlan,
    LoRA,
    Rule,
    Stage,
    bss,
    describe_plan,
    l2_sp,
    presets,
    read_plan,
)

LAYERS = ["Dense_0/", "Dense_1/"]
PLANS = {
    "full": presets.full(),
    "lp_ft": presets.lp_ft(0.3),
    "layer_decay": presets.layer_decay(LAYERS),
    "gradual": presets.gradual_unfreezing(LAYERS),
    "surgical": presets.surgical("Dense_0/"),
    "lora": presets.lora(2, 4.0),
    "auto_rgn": presets.auto_rgn(),
    "fine_tune": presets.fine_tune(LAYERS, 3),
    "bit": presets.bit_hyperrule(20_000, 32).plan,
    "own": FineTunePlan(
        (Stage("a", (Rule("x", 0.5, False, False),), 2.0, "frozen", (), LoRA(3)),)
    ),
}


@pytest.mark.parametrize("name", PLANS)
def test_there_and_back(name):
    text = json.dumps(describe_plan(PLANS[name]))
    assert read_plan(json.loads(text)) == PLANS[name]


def test_penalties_are_told_and_not_built():
    plan = FineTunePlan((Stage("tune", penalties=(l2_sp(0.1), bss())),))
    told = describe_plan(plan)
    assert told["stages"][0]["penalties"] == [
        {"pull": 0.1, "head_pull": 0.01},
        {"shrinkage": 0.001},
    ]
    with pytest.raises(ValueError, match=r"'tune' has penalties.*by hand"):
        read_plan(json.loads(json.dumps(told)))


@pytest.mark.parametrize(
    "told", [{}, {"stages": [{"nom": "a"}]}, {"stages": [{"name": "a", "lora": 3}]}]
)
def test_other_values_are_refused(told):
    with pytest.raises(ValueError, match="no description of a plan"):
        read_plan(told)
