"""Launchers: where a benchmark's batches of row groups are trained.

``serial`` has threads of this process, ``processes`` worker processes of this machine,
``ray`` a cluster; :mod:`da_zoo.bench.launch.slurm` submits shards, each a benchmark of
its own. All run the same function on the same data, so they leave the same rows.
Whatever the launcher, the driver (the process that the user has called) plans, hashes
and alone writes: it may be killed, and called again it goes on.

**What is trusted.** A worker is handed names, numbers and paths, and rebuilds suite,
data and cells by itself; it answers with rows and arrays. ``multiprocessing`` and Ray
send these over their own pipes and sockets as pickles, which are code to whoever reads
them: the driver trusts its workers, they trust it, and everybody who can reach a Ray
cluster's ports can run code on it. So keep such a cluster in a network of your own, as
Ray's documentation asks for; the one that ``--address local`` starts listens on the
loopback interface alone. da_zoo itself reads no pickle from any file. A method of your
own, ``--method module:factory``, is imported by every worker, and so its code runs
there.
"""

from da_zoo.bench.launch.base import Launcher
from da_zoo.bench.launch.choice import LAUNCHERS, Launch, check_launch, launcher_for
from da_zoo.bench.launch.job import BatchJob, Order, Task, Work
from da_zoo.bench.launch.processes import Processes

__all__ = [
    "LAUNCHERS",
    "BatchJob",
    "Launch",
    "Launcher",
    "Order",
    "Processes",
    "Task",
    "Work",
    "check_launch",
    "launcher_for",
]
