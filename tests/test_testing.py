"""The contract's checks catch what they are there for: adapters broken on purpose."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import methods, network_by_name, testing
from da_zoo.programs import forget_programs
from da_zoo.testing import ContractError, check_adapter, toy_data

NETWORK = network_by_name("mlp", hidden=(4,))


@pytest.fixture(autouse=True, scope="module")
def _few_programs():
    yield
    forget_programs()


def check(thorough=False, **changed):
    (phase,) = methods.dann(NETWORK, classes=3)
    adapter = phase.adapter
    broken = {name: change(getattr(adapter, name)) for name, change in changed.items()}
    check_adapter(
        (phase._replace(adapter=adapter._replace(**broken)),),
        toy_data(),
        thorough=thorough,
    )


def stepping(change):
    """A step whose state or metrics are changed afterwards."""

    def broken(update):
        return lambda state, batch: change(*update(state, batch), batch)

    return broken


def test_a_sound_adapter_passes():
    check()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s, m, b: (s._replace(step=s.step - 1), m), "does not count itself"),
        (lambda s, m, b: (s, m | {"mine": jnp.nan * s.step}), "metric 'mine' is nan"),
        (lambda s, m, b: (s, m | {"mine": jnp.ones(2)}), "no scalar"),
        (lambda s, m, b: (s._replace(extra={"new": s.step}), m), "structure"),
        (
            lambda s, m, b: (s._replace(total_steps=s.total_steps.astype(int)), m),
            "a step turns",
        ),
        (
            lambda s, m, b: (
                s._replace(total_steps=s.total_steps + b.target.y.sum()),
                m,
            ),
            "reads the labels of the unlabelled target",
        ),
    ],
    ids=["count", "nan", "shape", "structure", "dtype", "labels"],
)
def test_a_broken_step_is_caught(change, message):
    with pytest.raises(ContractError, match=message):
        check(update=stepping(change))


def test_predictions_that_change_or_are_not_finite_are_caught():
    draws = np.random.default_rng(0)

    def moody(predict):
        def broken(state, x, *, domain):
            found = predict(state, x, domain=domain)
            return found._replace(features=found.features + draws.normal())

        return broken

    def infinite(predict):
        def broken(state, x, *, domain):
            found = predict(state, x, domain=domain)
            return found._replace(logits={k: v / 0.0 for k, v in found.logits.items()})

        return broken

    with pytest.raises(ContractError, match="not deterministic"):
        check(predict=moody)
    with pytest.raises(ContractError, match=r"bad .* logits"):
        check(predict=infinite)


def test_a_state_that_a_file_changes_is_caught(monkeypatch):
    real = testing._through_a_file

    def lossy(state):
        return real(state)._replace(total_steps=jnp.float32(9))

    monkeypatch.setattr(testing, "_through_a_file", lossy)
    with pytest.raises(ContractError, match="read from a file"):
        check()


def test_seeds_together_that_train_otherwise_are_caught():
    @jax.custom_batching.custom_vmap
    def same(bias):
        return bias

    @same.def_vmap
    def _(size, batched, bias):
        del size
        return bias + 0.01, batched[0]  # a batching rule that is wrong

    def batched_otherwise(state, metrics, batch):
        head = state.params["head_source"]
        moved = head | {"bias": same(head["bias"])}
        return state._replace(params=state.params | {"head_source": moved}), metrics

    with pytest.raises(ContractError, match="differ from scan and vmap"):
        check(thorough=True, update=stepping(batched_otherwise))
