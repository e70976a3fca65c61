import jax
import numpy as np
import pytest

import da_zoo
from da_zoo import fit, fit_all, methods, network_by_name
from da_zoo.testing import toy_data


def recipes():
    network = network_by_name("mlp", hidden=(8, 4))
    names = ("ddc", "source_only", "deep_coral")
    return {name: getattr(methods, name)(network, classes=3) for name in names}


@pytest.mark.parametrize("workers", [1, 3])
def test_it_is_fit_for_each_recipe_whatever_the_workers(workers):
    options = {"steps": 6, "batch_size": 8, "seeds": 2}
    key = jax.random.key(1)
    found = fit_all(recipes(), toy_data(), key, workers=workers, **options)
    assert list(found) == ["ddc", "source_only", "deep_coral"]
    for name, recipe in recipes().items():
        alone = fit(recipe, toy_data(), key, workers=1, **options)
        for a, b in zip(
            jax.tree.leaves(found[name].state.params),
            jax.tree.leaves(alone.state.params),
            strict=True,
        ):
            np.testing.assert_array_equal(a, b)
        assert found[name].adapter.update is recipe[-1].adapter.update


def test_an_error_names_the_recipe_and_nothing_is_a_mistake():
    with pytest.raises(ValueError, match="recipes is empty"):
        fit_all({}, toy_data(), jax.random.key(0), steps=1)
    wild = methods.source_only(
        network_by_name("mlp", hidden=(4,)), classes=3, learning_rate=1e30
    )
    with pytest.raises(da_zoo.NonFiniteLossError, match="wild"):
        fit_all({"wild": wild}, toy_data(), jax.random.key(0), steps=20, batch_size=8)


def test_scikit_learn_is_imported_when_the_estimator_is_asked_for():
    assert da_zoo.DomainAdapter("ddc").method == "ddc"
    assert "DomainAdapter" in dir(da_zoo)
    with pytest.raises(AttributeError, match="DomainAdaptor"):
        _ = da_zoo.DomainAdaptor
