import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo.losses import cross_entropy, domain_adversarial
from da_zoo.losses.adversarial import domain_accuracy
from da_zoo.network import mask_classes

LOGITS = np.random.default_rng(0).normal(size=(6, 4))
LABELS = np.array([0, 3, 1, 2, 2, 0])


def log_softmax(z):
    z = np.asarray(z, np.float64)
    return z - np.log(np.sum(np.exp(z), axis=1, keepdims=True))


def test_cross_entropy_value():
    expected = -log_softmax(LOGITS)[np.arange(6), LABELS].mean()
    ours = cross_entropy(jnp.float32(LOGITS), jnp.asarray(LABELS))
    np.testing.assert_allclose(ours, expected, rtol=1e-6)


def test_label_smoothing_value():
    log_p = log_softmax(LOGITS)
    target = 0.9 * np.eye(4)[LABELS] + 0.1 / 4
    expected = -np.mean(np.sum(target * log_p, axis=1))
    ours = cross_entropy(jnp.float32(LOGITS), jnp.asarray(LABELS), label_smoothing=0.1)
    np.testing.assert_allclose(ours, expected, rtol=1e-6)


def test_weights_and_padding():
    weight = jnp.array([1.0, 2.0, 0.0, 0.0, 1.0, 0.0])
    logits = jnp.float32(LOGITS).at[2].set(jnp.nan)
    nll = -log_softmax(LOGITS)[np.arange(6), LABELS]
    expected = (nll[0] + 2 * nll[1] + nll[4]) / 4
    ours = cross_entropy(logits, jnp.asarray(LABELS), weight=weight)
    np.testing.assert_allclose(ours, expected, rtol=1e-6)
    assert float(cross_entropy(logits, jnp.asarray(LABELS), weight=0 * weight)) == 0.0


def test_masked_classes_have_no_probability_and_no_gradient():
    labels = jnp.array([0, 1, 1, 0, 0, 1])

    def loss(logits):
        return cross_entropy(mask_classes(logits, jnp.float32(2)), labels)

    value, gradient = jax.value_and_grad(loss)(jnp.float32(LOGITS))
    expected = -log_softmax(LOGITS[:, :2])[np.arange(6), labels].mean()
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    assert np.array_equal(gradient[:, 2:], np.zeros((6, 2)))
    assert float(jnp.abs(gradient[:, :2]).min()) > 0


def test_finite_for_huge_logits():
    logits = jnp.array([[1e8, -1e8], [-1e8, 1e8]])
    value, gradient = jax.value_and_grad(cross_entropy)(logits, jnp.array([0, 0]))
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


def test_cross_entropy_refuses_bad_smoothing():
    with pytest.raises(ValueError, match="label_smoothing"):
        cross_entropy(jnp.zeros((1, 2)), jnp.array([0]), label_smoothing=1.0)


def test_domain_adversarial_value_and_labels():
    source, target = np.array([0.3, -1.2, 2.0]), np.array([0.5, -0.7])

    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    expected = 0.5 * (
        -np.log(sigmoid(source)).mean() - np.log(1 - sigmoid(target)).mean()
    )
    ours = domain_adversarial(jnp.float32(source), jnp.float32(target))
    np.testing.assert_allclose(ours, expected, rtol=1e-6)
    # The source is class 1: its logits are pushed up, the target's down.
    g_source, g_target = jax.grad(domain_adversarial, (0, 1))(
        jnp.float32(source), jnp.float32(target)
    )
    assert (np.asarray(g_source) < 0).all()
    assert (np.asarray(g_target) > 0).all()


def test_domain_adversarial_weights_and_extremes():
    source, target = jnp.array([0.3, jnp.nan]), jnp.array([0.5])
    weight = jnp.array([1.0, 0.0])
    ours = domain_adversarial(source, target, weight_source=weight)
    np.testing.assert_allclose(ours, domain_adversarial(source[:1], target), rtol=1e-6)
    huge = jnp.array([1e6, -1e6])
    assert np.isfinite(domain_adversarial(huge, huge))


@pytest.mark.parametrize("junk", [7.0, 1e30, -1e30])
def test_domain_adversarial_gradients_stop_at_padding(junk):
    source, target = jnp.array([0.3, -1.2, 2.0]), jnp.array([0.5, -0.7])
    slopes_of = jax.value_and_grad(domain_adversarial, (0, 1))
    value, slopes = slopes_of(source, target)
    padded, padded_slopes = slopes_of(
        jnp.append(source, junk),
        jnp.append(target, junk),
        weight_source=jnp.array([1.0, 1.0, 1.0, 0.0]),
        weight_target=jnp.array([1.0, 1.0, 0.0]),
    )
    np.testing.assert_allclose(padded, value, rtol=1e-6)
    for ours, alone in zip(padded_slopes, slopes, strict=True):
        np.testing.assert_allclose(ours[:-1], alone, rtol=1e-6)
        assert float(ours[-1]) == 0.0


def test_the_domain_accuracy_counts_both_domains_the_same_and_no_padding():
    source = jnp.array([2.0, -1.0, 0.5, -9.0])
    target = jnp.array([-3.0, 0.0])
    assert float(domain_accuracy(source, target)) == 0.75
    kept = jnp.array([1.0, 1.0, 1.0, 0.0])
    found = domain_accuracy(source, target, weight_source=kept)
    np.testing.assert_allclose(found, (2 / 3 + 1) / 2, rtol=1e-6)
