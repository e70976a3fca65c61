"""Mean teacher: which views and which statistics each of the two sees."""

import jax
import jax.numpy as jnp
import numpy as np

from da_zoo import fit, methods, network_by_name
from da_zoo.classifier import Forward
from da_zoo.losses.pseudo_labels import consistency
from da_zoo.methods.mean_teacher import _method
from da_zoo.testing import example_batch, toy_data

NETWORK = network_by_name("mlp", hidden=(8, 4))


def forward_of(**parts):
    """A pass of which only some parts are given."""
    return Forward(**({name: {} for name in Forward._fields} | parts))


def passes(student_view="strong", threshold=0.0):
    """What the two forwards were asked, and the loss."""
    asked = []

    def forward(params, state, batch):
        asked.append((params, state, batch))
        z = 3.0 * batch.target.x[:, :3]
        logits = {"source": batch.source.x[:, :3], "target": z}
        weights = {"source": None, "target": batch.target.weight}
        return forward_of(logits=logits, stats={"of": len(asked)}, weights=weights)

    recipe = methods.mean_teacher(NETWORK, classes=3, threshold=threshold)
    batch = example_batch(toy_data(), recipe[0].uses)
    state = jax.jit(recipe[0].adapter.init)(jax.random.key(0), batch)
    state = state._replace(step=jnp.int32(8), total_steps=jnp.float32(8))
    method = _method("auto", True, student_view, "sigmoid", "teacher")
    params = jax.tree.map(lambda leaf: leaf + 1.0, state.params)
    return asked, method.loss(forward, params, state, batch, jax.random.key(1)), batch


def test_student_and_teacher_see_the_target_differently_and_the_source_alike():
    (student, teacher), (loss, aux), batch = passes(threshold=0.6)
    assert np.array_equal(student[2].source.x, teacher[2].source.x)
    far, near = (
        float(jnp.abs(side[2].target.x - batch.target.x).mean())
        for side in (student, teacher)
    )
    assert far > 2 * near > 0
    logits = [3.0 * side[2].target.x[:, :3] for side in (student, teacher)]
    term = consistency(*logits, 0.6)
    np.testing.assert_allclose(aux.metrics["consistency"], term, rtol=1e-5)
    expected = aux.metrics["source_loss"] + 3.0 * term
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    assert aux.stats == {"of": 1}  # the student's


def test_the_teacher_has_its_own_weights_and_dropout():
    (student, teacher), *_ = passes()
    gap = jax.tree.map(
        lambda a, b: float(jnp.abs(a - b - 1).max()), student[0], teacher[0]
    )
    assert max(jax.tree.leaves(gap)) < 1e-6
    assert student[1].key != teacher[1].key


def test_views_may_be_alike_in_kind_but_never_in_draw():
    (student, teacher), *_ = passes(student_view="weak")
    assert not np.array_equal(student[2].target.x, teacher[2].target.x)


def test_it_learns_the_toy_shift_and_the_teacher_lags_behind_no_more_than_that():
    data = toy_data()
    values = {"optimizer": "adam", "schedule": "constant", "batch_norm": "separate"}
    recipe = methods.mean_teacher(NETWORK, classes=3, ema=0.9, **values)
    run = fit(recipe, data, jax.random.key(3), steps=200, batch_size=8)
    hits = np.argmax(run.predict(data.target.pool).logits["target"], axis=1)
    assert (hits == np.arange(24) % 3).mean() > 0.8
