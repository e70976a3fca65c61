"""How many bad inputs the gate tries, and ten times as many when there is time."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
FILES = sorted(
    path for path in FOLDER.glob("test_*.py") if path.name != "test_counts.py"
)
LEAST = 2000


def stated(path: Path) -> int:
    return int(re.search(r"^EXAMPLES = (\d+)$", path.read_text(), re.M)[1])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_has_the_examples_that_it_states(path):
    # Each property checks that it ran as many as its decorator says.
    counts = re.findall(r"^@fuzz\((\d+)\)\n@", path.read_text(), re.M)
    assert sum(map(int, counts)) == stated(path)


def test_they_are_thousands():
    assert sum(map(stated, FILES)) >= LEAST


@pytest.mark.slow
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_ten_times_as_many_by_random_seeds(path):
    command = [sys.executable, "-m", "pytest", "-q", "-m", "not slow", str(path)]
    environment = {**os.environ, "DA_ZOO_FUZZ": "10"}
    ended = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout[-5000:]
