"""Does tuning pay? A configuration per method, chosen on other seeds than reported.

For the score of one seed the configuration is the one that a criterion prefers on all
OTHER seeds, over all scenarios alike: no scenario has settings of its own, no seed
chooses what it reports, and target labels choose nothing.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import rankdata

from da_zoo.bench.criteria import CRITERIA
from da_zoo.bench.select import Judged
from da_zoo.bench.statistics import mean_interval, paired_difference

__all__ = ["tuned_tables"]


def tuned_tables(judged: Sequence[Judged]) -> list[dict[str, Any]]:
    """Compares each method's chosen configurations with its defaults.

    Args:
        judged: of :func:`da_zoo.bench.select.judged_of`; of each run its last
            checkpoint counts. Collapsed ones come last in every criterion.

    Returns:
        For each track, method and criterion the mean ``accuracy`` of the chosen
        configurations, that of the ``default`` on the same seeds, the paired ``gain``
        over seeds ({mean, low, high, n}) and how often each configuration was chosen.
        Nothing where there is one configuration or one seed.

    Example:
        >>> tuned_tables([])
        []
    """
    last: dict[tuple[Any, ...], Judged] = {}
    for one in judged:
        place = (*one.unit, one.configuration)
        if place not in last or one.step > last[place].step:
            last[place] = one
    methods: dict[tuple[Any, ...], list[Judged]] = {}
    for one in last.values():
        methods.setdefault((one.track, one.label_fraction, one.method), []).append(one)
    tables = []
    for (track, fraction, method), runs in methods.items():
        for criterion in CRITERIA:
            line = _line(runs, criterion)
            if line is not None:
                cell = {"track": track, "label_fraction": fraction, "method": method}
                tables.append(cell | {"criterion": criterion} | line)
    return tables


def _line(runs: Sequence[Judged], criterion: str) -> dict[str, Any] | None:
    scenarios = sorted({run.scenario for run in runs})
    numbers = sorted({run.configuration for run in runs})
    of = {(run.scenario, run.seed, run.configuration): run for run in runs}
    whole = {
        (seed, number): all((name, seed, number) in of for name in scenarios)
        for seed in {run.seed for run in runs}
        for number in numbers
    }
    # Of a failed configuration there is nothing to choose; where the defaults failed
    # there is nothing to compare with.
    seeds = [
        seed for seed in sorted({run.seed for run in runs}) if whole.get((seed, 0))
    ]
    if len(numbers) < 2 or len(seeds) < 2 or criterion == "last_step":
        return None
    ranks = np.zeros((len(numbers), len(seeds)))
    accuracies = np.zeros((len(numbers), len(seeds)))
    for i, seed in enumerate(seeds):
        for name in scenarios:
            own = [of[name, seed, n] if whole[seed, n] else None for n in numbers]
            if any(run and run.criteria.get(criterion) is None for run in own):
                return None
            # Criteria have no common scale from scenario to scenario: ranks have.
            ranks[:, i] += rankdata([_value(run, criterion) for run in own])
            accuracies[:, i] += [run.accuracy if run else np.nan for run in own]
    accuracies /= len(scenarios)
    # The first of equals: the defaults, where a criterion cannot tell. What failed on
    # the seed itself is seen to fail, and the next best taken.
    totals = [np.delete(ranks, i, 1).sum(1) for i in range(len(seeds))]
    chosen = [
        int(np.where(np.isnan(accuracies[:, i]), -np.inf, total).argmax())
        for i, total in enumerate(totals)
    ]
    tuned = accuracies[chosen, np.arange(len(seeds))]
    return {
        "seeds": len(seeds),
        "scenarios": scenarios,
        "accuracy": mean_interval(tuned)._asdict(),
        "default": mean_interval(accuracies[0])._asdict(),
        "gain": paired_difference(tuned, accuracies[0])._asdict(),
        "configurations": {
            str(numbers[n]): count for n, count in sorted(Counter(chosen).items())
        },
    }


def _value(run: Judged | None, criterion: str) -> float:
    """What a run is ranked by: a failed one is the worst, then collapsed ones."""
    if run is None:
        return -np.inf
    value = run.criteria[criterion]
    if run.collapsed or value is None:
        return float(-np.finfo(float).max)
    return float(value)
