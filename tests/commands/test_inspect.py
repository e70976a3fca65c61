import argparse
import json

import numpy as np
import pytest
from PIL import Image

from da_zoo.commands import inspect
from da_zoo.logs import logging_to_stderr

RNG = np.random.default_rng(0)


def run(*words):
    parser = argparse.ArgumentParser()
    inspect.add(parser.add_subparsers())
    arguments = parser.parse_args(["inspect", *map(str, words)])
    return arguments.run(arguments)


@pytest.fixture
def tables(tmp_path):
    for name, shift in (("a", 0.0), ("b", 3.0)):
        rows = ["x,z,sick"]
        for row in range(40):
            rows.append(f"{RNG.normal() + shift:.3f},{RNG.normal():.3f},{row % 2}")
        (tmp_path / f"{name}.csv").write_text("\n".join(rows))
    return tmp_path / "a.csv", tmp_path / "b.csv"


def test_two_tables_are_compared_and_drawn(tables, tmp_path, capsys):
    picture = tmp_path / "sheet.png"
    assert run(*tables, "--label", "sick", "--target-labels", "--out", picture) == 0
    told = capsys.readouterr().out
    assert "a.csv to b.csv: the same classes on both sides; another domain" in told
    assert f"Contact sheet: {picture}" in told
    with Image.open(picture) as found:
        assert found.width > 300


def test_the_targets_labels_stay_unread(tables, tmp_path, capsys):
    poisoned = tmp_path / "c.csv"
    rows = tables[1].read_text().split("\n")
    poisoned.write_text(
        "\n".join(
            [rows[0], *(f"{r},?!" for r in (x.rsplit(",", 1)[0] for x in rows[1:]))]
        )
    )
    told = []
    for target in (tables[1], poisoned):
        words = ("--label", "sick", "--json", "--out", "none")
        assert run(tables[0], target, *words) == 0
        told.append(json.loads(capsys.readouterr().out))
    assert told[0]["pairs"][0]["distances"] == told[1]["pairs"][0]["distances"]
    assert told[1]["domains"][1]["labelled"] == 0
    assert list(told[1]["domains"][1]["columns"]) == ["x", "z"]
    assert told[0]["picture"] is None


def test_folders_of_classes_are_known_by_themselves(tmp_path, capsys):
    for name in ("cat", "dog"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for number in range(5):
            image = Image.fromarray(RNG.integers(0, 256, (9, 9, 3), dtype=np.uint8))
            image.save(tmp_path / "pets" / name / f"{number}.png")
    words = ("--out", tmp_path / "a.png", "--json")
    with logging_to_stderr():
        assert run(tmp_path / "pets", *words) == 0
    out = capsys.readouterr()
    told = json.loads(out.out)
    assert told["domains"][0]["classes"] == {"cat": 5, "dog": 5}
    assert f"Contact sheet: {tmp_path / 'a.png'}" in out.err
    assert run(tmp_path / "pets" / "cat", *words) == 0  # flat: no classes
    assert json.loads(capsys.readouterr().out)["domains"][0]["labelled"] == 0
    assert run(tmp_path / "pets", "--no-labels", *words) == 0
    assert json.loads(capsys.readouterr().out)["domains"][0]["labelled"] == 0
    (tmp_path / "pets" / "cat" / "0.png").write_text("no image")
    with pytest.raises(ValueError, match=r"cat/0\.png"):
        run(tmp_path / "pets", *words)
    assert run(tmp_path / "pets", "--skip-corrupt", *words) == 0
    assert "1 of 10 images cannot be read" in capsys.readouterr().out


def test_options_are_checked_before_anything_is_read(tmp_path):
    with pytest.raises(ValueError, match=r"--out must end in \.png"):
        run(tmp_path / "nowhere.csv", "--out", "a.pdf")
    with pytest.raises(ValueError, match="does not exist"):
        run(tmp_path / "nowhere.csv")
