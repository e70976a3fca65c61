"""``da-zoo data``: list, prepare, verify; inspect is another module's."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from da_zoo.cli import _parser, main
from da_zoo.data.known_sets import known_sets
from tests.data.tfds_builders.raw import heart_lines, real

PAGE = Path(__file__).resolve().parents[2] / "docs" / "datasets.md"


@pytest.fixture(autouse=True)
def _no_folders(monkeypatch, tmp_path):
    monkeypatch.delenv("DA_ZOO_DATA", raising=False)
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "sets"))


def lines(capsys):
    return capsys.readouterr().out.splitlines()


def test_list(capsys, tmp_path):
    np.savez(tmp_path / "wine_red.npz", x=1)
    assert main(["data", "list", "--data", str(tmp_path)]) == 0
    told = {line.split()[0]: line for line in lines(capsys) if line[:1].isalpha()}
    assert told["digits8"].endswith("yes")
    assert told["wine"].endswith("1 of 2")
    assert told["office31"].endswith("0 of 3")
    assert "catalogue (TensorFlow)" in told["mnist"]
    assert "amazon, dslr, webcam" in told["office31"]


def test_prepare_then_verify_then_list(capsys, tmp_path):
    raw = tmp_path / "raw"
    heart_lines(raw / "processed.va.data", np.ones((3, 13)), [0, 1, 0])
    words = ["data", "prepare", "uci_heart/va", "--manual-dir", str(raw)]
    assert main([*words, "--no-progress"]) == 0
    told = lines(capsys)
    assert told[0] == "uci_heart/va: prepared, train 3"
    assert told[2] == "Licence, as stated by the publisher: CC BY 4.0"
    assert main(words) == 0
    assert lines(capsys)[0] == "uci_heart/va: there already, train 3"
    assert main(["data", "verify", "uci_heart"]) == 1
    out, err = capsys.readouterr()
    assert "uci_heart/va: DIFFERS  train 3" in out
    assert "train: 3 examples, where 200 were published" in out
    assert err == "da-zoo: 1 of 1 differ\n"
    assert main(["data", "list"]) == 0
    assert any("1 of 4" in line for line in lines(capsys))


def test_some_of_the_configs(capsys, tmp_path):
    raw = tmp_path / "raw"
    heart_lines(raw / "processed.va.data", np.ones((3, 13)), [0, 1, 0])
    (raw / "processed.hungarian.data").write_text("1\n")
    (raw / "processed.cleveland.data").write_text("1\n")
    (raw / "processed.switzerland.data").write_text("1\n")
    words = ["data", "prepare", "uci_heart", "--manual-dir", str(raw)]
    assert main([*words, "--no-progress"]) == 1
    out, err = capsys.readouterr()
    assert "uci_heart/va: prepared, train 3" in out
    assert err.count("could not be prepared") == 3


def test_what_is_published_ends_with_zero(capsys, data_dir):
    assert main(["data", "verify", "hospitals", "--data", str(data_dir)]) == 0
    assert lines(capsys)[0].startswith("heart_cleveland.npz: as published")


def test_mistakes(capsys):
    assert main(["data", "prepare", "uspz"]) == 2
    assert "did you mean 'usps'" in capsys.readouterr().err
    assert main(["data", "verify", "wine"]) == 2
    assert "with --data" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["data"])


def test_inspect_is_one_of_them():
    arguments = _parser().parse_args(["data", "inspect", "a.csv"])
    assert arguments.run.__module__ == "da_zoo.commands.inspect"


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)


def test_the_example_of_the_page_runs(capsys, tmp_path, monkeypatch, data_dir):
    arrays = real(data_dir, "heart_va.npz")
    raw = tmp_path / "downloads/processed.va.data"
    heart_lines(raw, arrays["x"], arrays["y_raw"])
    monkeypatch.chdir(tmp_path)
    (python,), (text,) = blocks("python"), blocks("text")
    exec(python, {})
    assert capsys.readouterr().out == text


def test_the_commands_of_the_page_exist():
    told = [line.split("#")[0] for one in blocks("console") for line in one.split("\n")]
    commands = [line for line in told if line.startswith("da-zoo")]
    assert len(commands) == 7
    for line in commands:
        _parser().parse_args(shlex.split(line)[1:])


def test_the_table_of_the_page_is_the_list():
    text = PAGE.read_text("utf-8")
    for known in known_sets().values():
        domains = ", ".join(known.domains[:4])
        more = len(known.domains) - 4
        cells = [
            f"`{known.name}`",
            known.field,
            domains + (f" +{more}" if more > 0 else ""),
            str(known.classes or "values"),
            known.get + (" (TensorFlow)" if known.tensorflow else ""),
            known.size,
            known.licence,
        ]
        assert f"| {' | '.join(cells)} |" in text
