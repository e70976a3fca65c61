import numpy as np
import pytest

from da_zoo.data.npz import load_npz, mnist, mnist_m, resize, usps
from da_zoo.scenarios import build, load_suite


def scenario(name):
    return next(s for s in load_suite("digits").scenarios if s.name == name)


def fake_usps(folder, **changes):
    x = np.zeros((20, 16, 16, 1), np.uint8)
    y = np.arange(20, dtype=np.uint8) % 10
    arrays = {"x_train": x, "y_train": y, "x_test": x, "y_test": y} | changes
    np.savez(folder / "usps.npz", **{k: v for k, v in arrays.items() if v is not None})
    return str(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x_test": None}, r"lacks the arrays \['x_test'\]"),
        ({"x_train": np.zeros((20, 16, 16, 1))}, "uint8 images"),
        ({"x_train": np.zeros((20, 8, 8, 1), np.uint8)}, "uint8 images of shape"),
        ({"y_train": np.full(20, 10)}, r"labels 0\.\.9"),
        ({"y_train": np.arange(3)}, "with n labels"),
        ({"y_train": np.array([{}] * 20, dtype=object)}, "pickled Python objects"),
    ],
)
def test_wrong_contents_are_named(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        usps(fake_usps(tmp_path, **changes))


def test_missing_corrupt_and_truncated_files_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"usps\.npz is missing.*--data"):
        usps(str(tmp_path))
    whole = tmp_path / "usps.npz"
    fake_usps(tmp_path)
    content = whole.read_bytes()
    for cut in (10, len(content) // 2, len(content) - 5):
        whole.write_bytes(content[:cut])
        with pytest.raises(ValueError, match="corrupt or truncated"):
            load_npz(whole, ("x_train", "y_test"))
    whole.write_bytes(b"not a zip at all, but long enough to be read")
    with pytest.raises(ValueError, match=r"corrupt|pickled"):
        load_npz(whole, ("x_train",))
    np.save(tmp_path / "one.npy", np.zeros(3))
    with pytest.raises(ValueError, match=r"no \.npz archive"):
        load_npz(tmp_path / "one.npy", ("x",))


def test_a_scenario_of_files_wants_a_folder(tmp_path):
    with pytest.raises(ValueError, match="--data"):
        build(scenario("mnist_to_usps"), seed=0)
    with pytest.raises(ValueError, match="not a folder"):
        build(scenario("mnist_to_usps"), seed=0, data_dir=tmp_path / "none")


def test_resizing_keeps_brightness_and_repeats_grey():
    grey = np.full((1, 28, 28, 1), 77, np.uint8)
    assert (resize(grey, 16, 3) == 77).all()
    assert resize(grey, 28, 1) is grey
    with pytest.raises(ValueError, match="cannot turn 3 channels into 1"):
        resize(np.zeros((1, 8, 8, 3), np.uint8), 8, 1)


def test_real_counts(data_dir):
    folder = str(data_dir)
    digits = mnist(folder)
    train = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(digits.y_train).tolist() == train
    assert np.bincount(usps(folder).y_test).tolist() == [
        359, 264, 198, 166, 200, 160, 170, 147, 166, 177,
    ]  # fmt: skip
    coloured, index, _ = mnist_m(folder)
    assert np.array_equal(coloured.y_train, digits.y_train[index])


def test_real_scenarios_share_pools_and_no_digit(data_dir):
    one, two = (
        build(scenario("mnist_to_usps"), seed=s, data_dir=data_dir) for s in (0, 1)
    )
    assert one.source_train.pool is two.source_train.pool
    assert one.fingerprint != two.fingerprint
    assert one.target_train.x.shape[1:] == (16, 16, 1)
    assert len(one.target_train.rows) + len(one.target_val.rows) == 7291
    assert not set(one.source_train.rows) & set(one.source_val.rows)
    coloured = build(scenario("mnist_to_mnistm"), seed=0, data_dir=data_dir)
    _, index, test_index = mnist_m(str(data_dir))
    sources = np.concatenate([coloured.source_train.rows, coloured.source_val.rows])
    assert not set(sources) & set(index)
    assert not set(coloured.source_test.rows) & set(60000 + test_index)
    assert coloured.source_train.pool.shape[1:] == (28, 28, 3)
