"""Files of data from anywhere: rows, or what is wrong with which file."""

import functools
import io
import json
import stat
import tarfile
import warnings
import zipfile
import zlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import scipy.io
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy.io import wavfile

from da_zoo.data.archives import extract
from da_zoo.data.domain_data import DomainData
from da_zoo.data.readers.read import READERS, guess, read
from tests.fuzz.clean import (
    VALUES,
    answer,
    damaged,
    deep,
    edited,
    folder,
    fuzz,
    untouched,
)

EXAMPLES = 980

TABLE = b"age,sex,sick\n63,m,1\n?,f,0\n41,f,0\n50,m,1\n"
TEXT = b'text,label\n"yes, well",1\nno,0\nwhat,1\n'
LINES = b'{"text": "hello", "label": 1}\n{"text": "buy now", "label": 0}\n'
SVMLIGHT = b"+1 1:2 5:1\n-1 2:1 # a comment\n+1 3:1\n"
RATINGS = b"user,item,hour,stars\nu1,f1,9,5\nu2,f1,21,2\nu1,f2,10,1\n"
SERIES = b"v,kind\n" + b"".join(
    b"%d,%s\n" % (i, b"ab"[i // 9 % 2 :][:1]) for i in range(36)
)


def of(save, *given, **named) -> bytes:
    file = io.BytesIO()
    save(file, *given, **named)
    return file.getvalue()


@functools.cache
def files() -> dict[str, tuple[bytes, dict]]:
    """By name: a good file, and options that its reader is called with."""
    x, y = np.arange(12.0).reshape(6, 2), np.arange(6) % 2
    table = pa.table({"a": [1.0, 2.0, None], "b": ["x", "y", "x"], "y": [0, 1, 1]})
    matrix = scipy.sparse.csr_matrix(np.eye(4))
    mat = of(scipy.io.savemat, {"x": x, "y": y})
    return {
        "a.csv": (TABLE, {"label": "sick"}),
        "b.tsv": (TABLE.replace(b",", b"\t"), {"label": "sick"}),
        "c.parquet": (
            of(lambda f: pyarrow.parquet.write_table(table, f)),
            {"label": "y"},
        ),
        "d.npz": (of(np.savez, x=x, y=y), {"label": "y"}),
        "e.npz": (of(np.savez_compressed, x=x, y=y), {"label": "y"}),
        "f.npy": (of(np.save, x), {}),
        "g.mat": (mat, {"label": "y", "inputs": "x"}),
        "h.npz": (of(scipy.sparse.save_npz, matrix), {}),
        "i.svm": (SVMLIGHT, {"label": True, "kind": "bag_of_words"}),
        "j.csv": (TEXT, {"text": "text", "label": "label", "kind": "text"}),
        "k.jsonl": (LINES, {"label": "label"}),
        "l.csv": (
            RATINGS,
            {
                "kind": "ratings",
                "user": "user",
                "item": "item",
                "label": "stars",
                "threshold": 3,
            },
        ),
        "m.csv": (SERIES, {"kind": "signals", "label": "kind", "length": 4}),
        "n.npz": (
            of(np.savez, x=np.zeros((4, 8)), y=y[:4]),
            {"kind": "signals", "label": "y"},
        ),
    }


def reads(name: str, content: bytes, options: dict) -> DomainData | None:
    with folder() as root:
        path = root / name
        path.write_bytes(content)
        with untouched(root):
            found, _ = answer(lambda: read(path, **options), name)
        assert found is None or (isinstance(found, DomainData) and found.rows > 0)
        return found


def test_the_files_are_good_to_begin_with():
    for name, (content, options) in files().items():
        assert reads(name, content, options) is not None, name


@fuzz(420)
@given(st.data())
def test_damaged_files(data):
    name = data.draw(st.sampled_from(sorted(files())))
    content, options = files()[name]
    reads(name, data.draw(damaged(content)), options)


@fuzz(120)
@given(st.data())
def test_files_of_another_kind(data):
    name = data.draw(st.sampled_from(sorted(files())))
    other = data.draw(st.sampled_from(sorted(files())))
    kind = data.draw(st.none() | st.sampled_from(sorted(READERS)))
    label = data.draw(st.sampled_from([None, True, "y", "label", "no such"]))
    given = {"kind": kind, "label": label}
    with folder() as root:
        path = root / name
        path.write_bytes(files()[other][0])
        with untouched(root):
            answer(lambda: guess(path, []), name)
            answer(lambda: read(path, **given))


CELLS = st.sampled_from(
    [
        "",
        "1",
        "-1e308",
        "1e999",
        "nan",
        "x",
        "Ä",
        "=1+1",
        '"',
        "\0",
        "\ufeff",
        "9" * 400,
    ]
) | st.text(max_size=5)


@fuzz(120)
@given(st.lists(st.lists(CELLS, max_size=4), max_size=5), st.sampled_from(",;\t\x01"))
def test_tables_of_any_cells(rows, delimiter):
    text = "\n".join(delimiter.join(row) for row in [["a", "b", "y"], *rows])
    content = text.encode("utf-8", "replace")
    reads("a.csv", content, {"label": "y"})
    reads("a.csv", content, {"label": "y", "kind": "text", "text": "a"})


@fuzz(100)
@given(
    st.lists(
        VALUES.map(json.dumps)
        | edited({"text": "hello", "label": 1}, 2).map(json.dumps)
        | st.sampled_from([deep(10**5), "[" * 999, "{", '{"text": NaN}', "\ufeff"]),
        min_size=1,
        max_size=4,
    )
)
def test_lines_of_json(lines):
    reads("a.jsonl", "\n".join(lines).encode("utf-8", "replace"), {"label": "label"})


@fuzz(80)
@given(
    st.lists(st.sampled_from([0, 1, 3, -1, 10**6, 2**40, 2**63]), max_size=3),
    st.sampled_from(["<f8", "|u1", "|O", "<U9999", "<M8[s]", "V8", "<c16", "bogus"]),
    st.sampled_from(["f.npy", "d.npz", "n.npz"]),
    st.booleans(),
)
def test_headers_of_arrays(shape, dtype, name, packed):
    told = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {tuple(shape)}, }}"
    head = told.encode().ljust(118 - 1) + b"\n"
    array = b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + bytes(64)
    if name.endswith("npz"):
        file = io.BytesIO()
        how = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
        with zipfile.ZipFile(file, "w", how) as archive:
            archive.writestr("x.npy", array)
            archive.writestr("y.npy", of(np.save, np.zeros(3)))
        array = file.getvalue()
    reads(name, array, files()[name][1])


@functools.cache
def media() -> dict[str, bytes]:
    image = Image.new("RGB", (8, 8), (9, 90, 200))
    kinds = {"png": {}, "jpeg": {}, "bmp": {}, "webp": {}}
    found = {f"a.{kind}": of(image.save, kind, **more) for kind, more in kinds.items()}
    found["a.wav"] = of(wavfile.write, 8000, np.arange(4000, dtype=np.int16))
    return found


def png_of(width: int, height: int) -> bytes:
    """A PNG that claims a size; its rows are zeros, a bomb if it is large."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        check = zlib.crc32(kind + body).to_bytes(4, "big")
        return len(body).to_bytes(4, "big") + kind + body + check

    head = (
        width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x00\x00\x00\x00"
    )
    rows = zlib.compress(bytes(min(height, 1000) * (min(width, 10**5) + 1)), 9)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows)
        + chunk(b"IEND", b"")
    )  # fmt: skip


ODD_MEDIA = (
    b"",
    b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n",
    b"P6 99999999 99999999 255\n",
    png_of(2**31 - 1, 2**31 - 1),
    png_of(10**5, 10**5),
    png_of(0, 0),
    b"RIFF\xff\xff\xff\xffWAVEfmt \x10\x00\x00\x00\x01\x00\xff\xff\x00\x00\x00\x00",
    b"RIFF\x24\x00\x00\x00WAVEdata\xff\xff\xff\x7f",
)


@fuzz(80)
@given(st.booleans(), st.data())
def test_folders_of_images_and_sounds(skip, data):
    name = data.draw(st.sampled_from(sorted(media())))
    content = data.draw(damaged(media()[name]) | st.sampled_from(ODD_MEDIA))
    with folder() as root:
        for place, good in enumerate(("cat", "dog")):
            (root / good).mkdir()
            (root / good / f"{place}{name[1:]}").write_bytes(media()[name])
        (root / "dog" / name).write_bytes(content)
        how = data.draw(st.sampled_from(["file", "link", "loop", "pipe-like", "deep"]))
        if how == "link":
            (root / "cat" / f"l{name}").symlink_to("/etc/passwd")
        elif how == "loop":
            (root / "cat" / f"l{name}").symlink_to(root / "cat" / f"l{name}")
        elif how == "deep":
            (root / "cat" / "deeper").mkdir()
            (root / "cat" / "deeper" / name).write_bytes(content)
        kind = "audio" if name.endswith("wav") else "images"
        with untouched(root / "dog"):
            found, _ = answer(
                lambda: read(root, kind=kind, label=True, skip_corrupt=skip), str(root)
            )
            if found is not None and kind == "images":
                answer(lambda: found.x.decode(np.arange(found.rows), 8, 3))


MEMBERS = st.sampled_from(
    [
        "a.txt",
        "a/b.txt",
        "../out.txt",
        "/tmp/out.txt",
        "a/../../out.txt",
        "..\\out.txt",
        "C:\\out.txt",
        "a\0b",
        "",
        ".",
        "a" * 300,
        "a/" * 200 + "b",
        "\ud800",
    ]
)
TYPES = st.sampled_from(
    [tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE,
     tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.GNUTYPE_SPARSE]
)  # fmt: skip


@fuzz(60)
@given(
    st.sampled_from(["zip", "tar", "tar.gz", "tar.xz"]),
    st.lists(st.tuples(MEMBERS, TYPES, st.sampled_from([0, 9, 5000])), max_size=4),
    st.booleans(),
    st.data(),
)
def test_archives(kind, members, whole, data):
    file = io.BytesIO()
    warnings.simplefilter("ignore", UserWarning)  # zipfile's, of a name given twice
    if kind == "zip":
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, type_, size in members:
                info = zipfile.ZipInfo(name.encode("utf-8", "replace").decode())
                if type_ == tarfile.SYMTYPE:
                    info.external_attr = (stat.S_IFLNK | 0o777) << 16
                archive.writestr(info, bytes(size))
    else:
        _, _, packing = kind.partition(".")
        with tarfile.open(fileobj=file, mode=f"w:{packing}") as archive:
            for name, type_, size in members:
                info = tarfile.TarInfo(name.encode("utf-8", "replace").decode())
                info.type, info.linkname = type_, "/etc/passwd"
                info.size = size if type_ == tarfile.REGTYPE else 0
                archive.addfile(info, io.BytesIO(bytes(size)))
    content = file.getvalue()
    if not whole:
        content = data.draw(damaged(content))
    with folder() as root:
        (root / "in").mkdir()
        path = root / "in" / "archive"
        path.write_bytes(content)
        with untouched(root / "in"):
            found, _ = answer(
                lambda: extract(path, root / "out", most_bytes=8000, most_members=3),
                "archive",
            )
        names = sorted(one.name for one in root.iterdir())
        assert names == (["in"] if found is None else ["in", "out"])
        if found is not None:
            for one in found.rglob("*"):
                assert not one.is_symlink() and (one.is_dir() or one.is_file())
