"""Adaptive pooling against a loop over cells."""

import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo.models.pooling import adaptive_mean_pool


@pytest.mark.parametrize("cells", [(6, 6), (2, 3), (4, 3), (1, 1), (5, 7)])
def test_cells_are_means_of_what_they_cover(cells):
    x = np.random.default_rng(0).normal(size=(2, 4, 3, 5)).astype(np.float32)
    ours = adaptive_mean_pool(jnp.asarray(x), *cells)
    assert ours.shape == (2, *cells, 5)
    for i in range(cells[0]):
        rows = slice(
            int(np.floor(i * 4 / cells[0])), int(np.ceil((i + 1) * 4 / cells[0]))
        )
        for j in range(cells[1]):
            columns = slice(
                int(np.floor(j * 3 / cells[1])), int(np.ceil((j + 1) * 3 / cells[1]))
            )
            np.testing.assert_allclose(
                ours[:, i, j],
                x[:, rows, columns].mean(axis=(1, 2)),
                rtol=1e-5,
                atol=1e-6,
            )


def test_an_image_of_the_wanted_size_is_left_alone():
    x = jnp.ones((1, 7, 7, 2))
    assert adaptive_mean_pool(x, 7, 7) is x
