"""The soak tells growth from noise, and a short one comes back to where it was."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import soak

ROOT = Path(__file__).resolve().parents[2]


def test_growth_is_found_under_a_sawtooth():
    rng = np.random.default_rng(0)
    hours = np.arange(360) / 720  # half an hour, every 5 s
    saw = 300 * (np.arange(360) % 15) / 15 + rng.normal(0, 5, 360)
    flat, error = soak.slope(hours.tolist(), (1500 + saw).tolist())
    assert abs(flat) < 3 * error < 200
    grown, error = soak.slope(hours.tolist(), (1500 + saw + 600 * hours).tolist())
    assert abs(grown - 600) < 3 * error
    assert grown > 5 * error


def test_blocks_make_no_certainty_of_what_hangs_together():
    # A random walk: neighbours are alike, and 600 samples are not 600 witnesses.
    rng = np.random.default_rng(1)
    hours = (np.arange(600) / 720).tolist()
    far = 0
    for _ in range(50):
        walk = np.cumsum(rng.normal(size=600)).tolist()
        grown, by_block = soak.slope(hours, walk)
        by_sample = soak.slope(hours, walk, blocks=300)[1]
        assert by_block > 2 * by_sample
        far += abs(grown) > 3 * by_block
    assert far < 50


def test_too_few_samples_say_nothing():
    assert all(map(math.isnan, soak.slope([0.0, 1.0], [1.0, 2.0])))


def test_counts_that_come_back_are_told_from_those_that_do_not():
    def after(second, descriptors):
        same = {"threads": 9, "live_arrays": 0, "figures": 0, "live_mib": 0.0}
        same["programs"] = 6
        return same | {"seconds": second, "descriptors": descriptors, "objects": 5}

    sample = {"rss_mib": 100.0, "anonymous_mib": 90.0, "maps": 10}
    found = {
        "rows": 8,
        "samples": [sample | {"seconds": float(s)} for s in range(100)],
        "after": [after(10.0 * n, 6 if n < 8 else 7) for n in range(10)],
    }
    told = soak.judge(found, 0.4)
    assert told["counts"]["descriptors"] == (6, 7)
    assert told["counts"]["threads"] == (9, 9)
    assert told["slopes_per_hour"]["rss_mib"][0] == pytest.approx(0.0, abs=1e-9)
    assert soak.judge(found, 0.85)["counts"]["descriptors"] == (7, 7)
    assert told["forgotten"] == 0
    found["after"][8]["programs"] = 2  # forgotten then: before that, memory only rose
    told = soak.judge(found, 0.4)
    assert told["forgotten"] == 1
    assert told["warm_up_minutes"] == pytest.approx(80 / 60)
    assert told["counts"]["descriptors"] == (7, 7)


def test_no_two_workloads_are_alike():
    made = [
        json.dumps(one) for one, _ in zip(soak.workloads(), range(200), strict=False)
    ]
    assert len(set(made)) == 200


@pytest.mark.slow
def test_a_minute_of_it(tmp_path):
    out = tmp_path / "soak.json"
    words = ["--minutes", "1", "--every", "1", "--most-programs", "8"]
    subprocess.run(
        [sys.executable, "benchmarks/soak.py", *words, "--out", str(out)],
        cwd=ROOT,
        check=True,
        env=os.environ | {"JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT)},
    )
    told = json.loads(out.read_text())
    assert len(told["after"]) >= 2
    least, most = told["counts"]["descriptors"]
    assert least == most
    assert told["counts"]["live_arrays"] == [0, 0]
    assert told["counts"]["figures"] == [0, 0]
    assert max(one["programs"] for one in told["after"]) <= 8
