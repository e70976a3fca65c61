"""Axis by axis, against loops that say what each number multiplies."""

import numpy as np
import pytest

from da_zoo.models.pretrained import conversions as c


def test_convolutions_of_any_dimension():
    for window in ((4,), (4, 5), (2, 3, 4)):
        kernel = np.random.default_rng(0).normal(size=(6, 3, *window))
        ours = c.conv_kernel(kernel, shape=())
        assert ours.shape == (*window, 3, 6)
        place = tuple(size - 1 for size in window)
        assert ours[(*place, 2, 5)] == kernel[(5, 2, *place)]


def test_the_stem_sums_over_colours_for_grey_images_alone():
    kernel = np.random.default_rng(0).normal(size=(4, 3, 2, 2))
    grey = c.stem_kernel(kernel, shape=(2, 2, 1, 4))
    np.testing.assert_allclose(grey[1, 0, 0, 3], kernel[3, :, 1, 0].sum())
    assert c.stem_kernel(kernel, shape=(2, 2, 3, 4)).shape == (2, 2, 3, 4)
    # Six channels are no colours: left to be reported.
    six = np.ones((4, 6, 2, 2))
    assert c.stem_kernel(six, shape=(2, 2, 1, 4)).shape == (2, 2, 6, 4)


def test_a_dense_layer_behind_a_flattened_map():
    rng = np.random.default_rng(0)
    image, kernel = rng.normal(size=(3, 2, 4)), rng.normal(size=(5, 24))
    theirs = kernel @ image.reshape(-1)  # channels, rows, columns
    ours = image.transpose(1, 2, 0).reshape(-1) @ c.dense_after_flatten(2, 4)(
        kernel, shape=(24, 5)
    )
    np.testing.assert_allclose(ours, theirs)
    with pytest.raises(ValueError, match="reshape"):
        c.dense_after_flatten(5, 5)(kernel, shape=(24, 5))


def test_attention_kernels_split_into_heads():
    rng = np.random.default_rng(0)
    heads, size, width = 2, 3, 4
    packed = rng.normal(size=(3 * heads * size, width))
    x = rng.normal(size=width)
    query, key, value = np.split(packed @ x, 3)
    for number, theirs in enumerate((query, key, value)):
        convert = c.part_of(number, 3, c.heads_in_kernel)
        ours = np.einsum("i,ihd->hd", x, convert(packed, shape=(width, heads, size)))
        np.testing.assert_allclose(ours, theirs.reshape(heads, size))
    out = rng.normal(size=(width, heads * size))
    ours = np.einsum(
        "hd,hdo->o",
        query.reshape(heads, size),
        c.heads_out_kernel(out, shape=(heads, size, width)),
    )
    np.testing.assert_allclose(ours, out @ query)
    bias = rng.normal(size=heads * size)
    np.testing.assert_array_equal(
        c.heads_bias(bias, shape=(heads, size))[1], bias[size:]
    )


def test_equal_conversions_are_one_function():
    assert c.dense_after_flatten(7, 7) is c.dense_after_flatten(7, 7)
    assert c.part_of(0, 3, c.as_is) is c.part_of(0, 3, c.as_is)
