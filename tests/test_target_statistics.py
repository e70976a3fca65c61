"""The target's own batch statistics: exact at any scale, and never silently broken."""

import jax
import numpy as np
import pytest

from da_zoo import ArrayData, NonFiniteLossError, fit, methods, network_by_name

NETWORK = network_by_name("mlp", hidden=(8,))


def adapted(scale, **options):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 4)).astype(np.float32)
    target = (scale * (2.0 * x + 1.0)).astype(np.float32)
    data = ArrayData((x, np.arange(64) % 2), target)
    recipe = methods.adabn(NETWORK, classes=2)
    run = {"steps": 4, "batch_size": 64, "seeds": 2} | options
    return target, fit(recipe, data, jax.random.key(0), **run)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e2, 1e4, 1e6])
def test_they_are_the_batches_own_at_any_scale(scale):
    target, result = adapted(scale)
    kernel = result.state.params["encoder"]["Dense_0"]["kernel"]
    found = result.state.stats["target"]["batch_stats"]["BatchNorm_0"]
    for seed in range(2):
        before_norm = target.astype(np.float64) @ np.asarray(kernel[seed])
        np.testing.assert_allclose(
            found["mean"][seed], before_norm.mean(axis=0), rtol=1e-4, atol=1e-4 * scale
        )
        np.testing.assert_allclose(
            found["var"][seed], before_norm.var(axis=0), rtol=1e-4
        )


def test_statistics_that_overflow_are_not_passed_over():
    with pytest.raises(NonFiniteLossError, match=r"target_statistics.*standardise"):
        adapted(1e25)
    _, marked = adapted(1e25, on_nonfinite="mark")
    assert not marked.finite.any()
    assert "target_statistics" in marked.failures[0]
