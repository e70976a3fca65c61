"""One process of two, with two devices: what tests/distributed starts."""

import json
import os
import signal
import sys

os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"
os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import numpy as np

import da_zoo
from da_zoo import distributed
from tests.checkpoint.small import train


def main() -> None:
    port, process, job = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])
    distributed.start(f"127.0.0.1:{port}", 2, process, heartbeat_seconds=20)
    assert (jax.process_count(), jax.device_count()) == (2, 4)

    def perish(phase: str, done: int, *rest: object) -> None:
        if process == job.get("perishing") and done >= 60:
            os.kill(os.getpid(), signal.SIGKILL)

    results = {}
    for method in job["methods"]:
        result = train(
            method,
            job.get("folder"),
            steps=job["steps"],
            mesh=da_zoo.make_mesh(),
            pools=job.get("pools", "device"),
            on_metrics=perish,
        )
        leaves = jax.tree.leaves((result.state.params, result.state.stats))
        results |= {f"{method}/{i}": np.asarray(a) for i, a in enumerate(leaves)}
        assert np.isfinite(result.predict(np.ones((4, 6))).logits["target"]).all()
    np.savez(f"{job['out']}/process_{process}.npz", **results)
    print("done", flush=True)


if __name__ == "__main__":
    main()
