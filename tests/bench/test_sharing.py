"""Room on a cluster, and GPUs shared by processes; a stand-in for Ray runs nothing."""

import inspect
import os
import subprocess
import sys

import jax
import pytest

from da_zoo.bench import run
from da_zoo.bench.launch import Launch, Order, Task, workplace
from da_zoo.bench.launch.on_ray import OnRay
from da_zoo.bench.launch.ray_worker import BEGAN, perform
from da_zoo.bench.launch.worker import serve
from da_zoo.cli import main

ORDER = Order("embedded", (), None, (), ".", False, None, None)
SMALL = {"Alive": True, "Resources": {"CPU": 4.0, "GPU": 1.0}}
DEAD = {"Alive": False, "Resources": {"CPU": 64.0, "GPU": 8.0}}


class Cluster:
    """The part of Ray that finds clusters."""

    def __init__(self, nodes, initialized=False):
        self.listed, self.up, self.calls = nodes, initialized, []

    def is_initialized(self):
        return self.up

    def init(self, **options):
        self.up = True
        self.calls.append(options["address"])

    def shutdown(self):
        self.up = False

    def nodes(self):
        return self.listed

    def cluster_resources(self):
        alive = [node["Resources"] for node in self.listed if node["Alive"]]
        return {name: sum(one[name] for one in alive) for name in ("CPU", "GPU")}


@pytest.mark.parametrize("address", ["auto", "local"])
@pytest.mark.parametrize("initialized", [False, True])
@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"cpus": 6.0}, "cpus_per_group=6"),
        ({"gpus": 2.0}, "gpus_per_group=2 fit on none of the cluster's 2 nodes"),
    ],
)
def test_a_group_that_no_single_node_has_room_for_is_refused(
    address, initialized, asked, told, monkeypatch
):
    cluster = Cluster([SMALL, SMALL, DEAD], initialized)
    monkeypatch.setitem(sys.modules, "ray", cluster)
    with pytest.raises(ValueError, match=told), OnRay(ORDER, None, **asked) as _:
        pass
    assert cluster.up == initialized, "the caller's own stays, ours does not"


@pytest.mark.parametrize("initialized", [False, True])
def test_what_one_node_has_room_for_is_not_refused(initialized, monkeypatch):
    cluster = Cluster([DEAD, SMALL], initialized)
    monkeypatch.setitem(sys.modules, "ray", cluster)
    with OnRay(ORDER, None, address="auto", cpus=4.0, gpus=0.5):
        assert cluster.up
    assert cluster.calls == ([] if initialized else ["auto"])


@pytest.fixture
def unset(monkeypatch):
    """Whether memory is taken at once, as whoever starts JAX would read it."""
    name = "XLA_PYTHON_CLIENT_PREALLOCATE"
    monkeypatch.setenv(name, "")  # so that what the code sets is taken back
    monkeypatch.delenv(name)
    return lambda: os.environ.get(name)


def test_importing_a_worker_starts_no_backend():
    code = (
        "import da_zoo.bench.launch.ray_worker, da_zoo.bench.launch.worker\n"
        "import da_zoo.commands.bench, da_zoo.bench.launch.workplace\n"
        "from jax._src import xla_bridge\n"
        "assert not xla_bridge.backends_are_initialized()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


@pytest.mark.parametrize("timeout", [None, 60.0])
def test_a_ray_worker_shares_its_gpu(timeout, unset, monkeypatch):
    class Place:
        def __init__(self, order):
            self.seen = unset()

        def perform(self, task, on_begin=lambda: None):
            return self.seen

    monkeypatch.setattr(workplace, "workplace", Place)
    assert list(perform(ORDER, Task((), ()), timeout)) == [BEGAN, "false"]


def test_a_worker_process_shares_its_gpu(unset, monkeypatch):
    class Ended:
        def send(self, said):
            assert said == ("ready", None)

        def recv(self):
            raise EOFError

    monkeypatch.setattr("signal.signal", lambda *args: None)
    inspect.unwrap(serve)(Ended(), ORDER)
    assert unset() == "false"


@pytest.mark.parametrize(
    ("launcher", "expected"),
    [("ray", "false"), ("processes", "false"), ("serial", None)],
)
def test_a_driver_shares_the_gpu_with_its_workers(
    launcher, expected, unset, monkeypatch, tmp_path
):
    seen = []

    def devices(*args):
        seen.append(unset())
        raise RuntimeError("that is all that was to be seen")

    monkeypatch.setattr("jax.devices", devices)
    words = f"bench --launcher {launcher} --device gpu --out {tmp_path / 'out'}"
    before = jax.config.values["jax_platforms"]
    try:
        assert main(words.split()) == 2
    finally:
        jax.config.update("jax_platforms", before)
    assert seen == [expected]


@pytest.mark.parametrize(
    ("launcher", "expected"), [("processes", "false"), ("serial", None)]
)
def test_a_driver_in_python_does_too(launcher, expected, unset, tmp_path):
    with pytest.raises(ValueError, match="unknown suite"):
        run("embeded", launch=Launch(launcher), out=tmp_path / "out")
    assert unset() == expected
