import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import METHODS, ArrayData, fit, methods, network_by_name
from da_zoo.finetune import with_average
from da_zoo.interpret import Model, integrated_gradients, model_of, saliency
from da_zoo.interpret.model import as_inputs, chosen_classes
from da_zoo.methods.pretraining import pretrained_from
from da_zoo.programs import forget_programs

NETWORK = network_by_name("mlp", hidden=(6, 4))
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(24, 3)).astype(np.float32), np.arange(24) % 3


@pytest.fixture(autouse=True, scope="module")
def _few_programs():
    yield
    forget_programs()


def trained(recipe, **streams):
    data = ArrayData((X, Y), X + 1.0, **streams)
    return fit(recipe, data, jax.random.key(0), steps=4, batch_size=8)


@functools.cache
def aligned(policy):
    return trained(methods.ddc(NETWORK, classes=3, batch_norm=policy, width=5))


@pytest.mark.parametrize("domain", ["source", "target"])
@pytest.mark.parametrize("policy", ["joint", "domain_specific"])
def test_a_fit_s_model_predicts_what_the_fit_predicts(domain, policy):
    model = model_of(aligned(policy), NETWORK, domain=domain)
    expected = aligned(policy).predict(X, domain=domain).logits["target"]
    assert model(X).shape == (24, 3)  # two columns are padding
    np.testing.assert_allclose(model(X), expected[:, :3], rtol=1e-5, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("domain", ["source", "target"])
@pytest.mark.parametrize("policy", ["separate", "domain_specific", "joint"])
@pytest.mark.parametrize("method", ["source_only", "full_fine_tuning", "mean_teacher"])
def test_the_statistics_and_the_head_are_those_of_the_fit(method, policy, domain):
    recipe = METHODS[method].factory(NETWORK, classes=3, batch_norm=policy)
    result = trained(recipe, target_labelled=(X[:9] + 1.0, Y[:9]))
    expected = result.predict(X, domain=domain).logits[domain]
    model = model_of(result, NETWORK, domain=domain)
    np.testing.assert_allclose(model(X), expected, rtol=1e-5, atol=1e-6)


def test_each_label_space_has_its_head():
    recipe = methods.full_fine_tuning(NETWORK, classes={"source": 3, "target": 2})
    labelled = (X[:9] + 1.0, Y[:9] % 2)
    result = trained(recipe, target_labelled=labelled)
    expected = result.predict(X).logits["target"][:, :2]
    np.testing.assert_allclose(model_of(result, NETWORK)(X), expected, atol=1e-6)
    assert model_of(result, NETWORK)(X).shape == (24, 2)


def test_a_prediction_alone_is_enough():
    result = aligned("joint")
    model = model_of(result, NETWORK)

    def logits(x):
        return result.predict(x).logits["target"]

    close = {"rtol": 1e-4, "atol": 1e-6}
    np.testing.assert_allclose(saliency(logits, X), saliency(model, X), **close)
    found, expected = (
        integrated_gradients(f, X[:2], steps=3).values for f in (logits, model)
    )
    np.testing.assert_allclose(found, expected, **close)


def test_what_is_no_single_linear_classifier_is_refused():
    one = aligned("joint")
    with pytest.raises(ValueError, match="seed"):
        model_of(one._replace(axes={"seed": (0, 1)}), NETWORK)
    with pytest.raises(ValueError, match="domain must be"):
        model_of(one, NETWORK, domain="both")
    with pytest.raises(ValueError, match="no head 'target'"):
        model_of(one, NETWORK, head="target")
    encoder = {"base": one.state.params["encoder"], "lora": {}}
    params = one.state.params | {"encoder": encoder}
    with pytest.raises(ValueError, match="merge_lora"):
        model_of(one._replace(state=one.state._replace(params=params)), NETWORK)


def test_inputs_and_classes_are_checked():
    with pytest.raises(TypeError, match="must hold numbers"):
        as_inputs(np.array([["a"]]))
    with pytest.raises(ValueError, match=r"shape \[n, ...\]"):
        as_inputs(np.zeros(3))
    logits = jnp.zeros((2, 3))
    assert chosen_classes(logits, 2).tolist() == [2, 2]
    assert chosen_classes(logits, np.array([0, 1])).tolist() == [0, 1]
    for wrong in (3, -1, np.array([0, 1, 2]), 0.5):
        with pytest.raises((ValueError, TypeError)):
            chosen_classes(logits, wrong)


def test_pixels_are_scaled_as_training_scales_them():
    params, stats = NETWORK.init(jax.random.key(0), jnp.asarray(X))
    head = {"kernel": jnp.ones((4, 2)), "bias": jnp.zeros(2)}
    model = Model(NETWORK, params, stats, head)
    pixels = np.full((2, 3), 51, np.uint8)
    np.testing.assert_allclose(model(pixels), model(np.full((2, 3), 0.2, np.float32)))


def test_a_fit_with_an_average_has_the_average_s_model():
    recipe = with_average(methods.source_only(NETWORK, classes=3), 0.9)
    result = trained(recipe)
    expected = result.predict(X).logits["target"][:, :3]
    model = model_of(result, NETWORK)
    np.testing.assert_allclose(model(X), expected, rtol=1e-5, atol=1e-6)
    taken = pretrained_from(result)
    again = Model(NETWORK, taken.params, taken.stats, taken.head)
    np.testing.assert_allclose(again(X), expected, rtol=1e-5, atol=1e-6)
