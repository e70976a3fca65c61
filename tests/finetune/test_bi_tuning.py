"""Bi-Tuning over three steps, against loops in NumPy that keep queues of their own."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import Continuous, methods
from da_zoo.finetune import FineTunePlan, Stage, bi_tuning
from tests.finetune.stages import (
    NORMALISED,
    PLAIN,
    assert_trains_alike,
    begun,
    end,
    forward,
    tuned,
)

QUEUE, DECAY, HOT = 3, 0.6, 0.5
SMALL = {"queue": QUEUE, "projection": 3, "augmentation": "none"}


def unit(rows):
    return rows / np.sqrt(np.sum(rows**2, axis=1, keepdims=True))


def float64(tree):
    return jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), tree)


def encoded(params, x):
    """Features with the constant, and projections, all of length 1."""
    features = forward(params, x)[-1]
    whole = np.concatenate([features, np.ones((len(features), 1))], axis=1)
    own = params["projector"]
    return unit(whole), unit(features @ own["kernel"] + own["bias"])


class ByHand:
    """The reference: one row after another, as Bi-Tuning's paper describes it."""

    def __init__(self, params):
        self.slow = params
        self.queues = {c: [] for c in range(3)}  # (features, projection) of keys

    def step(self, params, x, y):
        self.slow = jax.tree.map(
            lambda a, b: DECAY * a + (1 - DECAY) * b, self.slow, params
        )
        features, projections = encoded(params, x)
        keys = list(zip(*encoded(self.slow, x), strict=True))
        head = params["head_target"]
        w = unit(np.concatenate([head["kernel"], head["bias"][None]]).T)
        totals = np.zeros(2)
        for i, label in enumerate(y):
            by_projection = [projections[i] @ keys[i][1] / HOT]
            by_head = [w[label] @ features[i] / HOT]
            positive = [True]
            for c in range(3):
                for key_features, key_projection in self.queues[c][-QUEUE:]:
                    by_projection.append(projections[i] @ key_projection / HOT)
                    by_head.append(w[label] @ key_features / HOT)
                    positive.append(c == label)
            for term, scores in enumerate((by_projection, by_head)):
                logs = np.array(scores) - np.log(np.sum(np.exp(scores)))
                totals[term] -= logs[np.array(positive)].mean() / len(y)
        for key, label in zip(keys, y, strict=True):
            self.queues[label].append(key)
        return totals


@pytest.fixture(scope="module")
def steps():
    recipe = tuned(
        bi_tuning(0.7, HOT, DECAY, **SMALL), learning_rate=0.1, schedule="constant"
    )
    state, batch = begun(recipe)
    step = jax.jit(recipe[-1].adapter.update)
    hand, found = None, []
    for _ in range(3):
        params = float64(state.params)
        hand = hand or ByHand(params)
        rows = batch.target_labelled
        expected = hand.step(params, rows.x, np.asarray(rows.y))
        after, metrics = step(state, batch)
        found.append((state, after, metrics, expected))
        state = after
    return recipe, hand, found


def test_the_losses_by_hand(steps):
    for _, _, metrics, expected in steps[2]:
        ours = [metrics["contrast_projection"], metrics["contrast_head"]]
        np.testing.assert_allclose(ours, expected, rtol=2e-4, atol=1e-6)
        np.testing.assert_allclose(
            metrics["task_loss"],
            metrics["target_labelled_loss"] + 0.7 * sum(ours),
            rtol=1e-5,
        )
    # The first step has empty queues, the next ones have not.
    assert steps[2][0][2]["contrast_projection"] == 0.0
    assert steps[2][1][2]["contrast_projection"] > 0.1


def test_queues_and_the_slow_encoder_are_in_the_state(steps):
    _, hand, found = steps
    queues = found[-1][1].extra["bi_tuning_queues"]
    for label, keys in hand.queues.items():
        assert int(queues["count"][label]) == len(keys)
        for age in range(1, QUEUE + 1):  # the last key first
            place = (len(keys) - age) % QUEUE
            np.testing.assert_allclose(
                queues["features"][label, place], keys[-age][0], atol=1e-5
            )
            np.testing.assert_allclose(
                queues["projections"][label, place], keys[-age][1], atol=1e-5
            )
    slow = found[-1][1].extra["bi_tuning_encoder"]
    for name in ("encoder", "projector"):
        for a, b in zip(
            jax.tree.leaves(slow[name]),
            jax.tree.leaves(hand.slow[name]),
            strict=True,
        ):
            np.testing.assert_allclose(a, b, atol=1e-5)


def test_the_gradient_by_differences(steps):
    recipe, _, found = steps
    state, batch = found[1][0], begun(recipe)[1]
    step = jax.jit(recipe[-1].adapter.update)
    off = state._replace(hparams=state.hparams | {"contrast": jnp.float32(0)})
    ends = [step(s, batch)[0] for s in (state, off)]
    gap = jax.tree.map(lambda a, b: a - b, ends[0].params, ends[1].params)
    # The query's alone: neither keys nor, of the head's term, the head's weights.
    np.testing.assert_array_equal(gap["head_target"]["kernel"], 0.0)
    assert float(jnp.abs(gap["projector"]["kernel"]).max()) > 1e-4
    rows = batch.target_labelled
    keys = {
        name: float64(state.extra["bi_tuning_queues"][name])
        for name in ("features", "projections")
    }
    filled = np.minimum(state.extra["bi_tuning_queues"]["count"], QUEUE)
    base = float64(state.params)
    slow = jax.tree.map(
        lambda a, b: DECAY * a + (1 - DECAY) * b,
        float64(state.extra["bi_tuning_encoder"]),
        {k: base[k] for k in ("encoder", "projector")},
    )
    own = encoded(slow, rows.x)[1]
    head = base["head_target"]
    w = unit(np.concatenate([head["kernel"], head["bias"][None]]).T)

    def value(params):
        features, projections = encoded(params, rows.x)
        total = 0.0
        for i, label in enumerate(np.asarray(rows.y)):
            for first, queries, name in (
                (projections[i] @ own[i], projections[i], "projections"),
                (w[label] @ features[i], w[label], "features"),
            ):
                scores, positive = [first / HOT], [True]
                for c in range(3):
                    for k in range(filled[c]):
                        scores.append(queries @ keys[name][c, k] / HOT)
                        positive.append(c == label)
                logs = np.array(scores) - np.log(np.sum(np.exp(scores)))
                total -= logs[np.array(positive)].mean() / len(rows.y)
        return total

    for path, place in (("Dense_0", (2, 1)), ("Dense_1", (3, 2))):
        sides = []
        for sign in (1, -1):
            params = jax.tree.map(np.copy, base)
            params["encoder"][path]["kernel"][place] += sign * 1e-6
            sides.append(value(params))
        slope = (sides[0] - sides[1]) / 2e-6
        # Nesterov: the gradient counts 1.9 times; momentum of before cancels.
        np.testing.assert_allclose(
            gap["encoder"][path]["kernel"][place],
            -1.9 * 0.1 * 0.7 * slope,
            rtol=2e-2,
            atol=1e-6,
        )


def test_no_weight_is_full_fine_tuning():
    assert_trains_alike(
        methods.bi_tuning(NORMALISED, classes=3, contrast=0.0, **SMALL),
        methods.full_fine_tuning(NORMALISED, classes=3),
        tolerance=1e-6,  # programs that differ round apart
    )


def test_rows_of_a_class_come_together():
    losses = {}
    for weight in (0.0, 1.0):
        term = bi_tuning(weight, HOT, 0.9, **SMALL)
        run = end(tuned(term, learning_rate=0.03), steps=150)
        losses[weight] = run.history["tune/contrast_projection"][-5:].mean()
    assert losses[1.0] < losses[0.0] - 0.1


@pytest.mark.slow
def test_the_key_is_a_view_of_its_own():
    seen = {}
    for name in ("none", "vectors"):
        recipe = tuned(bi_tuning(1.0, HOT, 0.5, **(SMALL | {"augmentation": name})))
        state, batch = begun(recipe)
        after = jax.jit(recipe[-1].adapter.update)(state, batch)[0]
        seen[name] = after.extra["bi_tuning_queues"]["features"]
    assert float(jnp.abs(seen["none"] - seen["vectors"]).max()) > 1e-3


def test_later_stages_keep_queues_and_the_slow_encoder():
    term = bi_tuning(1.0, HOT, 0.9, **SMALL)
    stages = tuple(Stage(name, penalties=(term,)) for name in ("a", "b"))
    recipe = FineTunePlan(stages).recipe(PLAIN, classes=3)
    queues = end(recipe, steps=20).state.extra["bi_tuning_queues"]
    assert int(queues["count"].sum()) == 8 * 8  # eight steps of eight rows


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: bi_tuning(-1.0), "contrast must be"),
        (lambda: bi_tuning(1.0, 0.0), "contrast_temperature must be above 0"),
        (lambda: bi_tuning(1.0, 0.1, 1.5), "key_decay must be"),
        (lambda: bi_tuning(queue=0), "queue must be at least 1"),
        (lambda: bi_tuning(projection=0), "projection must be at least 1"),
        (lambda: bi_tuning(augmentation="vector"), "did you mean"),
        (lambda: tuned(bi_tuning(), classes=Continuous(1)), "bi_tuning needs classes"),
    ],
)
def test_mistakes_are_named(build, message):
    with pytest.raises(ValueError, match=message):
        build()
