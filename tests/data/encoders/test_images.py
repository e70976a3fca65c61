import json

import numpy as np
import pytest
from PIL import Image

from da_zoo.data.domain_data import make_domain_data
from da_zoo.data.encoders.images import ImageEncoder, fit, from_json
from da_zoo.data.readers.images import read_images

RNG = np.random.default_rng(0)


def folder(root, sizes, mode="RGB"):
    root.mkdir()
    for number, size in enumerate(sizes):
        Image.new(mode, size, 7).save(root / f"{number}.png")
    return read_images(root)


@pytest.mark.parametrize(
    ("sizes", "side"),
    [
        ([(28, 28)] * 3, 28),
        ([(224, 224)] * 2, 224),
        ([(225, 225)] * 2, 64),
        ([(30, 20)] * 2, 32),
        ([(300, 200), (100, 64), (90, 20)], 64),
        ([(300, 200), (100, 63), (90, 20)], 32),
    ],
)
def test_the_side_comes_from_the_sources_images(tmp_path, sizes, side):
    assert fit(folder(tmp_path / "a", sizes)).side == side


def test_channels_follow_the_source_and_other_domains_follow_them(tmp_path):
    grey = folder(tmp_path / "grey", [(8, 8)] * 2, "L")
    colour = folder(tmp_path / "colour", [(8, 8)] * 2, "RGB")
    assert fit(grey).channels == 1 and fit(colour).channels == 3
    assert fit(grey).apply(colour.x).shape == (2, 8, 8, 1)
    assert fit(colour).apply(grey.x).tolist() == np.full((2, 8, 8, 3), 7).tolist()
    assert fit(grey, side=4, channels=3) == ImageEncoder(4, 3, False)


def test_arrays_and_files_of_the_same_pixels_are_encoded_alike(tmp_path):
    pixels = RNG.integers(0, 256, (3, 20, 30, 3), dtype=np.uint8)
    for number, image in enumerate(pixels):
        Image.fromarray(image).save(tmp_path / f"{number}.png")
    for encoder in (ImageEncoder(8, 3), ImageEncoder(8, 1, True)):
        files = encoder.apply(read_images(tmp_path).x)
        np.testing.assert_array_equal(files, encoder.apply(pixels))
        assert files.dtype == np.uint8


def test_arrays_stay_as_they_are_where_they_fit():
    pixels = RNG.integers(0, 256, (2, 8, 8), dtype=np.uint8)
    data = make_domain_data("a", "images", pixels)
    np.testing.assert_array_equal(fit(data).apply(pixels)[..., 0], pixels)
    with pytest.raises(TypeError, match=r"must be uint8 pixels .* got float64"):
        fit(data).apply(pixels / 255)
    with pytest.raises(ValueError, match=r"must have shape .* got \(2, 8\)"):
        fit(data).apply(pixels[0, :2])


def test_json_gives_its_equal_and_damage_is_refused():
    encoder = ImageEncoder(12, 1, True)
    assert from_json(json.loads(json.dumps(encoder.to_json()))) == encoder
    told = encoder.to_json()
    for key, value in [
        ("side", 0),
        ("side", "12"),
        ("side", 10**9),
        ("channels", 2),
        ("channels", 4),
        ("crop", 1),
    ]:
        with pytest.raises(ValueError, match=key):
            from_json(told | {key: value})
    for key in told:
        with pytest.raises(ValueError, match=f"lacks '{key}'"):
            from_json({k: v for k, v in told.items() if k != key})
    with pytest.raises(ValueError, match="JSON object"):
        from_json(None)
