"""Another training is told by how it begins, refreshes and takes over, too."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import (
    Checkpointing,
    Pretrained,
    fit,
    methods,
    network_from_linen,
    start_from,
)
from da_zoo.compose import inherit, recipe_with_hparams
from tests.checkpoint.small import NETWORK, assert_same_bits, small_data


class Scaled(nn.Module):
    """A layer whose initialiser alone has a setting."""

    scale: float

    @nn.compact
    def __call__(self, x):
        kernel = nn.initializers.normal(self.scale)
        return nn.relu(nn.Dense(4, kernel_init=kernel)(x))


def with_initialiser(scale):
    return methods.source_only(network_from_linen(Scaled(scale)), classes=3)


def with_weights(seed):
    params, stats = NETWORK.init(jax.random.key(seed), jnp.ones((2, 6)))
    return methods.source_only(
        start_from(NETWORK, Pretrained(params, stats)), classes=3
    )


def with_supports(supports):
    return methods.t3a(NETWORK, classes=3, supports=supports)


def taking_over(warm_start):
    first, last = methods.adabn(NETWORK, classes=3, batch_norm="joint")
    return (first, last._replace(warm_start=warm_start))


def halved(previous, fresh):
    state = inherit(previous, fresh)
    return state._replace(params=jax.tree.map(lambda leaf: leaf / 2, state.params))


def run(recipe, folder, **options):
    kept = Checkpointing(folder, every=4)
    return fit(
        recipe,
        small_data(),
        jax.random.key(0),
        steps=4,
        batch_size=16,
        checkpoint=kept,
        **options,
    )


PAIRS = {
    "initialiser": (with_initialiser, 0.1, 1.0, "source / initialisation was"),
    "pre-trained weights": (with_weights, 1, 2, "source / initialisation was"),
    "refresh": (with_supports, 100, 1, "templates / refresh was"),
    "warm start": (taking_over, inherit, halved, "/ warm start was"),
}


@pytest.mark.parametrize("pair", PAIRS)
def test_what_is_no_part_of_the_step_counts_too(pair, tmp_path):
    recipe, one, other, message = PAIRS[pair]
    first = run(recipe(one), tmp_path)
    with pytest.raises(ValueError, match=message):
        run(recipe(other), tmp_path)
    # Built anew, it is the same training.
    jax.clear_caches()
    assert_same_bits(first.state, run(recipe(one), tmp_path).state)


def test_a_name_is_a_label(tmp_path):
    recipe = methods.source_only(NETWORK, classes=3)
    first = run(recipe, tmp_path, name="monday")
    assert_same_bits(first.state, run(recipe, tmp_path, name="tuesday").state)


def test_a_number_is_the_same_whatever_its_type(tmp_path):
    recipe = methods.source_only(NETWORK, classes=3)
    first = run(recipe_with_hparams(recipe, learning_rate=0.5), tmp_path)
    again = run(recipe_with_hparams(recipe, learning_rate=np.float64(0.5)), tmp_path)
    assert_same_bits(first.state, again.state)


def test_a_number_need_not_be_finite(tmp_path):
    recipe = recipe_with_hparams(
        methods.source_only(NETWORK, classes=3), weight_decay=np.inf
    )
    first = run(recipe, tmp_path, on_nonfinite="mark")
    assert (tmp_path / "group_000/4").is_dir()
    assert_same_bits(first.state, run(recipe, tmp_path, on_nonfinite="mark").state)


def test_a_warm_start_need_not_be_traceable(tmp_path):
    def by_numpy(previous, fresh):
        state = inherit(previous, fresh)
        return state._replace(
            params=jax.tree.map(lambda a: jnp.asarray(np.array(a)), state.params)
        )

    first = run(taking_over(by_numpy), tmp_path)
    assert_same_bits(first.state, run(taking_over(by_numpy), tmp_path).state)
    with pytest.raises(ValueError, match=r"warm start was .*by_numpy"):
        run(taking_over(inherit), tmp_path)
