import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo.losses.pair_groups import pair_groups, random_partners

# Features that name their row: domain and number.
SOURCE = jnp.stack([jnp.zeros(6), jnp.arange(6.0)], axis=1)
TARGET = jnp.stack([jnp.ones(4), jnp.arange(4.0)], axis=1)
Y_SOURCE, Y_TARGET = jnp.array([0, 0, 0, 1, 1, 2]), jnp.array([0, 1, 1, 3])


@pytest.mark.parametrize("seed", range(5))
def test_every_pair_is_of_its_group(seed):
    pairs, weights = pair_groups(
        jax.random.key(seed), SOURCE, Y_SOURCE, TARGET, Y_TARGET
    )
    labels = (np.asarray(Y_SOURCE), np.asarray(Y_TARGET))
    for group, (same, domain) in enumerate(
        ((True, 0), (True, 1), (False, 0), (False, 1))
    ):
        for i in range(6):
            mine, partner = np.split(np.asarray(pairs[group, i]), 2)
            assert mine.tolist() == [0, i]
            available = [
                j
                for j in range(len(labels[domain]))
                if (labels[domain][j] == labels[0][i]) == same
                and not (domain == 0 and j == i)
            ]
            assert float(weights[group, i]) == float(bool(available))
            if available:
                assert partner[0] == domain
                assert int(partner[1]) in available


def test_partners_are_drawn_evenly():
    allowed = jnp.array([[True, False, True, True]])
    draw = jax.jit(jax.vmap(lambda key: random_partners(key, allowed)[0][0]))
    counts = np.bincount(draw(jax.random.split(jax.random.key(0), 3000)), minlength=4)
    assert counts[1] == 0
    assert (np.abs(counts[[0, 2, 3]] - 1000) < 120).all()


def test_padding_pairs_with_nothing():
    weight_source = jnp.array([1.0, 2.0, 0.0, 1.0, 1.0, 0.0])
    weight_target = jnp.array([1.0, 0.0, 1.0, 0.0])
    source = SOURCE.at[2].set(jnp.nan).at[5].set(jnp.nan)
    target = TARGET.at[1].set(jnp.nan).at[3].set(jnp.nan)
    for seed in range(5):
        pairs, weights = pair_groups(
            jax.random.key(seed),
            source,
            Y_SOURCE,
            target,
            Y_TARGET,
            weight_source=weight_source,
            weight_target=weight_target,
        )
        assert np.isfinite(pairs).all()
        assert not weights[:, 2].any()
        assert not weights[:, 5].any()
        assert set(weights[:, 1].tolist()) <= {0.0, 2.0}
        partners = np.asarray(pairs)[..., 2:][np.asarray(weights) > 0]
        padding = {(0, 2), (0, 5), (1, 1), (1, 3)}
        assert not padding & {tuple(map(int, row)) for row in partners}


def test_gradients_go_to_the_rows_that_were_drawn():
    def loss(source, target):
        pairs, weights = pair_groups(
            jax.random.key(0), source, Y_SOURCE, target, Y_TARGET
        )
        return jnp.sum(pairs[1] * weights[1][:, None])

    by_source, by_target = jax.grad(loss, argnums=(0, 1))(SOURCE, TARGET)
    assert by_source[:5].all()
    assert not by_source[5].any()  # class 2 has no target row
    assert float(by_target[0, 0]) == 3.0  # the one target row of class 0
    assert not by_target[3].any()
