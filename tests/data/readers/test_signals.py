import numpy as np
import pytest

from da_zoo.data.readers.signals import read_signal_windows as read

LINES = ["patient,run,left,right,kind"]
for t in range(5):
    for patient in ("p", "q"):
        kind = "walk" if t < 3 or patient == "q" else "rest"
        LINES.append(f"{patient},1,{t},{10 * t},{kind}")
LINES.append("q,2,100,200,walk")


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("\n".join(LINES) + "\n", encoding="utf-8")
    return path


def test_a_long_table_becomes_windows_of_domains_and_recordings(table):
    data = read(table, label="kind", length=2, series="run", domain="patient")
    assert (data.kind, data.classes) == ("signals", ("walk",))
    assert data.domains == ("p", "q") and data.x.dtype == np.float32
    # Window 2..3 of p has two labels; run 2 of q has one sample.
    np.testing.assert_array_equal(data.x[:, :, 0], [[0, 1], [0, 1], [2, 3]])
    np.testing.assert_array_equal(data.x[:, :, 1], 10 * data.x[:, :, 0])
    assert data.domain.tolist() == [0, 1, 1] and data.labels.tolist() == [0, 0, 0]
    assert data.notes == (
        "1 of 3 recordings are shorter than length=2: left out.",
        "2 of 11 samples, at the ends of recordings, fill no window: left out.",
        "1 windows of several labels are left out.",
        "No window is left of the classes rest.",
    )


def test_channels_are_chosen_and_ordered(table):
    some = read(table, length=2, channels=["right", "left"], label="kind")
    assert some.x[0].tolist() == [[0, 0], [0, 0]] and some.x.shape[2] == 2
    one = read(table, length=2, channels=["right"])
    assert one.x[1].tolist() == [[10], [10]] and one.labels is None
    for options, message in [
        ({"channels": ["up"]}, "unknown column of .* 'up'"),
        ({"channels": ["kind"], "label": "kind"}, r"\['kind'\] cannot be channels"),
        ({"label": "kinds"}, "did you mean 'kind'"),
        ({"drop": ["patient", "run", "left", "right", "kind"]}, "no column of numbers"),
        ({"length": 20, "channels": ["left"]}, "length=20 samples; the longest has 11"),
        ({"channels": ["patient"]}, "line 2, column 'patient': 'p' is no finite"),
    ]:
        with pytest.raises(ValueError, match=message):
            read(table, **{"length": 2} | options)


def test_a_labels_column_that_is_not_to_be_read_may_hold_anything(table):
    options = {"length": 2, "series": "run", "domain": "patient", "drop": ["kind"]}
    plain = read(table, **options)
    poisoned = table.with_name("b.csv")
    text = table.read_text().replace("walk", "1e9").replace("rest", "?")
    poisoned.write_text(text)
    again = read(poisoned, **options)
    np.testing.assert_array_equal(plain.x, again.x)
    assert again.labels is None and not again.labelled.any()


def test_values_and_missing_labels(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("v,y\n1,0.5\n2,0.25\n3,\n4,\n")
    data = read(path, length=2, label="y", regression=True)
    assert data.continuous and data.labels.tolist() == [0.25, 0.0]
    assert data.labelled.tolist() == [True, False]
    assert read(path, length=1, label="y").labelled.tolist() == [1, 1, 0, 0]
    with pytest.raises(ValueError, match="no window of length=4 has one label"):
        read(path, length=4, label="y")
    path.write_text("v,d\n1,a\n2,\n")
    with pytest.raises(ValueError, match="line 3, column 'd': the domain is empty"):
        read(path, length=1, domain="d")
    with pytest.raises(ValueError, match="give the windows' length"):
        read(path)
    with pytest.raises(ValueError, match=r"must end in \.csv"):
        read(tmp_path / "a.wav")


def test_archives_of_windows(tmp_path):
    path = tmp_path / "a.npz"
    x = np.arange(24.0).reshape(2, 4, 3)
    np.savez(path, x=x, y=np.array(["b", "a"]), subject=[7, 8])
    data = read(path, label="y", domain="subject", channels=[2, 0])
    np.testing.assert_array_equal(data.x, x[:, :, [2, 0]])
    assert data.labels.tolist() == [1, 0] and data.domains == ("7", "8")
    assert data.fingerprint != read(path, label="y", domain="subject").fingerprint
    assert read(path).labels is None
    with pytest.raises(ValueError, match=r"numbers in 0\.\.2, got \['up'\]"):
        read(path, channels=["up"])
    with pytest.raises(ValueError, match="holds windows already"):
        read(path, length=3)
    np.savez(path, x=np.ones((3, 5)))
    assert read(path).x.shape == (3, 5, 1)
    np.savez(path, x=np.ones((3, 5, 2, 2)))
    with pytest.raises(ValueError, match=r"must be \[n, time, channels\]"):
        read(path)
