"""What a benchmark would run, and about how long; nothing is trained."""

from pathlib import Path
from typing import Any

from da_zoo.bench.disk import check_writable
from da_zoo.bench.estimate import Estimate, Planned, estimate
from da_zoo.bench.rows import BROKEN
from da_zoo.bench.store import RowStore
from da_zoo.bench.workload import (
    check_stale,
    finished,
    in_blocks,
    lay_out,
    scenario_data,
    with_keys,
)
from da_zoo.scenarios import Suite

__all__ = ["preview"]


def preview(
    suite: str | Path | Suite = "embedded",
    *,
    out: str | Path = "results",
    data_dir: str | Path | None = None,
    retry_failed: bool = False,
    stale: str = "rerun",
    checkpoints: bool = False,
    **options: Any,
) -> Estimate:
    """Says what :func:`da_zoo.bench.run` would run; nothing is trained.

    Args:
        suite: as for :func:`run`, as are all others.
        out: folder of rows, which need not be there; nothing is written.
        data_dir: folder of the real data sets.
        retry_failed: count failed groups as to be run.
        stale: "rerun" or "keep".
        checkpoints: count groups without checkpoints as to be run.
        **options: those of :func:`run` that choose cells.

    Raises:
        ValueError: as :func:`run` does.
    """
    check_stale(stale, checkpoints)
    check_writable(out)
    loaded, length, cells = lay_out(suite, data_dir=data_dir, **options)
    there = Path(out).is_dir() and any(Path(out).iterdir())
    store = RowStore.open(out, create=False) if there else None
    retry = BROKEN if retry_failed else ()
    planned = []
    for scenario, own in in_blocks(cells):
        data, _ = scenario_data(scenario, own[0].seeds, data_dir)
        batched = with_keys(own, loaded, data, length)
        expected = [pair for batch in batched for pair in batch]
        done = (
            finished(store, expected, loaded, data, length, retry, stale)
            if store
            else set()
        )
        if checkpoints and store:
            done = {group for group in done if store.has_checkpoints(group)}
        planned += [Planned(cell, keys.group in done) for cell, keys in expected]
    return estimate(planned, store.read()[0] if store else [], length)
