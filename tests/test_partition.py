import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo.partition import matching, merge, paths, scale_updates, split


def tree():
    return {
        "encoder": {
            "Dense_0": {"kernel": jnp.full((2, 3), 1.0), "bias": jnp.full(3, 2.0)},
            "Dense_1": {"kernel": jnp.full((3, 2), 3.0)},
        },
        "head": {"kernel": jnp.full(2, 4.0)},
        "head_target": {"kernel": jnp.full(2, 5.0)},
    }


PATHS = [
    "encoder/Dense_0/bias",
    "encoder/Dense_0/kernel",
    "encoder/Dense_1/kernel",
    "head/kernel",
    "head_target/kernel",
]


def test_paths_are_in_the_leaves_order():
    assert paths(tree()) == PATHS
    assert paths({"a": [1.0, (2.0, 3.0)]}) == ["a/0", "a/1/0", "a/1/1"]
    assert paths({}) == []


@pytest.mark.parametrize(
    ("wrt", "expected"),
    [
        (("head",), PATHS[3:4]),  # a whole group: "head_target" is another one
        (("encoder", "head_target"), [*PATHS[:3], PATHS[4]]),
        ((), []),
        (matching("Dense_0"), PATHS[:2]),
        (lambda path: path.endswith("kernel"), PATHS[1:]),
        (lambda path: True, PATHS),
    ],
)
def test_split_selects_and_merge_restores(wrt, expected):
    selected, rest = split(tree(), wrt)
    assert paths(selected) == expected
    assert paths(rest) == [path for path in PATHS if path not in expected]
    for whole in (merge(selected, rest), merge(rest, selected)):
        assert jax.tree.structure(whole) == jax.tree.structure(tree())
        for a, b in zip(jax.tree.leaves(whole), jax.tree.leaves(tree()), strict=True):
            assert np.array_equal(a, b)


def test_predicates_need_not_return_a_bool():
    """``re.search`` returns a match or None: no leaf may be in neither half."""
    selected, rest = split(tree(), lambda path: re.search("head", path))
    assert paths(selected) == PATHS[3:]
    assert paths(rest) == PATHS[:3]


def test_nothing_is_differentiated_that_is_not_selected():
    selected, rest = split(tree(), ("head",))

    def loss(chosen):
        return sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(merge(chosen, rest)))

    gradient = jax.grad(loss)(selected)
    assert paths(gradient) == ["head/kernel"]


def test_patterns_are_searched_anywhere():
    assert matching("Dense_0")("encoder/Dense_0/kernel")
    assert matching(r"^head/")("head/kernel")
    assert not matching(r"^head/")("head_target/kernel")
    with pytest.raises(ValueError, match=r"'\(' is not a regular expression"):
        matching("(")


def test_updates_are_scaled_by_path():
    factors = dict(zip(PATHS, np.linspace(0.0, 2.0, len(PATHS)), strict=True))
    transform = scale_updates(factors.__getitem__)
    ones = jax.tree.map(jnp.ones_like, tree())
    scaled, _ = transform.update(ones, transform.init(ones))
    for path, leaf in zip(PATHS, jax.tree.leaves(scaled), strict=True):
        np.testing.assert_allclose(leaf, factors[path])


def test_parameters_that_are_not_trained_need_no_factor():
    selected, _ = split(tree(), ("head",))
    transform = scale_updates({"head/kernel": 2.0}.__getitem__)
    scaled, _ = transform.update(selected, transform.init(selected))
    assert paths(scaled) == ["head/kernel"]
    np.testing.assert_allclose(scaled["head"]["kernel"], 8.0)
