"""Beyond memory: speed and peak memory of training on rows that stay on disk.

``python benchmarks/streaming.py`` writes a generated set of 6 GiB (uint8 pictures
64x64x3 in array_record files), trains DANN on it from disk and on a part of it from
memory, in turn, each in a process of its own, and then kills a loop that Grain feeds
and goes on from the state it kept. It prints a table in Markdown.

Needs ``pip install "da-zoo[streaming]"`` and room for the set in ``--folder``, which is
kept and used again; without one it goes into a temporary folder and is removed.
"""

import argparse
import contextlib
import json
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# JAX is imported by the children only: a child's peak starts from its parent's size.
SIDE, CLASSES, BATCH = 64, 10, 32
ROW = SIDE * SIDE * 3
IN_MEMORY = 20_000
"""Rows of the part that is trained on from memory."""
MODES = ("memory", "disk", "grain")


def pictures(count: int) -> Iterator[Any]:
    """Noise, lighter for higher classes: nothing that compression could shrink."""
    import numpy as np

    generator = np.random.default_rng(0)
    for row in range(count):
        shade = 8 * (row % CLASSES)
        noise = generator.integers(0, 160, (SIDE, SIDE, 3), np.uint8)
        yield noise + np.uint8(shade)


def write(folder: Path, count: int) -> None:
    """Writes the set."""
    from da_zoo.data.array_record_writer import write_array_records

    labels = (str(row % CLASSES) for row in range(count))
    write_array_records(folder, pictures(count), labels)


def data_of(folder: Path, mode: str) -> Any:
    """Source and target: the halves of the set, or of its part in memory."""
    import numpy as np

    import da_zoo
    from da_zoo.data.readers.array_records import read_array_records

    whole = read_array_records(folder, label="label")
    rows = min(IN_MEMORY, whole.rows) if mode == "memory" else whole.rows
    first, second = np.arange(0, rows, 2), np.arange(1, rows, 2)
    source, target = whole.take(first), whole.take(second)
    if mode == "memory":
        x, target_x = source.x[:], target.x[:]
    else:
        x, target_x = source.x, target.x
    return da_zoo.ArrayData((x, source.labels), target_x)


def train(arguments: argparse.Namespace) -> dict[str, Any]:
    """Trains once to compile and once by the clock; runs in a child."""
    import jax

    import da_zoo

    network = da_zoo.network_by_name(arguments.network)
    recipe = da_zoo.methods.dann(network, classes=CLASSES)
    data = data_of(arguments.folder, arguments.child)
    key = jax.random.key(0)
    if arguments.child == "grain":
        seconds, busy = train_with_grain(recipe, data, key, arguments)
    else:
        options: dict[str, Any] = {"batch_size": BATCH, "workers": 1}
        da_zoo.fit(recipe, data, key, steps=2, **options)
        busy = time.process_time()
        result = da_zoo.fit(recipe, data, key, steps=arguments.steps, **options)
        seconds, busy = result.fit_seconds, time.process_time() - busy
    steps = arguments.steps
    return {"rate": steps / seconds, "busy": busy / steps, "peak": peak_mib()}


def train_with_grain(
    recipe: Any, data: Any, key: Any, arguments: Any
) -> tuple[float, float]:
    """A loop of one's own around ``make_train_step``: its wall and processor time."""
    import jax

    import da_zoo
    from da_zoo.data.grain_batches import grain_batches

    (phase,) = recipe
    with grain_batches(
        data, key, batch_size=BATCH, workers=arguments.workers
    ) as batches:
        state = jax.jit(phase.adapter.init)(key, next(batches))
        step = da_zoo.make_train_step(phase.adapter)
        state, _ = step(state, next(batches))
        jax.block_until_ready(state.params)
        start, busy = time.perf_counter(), time.process_time()
        for _ in range(arguments.steps):
            state, _ = step(state, next(batches))
        jax.block_until_ready(state.params)
        return time.perf_counter() - start, time.process_time() - busy


def tell_rows(arguments: argparse.Namespace) -> None:
    """Prints the rows of batch after batch, each with the position; runs in a child."""
    import jax

    from da_zoo.data.grain_batches import grain_batches

    batches = grain_batches(
        data_of(arguments.folder, "disk"),
        jax.random.key(0),
        batch_size=BATCH,
        workers=arguments.workers,
    )
    if arguments.state:
        batches.set_state(json.loads(arguments.state))
    for batch in batches:
        rows = batch.source.index.tolist() + batch.target.index.tolist()
        print(json.dumps([rows, batches.get_state()]), flush=True)


def peak_mib() -> float:
    """The most memory this process has held."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 2**10
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def child(arguments: argparse.Namespace, mode: str, *more: str) -> list[str]:
    """The command line of a child."""
    own = [sys.executable, __file__, "--child", mode, "--folder", arguments.folder]
    for name in ("steps", "network", "workers", "gib"):
        own += [f"--{name}", str(getattr(arguments, name))]
    return [*map(str, own), *more]


def killed(arguments: argparse.Namespace, state: str, batches: int) -> list[Any]:
    """What a loop has told of its batches when kill -9 ends it."""
    process = subprocess.Popen(
        child(arguments, "rows", "--state", state),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    lines = [process.stdout.readline() for _ in range(batches)]  # type: ignore[union-attr]
    process.send_signal(signal.SIGKILL)
    lines += process.communicate()[0].splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def kill_and_resume(arguments: argparse.Namespace, count: int) -> bool:
    """Whether two killed parts of a loop yield what one whole does."""
    first = killed(arguments, "", count)
    second = killed(arguments, json.dumps(first[-1][1]), count)
    parts = first + second
    whole = killed(arguments, "", len(parts))
    return whole[: len(parts)] == parts


def compared(
    each: list[dict[str, float]], others: list[dict[str, float]], what: str
) -> str:
    """The median of ratios by round, and their range."""
    ratios = [one[what] / two[what] for one, two in zip(each, others, strict=True)]
    middle, least, most = statistics.median(ratios), min(ratios), max(ratios)
    return f"{middle:.2f} ({least:.2f} to {most:.2f})"


def measure(arguments: argparse.Namespace) -> None:
    """Writes the set, trains in turn, and prints the table."""
    rows = int(arguments.gib * 2**30 / ROW)
    whole = arguments.folder
    whole.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(whole.parent).free
    if whole.exists():
        there = json.loads((whole / "header.json").read_text())["rows"]
        if there != rows:
            raise SystemExit(f"{whole} holds {there} rows, not {rows}; remove it")
    elif free < 1.1 * rows * ROW + 2**30:
        raise SystemExit(
            f"{whole.parent} has {free / 2**30:.1f} GiB free, and the set needs "
            f"{1.1 * rows * ROW / 2**30 + 1:.1f}: name another --folder, or fewer --gib"
        )
    start, told = time.perf_counter(), "there already"
    if not whole.exists():
        subprocess.run(child(arguments, "write"), check=True)
        told = f"written in {time.perf_counter() - start:.0f} s"
    size = sum(path.stat().st_size for path in whole.iterdir()) / 2**30
    print(f"{rows} rows, {size:.2f} GiB on disk, {told}", flush=True)
    found: dict[str, list[dict[str, float]]] = {mode: [] for mode in MODES}
    for round_ in range(arguments.rounds):
        for mode in MODES if round_ % 2 == 0 else MODES[::-1]:
            row = subprocess.run(
                child(arguments, mode), check=True, stdout=subprocess.PIPE, text=True
            )
            found[mode].append(json.loads(row.stdout))
            print(mode, row.stdout.strip(), file=sys.stderr, flush=True)
    print(
        "\n| rows come from | steps/s | by memory's | processor s a step | by memory's "
        "| peak MiB |\n|---|--:|--:|--:|--:|--:|"
    )
    for mode, each in found.items():
        rate = statistics.median(one["rate"] for one in each)
        busy = statistics.median(one["busy"] for one in each)
        peak = max(one["peak"] for one in each)
        faster = compared(each, found["memory"], "rate")
        dearer = compared(each, found["memory"], "busy")
        print(
            f"| {mode} | {rate:.2f} | {faster} | {busy:.2f} | {dearer} | {peak:.0f} |"
        )
    same = kill_and_resume(arguments, 20)
    print(f"\nkilled and resumed, it went on with the very next example: {same}")
    if not same:
        raise SystemExit(1)


def main() -> None:
    """Measures, or does a child's part."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, help="of the set, kept for next time")
    parser.add_argument("--gib", type=float, default=6.0)
    parser.add_argument("--network", default="lenet")
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=0, help="of Grain")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--state", default="", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child == "write":
        write(arguments.folder, int(arguments.gib * 2**30 / ROW))
    elif arguments.child == "rows":
        tell_rows(arguments)
    elif arguments.child:
        print(json.dumps(train(arguments)))
    elif arguments.folder is not None:
        measure(arguments)
    else:
        with tempfile.TemporaryDirectory() as folder:
            arguments.folder = Path(folder) / "pictures"
            measure(arguments)


if __name__ == "__main__":
    main()
