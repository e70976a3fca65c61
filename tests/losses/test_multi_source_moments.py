import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo.losses.moments import multi_source_moments


def by_hand(source, domain, target, sources, moments):
    """Definition 1 of Peng et al. 2019, in loops."""
    total = 0.0
    for k in range(1, moments + 1):
        m = [np.mean(source[domain == i] ** k, axis=0) for i in range(sources)]
        m_target = np.mean(target**k, axis=0)
        total += sum(np.linalg.norm(one - m_target) for one in m) / sources
        pairs = list(itertools.combinations(range(sources), 2))
        gaps = [np.linalg.norm(m[i] - m[j]) for i, j in pairs]
        total += sum(gaps) / len(pairs) if pairs else 0.0
    return total


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    domain = np.array([0, 1, 2, 0, 1, 2, 2, 0, 1, 0, 1])
    source = rng.normal(size=(11, 5)) + domain[:, None]
    return source, domain, rng.normal(size=(7, 5)) - 1.0


def distance(source, domain, target, **options):
    arrays = (jnp.asarray(part) for part in (source, domain, target))
    return multi_source_moments(*arrays, **options)


@pytest.mark.parametrize(("sources", "moments"), [(3, 1), (3, 2), (3, 4)])
def test_it_is_the_definition_in_float64(x64, rows, sources, moments):
    source, domain, target = rows
    ours = distance(*rows, sources=sources, moments=moments)
    expected = by_hand(source, domain, target, sources, moments)
    np.testing.assert_allclose(ours, expected, rtol=1e-12)


def test_with_one_source_only_the_distance_to_the_target_is_left(x64, rows):
    source, domain, target = rows
    ours = distance(source, jnp.zeros_like(domain), jnp.asarray(target), sources=1)
    expected = by_hand(source, np.zeros_like(domain), target, 1, 2)
    np.testing.assert_allclose(ours, expected, rtol=1e-12)


def test_the_order_of_rows_does_not_matter_if_ids_go_with_them(rows):
    source, domain, target = rows
    moved = np.random.default_rng(1).permutation(len(domain))
    one = distance(source, domain, target, sources=3)
    other = distance(source[moved], domain[moved], target, sources=3)
    np.testing.assert_allclose(one, other, rtol=1e-6)
    # Ids that do not go with their rows are other domains.
    mixed = distance(source, domain[moved], target, sources=3)
    assert abs(float(mixed - one)) > 1e-2


def test_renaming_the_sources_does_not_matter(rows):
    source, domain, target = rows
    one = distance(source, domain, target, sources=3)
    other = distance(source, (domain + 1) % 3, target, sources=3)
    np.testing.assert_allclose(one, other, rtol=1e-6)


def test_an_absent_source_and_padding_are_left_out(rows):
    source, domain, target = rows
    two = domain < 2
    expected = by_hand(source[two], domain[two], target, 2, 2)
    few = distance(source[two], domain[two], jnp.asarray(target), sources=3)
    np.testing.assert_allclose(few, expected, rtol=1e-5)
    broken = np.where(two[:, None], source, np.nan)
    padded = distance(
        broken,
        domain,
        jnp.concatenate([target, np.full((2, 5), np.nan)]),
        sources=3,
        weight_source=jnp.asarray(two, jnp.float32),
        weight_target=jnp.asarray([1.0] * 7 + [0.0] * 2),
    )
    np.testing.assert_allclose(padded, expected, rtol=1e-5)


def test_equal_domains_have_distance_and_gradient_zero():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(4, 3)))
    domain = jnp.repeat(jnp.arange(2), 4)

    def of(source):
        return distance(source, domain, x, sources=2)

    value, gradient = jax.value_and_grad(of)(jnp.concatenate([x, x]))
    assert float(value) < 1e-6
    assert np.isfinite(gradient).all()


def test_descent_brings_every_pair_together(rows):
    source, domain, target = rows
    step = jax.jit(jax.value_and_grad(lambda s: distance(s, domain, target, sources=3)))
    start = float(step(source)[0])
    for _ in range(400):
        source = source - 0.05 * step(source)[1]
    assert float(step(source)[0]) < 0.5 * start


def test_bad_counts_are_named(rows):
    with pytest.raises(ValueError, match="moments must be at least 1"):
        distance(*rows, sources=3, moments=0)
    with pytest.raises(ValueError, match="sources must be at least 1"):
        distance(*rows, sources=0)
