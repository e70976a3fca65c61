"""Compiled programs: a bounded number of them, and results that do not see it."""

import threading

import jax
import numpy as np
import pytest

from da_zoo import ArrayData, fit, methods, network_by_name, programs

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(48, 5)).astype(np.float32)
Y = GENERATOR.integers(0, 3, 48)


def trained(hidden):
    recipe = methods.deep_coral(network_by_name("mlp", hidden=(hidden,)), classes=3)
    options = {"steps": 3, "batch_size": 8, "seeds": 2, "workers": 1}
    state = fit(recipe, ArrayData((X, Y), X + 1), jax.random.key(0), **options).state
    return jax.tree.map(np.asarray, state.params)


def alive():
    return len(jax.local_devices()[0].client.live_executables())


@pytest.fixture(autouse=True)
def _forgotten():
    programs.forget_programs()
    yield
    programs.forget_programs()


def test_forgetting_frees_the_programs():
    before = alive()
    trained(7)
    assert alive() > before + 2
    programs.forget_programs()
    assert alive() <= before
    assert not programs._LOCKS


@pytest.mark.slow
def test_their_number_is_bounded_and_results_do_not_see_it(monkeypatch):
    monkeypatch.setattr(programs, "MOST_PROGRAMS", 3)
    first = trained(4)
    for hidden in range(5, 9):
        trained(hidden)
        assert len(programs._EXECUTABLES) <= 3
    again = trained(4)
    assert jax.tree.all(jax.tree.map(np.array_equal, first, again))


def test_threads_train_on_while_another_forgets(monkeypatch):
    widths = range(4, 8)
    expected = {hidden: trained(hidden) for hidden in widths}
    monkeypatch.setattr(programs, "MOST_PROGRAMS", 1)
    found, errors = {}, []

    def work(own):
        try:
            found.update({hidden: trained(hidden) for hidden in own})
        except Exception as error:
            errors.append(error)

    threads = [
        threading.Thread(target=work, args=(own,)) for own in ((4, 5, 6), (7, 6, 5))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert set(found) == set(widths)
    for hidden in widths:
        same = jax.tree.map(np.array_equal, expected[hidden], found[hidden])
        assert jax.tree.all(same)
