import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import Pretrained, network_by_name
from da_zoo.interpret import Model, integrated_gradients, saliency, what_moved
from da_zoo.interpret.model import as_floats, as_inputs
from da_zoo.network import Network
from da_zoo.transferability import cka
from da_zoo.types import Outputs

X = jnp.asarray(np.random.default_rng(0).normal(size=(20, 8, 8, 1)), jnp.float32)
NETWORK = network_by_name("lenet", channels=(4, 6), hidden=(8,))
START = Pretrained(*NETWORK.init(jax.random.key(0), X))


def test_nothing_moved():
    found = what_moved(NETWORK, START, START, X)
    assert [part.name for part in found.parts] == ["conv_0", "conv_1", "dense_0"]
    assert [part.moved for part in found.parts] == [0.0, 0.0, 0.0]
    np.testing.assert_allclose([part.cka for part in found.parts], 1.0, rtol=1e-9)
    assert found.rows == 20
    # Norms have a scale and a shift, convolutions here no bias.
    assert [part.parameters for part in found.parts] == [108, 612, 208]


def test_only_what_moved_has_moved():
    params = jax.tree.map(lambda leaf: leaf, START.params)
    params["Conv_1"]["kernel"] = 1.5 * params["Conv_1"]["kernel"]
    found = what_moved(NETWORK, START, START._replace(params=params), X)
    squares = [
        float(jnp.sum(jnp.square(START.params[module][leaf])))
        for module, leaf in (
            ("Conv_1", "kernel"),
            ("BatchNorm_1", "scale"),
            ("BatchNorm_1", "bias"),
        )
    ]
    expected = 0.5 * np.sqrt(squares[0] / sum(squares))
    by_name = {part.name: part for part in found.parts}
    assert by_name["conv_1"].moved == pytest.approx(expected, rel=1e-5)
    assert by_name["conv_0"].moved == by_name["dense_0"].moved == 0.0
    assert by_name["conv_0"].cka == pytest.approx(1.0)
    # The stage itself is scaled, which CKA does not see.
    assert by_name["conv_1"].cka == pytest.approx(1.0, abs=1e-5)


def test_other_weights_are_far_in_both_measures():
    other = Pretrained(*NETWORK.init(jax.random.key(1), X))
    found = what_moved(NETWORK, START, other, X)
    stages = [NETWORK.apply(p.params, p.stats, X)[0].stages for p in (START, other)]
    for part in found.parts:
        flat = [np.asarray(s[part.name]).reshape(20, -1) for s in stages]
        assert part.cka == pytest.approx(cka(first=flat[0], second=flat[1]))
    assert found.parts[1].moved > 0.5 and found.parts[2].cka < 0.95


def linear_network(patterns):
    def apply(params, stats, x, **options):
        return Outputs(x @ params["body"]["kernel"] + params["shift"], {}), stats

    return Network(lambda key, x: ({}, {}), apply, layer_patterns=patterns)


def test_without_patterns_or_stages_modules_and_features_stand_alone():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(10, 3)), jnp.float32)
    params = {"body": {"kernel": jnp.eye(3)}, "shift": jnp.zeros((1, 3))}
    moved = {"body": {"kernel": 2.0 * jnp.eye(3)}, "shift": jnp.ones((1, 3))}
    pair = Pretrained(params), Pretrained(moved)
    found = what_moved(linear_network(()), *pair, x)
    assert [p.name for p in found.parts] == ["body", "shift", "features"]
    assert [p.moved for p in found.parts] == [1.0, float("inf"), None]
    assert found.parts[2].cka == pytest.approx(1.0)  # free of scale and shift
    named = what_moved(linear_network(("^body/",)), *pair, x)
    assert [p.name for p in named.parts] == ["features", "other"]
    assert [p.moved for p in named.parts] == [1.0, float("inf")]
    assert "inf" in named.to_text()


def test_a_dead_stage_has_no_cka():
    dead = jax.tree.map(jnp.zeros_like, START.params)
    found = what_moved(NETWORK, START, START._replace(params=dead), X)
    assert all(np.isnan(part.cka) for part in found.parts)
    assert [part.moved for part in found.parts] == [1.0, 1.0, 1.0]
    assert "nan" in found.to_text()


def test_variables_of_another_network_are_named():
    other = network_by_name("lenet", channels=(4, 5), hidden=(8,))
    with pytest.raises(ValueError, match="BatchNorm_1/bias"):
        what_moved(NETWORK, START, Pretrained(*other.init(jax.random.key(0), X)), X)
    with pytest.raises(ValueError, match="at least 4 rows"):
        what_moved(NETWORK, START, START, X[:3])


def test_ids_stay_ids_and_an_input_may_have_parts():
    network = network_by_name(
        "bert", vocabulary=30, width=8, depth=1, heads=2, max_length=16
    )
    tokens = np.random.default_rng(0).integers(4, 30, size=(8, 6)).astype(np.int32)
    start = Pretrained(*network.init(jax.random.key(0), tokens))
    plain = what_moved(network, start, start, tokens)
    assert [p.cka for p in plain.parts if p.cka is not None] == pytest.approx([1.0] * 3)
    pair = {"tokens": tokens, "segments": 0 * tokens}
    assert what_moved(network, start, start, pair).rows == 8
    # A small change of an id means nothing: all derivatives would be 0.
    head = {"kernel": jnp.ones((8, 2)), "bias": jnp.zeros(2)}
    model = Model(network, start.params, start.stats, head)
    assert as_inputs(tokens).dtype == jnp.int32
    np.testing.assert_allclose(model(tokens), model(pair), rtol=1e-6)
    for explain in (saliency, integrated_gradients):
        with pytest.raises(TypeError, match="int32, which are ids"):
            explain(model, tokens)
    with pytest.raises(TypeError, match="got a dict"):
        as_floats(pair)
