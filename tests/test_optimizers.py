import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from da_zoo.optimizers import OPTIMIZERS, make_optimizer
from da_zoo.partition import paths, split


def hparams(learning_rate=0.1, weight_decay=0.0):
    values = {"learning_rate": learning_rate, "weight_decay": weight_decay}
    return {name: jnp.float32(value) for name, value in values.items()}


def params():
    return {
        "encoder": {"kernel": jnp.array([1.0, -2.0, 3.0])},
        "head": {"kernel": jnp.array([0.5, 4.0])},
    }


def run(optimizer, start, steps=6):
    """Minimises half the squared distance from 1."""
    state = optimizer.init(start)
    for _ in range(steps):
        gradients = jax.tree.map(lambda p: p - 1.0, start)
        updates, state = optimizer.update(gradients, state, start)
        start = optax.apply_updates(start, updates)
    return start


def close(a, b):
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("name", "weight_decay", "reference"),
    [
        ("sgd", 0.0, optax.sgd(0.1, momentum=0.9, nesterov=True)),
        (
            "sgd",
            0.05,
            optax.chain(
                optax.add_decayed_weights(0.05),
                optax.sgd(0.1, momentum=0.9, nesterov=True),
            ),
        ),
        ("adam", 0.0, optax.adam(0.1)),
        ("adam", 0.05, optax.adamw(0.1, weight_decay=0.05)),
    ],
)
def test_optimizers_are_optaxs_own(name, weight_decay, reference):
    ours = make_optimizer(name)(hparams(0.1, weight_decay))
    close(run(ours, params()), run(reference, params()))


def sgd_by_hand(w, decay, steps, rate=0.1):
    trace = 0.0
    for _ in range(steps):
        gradient = w - 1.0 + decay * w  # coupled: the decay goes through the momentum
        trace = gradient + 0.9 * trace
        w = w - rate * (gradient + 0.9 * trace)
    return w


def test_sgd_couples_its_weight_decay():
    ours = run(make_optimizer("sgd")(hparams(0.1, 0.3)), {"w": jnp.float32(3.0)}, 5)
    np.testing.assert_allclose(ours["w"], sgd_by_hand(3.0, 0.3, 5), rtol=1e-5)


def test_adam_decouples_its_weight_decay():
    # Gradient 0: coupled decay would be normalised to a step of the learning rate.
    optimizer = make_optimizer("adam")(hparams(0.1, 0.3))
    start = {"w": jnp.float32(3.0)}
    zero = {"w": jnp.float32(0.0)}
    updates, _ = optimizer.update(zero, optimizer.init(start), start)
    np.testing.assert_allclose(updates["w"], -0.1 * 0.3 * 3.0, rtol=1e-6)


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
@pytest.mark.parametrize("weight_decay", [0.0, 0.2])
def test_factors_scale_the_update_not_the_gradient(name, weight_decay):
    """Under Adam a scaled gradient would give the very same step."""
    start = params()
    gradients = jax.tree.map(jnp.ones_like, start)
    steps = []
    for factor in (None, lambda path: 0.1 if path.startswith("encoder") else 1.0):
        optimizer = make_optimizer(name, factor=factor)(hparams(0.1, weight_decay))
        steps.append(optimizer.update(gradients, optimizer.init(start), start)[0])
    whole, scaled = steps
    close(scaled["encoder"], jax.tree.map(lambda u: 0.1 * u, whole["encoder"]))
    close(scaled["head"], whole["head"])


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_what_is_not_trained_has_no_state(name):
    selected, _ = split(params(), ("head",))
    state = make_optimizer(name, factor=lambda path: 0.1)(hparams()).init(selected)
    kept = [path for path in paths(state) if "kernel" in path]
    assert kept
    assert not any("encoder" in path for path in kept)
    moments = [leaf for leaf in jax.tree.leaves(state) if leaf.ndim]
    assert all(leaf.shape == (2,) for leaf in moments)


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_hyper_parameters_are_traced(name):
    traces = []

    @jax.jit
    def step(values, start):
        traces.append(values)
        optimizer = make_optimizer(name)(values)
        return optimizer.update(start, optimizer.init(start), start)[0]

    small, large = step(hparams(0.1), params()), step(hparams(0.2, 0.5), params())
    assert len(traces) == 1
    assert not np.array_equal(small["head"]["kernel"], large["head"]["kernel"])
    over = {k: jnp.stack([v, 2 * v]) for k, v in hparams().items()}
    swept = jax.vmap(step, in_axes=(0, None))(over, params())
    np.testing.assert_allclose(
        swept["head"]["kernel"][1], 2 * swept["head"]["kernel"][0], rtol=1e-6
    )


def test_unknown_names_get_the_nearest():
    with pytest.raises(ValueError, match=r"unknown optimizer 'adamm'.*'adam'"):
        make_optimizer("adamm")
