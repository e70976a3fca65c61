"""Files that writers leave, whole and cut off."""

import json
import logging
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from da_zoo.metrics_log import (
    EventWriter,
    JsonlWriter,
    TensorBoardWriter,
    events,
    read_metrics,
)

LOSSES = {"task_loss": {3: 0.123456789, 4: float("inf")}, "mmd": {3: 1e-9, 4: 2.0}}


def test_lines_come_back(tmp_path):
    path = tmp_path / "new" / "metrics.jsonl"
    writer = JsonlWriter(path)
    for method in ("source_only", "dann"):
        writer.start({"method": method, "runs": {3: "seed_3"}})
        writer.write("source", 200, LOSSES)
        writer.close()
    first, second = read_metrics(path)
    assert (first.run["method"], second.run["method"]) == ("source_only", "dann")
    assert second.chunks == [
        {
            "phase": "source",
            "step": 200,
            "runs": [3, 4],
            "values": {"task_loss": [0.123457, None], "mmd": [1e-09, 2.0]},
        }
    ]
    another = JsonlWriter(path)
    another.start({"method": "another"})
    another.close()
    assert len(read_metrics(path)) == 1  # a new training's file replaces the old


def test_a_kill_costs_at_most_the_last_line(tmp_path):
    path = tmp_path / "metrics.jsonl"
    code = (
        "import os, signal\n"
        "from da_zoo.metrics_log.jsonl import JsonlWriter\n"
        f"writer = JsonlWriter({str(path)!r})\n"
        "writer.start({})\n"
        "for step in range(1, 4):\n"
        "    writer.write('adapt', step, {'loss': {0: 1.0}})\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == -9
    assert [chunk["step"] for chunk in read_metrics(path)[0].chunks] == [1, 2, 3]
    whole = path.read_bytes()
    for length in range(whole.index(b"\n") + 1, len(whole)):
        path.write_bytes(whole[:length])
        (run,) = read_metrics(path)
        assert len(run.chunks) == whole[:length].count(b"\n") - 1


@pytest.mark.parametrize("line", ["{", "[1]", '{"phase": "a"}', "3"])
def test_a_foreign_line_is_named(tmp_path, line):
    path = tmp_path / "metrics.jsonl"
    path.write_text(f'{{"run": {{}}}}\n{line}\n')
    with pytest.raises(ValueError, match="line 2"):
        read_metrics(path)


def test_a_disk_that_takes_half_a_line_is_an_error(tmp_path):
    class Full:
        def write(self, data):
            return len(data) // 2

    writer = JsonlWriter(tmp_path / "metrics.jsonl")
    writer.start({})
    writer.close()
    writer._file = Full()
    with pytest.raises(OSError, match="cut off"):
        writer.write("adapt", 1, LOSSES)


def scalars(folder):
    """Reads event files: length, checksum, event, checksum."""
    event_pb2 = pytest.importorskip("tensorboardX.proto.event_pb2")
    found = {}
    for file in sorted(Path(folder).glob("events.*")):
        data = file.read_bytes()
        while data:
            (length,) = struct.unpack("<Q", data[:8])
            event = event_pb2.Event.FromString(data[12 : 12 + length])
            data = data[16 + length :]
            for value in event.summary.value:
                if value.HasField("simple_value"):
                    found[value.tag, event.step] = value.simple_value
    return found


def test_tensorboard_gets_a_folder_per_run(tmp_path):
    pytest.importorskip("tensorboardX")
    writer = TensorBoardWriter(tmp_path)
    writer.start({"method": "dann", "runs": {3: "seed_3"}})
    writer.write("adapt", 200, LOSSES)
    writer.write("adapt", 400, LOSSES)
    writer.close()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run_4", "seed_3"]
    found = scalars(tmp_path / "seed_3")
    assert set(found) == {
        (f"adapt/{metric}", step) for metric in LOSSES for step in (200, 400)
    }
    assert found["adapt/task_loss", 200] == pytest.approx(0.123456789)
    assert np.isinf(scalars(tmp_path / "run_4")["adapt/task_loss", 400])


def test_without_its_library_tensorboard_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ValueError, match=r'pip install "da-zoo\[tensorboard\]"'):
        TensorBoardWriter("runs")


def test_events_come_now_and_then(monkeypatch, caplog):
    now = [0.0]
    monkeypatch.setattr(events.time, "monotonic", lambda: now[0])
    with caplog.at_level(logging.INFO, logger="da_zoo"):
        writer = EventWriter()
        writer.start({"method": "dann", "steps": 400, "values": {"trade_off": 1.0}})
        for moment, step in ((59.0, 100), (60.0, 200), (90.0, 300)):
            now[0] = moment
            writer.write("adapt", step, {"task_loss": {0: 1.0, 1: 2.0}})
        writer.close()
    started, training, ended = caplog.records
    assert started.fields == {"method": "dann", "steps": 400}
    assert training.event == "training"
    assert training.fields["metrics"] == {"task_loss": 1.5}
    assert (training.fields["step"], training.fields["seconds"]) == (200, 60.0)
    assert (ended.event, ended.fields["seconds"]) == ("training_ended", 90.0)
    json.dumps(training.fields)
