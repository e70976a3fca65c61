import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from da_zoo.data.encoders.tables import fit
from da_zoo.data.readers.ratings import hashed, read_ratings

ROWS = ["user,item,hour,device,stars,shop"]
for number in range(60):
    ROWS.append(
        f"{number % 7},i{number % 5},{number % 24},{'phone' if number % 2 else 'pc'},"
        f"{1 + number % 5},{'books' if number < 40 else 'dvd'}"
    )


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("\n".join(ROWS) + "\n")
    return file


def read(path, **options):
    return read_ratings(path, **{"user": "user", "item": "item"} | options)


def test_ratings_become_likes_and_ids_codes(path):
    data = read(path, label="stars", threshold=4, domain="shop")
    assert (data.kind, data.classes) == ("table", ("dislike", "like"))
    assert data.labels.tolist() == [int(1 + n % 5 >= 4) for n in range(60)]
    assert data.domains == ("books", "dvd") and data.domain.tolist()[39:41] == [0, 1]
    assert data.x.names[:2] == ("hour", "device")
    assert data.x.names[2:5] == ("user#1", "user#2", "user#3")
    assert all(not data.x.numeric(name) for name in data.x.names[2:])
    codes = np.stack([data.x[f"user#{n}"] for n in (1, 2, 3)], axis=1)
    # Equal ids have equal codes, and other ids others.
    assert len(np.unique(codes, axis=0)) == 7
    assert (codes[:7] == codes[7:14]).all()
    assert data.notes == (
        "Column user: 7 ids as 3 hashes of 32 values; 0 of them have the code of "
        "another id.",
        "Column item: 5 ids as 3 hashes of 32 values; 0 of them have the code of "
        "another id.",
    )
    encoded = fit(data).apply(data.x)
    assert encoded.shape[0] == 60 and np.isfinite(encoded).all()


def test_targets_without_labels_and_values(path):
    poisoned = path.with_name("b.csv")
    poisoned.write_text("\n".join(row.replace(",5,", ",?!,") for row in ROWS))
    data = read(poisoned, drop=["stars"])
    assert data.labels is None and "stars" not in data.x.names
    values = read(path, label="stars", regression=True)
    assert values.continuous and values.labels.tolist()[:3] == [1.0, 2.0, 3.0]
    assert read(path, label="stars").classes == ("1", "2", "3", "4", "5")
    assert read(path, columns=["hour"], hashes=1).x.names == (
        "hour",
        "user#1",
        "item#1",
    )
    with pytest.raises(ValueError, match=r"'\?!' is no finite number"):
        read(poisoned, label="stars", threshold=4)


def test_unlabelled_rows_stay_unlabelled(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("user,item,stars\na,b,5\na,c,\n,c,2\n")
    data = read(file, label="stars", threshold=3)
    assert data.labelled.tolist() == [True, False, True]
    assert data.labels.tolist() == [1, 0, 0]
    assert data.x["user#1"][2] == "" and "1 rows have no id" in data.notes[1]


def test_long_ids_keep_their_digits(tmp_path):
    ids = [2**60 + n for n in range(50)]
    text = "user,item\n" + "".join(f"{one},{n}\n" for n, one in enumerate(ids))
    (tmp_path / "a.csv").write_text(text)
    table = pa.table({"user": ids, "item": list(range(50))})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    one, two = read(tmp_path / "a.csv"), read(tmp_path / "a.parquet")
    for name in one.x.names:
        assert one.x[name].tolist() == two.x[name].tolist()
    assert "50 ids" in one.notes[0]


def test_codes_are_the_same_everywhere():
    # The first 8 bytes of `printf 'user#0:a' | sha256sum`, modulo 32, and so on.
    found = hashed(np.array(["a", "ü"]), 32, 3, role="user").tolist()
    assert found == [[0, 8, 29], [6, 3, 30]]
    assert found != hashed(np.array(["a", "ü"]), 32, 3, role="item").tolist()


def test_collisions_come_at_the_rate_that_is_documented():
    ids = np.array([str(n) for n in range(2000)])
    codes = hashed(ids, 16, 3, role="user")
    _, place, count = np.unique(codes, axis=0, return_inverse=True, return_counts=True)
    shared = (count[place.reshape(-1)] > 1).mean()
    expected = 1 - (1 - 1 / 16**3) ** 1999
    # Five deviations of a binomial share.
    assert abs(shared - expected) < 5 * np.sqrt(expected * (1 - expected) / 2000)
    used = np.bincount(codes[:, 0], minlength=16)
    assert used.min() > 125 - 60 and used.max() < 125 + 60


def test_options_are_checked(path):
    for options, message in [
        ({"buckets": 1}, r"buckets must be in 2\.\.50"),
        ({"buckets": 500}, r"buckets must be in 2\.\.50"),
        ({"hashes": 0}, r"hashes in 1\.\.16"),
        (
            {"threshold": 4, "label": "stars", "regression": True},
            "leave out regression",
        ),
        ({"user": "item"}, "three columns"),
        ({"label": "user"}, "three columns"),
        ({"user": "users"}, "did you mean 'user'|has no column 'users'"),
        ({"drop": ["item"]}, "no column 'item' beside those dropped"),
    ]:
        with pytest.raises(ValueError, match=message):
            read(path, **options)
