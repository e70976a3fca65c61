"""A file is there whole or not at all, and every writer of the package sees to it."""

import ast
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import da_zoo
from da_zoo.whole_files import whole_file, write_whole

PACKAGE = Path(da_zoo.__file__).parent

ELSEWHERE = {
    # Into a draft or a folder that gets its name at the end.
    "bench/store.py": "rows are appended; manifest and logits have drafts of their own",
    "data/archives.py": "a new folder, named when it is complete",
    "data/array_record_writer.py": "a new folder, named when it is complete",
    # States of a training: Orbax has drafts of its own.
    "phases.py": "a state, to the saver",
    "checkpoint/saver.py": "a state, to the keeper",
    "checkpoint/keeper.py": "a state, by Orbax",
    # Into memory.
    "data/tfds_builders/image_tree.py": "PNG bytes",
    "data/tfds_examples.py": "PNG bytes",
    "testing.py": "npz bytes",
    # For those who work on the package.
    "catalogue.py": "pages of the documentation",
}


def test_what_fails_half_way_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    write_whole(path, "old")
    with pytest.raises(RuntimeError), whole_file(path) as draft:
        draft.write_text("ne")
        raise RuntimeError
    assert path.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["a.txt"]


def test_a_killed_writer_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    write_whole(path, "old")
    program = (
        "import os, sys\nfrom da_zoo.whole_files import whole_file\n"
        "with whole_file(sys.argv[1]) as draft:\n"
        "    draft.write_text('ne'); os.kill(os.getpid(), 9)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(path)], check=False)
    assert ended.returncode == -9
    assert path.read_text() == "old"


def test_two_writers_do_not_meet_in_one_draft(tmp_path):
    path = tmp_path / "a.txt"
    with whole_file(path) as first, whole_file(path) as second:
        assert first != second
        first.write_text("first")
        second.write_text("second")
    assert path.read_text() == "first"  # the outer one ends last


def test_a_link_keeps_pointing_and_a_mode_stays(tmp_path):
    real = tmp_path / "real" / "a.txt"
    real.parent.mkdir()
    write_whole(real, "old")
    real.chmod(0o600)
    link = tmp_path / "link.txt"
    link.symlink_to(real)
    write_whole(link, "new")
    assert link.is_symlink() and real.read_text() == "new"
    assert stat.S_IMODE(real.stat().st_mode) == 0o600


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_pipe_is_written_to_and_not_replaced(tmp_path):
    pipe, got = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    write_whole(pipe, "through")
    reader.join(timeout=10)
    assert got == [b"through"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_line_ends_and_bytes_are_written_as_they_are(tmp_path):
    write_whole(tmp_path / "a", "a\r\nü\n")
    assert (tmp_path / "a").read_bytes() == b"a\r\n\xc3\xbc\n"


def test_no_folder_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "none" / "a", "a")


def test_all_that_is_written_goes_through_a_draft():
    found = {}
    for path in PACKAGE.rglob("*.py"):
        name = path.relative_to(PACKAGE).as_posix()
        if name == "whole_files.py":
            continue
        lines = _writings(path.read_text(encoding="utf-8"))
        if lines:
            found[name] = lines
    new = {name: lines for name, lines in found.items() if name not in ELSEWHERE}
    assert not new, f"write through da_zoo.whole_files.whole_file: {new}"
    assert set(ELSEWHERE) <= set(found), "ELSEWHERE names what writes nothing any more"


def test_the_search_finds_writings():
    for text in (
        "path.write_text('a')",
        "open(path, 'w')",
        "path.open('wb')",
        "path.open(mode='a')",
        "np.savez(path, a=1)",
        "figure.savefig(path)",
        "json.dump(a, file)",
        "pyarrow.csv.write_csv(table, path)",
    ):
        assert _writings(text), text
    inside = "with whole_file(path) as draft:\n    figure.savefig(draft)"
    for text in (inside, "path.open('rb')", "path.read_text()", "store.save_logits(a)"):
        assert not _writings(text), text


WRITERS = (
    *("write_text", "write_bytes", "savefig", "save", "savez", "savez_compressed"),
    *("dump", "tofile", "write_csv", "write_table", "to_csv", "touch"),
)


def _writings(text: str) -> list[int]:
    """Lines that write a file whose name is not ``draft``."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and _writes(node)
    ]


def _writes(call: ast.Call) -> bool:
    named = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    named = call.func.id if isinstance(call.func, ast.Name) else named
    owner = call.func.value if isinstance(call.func, ast.Attribute) else None
    names = [one.id for one in (owner, *call.args) if isinstance(one, ast.Name)]
    if "draft" in names:
        return False
    if named in WRITERS:
        # ``save(model, folder)`` is our own, ``image.save(file)`` is somebody else's.
        return owner is not None and "self" not in names
    modes = [
        one.value
        for one in (*call.args, *(k.value for k in call.keywords if k.arg == "mode"))
        if isinstance(one, ast.Constant) and isinstance(one.value, str)
    ]
    return named in ("open", "fdopen") and any(
        set(mode) & set("wax+") and set(mode) <= set("rwabxt+") for mode in modes
    )
