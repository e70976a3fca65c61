"""T3A: templates against a re-derivation with lists; the source's head as a limit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import ArrayData, fit, methods, network_by_name
from da_zoo.methods.t3a import support_templates
from da_zoo.programs import forget_programs
from da_zoo.testing import example_batch, toy_data

NETWORK = network_by_name("mlp", hidden=(8, 4))
RNG = np.random.default_rng(0)
HEAD = {"kernel": RNG.normal(size=(5, 3)), "bias": RNG.normal(size=3)}
FEATURES = np.abs(RNG.normal(size=(30, 5)))
LOGITS = FEATURES @ HEAD["kernel"] + HEAD["bias"]


@pytest.fixture(autouse=True, scope="module")
def _few_programs():
    yield
    forget_programs()


def entropy(z):
    p = np.exp(z - z.max())
    p = p / p.sum()
    return -sum(q * np.log(q) for q in p)


def templates(features, logits, head, supports):
    """Algorithm 1 of Iwasawa and Matsuo, with a list of supports per class."""
    columns = []
    for c in range(head["kernel"].shape[1]):
        w = head["kernel"][:, c]
        held = [(entropy(w @ head["kernel"] + head["bias"]), w)]
        held += [
            (entropy(z), f)
            for f, z in zip(features, logits, strict=True)
            if z.argmax() == c
        ]
        held.sort(key=lambda pair: pair[0])
        mean = sum(f / np.linalg.norm(f) for _, f in held[:supports])
        columns.append(mean / np.linalg.norm(mean))
    return np.stack(columns, axis=1)


def as_jax(tree):
    return jax.tree.map(jnp.asarray, tree)


@pytest.mark.parametrize("supports", [1, 3, None])
def test_templates_against_numpy(supports, x64):
    ours = support_templates(
        jnp.asarray(FEATURES), jnp.asarray(LOGITS), as_jax(HEAD), supports=supports
    )
    np.testing.assert_allclose(
        ours, templates(FEATURES, LOGITS, HEAD, supports), rtol=1e-9
    )


def test_with_the_heads_columns_alone_it_is_the_source_head_without_lengths(x64):
    nothing = jnp.zeros((0, 5)), jnp.zeros((0, 3))
    ours = support_templates(*nothing, as_jax(HEAD), supports=100)
    unit = HEAD["kernel"] / np.linalg.norm(HEAD["kernel"], axis=0)
    np.testing.assert_allclose(ours, unit, rtol=1e-9)
    # Where lengths and bias are equal, the ranking of classes is the head's own.
    kept = FEATURES @ np.asarray(ours)
    assert np.array_equal(kept.argmax(axis=1), (FEATURES @ unit).argmax(axis=1))


def test_padding_and_masked_classes(x64):
    features = jnp.concatenate([jnp.asarray(FEATURES), jnp.full((4, 5), jnp.nan)])
    logits = jnp.concatenate([jnp.asarray(LOGITS), 9 * jnp.eye(4)[:, :3]])
    weight = jnp.array([1.0] * 30 + [0.0] * 4)
    ours = support_templates(features, logits, as_jax(HEAD), supports=3, weight=weight)
    expected = templates(FEATURES, LOGITS, HEAD, 3)
    np.testing.assert_allclose(ours, expected, rtol=1e-9)
    wide = {
        "kernel": jnp.concatenate([jnp.asarray(HEAD["kernel"]), jnp.ones((5, 2))], 1),
        "bias": jnp.concatenate([jnp.asarray(HEAD["bias"]), jnp.ones(2)]),
    }
    masked = jnp.concatenate([jnp.asarray(LOGITS), jnp.full((30, 2), -1e9)], axis=1)
    ours = support_templates(jnp.asarray(FEATURES), masked, wide, supports=3)
    np.testing.assert_allclose(ours[:, :3], expected, rtol=1e-9)


def trained(data=None, **values):
    recipe = methods.t3a(NETWORK, classes=3, **values)
    run = {"steps": 60, "batch_size": 8}
    return fit(recipe, data or toy_data(), jax.random.key(3), **run)


def test_nothing_is_trained_after_the_source():
    ours = trained().state
    run = {"steps": 60, "batch_size": 8}
    source = fit(
        methods.source_only(NETWORK, classes=3), toy_data(), jax.random.key(3), **run
    ).state
    for a, b in zip(
        jax.tree.leaves(ours.params), jax.tree.leaves(source.params), strict=True
    ):
        assert np.array_equal(a, b)


def test_it_predicts_with_the_templates_of_the_whole_target():
    result = trained(supports=3)
    x = toy_data().target.pool
    predicted = result.predict(x)
    head = jax.tree.map(lambda a: np.asarray(a, np.float64), result.state.params)
    features = np.asarray(predicted.features, np.float64)
    logits = features @ head["head_source"]["kernel"] + head["head_source"]["bias"]
    # ReLU features may be 0, which has no direction.
    known = np.linalg.norm(features, axis=1) > 0
    expected = templates(features[known], logits[known], head["head_source"], 3)
    if known.all():
        np.testing.assert_allclose(
            result.state.extra["templates"], expected, rtol=1e-3, atol=1e-4
        )
    np.testing.assert_allclose(
        predicted.logits["target"],
        features @ np.asarray(result.state.extra["templates"]),
        rtol=1e-4,
        atol=1e-4,
    )


def test_the_source_is_out_of_reach_and_labels_of_no_use():
    phase = methods.t3a(NETWORK, classes=3)[1]
    assert phase.uses == {"target"}
    assert phase.steps == 1
    assert example_batch(toy_data(), phase.uses).source is None
    data = toy_data()
    again = ArrayData(data.source, data.target, None)
    assert np.array_equal(
        trained().state.extra["templates"], trained(again).state.extra["templates"]
    )


def test_bad_values_are_named():
    with pytest.raises(ValueError, match="supports"):
        methods.t3a(NETWORK, classes=3, supports=0)
