import os

import pytest

from da_zoo.data.readers.folders import check_alike, walk_folder


def tree(root, *names):
    for name in names:
        path = root / name
        if name.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("x")
    return root


def walk(root, label=True, **options):
    return walk_folder(root, (".txt", ".text"), what="texts", label=label, **options)


def test_depth_decides_the_layout(tmp_path):
    two = walk(tree(tmp_path / "two", "d2/a/1.txt", "d1/b/1.TXT", "d1/a/2.text"))
    assert two.domains == ("d1", "d1", "d2") and two.classes == ("a", "b", "a")
    assert [f.name for f in two.files] == ["2.text", "1.TXT", "1.txt"]
    one = walk(tree(tmp_path / "one", "b/1.txt", "a/1.txt"))
    assert one.domains is None and one.classes == ("a", "b")
    flat = walk(tree(tmp_path / "flat", "1.txt"), label=False)
    assert flat.domains is None and flat.classes is None
    asked = walk(tmp_path / "one", label=False, layout="domain")
    assert asked.domains == ("a", "b") and asked.classes is None
    for part in (two, one, flat, asked):
        assert part.notes == ()


def test_one_domain_of_several(tmp_path):
    root = tree(tmp_path, "d1/a/1.txt", "d2/a/1.txt", "d3/1.txt", "d4/")
    assert walk(root, domain="d2").domains == ("d2",)
    assert walk(root, label=False, domain="d3").domains == ("d3",)
    with pytest.raises(ValueError, match=r"no domain folder 'd9'; it has \['d1'"):
        walk(root, domain="d9")
    with pytest.raises(ValueError, match="d4 holds no texts"):
        walk(root, domain="d4")
    with pytest.raises(ValueError, match="files at several depths"):
        walk(root)


def test_what_is_left_out_is_noted(tmp_path):
    root = tree(
        tmp_path,
        "d/a/1.txt",
        "d/a/.hidden.txt",
        "d/a/Thumbs.db",
        "d/a/read.me",
        "d/empty/",
        "e/a/",
        ".git/x.txt",
    )
    (root / "d" / "a" / "gone.txt").symlink_to("nowhere")
    (root / "d" / "up").symlink_to(root)
    found = walk(root)
    assert [f.name for f in found.files] == ["1.txt"]
    notes = "\n".join(found.notes)
    assert f"Folders without texts, left out: {root}/d/empty, {root}/e." in notes
    assert f"1 files that are no texts are left out: {root}/d/a/read.me" in notes
    assert "3 hidden or system files" in notes
    assert f"Broken links and devices are left out: {root}/d/a/gone.txt" in notes
    assert f"Links back to a folder above are not followed: {root}/d/up" in notes


def test_links_to_folders_are_followed(tmp_path):
    tree(tmp_path / "store", "a/1.txt")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "d").symlink_to(tmp_path / "store")
    assert walk(tmp_path / "root").domains == ("d",)


def test_names_that_look_alike_are_refused(tmp_path):
    root = tree(tmp_path / "case", "d/mug/1.txt", "e/Mug/1.txt")
    with pytest.raises(ValueError, match=r"look alike .* 'Mug', 'mug'"):
        walk(root)
    assert walk(root, classes=("Mug", "mug")).classes == ("mug", "Mug")
    assert walk(root, label=False).classes == ("mug", "Mug")  # names are not read
    blank = tree(tmp_path / "blank", "mug/1.txt", "mug /1.txt")
    with pytest.raises(ValueError, match="'mug', 'mug '"):
        walk(blank, classes=("mug",))
    with pytest.raises(ValueError, match="look alike"):
        walk(tree(tmp_path / "domains", "d/a/1.txt", "D/a/1.txt"))
    with pytest.raises(ValueError, match="look alike"):  # é in one sign, and in two
        check_alike("x", ["caf\u00e9", "cafe\u0301"])
    check_alike("x", ["a", "b"])


def test_what_is_no_tree_of_texts_is_refused(tmp_path):
    for name, message in {
        "nowhere": "is no folder",
        "flat": "has no class folders",
        "deep": "lies 3 folders under",
        "mixed": r"a\.txt and .*b\.txt; move them",
        "other": "holds no texts",
        "none": "holds no texts",
    }.items():
        root = tmp_path / name
        if name != "nowhere":
            tree(
                root,
                {
                    "flat": "1.txt",
                    "deep": "a/b/c/1.txt",
                    "mixed": "a.txt",
                    "other": "a/1.csv",
                    "none": "a/",
                }[name],
            )
        if name == "mixed":
            tree(root, "a/b.txt")
        with pytest.raises(ValueError, match=message):
            walk(root)
    with pytest.raises(ValueError, match=r"does not lie 2 folders under"):
        walk(tmp_path / "flat", layout="domain/class")
    with pytest.raises(ValueError, match="layout must be one of"):
        walk(tmp_path / "flat", layout="tree")
    os.mkdir(os.path.join(os.fsencode(tmp_path / "none"), b"caf\xe9"))
    with pytest.raises(ValueError, match="not UTF-8; rename it"):
        walk(tmp_path / "none")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read all: needs another user")
def test_a_folder_without_permission_is_an_error(tmp_path):
    tree(tmp_path, "a/1.txt", "b/1.txt")
    (tmp_path / "b").chmod(0)
    with pytest.raises(ValueError, match=r"b cannot be opened \(Permission denied\)"):
        walk(tmp_path)
    (tmp_path / "b").chmod(0o700)
