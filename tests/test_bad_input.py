"""Bad input that once ended otherwise than by a clean error, one case each."""

import json
import zipfile

import numpy as np
import pytest
import scipy.io
import scipy.sparse
from PIL import Image

from da_zoo import ArrayData, DomainAdapter, network_by_name
from da_zoo.bench.export import export_rows
from da_zoo.bench.store import RowStore
from da_zoo.data.archives import extract
from da_zoo.data.checks import check_features, check_labels
from da_zoo.data.image_files import check_bytes
from da_zoo.data.readers.read import guess, read
from da_zoo.pipeline.limits import check_options, check_shape
from da_zoo.pipeline.model import Spec
from da_zoo.scenarios import load_suite
from da_zoo.settings import non_negative

NOTHING = Spec(*[None] * len(Spec._fields))
X = np.arange(12.0).reshape(4, 3)


def test_manifests_are_not_followed_into_the_ground(tmp_path):
    (tmp_path / "manifest.json").write_text("[" * 100_000)
    with pytest.raises(ValueError, match="not da_zoo's"):
        RowStore.open(tmp_path)


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("shape", [2**20 - 1] * 4, "over 4194304 numbers"),
        ("shape", [True], "shape"),
        ("network_options", {"depth": 10**9}, "depth is 1000000000"),
        ("network_options", {"hidden": [10**9]}, "hidden is 1000000000"),
        ("network_options", {"hidden": [4] * 5000}, "over 1024 entries"),
        ("values", {"bottleneck": 10**12}, "bottleneck"),
    ],
)
def test_no_network_of_a_billion_layers_is_built(field, value, told):
    spec = NOTHING._replace(shape=[3], network_options={}, values={})
    spec = spec._replace(**{field: value})
    with pytest.raises(ValueError, match=told):
        check_shape(spec)
        check_options(spec)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a = " + "[" * 3000 + "]" * 3000, "TOML"),
        ("pairs = 3", "pairs must be a list"),
        ("scenarios = [1]\ndefaults_from = 'embedded'", "needs a name"),
        ("label_fractions = [{}]\ndefaults_from = 'embedded'", "scenarios"),
        ("defaults = 3", "defaults must be a table"),
        (
            "defaults = {network = 1, steps = 1, batch_size = 1}\n"
            "pairs = [{domains = [{}, {}]}]",
            "unhashable",
        ),
        ("[domains.a]\nfile = 'a.csv'\ndrop = {}", "is a table where"),
        ("#" * (2**20 + 1), "over 1048576 bytes"),
    ],
)
def test_suites(tmp_path, text, told):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=told) as caught:
        load_suite(path)
    assert "mine.toml" in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "../../escaped/here",
        "/abs",
        "..",
        ".",
        "a\\b",
        "a\0",
        "\x1b[2J",
        "a\n",
        "é" * 101,
    ],
)
def test_names_of_suites_name_no_other_folder(tmp_path, name):
    """Metrics of a scenario go into a folder of its name."""
    path, quoted = tmp_path / "mine.toml", json.dumps(name)
    side = '{pool = "digits8", task = "digit"}'
    head = "defaults_from = 'embedded'\n"
    mine = f"{head}scenarios = [{{name = {quoted}, source = {side}, target = {side}}}]"
    path.write_text(mine)
    with pytest.raises(ValueError, match="cannot name a folder"):
        load_suite(path)
    path.write_text(f"name = {quoted}\n" + mine.replace(quoted, '"s"', 1))
    with pytest.raises(ValueError, match=r"mine\.toml.* cannot name a folder"):
        load_suite(path)
    pair = (
        f"pairs = [{{domains = ['b', {quoted}]}}]\n[domains]\nb = {{file = 'b.csv'}}\n"
    )
    path.write_text(f"{head}{pair}{quoted} = {{file = 'a.csv'}}\n[tasks.sick]\n")
    if name in (".", ".."):  # "b_to_.." leads nowhere
        assert load_suite(path).scenarios
        return
    with pytest.raises(ValueError, match="cannot name a folder"):
        load_suite(path)


def test_a_suites_fractions_are_shares(tmp_path):
    path = tmp_path / "mine.toml"
    side = '{pool = "digits8", task = "digit"}'
    scenario = f'{{name = "s", source = {side}, target = {side}}}'
    head = "defaults_from = 'embedded'\n"
    path.write_text(f"{head}scenarios = [{scenario}]\nlabel_fractions = [[]]")
    with pytest.raises(ValueError, match=r"shares in \(0, 1\]"):
        load_suite(path)


def test_a_damaged_matlab_file_ends_no_process(tmp_path):
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, {"x": X})
    content = path.read_bytes()
    for place in range(128, len(content), 40):  # tags, sizes and numbers
        path.write_bytes(content[:place] + b"\xff" * 4 + content[place + 4 :])
        try:
            assert read(path, inputs="x").rows
        except ValueError as error:
            assert "a.mat" in str(error)


def test_an_archive_that_is_none_is_named(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, x=X)
    path.write_bytes(path.read_bytes()[:-60] + bytes(60))
    with pytest.raises(ValueError, match=r"a\.npz"):
        read(path)
    assert guess(path, []) == "features"
    array = tmp_path / "b.npy"
    np.savez(tmp_path / "c.npz", x=X)
    (tmp_path / "c.npz").rename(array)
    with pytest.raises(ValueError, match=r"call it \.npz"):
        read(array)


def test_long_names_in_archives(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a" * 300, "text")
    with pytest.raises(ValueError, match="longer name than file systems"):
        extract(tmp_path / "a.zip", tmp_path / "out")


def test_an_eps_is_no_image(tmp_path):
    path = tmp_path / "a.eps"
    Image.new("RGB", (4, 4)).save(path)
    assert check_bytes(path.read_bytes()) == "no image"


def test_arrays_that_would_lose_something():
    for x, told in (
        (np.ma.masked_array(X, mask=X > 3), "masked"),
        (scipy.sparse.csr_matrix(X), "toarray"),
    ):
        with pytest.raises(TypeError, match=told):
            check_features("X", x)
    with pytest.raises(ValueError, match="ragged"):
        check_features("X", [[1, 2], [3]])
    with pytest.raises(ValueError, match="infinite"):
        check_features("X", X * 1e300)
    with pytest.raises(ValueError, match="number the classes"):
        check_labels("y", [0, 2**40], 2)
    assert check_features("X", np.ma.masked_array(X)).shape == (4, 3)
    with pytest.raises(TypeError, match="masked"):
        ArrayData((np.ma.masked_array(X, mask=X > 3), [0, 1, 0, 1]))


def test_the_estimator():
    network = network_by_name("mlp", hidden=(4,))
    y = np.array([0, 1, 0, 1])
    with pytest.raises(ValueError, match="one label for each row of X"):
        DomainAdapter(network=network).fit(
            X, y[:2], sample_domain=np.array([1, 1, -1, -1])
        )
    with pytest.raises(ValueError, match="seed must be a whole number"):
        DomainAdapter(network=network, seed=-1).fit(X, y, X)
    with pytest.raises(ValueError, match="learning_rate"):
        non_negative("learning_rate", 10**400)


@pytest.mark.parametrize("values", [(10**30, 1), (10**400, 0.5), ("auto", 1)])
def test_fields_of_any_size_are_exported(tmp_path, values):
    rows = [{"own": value} for value in values]
    for kind in ("csv", "parquet"):
        assert export_rows(rows, tmp_path / f"rows.{kind}") == 2


def test_rows_of_text_stay_rows(tmp_path):
    store = RowStore.open(tmp_path)
    store.rows_path.write_text(json.dumps({"schema_version": [1] * 9999}) + "\n")
    rows, (problem,) = store.read()
    assert not rows and len(problem.reason) < 200
