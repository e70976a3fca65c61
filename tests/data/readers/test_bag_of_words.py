import numpy as np
import pytest
from scipy.sparse import csr_array, csr_matrix, issparse, random_array, save_npz

from da_zoo.data.readers.bag_of_words import read_bag_of_words as read


def written(folder, text, name="a.svm"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_an_svmlight_file(tmp_path):
    path = written(tmp_path, "\ufeff# head\n+1 qid:7 1:2 3:0.5\n\n-1.0 2:1 # c\n+1\n")
    data = read(path, label=True)
    assert data.kind == "features" and issparse(data.x) and data.rows == 3
    np.testing.assert_array_equal(data.x.toarray(), [[2, 0, 0.5], [0, 1, 0], [0, 0, 0]])
    assert data.classes == ("-1", "1") and data.labels.tolist() == [1, 0, 1]
    some = data.take(np.array([1]))
    assert some.x.toarray().tolist() == [[0, 1, 0]] and some.labels.tolist() == [0]
    zero = read(written(tmp_path, "a 0:1 2:1\n"), label="any", zero_based=True)
    assert zero.x.shape == (1, 3) and zero.classes == ("a",)
    values = read(written(tmp_path, "0.5 1:1\n-2 1:1\n"), label=True, regression=True)
    assert values.labels.tolist() == [0.5, -2.0]


def test_labels_are_not_looked_at_unless_asked_for(tmp_path):
    clean = read(written(tmp_path, "1 1:2\n-1 2:1\n"))
    poisoned = read(written(tmp_path, b"\xff\xfe 1:2\nnan 2:1\n", "b.svm"))
    unlabelled = read(written(tmp_path, "1:2\n2:1\n", "c.svm"))
    for data in (clean, poisoned, unlabelled):
        assert data.labels is None and data.classes == ()
        np.testing.assert_array_equal(data.x.toarray(), [[2, 0], [0, 1]])
    some = read(written(tmp_path, "a 1:2\n2:1\n", "d.svm"), label=True)
    assert some.labelled.tolist() == [True, False]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 1:2\n1 x:2\n", r"a\.svm, line 2: .*a line is"),
        ("1 1:2\n1 0:2\n", "line 2: Invalid index 0 .*; give zero_based=True"),
        ("1 2:1 1:1\n", "line 1: .*sorted and unique"),
        ("1 1:a\n", "line 1: could not convert"),
        ("1 1\n", "line 1: "),
        ("1 1:nan\n", "NaN or infinite"),
        ("1 99999999999999999999:1\n", "line 1"),
        ("", "no rows"),
        ("# nothing\n", "no rows"),
        (b"\xe9 1:1\n", "line 1: the label is not UTF-8"),
    ],
)
def test_bad_svmlight_files_are_named_with_the_line(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        read(written(tmp_path, text), label=True)


def test_a_wide_matrix_is_never_dense(tmp_path):
    # Dense it would take 4 TB.
    x = random_array(
        (1000, 10**9), density=1e-8, format="csr", rng=np.random.default_rng(0)
    )
    path = tmp_path / "wide.npz"
    save_npz(path, x)
    data = read(path)
    assert data.x.shape == (1000, 10**9) and data.x.nnz == x.nnz
    assert read(path).fingerprint == data.fingerprint
    save_npz(path, 2 * x)
    assert read(path).fingerprint != data.fingerprint
    wide = read(written(tmp_path, "1 1:1 1000000000:1\n"))
    assert wide.x.shape == (1, 10**9)


def test_an_archive_with_labels_and_domains(tmp_path):
    x = csr_matrix(np.eye(3))
    path = tmp_path / "a.npz"
    np.savez(
        path,
        format="csr",
        shape=x.shape,
        data=x.data,
        indices=x.indices,
        indptr=x.indptr,
        y=np.array(["b", "a", "b"]),
        shop=np.array(["books", "dvd", "dvd"]),
        short=np.zeros(2),
        odd=np.array([None, 1, 2], object),
    )
    data = read(path, label=True, domain="shop")
    assert data.labels.tolist() == [1, 0, 1] and data.domains == ("books", "dvd")
    assert read(path).labels is None
    assert read(path, label="y").classes == ("a", "b")
    for label, message in {
        "short": "must have 3 entries",
        "gone": "lacks the arrays",
        "odd": "pickled",
    }.items():
        with pytest.raises(ValueError, match=message):
            read(path, label=label)


def test_bad_archives_are_named(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, x=np.eye(2))
    with pytest.raises(ValueError, match=r"a\.npz holds no sparse matrix"):
        read(path)
    broken = csr_array(np.eye(3))
    broken.indices = np.array([0, 1, 9], broken.indices.dtype)
    save_npz(path, broken)
    with pytest.raises(ValueError, match=r"a\.npz holds no sparse matrix .*indices"):
        read(path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ValueError, match="truncated"):
        read(path)
    with pytest.raises(ValueError, match="is no file"):
        read(tmp_path / "b.npz")
    with pytest.raises(ValueError, match="have no domains"):
        read(written(tmp_path, "1 1:1\n"), domain="d")
