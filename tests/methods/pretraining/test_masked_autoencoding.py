"""MAE: masks, patches, and what the loss can and cannot see."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo.methods.pretraining.masked_autoencoding import (
    _sines,
    _standardised,
    random_masks,
)
from da_zoo.models.patches import patches_of

KEY = jax.random.key(0)


@pytest.mark.parametrize(
    ("patches", "ratio", "kept"),
    [(16, 0.75, 4), (196, 0.75, 49), (9, 0.5, 4), (10, 0.25, 7)],
)
def test_every_row_keeps_exactly_as_many(patches, ratio, kept):
    keep, restore, masked = random_masks(KEY, 5, patches, ratio)
    assert keep.shape == (5, kept)
    assert (np.asarray(masked).sum(axis=1) == patches - kept).all()
    visible = np.take_along_axis(np.asarray(masked), np.asarray(keep), axis=1)
    assert not visible.any()
    assert (np.sort(restore, axis=1) == np.arange(patches)).all()
    assert len(np.unique(np.sort(keep, axis=1), axis=0)) > 1  # rows differ


def test_restoring_undoes_the_shuffle():
    x = jax.random.normal(KEY, (3, 8, 2))
    keep, restore, masked = random_masks(KEY, 3, 8, 0.5)
    shown = jnp.take_along_axis(x, keep[:, :, None], axis=1)
    filled = jnp.concatenate([shown, jnp.full((3, 4, 2), jnp.nan)], axis=1)
    back = np.asarray(jnp.take_along_axis(filled, restore[:, :, None], axis=1))
    want = np.where(np.asarray(masked)[:, :, None], np.nan, np.asarray(x))
    np.testing.assert_array_equal(back, want)


def test_patches_are_masked_equally_often():
    _, _, masked = random_masks(KEY, 4000, 12, 0.75)
    share = np.asarray(masked).mean(axis=0)
    assert (np.abs(share - 0.75) < 5 * np.sqrt(0.75 * 0.25 / 4000)).all()


def test_patches_lie_row_by_row():
    x = np.arange(2 * 4 * 6 * 3.0).reshape(2, 4, 6, 3).astype(np.float32)
    patches = np.asarray(patches_of(jnp.asarray(x), 2))
    assert patches.shape == (2, 6, 12)
    for row in range(2):
        for column in range(3):
            block = x[:, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
            np.testing.assert_array_equal(
                patches[:, 3 * row + column], block.reshape(2, -1)
            )


def test_standardised_patches_have_the_sample_deviation():
    patches = np.random.default_rng(0).normal(3, 2, size=(2, 3, 12))
    got = np.asarray(_standardised(jnp.asarray(patches, jnp.float32)))
    np.testing.assert_allclose(got.mean(axis=2), 0, atol=1e-5)
    np.testing.assert_allclose(got.std(axis=2, ddof=1), 1, atol=1e-4)


def test_every_place_has_an_embedding_of_its_own():
    places = _sines(4, 5, 16)
    assert places.shape == (1, 20, 16)
    assert len(np.unique(places[0].round(6), axis=0)) == 20
    # Half of the width tells the row, half the column.
    grid = places.reshape(4, 5, 16)
    assert (grid[:, :1, :8] == grid[:, :, :8]).all()
    assert (grid[:1, :, 8:] == grid[:, :, 8:]).all()
