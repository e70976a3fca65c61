import jax
import jax.numpy as jnp
import numpy as np

from da_zoo.losses.partial import class_weighted_mean, class_weights


def test_class_weights_are_mean_predictions_over_the_largest(x64):
    p = np.random.default_rng(0).dirichlet(np.ones(4), size=9)
    mean = np.array([sum(row[c] for row in p) / 9 for c in range(4)])
    np.testing.assert_allclose(class_weights(jnp.asarray(p)), mean / mean.max())


def test_classes_that_nothing_predicts_get_no_weight():
    logits = jnp.asarray(np.random.default_rng(0).normal(size=(20, 5)))
    logits = logits.at[:, 3].set(-20.0).at[:, 4].set(-1e9)
    weights = class_weights(jax.nn.softmax(logits, axis=1))
    assert float(weights.max()) == 1.0
    assert weights[:3].min() > 0.5
    assert weights[3] < 1e-6
    assert weights[4] == 0.0


def test_padding_has_no_part_in_the_weights():
    p = jnp.array([[0.8, 0.2], [0.4, 0.6], [jnp.nan, jnp.nan]])
    rows = jnp.array([1.0, 1.0, 0.0])
    np.testing.assert_allclose(class_weights(p, rows), class_weights(p[:2]))
    assert class_weights(p[2:], rows[2:]).tolist() == [1.0, 1.0]


def test_the_weights_have_no_gradient():
    p = jnp.array([[0.8, 0.2], [0.4, 0.6]])
    gradient = jax.grad(lambda p: jnp.sum(class_weights(p)))(p)
    assert not gradient.any()


def test_the_mean_is_over_all_rows_not_over_the_weights(x64):
    losses, labels = np.array([1.0, 2.0, 4.0]), jnp.array([0, 1, 1])
    by_class = jnp.array([1.0, 0.25])
    ours = class_weighted_mean(jnp.asarray(losses), labels, by_class)
    np.testing.assert_allclose(ours, (1.0 + 0.5 + 1.0) / 3)
    # A batch of unlikely classes alone has a small loss; normalised it would not.
    rare = class_weighted_mean(jnp.asarray(losses[1:]), labels[1:], by_class)
    np.testing.assert_allclose(rare, 0.75)
    padded = class_weighted_mean(
        jnp.asarray(losses), labels, by_class, jnp.array([1.0, 1.0, 0.0])
    )
    np.testing.assert_allclose(padded, (1.0 + 0.5) / 2)
