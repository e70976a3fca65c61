"""Rows on disk: what is written is what is read, and damage has a name."""

import io
import json
import pickle
import threading

import numpy as np
import pytest
from PIL import Image

from da_zoo.data.array_record_header import HEADER, read_header
from da_zoo.data.array_record_writer import write_array_records
from da_zoo.data.array_records import ArrayRecordPool

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (23, 6, 5, 3), np.uint8)


@pytest.fixture
def folder(tmp_path):
    return write_array_records(tmp_path / "a", PIXELS, shard_bytes=700)


def jpeg(row, side=8, mode="RGB"):
    pixels = np.full((side, side, 3), 10 * row, np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, "JPEG")
    return file.getvalue()


def test_rows_come_back_in_any_order(folder):
    pool = ArrayRecordPool(folder)
    assert len(pool.header.shards) == 4  # 7 rows of 90 bytes each
    assert (pool.shape, pool.dtype, pool.nbytes) == (PIXELS.shape, np.uint8, 2070)
    rows = np.array([22, 0, 7, 6, 7, -1])
    np.testing.assert_array_equal(pool[rows], PIXELS[rows])
    np.testing.assert_array_equal(pool[3], PIXELS[3])
    np.testing.assert_array_equal(pool[5:9], PIXELS[5:9])
    np.testing.assert_array_equal(np.asarray(pool), PIXELS)
    mask = np.arange(23) % 2 == 0
    np.testing.assert_array_equal(pool[mask], PIXELS[mask])
    assert pool[np.array([], int)].shape == (0, 6, 5, 3)
    np.testing.assert_array_equal(np.stack(list(pool)), PIXELS)
    pool.verify()


@pytest.mark.parametrize("rows", [[23], [-24], [[0]], [0.5]])
def test_rows_that_are_not_there(folder, rows):
    with pytest.raises(IndexError, match="rows must be"):
        ArrayRecordPool(folder)[np.array(rows)]


def test_every_type_of_row_is_kept_and_others_become_float32(tmp_path):
    cases = [np.uint8, np.int32, np.float32, np.float64, np.int64, bool]
    for number, kind in enumerate(cases):
        rows = (np.arange(6).reshape(3, 2) % 2).astype(kind)
        pool = ArrayRecordPool(write_array_records(tmp_path / str(number), rows))
        assert pool.dtype == (kind if number < 3 else np.float32)
        np.testing.assert_array_equal(pool[:], rows)


def test_a_host_has_its_share_and_a_subset_reads_nothing(folder, monkeypatch):
    pool = ArrayRecordPool(folder)
    shares = [pool.shard(i, 3) for i in range(3)]
    assert [len(share) for share in shares] == [8, 8, 7]
    for i, share in enumerate(shares):
        np.testing.assert_array_equal(share[:], PIXELS[i::3])
    nested = pool.subset(np.array([20, 4, 9])).subset(np.array([2, 0]))
    np.testing.assert_array_equal(nested[:], PIXELS[[9, 20]])
    for index, count in ((3, 3), (-1, 2), (0, 24)):
        with pytest.raises(ValueError, match="shard needs"):
            pool.shard(index, count)


def test_a_pool_can_be_pickled_and_read_by_threads(folder):
    pool = pickle.loads(pickle.dumps(ArrayRecordPool(folder).shard(1, 2)))
    own, found = PIXELS[1::2], {}

    def read(i):
        found[i] = pool[np.arange(i, len(pool))]

    threads = [threading.Thread(target=read, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, rows in found.items():
        np.testing.assert_array_equal(rows, own[i:])


def test_images_stay_encoded_on_disk(tmp_path):
    files = [jpeg(row) for row in range(5)]
    pool = ArrayRecordPool(write_array_records(tmp_path / "a", files, encoding="image"))
    assert (pool.shape, pool.dtype) == ((5, 8, 8, 3), np.uint8)
    np.testing.assert_allclose(pool[:][:, 4, 4, 1], 10.0 * np.arange(5), atol=2)
    grey = write_array_records(
        tmp_path / "b", [*files[:2], jpeg(2, mode="L")], encoding="image", channels=1
    )
    assert ArrayRecordPool(grey).shape == (3, 8, 8, 1)
    pool = ArrayRecordPool(
        write_array_records(tmp_path / "png", PIXELS, encoding="image")
    )
    np.testing.assert_array_equal(pool[:], PIXELS)
    pool.verify()


def test_what_cannot_be_written_leaves_nothing(tmp_path):
    def broken():
        yield PIXELS[0]
        raise OSError("the camera is gone")

    nan = np.array([[0.0, 1.0], [np.nan, 0.0]])
    damaged = [jpeg(1), jpeg(2)[:300]]
    cases = [
        ((broken(),), {}, OSError, "camera"),
        (([],), {}, ValueError, "a has no rows"),
        (([[1.0, 2.0], [1.0]],), {}, ValueError, r"row 1: float32 \(1,\), and the"),
        (([["x"]],), {}, TypeError, "row 0: a row must be numbers"),
        (([1, 2],), {}, TypeError, "at least one axis"),
        ((nan,), {}, ValueError, "row 1 has NaN"),
        ((PIXELS, [1] * 22), {}, ValueError, "after 22 there is no label any more"),
        ((PIXELS, [1] * 24), {}, ValueError, "after 23 there is no row any more"),
        ((damaged,), {"encoding": "image"}, ValueError, "row 1 is no readable image"),
        (([jpeg(1), jpeg(1, 9)],), {"encoding": "image"}, ValueError, "resize"),
        ((PIXELS[..., :2],), {"encoding": "image"}, ValueError, "uint8"),
        ((PIXELS, ["a"] * 23), {"classes": ["b"]}, ValueError, "not among"),
        ((PIXELS, ["a"] * 23), {"regression": True}, ValueError, "row 0: the label"),
        ((PIXELS,), {"domain": [""] * 23}, ValueError, "no name of a domain"),
        ((PIXELS,), {"kind": "pictures"}, ValueError, "kind"),
        ((PIXELS,), {"encoding": "gif"}, ValueError, "encoding"),
        ((PIXELS,), {"channels": 2}, ValueError, "channels"),
    ]
    for given, options, error, message in cases:
        with pytest.raises(error, match=message):
            write_array_records(tmp_path / "a", *given, **options)
        assert list(tmp_path.iterdir()) == []


def test_a_folder_is_never_written_over(folder):
    with pytest.raises(ValueError, match="exists already"):
        write_array_records(folder, PIXELS)
    ArrayRecordPool(folder).verify()


def test_damaged_folders_are_named(folder, tmp_path):
    path = folder / "rows-00001.array_record"
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    with pytest.raises(ValueError, match=r"rows-00001.array_record has \d+ bytes, not"):
        ArrayRecordPool(folder)
    place = len(whole) // 2
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :])
    with pytest.raises(ValueError, match="cannot be read"):
        ArrayRecordPool(folder)[:]
    path.unlink()
    with pytest.raises(ValueError, match="is missing; write the folder again"):
        ArrayRecordPool(folder)
    with pytest.raises(ValueError, match="no folder of array records"):
        ArrayRecordPool(tmp_path / "nowhere")


def test_rows_that_were_exchanged_show(folder, tmp_path):
    other = write_array_records(tmp_path / "b", PIXELS[::-1].copy(), shard_bytes=700)
    names = ("rows-00000.array_record", "rows-00001.array_record")
    header = json.loads((folder / HEADER).read_text())
    for place, name in enumerate(names):
        (folder / name).write_bytes((other / name).read_bytes())
        header["shards"][place]["size"] = (other / name).stat().st_size
    (folder / HEADER).write_text(json.dumps(header))
    with pytest.raises(ValueError, match="other rows than when it was written"):
        ArrayRecordPool(folder).verify()


@pytest.mark.parametrize(
    "change",
    [
        {"format": "other"},
        {"dtype": "object"},
        {"dtype": "float64"},
        {"shape": [-1, 3]},
        {"encoding": "pickle"},
        {"shards": [{"file": "../b/rows", "rows": 1, "size": 1}]},
        {"shards": []},
        {"shards": None},
        {"shape": [4], "encoding": "image"},
    ],
)
def test_a_strangers_header_is_checked(folder, change):
    header = json.loads((folder / HEADER).read_text())
    (folder / HEADER).write_text(json.dumps(header | change))
    with pytest.raises(ValueError, match=r"header.json is no header"):
        read_header(folder)


def test_a_header_lies_about_shapes(folder):
    header = json.loads((folder / HEADER).read_text()) | {"shape": [6, 5, 4]}
    (folder / HEADER).write_text(json.dumps(header))
    with pytest.raises(ValueError, match="row 3 has 90 bytes"):
        ArrayRecordPool(folder)[np.array([3])]
