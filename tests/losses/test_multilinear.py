import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo.losses import (
    conditional_map,
    conditional_width,
    multilinear,
    random_multilinear,
    random_projections,
)


def rows(n=4, d=5, k=3, seed=0):
    rng = np.random.default_rng(seed)
    predictions = rng.uniform(size=(n, k))
    return rng.normal(size=(n, d)), predictions / predictions.sum(1, keepdims=True)


def test_value_is_the_outer_product():
    features, predictions = rows()
    expected = [
        np.outer(f, g).ravel() for f, g in zip(features, predictions, strict=True)
    ]
    ours = multilinear(jnp.float32(features), jnp.float32(predictions))
    np.testing.assert_allclose(ours, expected, rtol=1e-6)


def test_random_value_from_its_definition():
    features, predictions = rows()
    pair = random_projections(jax.random.key(0), 5, 3, 7)
    r_f, r_g = (np.asarray(p, np.float64) for p in pair)
    expected = np.empty((4, 7))
    for i in range(4):
        for j in range(7):
            expected[i, j] = features[i] @ r_f[:, j] * (predictions[i] @ r_g[:, j])
    ours = random_multilinear(jnp.float32(features), jnp.float32(predictions), pair)
    np.testing.assert_allclose(ours, expected / np.sqrt(7), rtol=1e-4, atol=1e-6)


def test_inner_products_are_right_in_expectation():
    features, predictions = rows(n=2)
    r, draws = 8, 2000

    def inner(key):
        pair = random_projections(key, 5, 3, r)
        mapped = random_multilinear(
            jnp.float32(features), jnp.float32(predictions), pair
        )
        return mapped @ mapped.T

    keys = jax.random.split(jax.random.key(1), draws)
    mean = np.asarray(jax.vmap(inner)(keys), np.float64).mean(axis=0)

    exact = (features @ features.T) * (predictions @ predictions.T)

    def second_moment(s):
        """Of (u r)(v r) for a standard normal r: |u|^2 |v|^2 + 2 <u, v>^2."""
        gram = s @ s.T
        return np.outer(np.diag(gram), np.diag(gram)) + 2 * gram**2

    variance = second_moment(features) * second_moment(predictions) - exact**2
    error = np.sqrt(variance / (r * draws))
    assert (np.abs(mean - exact) < 4 * error).all()
    # The bound means something: it tells the value from its double and its half.
    assert (np.abs(np.diag(exact)) > 10 * np.diag(error)).all()


def test_projections_are_independent_standard_normals():
    r_f, r_g = random_projections(jax.random.key(0), 40, 40, 1000)
    for p in (r_f, r_g):
        assert abs(float(p.mean())) < 4 / np.sqrt(p.size)
        assert abs(float(jnp.square(p).mean()) - 1) < 4 * np.sqrt(2 / p.size)
    assert abs(float((r_f * r_g).mean())) < 4 / np.sqrt(r_f.size)


def test_gradient_against_finite_differences(x64):
    features, predictions = (jnp.asarray(s) for s in rows())
    pair = random_projections(jax.random.key(0), 5, 3, 7)
    for mapping in (
        multilinear,
        lambda f, g: random_multilinear(f, g, pair),
    ):

        def loss(f, g, mapping=mapping):
            return jnp.sum(jnp.sin(mapping(f, g)))

        by_features, by_predictions = jax.grad(loss, (0, 1))(features, predictions)
        step = 1e-6
        for i, j in ((0, 0), (3, 2)):
            numeric = (
                loss(features.at[i, j].add(step), predictions)
                - loss(features.at[i, j].add(-step), predictions)
            ) / (2 * step)
            np.testing.assert_allclose(by_features[i, j], numeric, rtol=1e-5)
            numeric = (
                loss(features, predictions.at[i, j].add(step))
                - loss(features, predictions.at[i, j].add(-step))
            ) / (2 * step)
            np.testing.assert_allclose(by_predictions[i, j], numeric, rtol=1e-5)
        assert float(jnp.abs(by_features).max()) > 1e-3


def test_the_width_decides():
    pair = random_projections(jax.random.key(0), 1025, 4, 16)
    wide, narrow = jnp.ones((2, 1025)), jnp.ones((2, 1024))
    predictions = jnp.ones((2, 4))
    np.testing.assert_array_equal(
        conditional_map(narrow, predictions, pair), multilinear(narrow, predictions)
    )
    np.testing.assert_array_equal(
        conditional_map(wide, predictions, pair),
        random_multilinear(wide, predictions, pair),
    )
    assert conditional_width(1024, 4, 16) == 4096
    assert conditional_width(1025, 4, 16) == 16


@pytest.mark.parametrize("junk", [np.nan, 1e30])
@pytest.mark.parametrize("kind", ["exact", "random"])
def test_padding_rows_map_to_zeros_and_poison_no_gradient(kind, junk):
    features, predictions = (jnp.float32(s) for s in rows())
    pair = random_projections(jax.random.key(0), 5, 3, 7)
    padded = [
        jnp.concatenate([s, jnp.full((2, s.shape[1]), junk)])
        for s in (features, predictions)
    ]
    weight = jnp.array([1.0, 2.0, 0.5, 1.0, 0.0, 0.0])

    def mapped(f, g, weight=None):
        if kind == "exact":
            return multilinear(f, g, weight=weight)
        return random_multilinear(f, g, pair, weight=weight)

    ours = mapped(*padded, weight)
    np.testing.assert_array_equal(ours[:4], mapped(features, predictions))
    assert not ours[4:].any()

    # A layer behind the map is shared by the rows: 0 * NaN would reach it.
    def score(kernel, f, weight):
        return jnp.sum(weight * (mapped(f, padded[1], weight) @ kernel))

    by_kernel, by_rows = jax.grad(score, (0, 1))(
        jnp.ones(ours.shape[1]), padded[0], weight
    )
    expected = jnp.sum(weight[:4, None] * mapped(features, predictions), axis=0)
    np.testing.assert_allclose(by_kernel, expected, rtol=1e-4, atol=1e-6)
    assert by_rows[:4].all()
    assert not by_rows[4:].any()


def test_no_outer_product_is_formed_by_the_random_map():
    n, d, k, r = 64, 2048, 345, 1024
    shapes = [(n, d), (n, k), (d, r), (k, r)]
    structs = [jax.ShapeDtypeStruct(s, jnp.float32) for s in shapes]

    def loss(f, g, r_f, r_g):
        return jnp.sum(jnp.square(conditional_map(f, g, (r_f, r_g))))

    step = jax.jit(jax.value_and_grad(loss, argnums=(0, 1)))
    needed = step.lower(*structs).compile().memory_analysis()
    # The outer product is 172 MiB.
    assert needed.temp_size_in_bytes < 32 * 2**20


def test_bad_arguments():
    features, predictions = jnp.ones((2, 5)), jnp.ones((2, 3))
    with pytest.raises(ValueError, match="r must be at least 1, got 0"):
        random_projections(jax.random.key(0), 5, 3, 0)
    pair = random_projections(jax.random.key(0), 4, 3, 8)
    with pytest.raises(ValueError, match=r"random_projections\(key, 5, 3, r\)"):
        random_multilinear(features, predictions, pair)
    with pytest.raises(ValueError, match=r"projections is None.*4097 \* 3"):
        conditional_map(jnp.ones((2, 4097)), predictions)
