"""The cost model gets its constants back from rows that follow it."""

import pytest

from benchmarks.cost_model import (
    GroupCost,
    Pilot,
    calibrate,
    group_seconds,
    wall_seconds,
    workloads,
)

COSTS = {
    "dann": GroupCost(compile=3.0, step=0.002, alpha=0.5, other=1.0, each=0.3),
    "mcd": GroupCost(compile=5.0, step=0.01, alpha=1.0, other=1.0, each=0.3),
}
ONCE, STEPS = 4.0, 100


def pilot(runs):
    rows = []
    for method, cost in COSTS.items():
        fit = STEPS * cost.step * runs**cost.alpha
        rows += [
            {
                "method": method,
                "steps": STEPS,
                "fit_seconds": fit / runs,
                "compile_seconds": cost.compile / runs,
            }
            for _ in range(runs)
        ]
    seconds = wall_seconds(list(COSTS.values()), STEPS, runs, 1, ONCE)
    return Pilot({}, rows, seconds, {"once_milliseconds": round(1000 * ONCE)})


def test_constants_come_back_and_predict_what_was_not_seen():
    found, once = calibrate(pilot(1), pilot(4))
    assert once == ONCE
    for method, cost in COSTS.items():
        assert tuple(found[method]) == pytest.approx(tuple(cost), rel=1e-6)
    seen = wall_seconds(list(found.values()), 1000, 16, 2, once)
    assert seen == pytest.approx(
        4 + (3 + 5 + 2 + 2 * 16 * 0.3 + 1000 * (0.002 * 4 + 0.16)) / 2
    )


@pytest.mark.parametrize(("slower", "alpha"), [(0.5, 0.0), (30.0, 1.0)])
def test_noise_gives_no_impossible_exponent(slower, alpha):
    several = pilot(4)
    for row in several.rows:
        row["fit_seconds"] *= slower
    cost = calibrate(pilot(1), several)[0]["dann"]
    assert cost.alpha == alpha
    # What was measured with several runs is met, whatever the exponent.
    fit = group_seconds(cost, STEPS, 4) - cost.other - cost.compile - 4 * cost.each
    assert fit == pytest.approx(slower * 100 * 0.002 * 2)


def test_workloads_are_not_the_pilots():
    for small in (True, False):
        for options in workloads(small).values():
            assert (options["steps"], options["seeds"]) not in ((100, 1), (100, 4))
