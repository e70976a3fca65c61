"""Every command says what happens as text or as JSON, and nothing else on stderr."""

import json
import os
import subprocess
import sys

import pytest

from da_zoo import cli
from da_zoo.cli import main


def events(text):
    return [json.loads(line) for line in text.splitlines()]


def test_the_options_stand_before_or_behind_a_command():
    for words in (["--log-format", "json", "status"], ["status", "--log-format=json"]):
        assert cli._parser().parse_args(words).log_format == "json"
    for words in (["bench"], ["adapt"], ["select"], ["retry"], ["data", "prepare"]):
        with pytest.raises(SystemExit, match="0"):
            main([*words, "--help"])


def test_bad_input_is_a_line_of_json(capsys, tmp_path):
    missing = str(tmp_path / "missing")
    assert main(["status", missing, "--log-format", "json"]) == 2
    (told,) = events(capsys.readouterr().err)
    assert (told["level"], told["event"]) == ("error", "refused")
    assert "is no folder" in told["message"]


def test_a_wrong_word_is_a_line_of_json_too(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["bench", "--log-format", "json", "--wrong"])
    (told,) = events(capsys.readouterr().err)
    assert told["event"] == "usage"
    assert "--wrong" in told["message"]
    with pytest.raises(SystemExit, match="2"):
        main(["bench", "--log-format", "xml"])
    assert "invalid choice" in capsys.readouterr().err


def test_a_crash_is_a_line_with_its_traceback(capsys, monkeypatch):
    def crash(arguments):
        raise OSError("the disk is full")

    monkeypatch.setattr("da_zoo.commands.results.status", crash)
    assert main(["status", ".", "--log-format", "json"]) == 1
    (told,) = events(capsys.readouterr().err)
    assert (told["event"], told["message"]) == ("crashed", "the disk is full")
    assert "in crash" in told["traceback"]
    with pytest.raises(OSError, match="full"):  # as Python shows it
        main(["status", "."])


@pytest.mark.slow
def test_a_benchmark_in_json(tmp_path):
    words = ["bench", "--methods", "adabn", "--tracks", "U", "--seeds", "2"]
    words += ["--scenarios", "plain_to_over07", "--steps", "5", "--log-format", "json"]
    done = subprocess.run(
        [sys.executable, "-m", "da_zoo", *words, "--out", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"JAX_PLATFORMS": "cpu"},
    )
    told = events(done.stderr)
    names = [one["event"] for one in told]
    assert names[0] == "benchmark_started"
    assert names[-1] == "benchmark_finished"
    groups = [one for one in told if one["event"] == "group_finished"]
    assert [one["method"] for one in groups] == ["source_only", "adabn"]
    assert [(one["done"], one["total"]) for one in groups] == [(1, 2), (2, 2)]
    for one in groups:
        assert one["suite"] == "embedded"
        assert one["scenario"] == "plain_to_over07"
        assert (one["seeds"], one["status"]) == ([0, 1], "ok")
        assert one["seconds"] > 0
    assert "Leaderboard" in done.stdout
