"""What is logged of a row group."""

import logging

from da_zoo.bench.group_log import log_group

ROW = {
    "suite": "s",
    "scenario": "a_to_b",
    "method": "dann",
    "track": "U",
    "group": "a1",
}


def logged(caplog, rows):
    with caplog.at_level(logging.INFO, logger="da_zoo"):
        log_group(rows, 3, 8)
    (record,) = caplog.records
    return record


def test_a_group_says_what_ran_and_how_far_the_benchmark_is(caplog):
    rows = [ROW | {"seed": n, "status": "ok", "fit_seconds": 1.0} for n in (4, 5)]
    rows[1] |= {"compile_seconds": 0.5, "evaluation_seconds": None}
    record = logged(caplog, rows)
    assert record.levelname == "INFO"
    assert record.fields["seeds"] == [4, 5]
    assert record.fields["seconds"] == 2.5
    assert (record.fields["done"], record.fields["total"]) == (3, 8)
    assert record.fields["status"] == "ok"
    assert record.fields["reason"] is None


def test_one_failed_seed_is_a_warning_with_its_reason(caplog):
    rows = [
        ROW | {"seed": 0, "status": "ok", "reason": ""},
        ROW | {"seed": 1, "status": "failed", "reason": "NaN at step 3"},
    ]
    record = logged(caplog, rows)
    assert record.levelname == "WARNING"
    assert record.fields["status"] == "failed"
    assert record.fields["reason"] == "NaN at step 3"
