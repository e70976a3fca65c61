"""Archives are unpacked whole or not at all, and nothing outside their folder."""

import errno
import gzip
import io
import stat
import tarfile
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from da_zoo.data.archives import extract


def zipped(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members:
            file.writestr(name, content)
    return path


def tarred(path, members, mode="w:gz"):
    with tarfile.open(path, mode) as file:
        for info, content in members:
            if isinstance(info, str):
                info = tarfile.TarInfo(info)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return path


def nothing_left(tmp_path, *known):
    return sorted(p.name for p in tmp_path.iterdir()) == sorted(known)


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_tar_and_its_compressions(tmp_path, mode):
    members = [("a/b/1.txt", b"one"), ("2.txt", b"")]
    path = tarred(tmp_path / "whatever.bin", members, mode)
    folder = extract(path, tmp_path / "out")
    assert (folder / "a/b/1.txt").read_bytes() == b"one"
    assert (folder / "2.txt").read_bytes() == b""
    assert nothing_left(tmp_path, "whatever.bin", "out")


def test_zip_with_folders(tmp_path):
    path = zipped(tmp_path / "a.zip", [("x/", ""), ("x/1", "one"), ("y/z/2", "two")])
    folder = extract(path, tmp_path / "deep" / "out")
    assert sorted(p.name for p in folder.rglob("*")) == ["1", "2", "x", "y", "z"]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755


@pytest.mark.parametrize(
    "name",
    ["../evil", "a/../../evil", "/evil", "..\\evil", "C:\\evil", "a/..", "\\\\host\\x"],
)
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_members_outside_are_refused(tmp_path, name, kind):
    archive = tmp_path / "a"
    if kind == "zip":
        zipped(archive, [("good", "1"), (name, "2")])
    else:
        tarred(archive, [("good", b"1"), (name, b"2")])
    with pytest.raises(ValueError, match="would lie outside") as error:
        extract(archive, tmp_path / "out")
    assert repr(name) in str(error.value)
    assert nothing_left(tmp_path, "a")
    assert not (tmp_path.parent / "evil").exists()


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE]
)
def test_links_and_devices_in_a_tar_are_refused(tmp_path, kind):
    info = tarfile.TarInfo("odd")
    info.type, info.linkname = kind, "/etc/passwd"
    path = tarred(tmp_path / "a.tar", [(info, b"")], "w")
    with pytest.raises(ValueError, match="'odd' is a link or a device"):
        extract(path, tmp_path / "out")
    assert nothing_left(tmp_path, "a.tar")


def test_links_in_a_zip_are_refused(tmp_path):
    info = zipfile.ZipInfo("odd")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    path = zipped(tmp_path / "a.zip", [(info, "/etc/passwd")])
    with pytest.raises(ValueError, match="'odd' is a link"):
        extract(path, tmp_path / "out")


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_bombs_are_refused_before_they_are_written(tmp_path, kind):
    archive = tmp_path / "a"
    content = b"0" * 10_000
    if kind == "zip":
        zipped(archive, [("1", content), ("2", content)])
    else:
        tarred(archive, [("1", content), ("2", content)])
    with pytest.raises(ValueError, match="'2' it unpacks to more than 15000 bytes"):
        extract(archive, tmp_path / "out", most_bytes=15_000)
    with pytest.raises(ValueError, match="more than 1 members"):
        extract(archive, tmp_path / "out", most_members=1)
    extract(archive, tmp_path / "out", most_bytes=20_000, most_members=2)


def test_damage_is_told(tmp_path):
    path = tarred(tmp_path / "a.tar.gz", [("1", bytes(range(256)) * 4000)])
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) // 2])
    with pytest.raises(ValueError, match=r"a\.tar\.gz is damaged or truncated"):
        extract(path, tmp_path / "out")
    path.write_bytes(b"no archive at all")
    with pytest.raises(ValueError, match="no zip or tar archive"):
        extract(path, tmp_path / "out")
    path = zipped(tmp_path / "b.zip", [("1", "one" * 1000)])
    raw = bytearray(path.read_bytes())
    raw[40] ^= 0xFF
    path.write_bytes(raw)
    with pytest.raises(ValueError, match="damaged"):
        extract(path, tmp_path / "out")
    assert nothing_left(tmp_path, "a.tar.gz", "b.zip")


@pytest.mark.parametrize(
    ("kind", "place", "put"),
    [
        (zipfile.ZIP_BZIP2, 60, bytes(10)),  # in the first member's content
        (zipfile.ZIP_STORED, -6, b"\xff\xff\xff\x7f"),  # where the directory is
        (zipfile.ZIP_STORED, 30, b"\xff\xff"),  # in a name that says it is UTF-8
    ],
)
def test_damage_in_a_zip_is_told(tmp_path, kind, place, put):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", kind) as file:
        file.writestr("é.txt", bytes(range(256)))
    raw = bytearray(path.read_bytes())
    place %= len(raw)
    raw[place : place + len(put)] = put
    path.write_bytes(raw)
    with pytest.raises(ValueError, match=r"a\.zip is damaged or truncated"):
        extract(path, tmp_path / "out")
    assert nothing_left(tmp_path, "a.zip")


@pytest.mark.parametrize(
    "kind", [tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE]
)
@pytest.mark.parametrize("before", [0, 1])
def test_headers_of_a_tar_that_would_fill_memory_are_refused(tmp_path, kind, before):
    """Their content is asked for at once, and here it is compressed away."""
    path, size = tmp_path / "a.tar.gz", 64 * 2**20
    header, member = tarfile.TarInfo("././@LongLink"), tarfile.TarInfo("x")
    header.type, header.size = kind, size
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(member.tobuf() * before + header.tobuf())
        for _ in range(size // 2**20):
            file.write(b"a" * 2**20)
        file.write(member.tobuf() + bytes(1024))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"a\.tar\.gz is .*a header of 67108864"):
            extract(path, tmp_path / "out")
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 8 * 2**20
    assert nothing_left(tmp_path, "a.tar.gz")


@pytest.mark.parametrize("format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_of_a_tar_are_read(tmp_path, format):
    name = "/".join(["a" * 99] * 5)
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w", format=format) as file:
        file.addfile(tarfile.TarInfo(name))
    assert (extract(path, tmp_path / "out") / name).is_file()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EINVAL])
def test_a_disk_that_takes_no_more_is_no_damage(tmp_path, monkeypatch, number):
    path = zipped(tmp_path / "a.zip", [("1", "one")])

    def refuses(self, mode="r", *args, **named):
        raise OSError(number, "no more", str(self))

    monkeypatch.setattr(Path, "open", refuses)
    with pytest.raises(OSError, match="no more") as caught:
        extract(path, tmp_path / "out")
    assert caught.value.errno == number


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_twice_is_refused(tmp_path):
    path = zipped(tmp_path / "a.zip", [("1", "one"), ("1", "two")])
    with pytest.raises(ValueError, match="'1' twice"):
        extract(path, tmp_path / "out")
    path = zipped(tmp_path / "b.zip", [("1", "one"), ("1/2", "two")])
    with pytest.raises(ValueError, match="'1/2' twice"):
        extract(path, tmp_path / "out")


def test_what_is_there_is_left_alone(tmp_path):
    path = zipped(tmp_path / "a.zip", [("1", "one")])
    extract(path, tmp_path / "out")
    with pytest.raises(ValueError, match="is there already"):
        extract(path, tmp_path / "out")
    with pytest.raises(ValueError, match=r"b\.zip is no file"):
        extract(tmp_path / "b.zip", tmp_path / "out2")
