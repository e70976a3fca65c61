"""Supervised pre-training: label smoothing, the head, and continuous targets."""

import jax
import numpy as np
import pytest

from da_zoo import ArrayData, Continuous, fit
from da_zoo.methods.pretraining import pretrain, pretrained_from, supervised
from tests.methods.pretraining.toys import MLP, TABLE

LABELS = np.arange(24) % 3


def first_loss(**options):
    data = ArrayData(source=(TABLE, LABELS))
    recipe = supervised(MLP, classes=3, **options)
    result = fit(recipe, data, jax.random.key(0), steps=1, batch_size=24)
    return result.history["pretrain/pretrain_loss"][0], result


def test_smoothing_mixes_in_the_mean_over_classes():
    hard, result = first_loss(label_smoothing=0.0)
    soft, _ = first_loss(label_smoothing=0.4)
    whole, _ = first_loss(label_smoothing=0.8)
    # Linear in the smoothing: 0.4 lies halfway.
    assert soft == pytest.approx((hard + whole) / 2, rel=1e-5)
    assert soft != hard
    assert result.predict(TABLE).logits["source"].shape == (24, 3)


def test_the_head_is_kept_without_its_padding():
    found = pretrain(
        "supervised", MLP, (TABLE, LABELS), jax.random.key(0), steps=2, batch_size=8,
        classes=3, width=5,
    )  # fmt: skip
    assert found.head["kernel"].shape == (4, 3)
    assert found.head["bias"].shape == (3,)


def test_continuous_targets_are_pretrained_on_too():
    recipe = supervised(MLP, classes=Continuous(2))
    data = ArrayData(source=(TABLE, TABLE[:, :2]))
    result = fit(recipe, data, jax.random.key(0), steps=2, batch_size=8)
    assert pretrained_from(result).head["kernel"].shape == (4, 2)


@pytest.mark.parametrize("value", [-0.1, 1.0])
def test_smoothing_lies_between_zero_and_one(value):
    with pytest.raises(ValueError, match="label_smoothing must lie in"):
        supervised(MLP, classes=3, label_smoothing=value)


def test_two_label_spaces_are_refused():
    with pytest.raises(ValueError, match="classes must be one count"):
        supervised(MLP, classes={"source": 3, "target": 2})
