"""Kills one long training at random moments and checks that its end is none the worse.

``python benchmarks/kill_training.py --kills 20`` trains DANN once in peace, then again
under SIGKILL, called again until it is done, and compares parameters, optimiser states,
curves and the best state bit for bit. A third of the kills come while Python starts and
compiles, the others while it trains and writes checkpoints.
"""

import argparse
import hashlib
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np


class Killed(NamedTuple):
    """What came of it."""

    kills: int
    at_steps: tuple[int, ...]
    """The newest checkpoint at each kill."""
    fell_back: int
    """Calls that met a damaged checkpoint."""
    same: bool


def train(folder: Path, steps: int, every: int) -> str:
    """Trains with checkpoints; returns the sha256 of all that came of it."""
    import jax

    from da_zoo import METHODS, ArrayData, Checkpointing, fit, network_by_name
    from da_zoo.commands.shared import cache_programs

    cache_programs()
    generator = np.random.default_rng(0)
    y = np.arange(512) % 4
    x = (generator.normal(size=(512, 16)) + y[:, None]).astype(np.float32)
    network = network_by_name("mlp", hidden=(32, 16), batch_norm=True)
    result = fit(
        METHODS["dann"].factory(network, classes=4),
        ArrayData((x, y), 1.5 * x + 1),
        jax.random.key(0),
        steps=steps,
        batch_size=32,
        seeds=3,
        workers=1,
        checkpoint=Checkpointing(folder, every=every, keep=2, keep_best="infomax"),
        name="dann",
    )
    hasher = hashlib.sha256()
    for leaf in jax.tree.leaves((result.state, result.best)):
        if jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            leaf = jax.random.key_data(leaf)
        hasher.update(np.asarray(leaf).tobytes())
    for name in sorted(result.history):
        hasher.update(name.encode() + result.history[name].tobytes())
    return hasher.hexdigest()


def newest(folder: Path) -> int:
    """The step of the newest checkpoint that is complete, 0 for none."""
    steps = [
        int(path.name)
        for path in folder.glob("group_000/[0-9]*")
        if path.name.isdigit()
    ]
    return max(steps, default=0)


def kill_training(
    folder: Path, *, steps: int, every: int, kills: int, seed: int
) -> Killed:
    """Trains in peace and under fire, in two folders, and compares.

    Args:
        folder: an empty one, to work in.
        steps: of training.
        every: steps between two checkpoints.
        kills: how many times.
        seed: of the moments.
    """
    words = [sys.executable, __file__, "--steps", str(steps), "--every", str(every)]
    words += ["--train"]
    calm = subprocess.run(
        [*words, str(folder / "calm")], check=True, capture_output=True, text=True
    ).stdout.strip()
    generator = np.random.default_rng(seed)
    at: list[int] = []
    fell_back = 0
    while True:
        process = subprocess.Popen(
            [*words, str(folder / "killed")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        if len(at) < kills:
            before, start = newest(folder / "killed"), time.monotonic()
            blind = generator.random() < 1 / 3
            waited = not blind
            while process.poll() is None and not blind:
                blind = newest(folder / "killed") > before
                start = time.monotonic()
                time.sleep(0.002)
            moment = start + generator.uniform(0, 0.5 if waited else 6)
            while process.poll() is None and time.monotonic() < moment:
                time.sleep(0.002)
            if process.poll() is None:
                process.kill()
                at.append(newest(folder / "killed"))
        told, complaints = process.communicate()
        fell_back += "is damaged" in complaints
        if process.returncode == 0:
            same = told.strip().splitlines()[-1] == calm.splitlines()[-1]
            return Killed(len(at), tuple(at), fell_back, same)
        if process.returncode != -9:
            raise RuntimeError(complaints)


def main() -> None:
    """Prints what came of it; the exit status is 1 where anything differs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--every", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--train", metavar="DIR", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.train:
        print(train(Path(arguments.train), arguments.steps, arguments.every))
        return
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        found = kill_training(
            Path(folder),
            steps=arguments.steps,
            every=arguments.every,
            kills=arguments.kills,
            seed=arguments.seed,
        )
    print(
        f"{found.kills} kills with the newest checkpoint at {list(found.at_steps)} of "
        f"{arguments.steps} steps, {found.fell_back} fell back over a damaged one, "
        f"{time.monotonic() - start:.0f} s: "
        f"{'bit-identical' if found.same else 'DIFFERENT'}"
    )
    sys.exit(not found.same)


if __name__ == "__main__":
    main()
