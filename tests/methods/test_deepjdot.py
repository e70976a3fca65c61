import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import METHODS, fit, methods, network_by_name
from da_zoo.losses import joint_transport
from da_zoo.testing import example_batch, toy_data

NETWORK = network_by_name("mlp", hidden=(8, 4))


def stepped(recipe, change=lambda batch: batch):
    """The first phase's metrics and parameters after one step from the middle."""
    adapter = recipe[0].adapter
    batch = example_batch(toy_data(), recipe[0].uses)
    state = jax.jit(adapter.init)(jax.random.key(0), batch)
    state = state._replace(total_steps=jnp.float32(8), step=jnp.int32(4))
    after, metrics = jax.jit(adapter.update)(state, change(batch))
    return metrics, after.params


def test_the_term_is_the_transport_of_the_batch():
    recipe = methods.deepjdot(NETWORK, classes=3, feature_cost=0.5, label_cost=0.25)
    metrics, _ = stepped(recipe)
    batch = example_batch(toy_data(), recipe[0].uses)
    state = jax.jit(recipe[0].adapter.init)(jax.random.key(0), batch)
    # Under joint statistics both domains are normalised as one sample.
    x = jnp.concatenate([batch.source.x, batch.target.x])
    outputs, _ = NETWORK.apply(
        state.params["encoder"], state.stats["joint"], x, train=True
    )
    features = outputs.features
    head = state.params["head_source"]
    expected = joint_transport(
        features[:8],
        batch.source.y,
        features[8:],
        features[8:] @ head["kernel"] + head["bias"][None],
        feature_cost=0.5,
        label_cost=0.25,
    )
    np.testing.assert_allclose(metrics["transport"], expected, rtol=1e-5)
    total = metrics["source_loss"] + metrics["transport"]
    np.testing.assert_allclose(metrics["task_loss"], total, rtol=1e-6)


def test_the_cost_reads_source_labels_and_target_predictions():
    recipe = methods.deepjdot(NETWORK, classes=3, feature_cost=0.0, label_cost=1.0)
    metrics, _ = stepped(recipe)

    def relabelled(batch):
        return batch._replace(source=batch.source._replace(y=jnp.zeros(8, jnp.int32)))

    changed, _ = stepped(recipe, relabelled)
    assert float(changed["transport"]) != float(metrics["transport"])

    def moved(batch):
        return batch._replace(target=batch.target._replace(x=batch.target.x + 1.0))

    changed, _ = stepped(recipe, moved)
    assert float(changed["transport"]) != float(metrics["transport"])


@pytest.mark.parametrize("part", ["feature_cost", "label_cost"])
def test_either_part_of_the_cost_trains_the_encoder(part):
    costs = {"feature_cost": 0.0, "label_cost": 0.0}
    _, without = stepped(methods.deepjdot(NETWORK, classes=3, **costs))
    _, with_it = stepped(methods.deepjdot(NETWORK, classes=3, **(costs | {part: 1.0})))
    gap = jax.tree.map(
        lambda a, b: float(jnp.abs(a - b).max()), without["encoder"], with_it["encoder"]
    )
    assert max(jax.tree.leaves(gap)) > 1e-4
    # Predictions of the target enter through the labels' part alone.
    heads = jnp.abs(
        without["head_source"]["kernel"] - with_it["head_source"]["kernel"]
    ).max()
    assert (float(heads) > 1e-5) == (part == "label_cost")


def test_training_lowers_the_transport():
    settings = {"optimizer": "adam", "schedule": "constant", "classes": 3}
    costs = {"feature_cost": 1.0, "label_cost": 1.0}
    ends = []
    for trade_off in (0.0, 1.0):
        recipe = methods.deepjdot(NETWORK, trade_off=trade_off, **costs, **settings)
        result = fit(recipe, toy_data(), jax.random.key(3), steps=150, batch_size=8)
        ends.append(result.history["adapt/transport"][-20:].mean())
    assert ends[1] < 0.5 * ends[0]


def test_costs_and_epsilon_share_the_compiled_step():
    one = methods.deepjdot(NETWORK, classes=3)
    other = methods.deepjdot(NETWORK, classes=3, feature_cost=0.1, epsilon=0.5)
    assert one[0].adapter.update is other[0].adapter.update


def test_two_label_spaces_are_refused():
    with pytest.raises(ValueError, match=r"deepjdot compares labels.*one number"):
        methods.deepjdot(
            NETWORK, classes={"source": 3, "target": 2}, labelled_target=True
        )
    assert METHODS["deepjdot"].undefined(4, "F") == (
        "needs one label space for source and target"
    )
    assert METHODS["deepjdot"].undefined(3, "F") == ""
    assert METHODS["deepjdot"].undefined(3, "U") == ""


def test_bad_arguments():
    with pytest.raises(ValueError, match="epsilon must be positive, got 0"):
        methods.deepjdot(NETWORK, classes=3, epsilon=0.0)
    with pytest.raises(ValueError, match="iterations must be at least 1, got 0"):
        methods.deepjdot(NETWORK, classes=3, iterations=0)
