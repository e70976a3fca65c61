"""Prepared sets of tensorflow-datasets become domains, without TensorFlow."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow_datasets as tfds

from da_zoo.data.encoders.choose import fit_encoder
from da_zoo.data.image_files import ImageFiles
from da_zoo.data.readers.read import read
from da_zoo.data.readers.tfds import read_tfds
from da_zoo.data.table import Table
from tests.data.toy_tfds import COUNT, Toy, encoded, write_toy


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets")
    for config in ("fixed", "varying", "broken"):
        write_toy(folder, config)
    yield folder
    assert "tensorflow" not in sys.modules


def numbers(data):
    """Which rows they are: row n is made of n."""
    return np.asarray(data.x).reshape(data.rows, -1)[:, 0].astype(int)


def test_images_of_one_size_become_an_array(sets):
    data = read_tfds("tfds:toy/fixed", data_dir=sets, label=True)
    assert (data.kind, data.name) == ("images", "tfds:toy/fixed")
    assert data.x.shape == (COUNT, 4, 6, 3) and data.x.dtype == np.uint8
    n = numbers(data)
    assert sorted(n) == list(range(COUNT))
    assert data.classes == ("no", "yes", "perhaps")
    assert (data.labels[n != 3] == n[n != 3] % 3).all()
    assert data.labelled.tolist() == (n != 3).tolist()  # -1 is no label
    assert data.domains == ("tfds:toy/fixed",)


def test_images_of_several_sizes_stay_encoded(sets):
    data = read_tfds("tfds:toy/varying", data_dir=sets, label="label")
    assert isinstance(data.x, ImageFiles)
    assert sorted(set(data.x.sizes[:, 0].tolist())) == [4, 5, 6]
    some = data.take(np.array([4, 2]))
    pixels = some.x.decode(np.array([0, 1]), 8, 3)
    whole = fit_encoder(data, side=8).apply(data.x)
    assert (pixels == whole[[4, 2]]).all()
    n = whole[:, 0, 0, 0]
    assert sorted(n.tolist()) == list(range(COUNT))
    assert (data.labels[n != 3] == n[n != 3] % 3).all()


@pytest.mark.parametrize(
    ("inputs", "kind", "shape"),
    [
        ("vector", "features", (COUNT, 3)),
        ("signal", "signals", (COUNT, 5, 2)),
        ("grey", "images", (COUNT, 4, 4, 1)),
        ("text", "text", (COUNT,)),
    ],
)
def test_other_kinds(sets, inputs, kind, shape):
    data = read_tfds("tfds:toy/fixed", data_dir=sets, inputs=inputs)
    assert (data.kind, data.x.shape) == (kind, shape)
    assert data.labels is None and not data.labelled.any() and data.classes == ()
    if kind == "text":
        assert sorted(data.x.tolist())[0] == "th\u00fcs 0"
    else:
        assert sorted(numbers(data)) == list(range(COUNT))


def test_scalars_become_a_table_and_labels_values(sets):
    data = read_tfds(
        "toy/fixed", data_dir=sets, inputs="age, sex", label="value", regression=True
    )
    assert isinstance(data.x, Table) and data.x.names == ("age", "sex")
    assert data.continuous and data.labels.dtype == np.float32
    age = data.x["age"]
    assert np.isnan(age).sum() == 1
    there = ~np.isnan(age)
    assert (data.labels[there] * 2 == age[there]).all()
    assert set(data.x["sex"].tolist()) == {"f", "m"}


def test_a_feature_names_the_domains(sets):
    data = read_tfds("toy/fixed", data_dir=sets, inputs="vector", domain="town")
    assert data.domains == ("A", "B")
    assert (data.domain == numbers(data) % 2).all()
    assert data.of("B").rows == COUNT // 2


def test_splits_and_limits(sets):
    both = read_tfds("toy/fixed", data_dir=sets, split="train+test", inputs="vector")
    assert sorted(numbers(both)) == list(range(COUNT + 4))
    part = read_tfds("toy/fixed", data_dir=sets, split="train[:25%]", inputs="vector")
    few = read_tfds("toy/fixed", data_dir=sets, limit=5, inputs="vector")
    assert (numbers(part) == numbers(few)).all() and part.notes == ()
    assert few.notes == (f"Only 5 of {COUNT} examples are read, as asked.",)
    assert part.fingerprint == few.fingerprint != both.fingerprint
    with pytest.raises(ValueError, match="limit must be at least 1, got 0"):
        read_tfds("toy/fixed", data_dir=sets, limit=0)
    with pytest.raises(ValueError, match=r"no split 'valid' .*\['train', 'test'\]"):
        read_tfds("toy/fixed", data_dir=sets, split="valid")


def test_labels_that_are_not_asked_for_change_nothing(tmp_path, sets):
    class Poisoned(Toy, skip_registration=True):
        name = "toy"

        def _generate_examples(self, first, last):
            for n, example in super()._generate_examples(first, last):
                yield n, example | {"label": 2 - n % 3}

    write_toy(tmp_path, cls=Poisoned)
    told = [
        read_tfds("toy/fixed", data_dir=folder, label=label)
        for label in (None, "label")
        for folder in (sets, tmp_path)
    ]
    assert told[0].fingerprint == told[1].fingerprint
    assert told[2].fingerprint != told[3].fingerprint


def test_corrupt_images_are_named(sets):
    with pytest.raises(ValueError, match=r"image of example no\. \d+ .*skip_corrupt"):
        read_tfds("toy/broken", data_dir=sets)
    data = read_tfds("toy/broken", data_dir=sets, skip_corrupt=True, label=True)
    assert data.rows == COUNT - 1 == len(data.labels)
    assert data.notes[0].startswith(f"1 of {COUNT} images cannot be read")
    n = data.x.decode(np.arange(data.rows), 4, 3)[:, 0, 0, 0]
    assert 7 not in n.tolist()
    assert (data.labels[n != 3] == n[n != 3] % 3).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"inputs": "imgae"}, "did you mean 'image'"),
        ({"label": "lable"}, "did you mean 'label'"),
        ({"inputs": "label", "label": True}, "cannot be an input and the label"),
        ({"inputs": "pair"}, "is no image, text or tensor"),
        ({"inputs": "age,image"}, "'image' is no single number"),
    ],
)
def test_features_that_cannot_be(sets, options, message):
    with pytest.raises(ValueError, match=message):
        read_tfds("toy/fixed", data_dir=sets, **options)


def test_a_set_that_declares_nothing(tmp_path):
    class Silent(Toy, skip_registration=True):
        name = "silent"
        declared = None

    write_toy(tmp_path, cls=Silent)
    assert read_tfds("silent", data_dir=tmp_path).kind == "images"  # the only image
    with pytest.raises(ValueError, match="does not declare which feature its label"):
        read_tfds("silent", data_dir=tmp_path, label=True)


def test_what_is_not_prepared_says_what_to_run(sets, tmp_path):
    with pytest.raises(ValueError, match=r"has the configs \['broken', 'fixed'"):
        read_tfds("tfds:toy", data_dir=sets)
    with pytest.raises(ValueError, match=r"run: da-zoo data prepare mnist --data-dir"):
        read_tfds("tfds:mnist", data_dir=tmp_path)
    with pytest.raises(ValueError, match=r"\(there are .*toy/fixed/1\.2"):
        read_tfds("tfds:toy/fixed:9.0.0", data_dir=sets)
    with pytest.raises(ValueError, match="no name of a tensorflow-datasets set"):
        read_tfds("tfds:../toy", data_dir=sets)
    with pytest.raises(TypeError, match="a builder of tensorflow-datasets, got 3"):
        read_tfds(3)


def test_damage_is_told(tmp_path):
    write_toy(tmp_path)
    folder = tmp_path / "toy/fixed/1.2.0"
    (folder / "dataset_info.json").write_text("{")
    with pytest.raises(ValueError, match="is no readable set of tensorflow-datasets"):
        read_tfds("toy", data_dir=tmp_path)


def test_other_formats_want_tensorflow(sets):
    builder = tfds.builder_from_directory(sets / "toy/fixed/1.2.0")
    form = SimpleNamespace(value="tfrecord")
    refused = SimpleNamespace(
        info=SimpleNamespace(
            features=builder.info.features,
            supervised_keys=("image", "label"),
            file_format=form,
            full_name="toy/fixed/1.2.0",
            name="toy",
        ),
        data_dir="there",
    )

    def as_data_source(split):
        raise NotImplementedError

    refused.as_data_source = as_data_source
    with pytest.raises(ValueError, match=r'tfrecord.*"da-zoo\[tf\]".*prepare'):
        read_tfds(refused)
    form.value = "parquet"
    with pytest.raises(ValueError, match=r"parquet, of which no part"):
        read_tfds(refused, split="train[:5]")


def test_the_catalogue_under_mock_data():
    with tfds.testing.mock_data(num_examples=4):
        mnist = read_tfds(tfds.builder("mnist", data_dir="nowhere"), label=True)
        svhn = read_tfds(
            tfds.builder("svhn_cropped", data_dir="nowhere"), split="test", limit=3
        )
        # Images of no one size: encoded anew, and decoded when asked.
        sketch = read_tfds(tfds.builder("domainnet/sketch", data_dir="nowhere"))
        pixels = sketch.x.decode(np.arange(2), 8, 3)
    assert mnist.x.shape == (4, 28, 28, 1) and mnist.classes == tuple("0123456789")
    assert svhn.x.shape == (3, 32, 32, 3) and svhn.labels is None
    assert sketch.kind == "images" and pixels.shape == (2, 8, 8, 3)


def test_read_knows_the_prefix(sets):
    data = read("tfds:toy/fixed", data_dir=sets, label="label", limit=3)
    assert data.rows == 3 and data.kind == "images"


def test_an_image_of_another_size_than_declared(tmp_path):
    class Liar(Toy, skip_registration=True):
        name = "liar"

        def _generate_examples(self, first, last):
            import io

            for n, example in super()._generate_examples(first, last):
                image = io.BytesIO(encoded(np.zeros((5, 5, 3), np.uint8)))
                yield n, example | {"image": image}

    write_toy(tmp_path, cls=Liar)
    with pytest.raises(ValueError, match=r"it is \(5, 5\), where the set says \(4"):
        read_tfds("liar", data_dir=tmp_path)
