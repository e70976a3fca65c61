import os

import numpy as np
import pytest
from PIL import Image

from da_zoo.data.image_files import CheckedImage, ImageFiles, check_images, square


def files_of(*paths):
    checked = check_images(paths)
    assert all(isinstance(one, CheckedImage) for one in checked)
    return ImageFiles(
        tuple(map(str, paths)),
        np.array([(one.height, one.width) for one in checked]),
        np.array([one.grey for one in checked]),
    )


def test_rows_are_taken_and_decoded_in_the_order_asked_for(tmp_path):
    paths = []
    for grey in (10, 20, 30):
        paths.append(tmp_path / f"{grey}.png")
        Image.new("L", (5, 5), grey).save(paths[-1])
    some = files_of(*paths)[np.array([2, 0])]
    assert isinstance(some, ImageFiles) and len(some) == 2
    assert some.decode(np.array([1, 0, 1]), 5, 1)[:, 0, 0, 0].tolist() == [10, 30, 10]
    assert len(some[np.array([True, False])]) == 1
    with pytest.raises(TypeError, match="call decode"):
        np.asarray(some)


def test_threads_keep_the_order(tmp_path):
    paths = [tmp_path / f"{grey}.png" for grey in range(40)]
    for grey, path in enumerate(paths):
        Image.new("L", (1 + 9 * (grey % 5),) * 2, grey).save(path)
    found = files_of(*paths).decode(np.arange(40), 3, 3)
    np.testing.assert_array_equal(found[:, 1, 1, 2], np.arange(40))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_says_which_way_is_up(tmp_path, orientation):
    # What the camera saw, with its top left corner bright, as each value of the tag
    # stores it (EXIF 2.3, tag 0x0112: where row 0 and column 0 are seen).
    seen = np.zeros((64, 64), np.uint8)
    seen[:32, :32] = 255
    seen[:32, 32:] = 128
    stored = {
        1: seen,
        2: seen[:, ::-1],
        3: seen[::-1, ::-1],
        4: seen[::-1],
        5: seen.T,
        6: np.rot90(seen, 1),
        7: np.rot90(seen, 2).T,
        8: np.rot90(seen, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "a.jpg"
    Image.fromarray(np.ascontiguousarray(stored)).save(path, exif=exif, quality=95)
    found = files_of(path).decode(np.array([0]), 64, 1)[0, :, :, 0]
    np.testing.assert_allclose(found.astype(int), seen.astype(int), atol=4)


def test_sizes_are_as_seen(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("L", (30, 20)).save(tmp_path / "a.jpg", exif=exif)
    Image.new("RGB", (30, 20)).save(tmp_path / "b.jpg")
    files = files_of(tmp_path / "a.jpg", tmp_path / "b.jpg")
    assert files.sizes.tolist() == [[30, 20], [20, 30]]
    assert files.grey.tolist() == [True, False]


def test_every_mode_becomes_eight_bits():
    def pixel(image, channels):
        return square(image, 1, channels)[0, 0].tolist()

    assert pixel(Image.new("L", (2, 2), 7), 3) == [7, 7, 7]
    assert pixel(Image.new("1", (2, 2), 1), 1) == [255]
    assert pixel(Image.new("RGB", (2, 2), (255, 0, 0)), 1) == [76]  # 0.299 * 255
    deep = Image.fromarray(np.full((2, 2), 0x8001, np.uint16))
    assert deep.mode == "I;16" and pixel(deep, 1) == [128]
    assert pixel(Image.fromarray(np.full((2, 2), 70000, np.int32)), 1) == [255]
    # Half of red, on white.
    assert pixel(Image.new("RGBA", (2, 2), (255, 0, 0, 128)), 3) == [255, 127, 127]
    assert pixel(Image.new("LA", (2, 2), (0, 0)), 1) == [255]
    palette = Image.new("P", (2, 2), 1)
    palette.putpalette([0, 0, 0, 0, 9, 200])
    assert pixel(palette, 3) == [0, 9, 200]
    palette.info["transparency"] = 1
    assert pixel(palette, 3) == [255, 255, 255]
    assert pixel(Image.new("CMYK", (2, 2), (0, 255, 255, 0)), 3) == [255, 0, 0]


def test_a_whole_image_is_squeezed_or_its_middle_cut_out():
    wide = np.zeros((2, 6), np.uint8)
    wide[:, 2:4] = 200
    image = Image.fromarray(wide)
    assert square(image, 2, 1, crop=True).tolist() == [[[200]] * 2] * 2
    assert square(image, 2, 1).max() < 200


def test_large_jpegs_decoded_small_are_nearly_what_a_whole_decode_gives(tmp_path):
    waves = np.sin(np.linspace(0, 9, 512))
    pixels = np.uint8(127 + 60 * waves[:, None] + 60 * waves[None])
    Image.fromarray(pixels).save(tmp_path / "a.jpg", quality=95)
    small = files_of(tmp_path / "a.jpg").decode(np.array([0]), 32, 1)[0]
    whole = square(Image.open(tmp_path / "a.jpg"), 32, 1)
    assert np.abs(small.astype(int) - whole.astype(int)).max() <= 3


def test_what_cannot_be_read_is_said(tmp_path, monkeypatch):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    good, cut, text, empty, huge = (tmp_path / f"{n}.jpg" for n in "abcde")
    Image.fromarray(noise).save(good)
    cut.write_bytes(good.read_bytes()[:-40])
    text.write_text("no image")
    empty.write_bytes(b"")
    Image.fromarray(noise).resize((200, 200)).save(huge)
    flipped = tmp_path / "f.png"
    Image.fromarray(noise).save(flipped)
    raw = bytearray(flipped.read_bytes())
    raw[len(raw) // 2] ^= 255
    flipped.write_bytes(raw)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 30_000)
    found = check_images([good, cut, text, empty, huge, flipped, tmp_path])
    assert isinstance(found[0], CheckedImage)
    for one, words in zip(
        found[1:],
        ["truncated", "no image", "empty", "too many pixels", "broken", "directory"],
        strict=True,
    ):
        assert words in one
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 15_000)  # above twice as many
    assert "too many pixels" in check_images([huge])[0]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read all: needs another user")
def test_a_file_without_permission_is_said(tmp_path):
    path = tmp_path / "a.png"
    Image.new("L", (2, 2)).save(path)
    path.chmod(0)
    assert check_images([path]) == ["Permission denied"]


def test_files_that_go_away_are_named(tmp_path):
    path = tmp_path / "a.png"
    Image.new("L", (2, 2)).save(path)
    files = files_of(path)
    path.unlink()
    with pytest.raises(ValueError, match=r"a\.png can no longer be decoded"):
        files.decode(np.array([0]), 2, 1)
