import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo import ArrayData, fit, methods, network_by_name
from da_zoo.data.batches import on_device
from da_zoo.data.domains import balanced_order, domain_blocks
from da_zoo.data.order import order
from da_zoo.feed import Feed, Seeds
from da_zoo.testing import example_batch

NETWORK = network_by_name("mlp", hidden=(8, 4))


def three_sources(sizes=(20, 8, 12), **options):
    """Rows tell their source (column 0) and their label (column 1)."""
    pairs = []
    for number, size in enumerate(sizes):
        x = np.random.default_rng(number).normal(size=(size, 6)).astype(np.float32)
        y = np.arange(size) % 3
        x[:, 0], x[:, 1] = number, y
        pairs.append((x, y))
    target = np.random.default_rng(9).normal(size=(16, 6))
    return ArrayData(pairs, target, **options)


def test_sources_are_pooled_and_numbered():
    stream = three_sources().source
    assert stream.count.tolist() == [40]
    assert np.array_equal(stream.pool[:, 0], stream.domain[0])
    assert np.array_equal(stream.pool[:, 1], stream.labels[0])
    assert stream.blocks.tolist() == [[20, 8, 12]]
    assert three_sources(balanced=False).source.blocks is None


def test_ids_reach_the_batch_with_their_rows():
    batch = example_batch(three_sources(), frozenset({"source", "target"}), start=16)
    assert set(batch.source.domain.tolist()) == {0, 1}
    assert np.array_equal(batch.source.domain, batch.source.x[:, 0])
    assert not batch.target.domain.any()


def drawn(data, steps=30, batch=8):
    """Which source each row of each step is from."""
    uses = frozenset({"source"})
    feed = Feed(data, uses, jax.random.key(0), Seeds(0), batch, "device")
    ((_, indices),) = feed.chunks([(0, steps)])
    return np.asarray(data.source.domain[0])[np.asarray(indices["source"])[:steps]]


def test_batches_have_equal_shares_or_random_ones():
    equal = drawn(three_sources())
    counts = [np.bincount(step, minlength=3).tolist() for step in equal]
    assert counts == [[3, 3, 2]] * 30
    free = drawn(three_sources(balanced=False))
    assert len({tuple(np.bincount(step, minlength=3)) for step in free}) > 3
    assert abs(np.mean(free == 0) - 0.5) < 0.05  # 20 of 40 rows


def test_every_domain_goes_through_permutations_of_its_own():
    rows = balanced_order((1, 2), "source", (4, 6), 0, 12, 4)
    assert rows.shape == (12, 4)
    first, second = rows[:, :2].reshape(-1), rows[:, 2:].reshape(-1)
    assert [sorted(first[i : i + 4]) for i in (0, 4, 8)] == [[0, 1, 2, 3]] * 3
    assert sorted(second[:6]) == list(range(4, 10))
    # Any step can be resumed at.
    assert np.array_equal(balanced_order((1, 2), "source", (4, 6), 5, 9, 4), rows[5:9])


def test_a_single_source_has_the_order_it_always_had():
    x, y = np.ones((10, 6)), np.arange(10) % 3
    listed, plain = ArrayData([(x, y)], x), ArrayData((x, y), x)
    assert np.array_equal(listed.source.rows, plain.source.rows)
    words, steps = (3, 4), (0, 5, 4)
    assert not np.array_equal(
        order(words, "source", 10, *steps), order(words, "target", 10, *steps)
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dann", "deep_coral", "source_only"])
@pytest.mark.parametrize("balanced", [True, False])
def test_single_source_methods_take_the_pool_for_one_source(name, balanced):
    recipe = getattr(methods, name)(NETWORK, classes=3, batch_norm="separate")
    data = three_sources(balanced=balanced)
    result = fit(recipe, data, jax.random.key(0), steps=6, batch_size=8, seeds=2)
    assert result.finite.all()
    assert np.isfinite(result.predict(np.ones((4, 6))).logits["target"]).all()


@pytest.mark.slow
def test_a_single_source_method_does_not_read_the_ids():
    recipe = methods.deep_coral(NETWORK, classes=3)
    data = three_sources(balanced=False)
    ends = []
    for domain in (data.source.domain, None):
        own = ArrayData(data.source._replace(domain=domain), data.target)
        ends.append(fit(recipe, own, jax.random.key(0), steps=4, batch_size=8).state)
    for a, b in zip(*(jax.tree.leaves(end.params) for end in ends), strict=True):
        assert np.array_equal(a, b)


def test_blocks_are_counted_and_checked():
    domain = np.array([[0, 0, 1, 0], [0, 1, 1, 1]])
    counts = domain_blocks(domain, np.array([3, 4]), 2)
    assert counts.tolist() == [[2, 1], [1, 3]]
    with pytest.raises(ValueError, match="ascending"):
        domain_blocks(np.array([[1, 0]]), np.array([2]), 2)
    with pytest.raises(ValueError, match=r"domain 1 of 0\.\.2 has no rows"):
        domain_blocks(np.array([[0, 2]]), np.array([2]), 3)


def test_bad_sources_are_named():
    x, y = np.ones((4, 6)), np.arange(4) % 2
    with pytest.raises(TypeError, match=r"source\[1\] must be a pair"):
        ArrayData([(x, y), x])
    with pytest.raises(ValueError, match="one shape and type"):
        ArrayData([(x, y), (x[:, :5], y)])
    with pytest.raises(ValueError, match="one shape and type"):
        ArrayData([(x, y), (x.astype(np.uint8), y)])
    with pytest.raises(ValueError, match="empty list"):
        ArrayData([])
    recipe = methods.source_only(NETWORK, classes=3)
    with pytest.raises(ValueError, match="under the number of sources, 3"):
        fit(recipe, three_sources(), jax.random.key(0), steps=2, batch_size=2)


def test_the_device_gets_ids_per_seed():
    device = on_device(three_sources().source, 2)
    assert device.domain.shape == (2, 40)
    assert jnp.array_equal(device.domain[0], device.domain[1])
