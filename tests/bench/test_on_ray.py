"""How often Ray is given a batch, told by a stand-in for Ray."""

import sys
import types

import pytest

from da_zoo.bench.execute import without_result
from da_zoo.bench.launch import BatchJob, Task, Work
from da_zoo.bench.launch.on_ray import OnRay
from da_zoo.bench.launch.ray_worker import BEGAN, LATE
from da_zoo.bench.workload import lay_out, scenario_data, with_keys
from tests.bench.fake_workers import ORDER, job, rows


class RayError(Exception):
    pass


class RayTaskError(RayError):
    pass


class OutOfMemoryError(RayError):
    pass


class Ray(types.ModuleType):
    """Runs no task: its streams are what a test says that workers say."""

    exceptions = types.SimpleNamespace(RayError=RayError, RayTaskError=RayTaskError)

    def __init__(self, streams):
        super().__init__("ray")
        self.streams = {name: list(own) for name, own in streams.items()}
        self.given, self.canceled, self.told = [], [], {}

    def remote(self, function):
        return self

    def options(self, **options):
        assert options["max_retries"] == 0, "Ray would begin it anew by itself"
        give = types.SimpleNamespace()
        give.remote = lambda order, task, timeout: self._give(task.groups[0])
        return give

    def _give(self, name):
        self.given.append(name)
        stream = iter(self.streams[name].pop(0))
        self.told[stream] = name
        return stream

    def wait(self, streams, num_returns=1, timeout=None):
        return [one for one in streams if one.__length_hint__()], []

    def get(self, said):
        if isinstance(said, Exception):
            raise said
        return said

    def cancel(self, stream, force):
        self.canceled.append(self.told[stream])

    def cluster_resources(self):
        return {"CPU": 1.0}


@pytest.fixture
def ray(monkeypatch):
    def begin(streams):
        module = Ray(streams)
        monkeypatch.setitem(sys.modules, "ray", module)
        return module

    return begin


@pytest.fixture(scope="module")
def batch():
    choice = {"methods": ("unadapted",), "tracks": ("U",), "seeds": 1}
    suite, steps, cells = lay_out("embedded", **choice)
    data, _ = scenario_data(cells[0].scenario, (0,), None)
    return suite, with_keys(cells[:1], suite, data, steps)[0]


@pytest.mark.parametrize("timeout", [None, 5.0])
def test_a_batch_too_large_for_a_node_is_begun_three_times(ray, batch, timeout):
    suite, pairs = batch
    cluster = ray(
        {"large": [[BEGAN, OutOfMemoryError()]] * 9, "b": [[BEGAN, rows("b")]]}
    )
    large = BatchJob(Work(pairs, set()), Task((0,), ("large",)), list)
    launcher = OnRay(ORDER, suite, workers=1, timeout=timeout)
    found = [groups for _, groups in launcher.run(iter([large, job("b")]))]
    assert cluster.given == ["large", "large", "large", "b"]
    reason = "its worker died 3 times (OutOfMemoryError)"
    assert found == [without_result(pairs, suite, "failed", reason), rows("b")]


def test_a_late_batch_is_ended_with_its_worker(ray, batch):
    suite, pairs = batch
    cluster = ray({"late": [[BEGAN, LATE]]})
    late = BatchJob(Work(pairs, set()), Task((0,), ("late",)), list)
    ((_, groups),) = OnRay(ORDER, suite, timeout=5.0).run(iter([late]))
    assert groups[0].rows[0]["status"] == "timeout"
    assert (cluster.given, cluster.canceled) == (["late"], ["late"])


def test_what_waits_for_a_worker_is_taken_back_when_the_end_is_asked_for(ray):
    cluster = ray({"a": [[BEGAN, rows("a")]], "queued": [[]]})
    launcher = OnRay(ORDER, None)
    asked = []

    def ending():
        asked.append(launcher.in_flight)
        return len(asked) > 1

    found = launcher.run(iter([job("a", groups=2), job("queued")]), ending)
    assert [groups for _, groups in found] == [rows("a")]
    assert cluster.given == ["a", "queued"] and cluster.canceled == ["queued"]
    assert asked[:2] == [3, 2], "what is queued has not been begun"
