"""Other libraries' batches, by stand-ins that behave as theirs do."""

import jax.numpy as jnp
import numpy as np
import pytest

from da_zoo.data.interop import from_batches, write_batches
from da_zoo.data.readers.array_records import read_array_records

X = np.random.default_rng(0).normal(size=(10, 4)).astype(np.float32)
Y = np.arange(10) % 3


class Tensor:
    """torch's, as far as NumPy sees it."""

    def __init__(self, values, error=None):
        self.values, self.error = np.asarray(values), error

    def __array__(self, dtype=None, copy=None):
        if self.error is not None:
            raise self.error
        return self.values


def loader(x=X, y=Y, size=4):
    """torch's DataLoader yields lists."""
    for start in range(0, len(x), size):
        part = slice(start, start + size)
        yield [Tensor(x[part]), Tensor(y[part])]


class TensorFlowDataset:
    def as_numpy_iterator(self):
        return iter([(X[:5], Y[:5]), (X[5:], Y[5:])])

    def __iter__(self):
        raise AssertionError("eager tensors are slower")


def dictionaries():
    """``datasets``' ``iter(batch_size=...)``: lists of Python's values, or arrays."""
    yield {"pixels": X[:6].tolist(), "label": Y[:6].tolist()}
    yield {"pixels": X[6:], "label": Y[6:]}


@pytest.mark.parametrize(
    ("batches", "options"),
    [
        (loader, {"label": 1}),
        (TensorFlowDataset, {"label": 1}),
        (dictionaries, {"label": "label"}),
        (dictionaries, {"inputs": "pixels", "label": "label"}),
        (lambda: [(jnp.asarray(X), jnp.asarray(Y))], {"inputs": 0, "label": 1}),
        (lambda: [(Y[:, None], {"no": "array"}, X)], {"inputs": -1, "label": 0}),
    ],
)
def test_batches_of_every_library(batches, options, tmp_path):
    data = from_batches(batches(), name="set", **options)
    np.testing.assert_array_equal(data.x, X)
    assert data.x.dtype == np.float32 and data.kind == "features"
    assert data.labels.tolist() == Y.tolist() and data.classes == ("0", "1", "2")
    folder = write_batches(
        tmp_path / "a", batches(), name="set", kind="features", **options
    )
    written = read_array_records(folder, label="label")
    np.testing.assert_array_equal(written.x[:], X)
    assert written.labels.tolist() == Y.tolist() and written.name == "set"


def test_no_label_is_read_unless_it_is_named():
    poison = [(X, Tensor(Y, AssertionError("labels were read")))]
    data = from_batches(poison, name="a")
    assert data.labels is None and data.rows == 10
    assert from_batches([X, X], name="a").rows == 20


def test_images_of_torch_are_turned():
    pixels = np.random.default_rng(0).integers(0, 256, (5, 3, 6, 7)).astype(np.uint8)
    with pytest.raises(ValueError, match="give channels_first=True"):
        from_batches([pixels], name="a", kind="images")
    data = from_batches([pixels], name="a", kind="images", channels_first=True)
    np.testing.assert_array_equal(data.x, pixels.transpose(0, 2, 3, 1))
    assert data.x.dtype == np.uint8
    grey = from_batches([pixels[:, 0]], name="a", kind="images")
    assert grey.x.shape == (5, 6, 7, 1)


def test_an_endless_iterator_ends_at_the_limit(tmp_path):
    def endless():
        while True:
            yield from loader()

    data = from_batches(endless(), name="a", label=1, limit=25)
    assert data.rows == 25 == len(data.labels)
    assert data.notes == ("reading stopped after 25 rows, the limit",)
    np.testing.assert_array_equal(data.x[20:], X[:5])
    folder = write_batches(
        tmp_path / "a", endless(), kind="features", label=1, limit=25
    )
    assert read_array_records(folder).rows == 25


def test_names_of_classes():
    names = ("cat", "dog", "owl")
    data = from_batches(loader(), name="a", label=1, classes=names)
    assert data.classes == names and data.labels.tolist() == Y.tolist()
    few = from_batches([(X[:3], [-1, 2, 0])], name="a", label=1, classes=names)
    assert few.labelled.tolist() == [False, True, True]
    assert few.labels[1:].tolist() == [2, 0]
    text = [(X[:2], np.array([b"owl", b"cat"]))]
    assert from_batches(text, name="a", label=1).classes == ("cat", "owl")
    numbers = from_batches([(X[:2], [3, 1])], name="a", label=1, classes=("1", "3"))
    assert numbers.labels.tolist() == [1, 0]
    with pytest.raises(ValueError, match="not among"):
        from_batches([(X[:1], [3])], name="a", label=1, classes=names)


def test_values_of_a_regression():
    batches = [(X[:2], np.array([[0.5], [1.5]]))]
    data = from_batches(batches, name="a", label=1, regression=True)
    assert data.continuous and data.labels.tolist() == [0.5, 1.5]


def test_what_is_refused():
    cuda = Tensor(X, TypeError("can't convert cuda:0 device type tensor to numpy"))
    gradients = Tensor(X, RuntimeError("Can't call numpy() on Tensor that requires"))
    cases = [
        ([], {}, ValueError, "yielded no batches"),
        ([[[1.0], [2.0, 3.0]]], {"inputs": None}, ValueError, "shape"),
        ([([[1.0], [2.0, 3.0]], Y)], {}, ValueError, "batch 0: rows are not all of"),
        ([(X, Y), (X[:, :2], Y)], {}, ValueError, r"batch 1 has rows of shape \(2,\)"),
        ([(np.array([["a"]]), Y)], {}, TypeError, "batch 0: rows must be numbers"),
        ([({"a": 1}, Y)], {}, TypeError, "objects"),
        ([X[0]], {}, ValueError, "not over single rows"),
        ([(cuda, Y)], {}, ValueError, "move it there first"),
        ([(gradients, Y)], {}, ValueError, "detach"),
        ([{"a": X, "b": X}], {}, ValueError, r"name the one to read with inputs="),
        ([{"a": X}], {"inputs": "x"}, ValueError, "has no part 'x'"),
        ([(X, Y)], {"label": 2}, ValueError, "none is number 2"),
        ([X], {"label": 1}, ValueError, "which has no part 1"),
        ([(X, Y)], {"label": "y"}, ValueError, "no part 'y'"),
        ([(X, np.eye(10))], {"label": 1}, ValueError, "take the argmax"),
        ([(X, Y[:4])], {"label": 1}, ValueError, r"shape \(10,\), got \(4,\)"),
        ([(X * np.nan, Y)], {}, ValueError, "NaN"),
        ([X], {"kind": "images"}, ValueError, r"images must be \[n, h, w, c\]"),
        ([X], {"limit": 0}, ValueError, "limit"),
    ]
    for batches, options, error, message in cases:
        with pytest.raises(error, match=message):
            from_batches(batches, name="a", **options)


def test_a_writer_keeps_one_batch_at_a_time(tmp_path):
    held = []

    class Counted(np.ndarray):
        def __del__(self):
            held.pop()

    def counted():
        for _ in range(50):
            batch = np.zeros((4, 2), np.float32).view(Counted)
            held.append(1)
            assert len(held) < 12
            yield batch
            del batch

    write_batches(tmp_path / "a", counted(), kind="features")
    write_batches(
        tmp_path / "b", ((x, [0] * 4) for x in counted()), kind="features", label=1
    )
