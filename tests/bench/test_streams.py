"""A group's streams: shapes that programs can share, and no label too many."""

import numpy as np

from da_zoo.bench.plan import Cell
from da_zoo.bench.streams import training_data
from da_zoo.methods import METHODS
from da_zoo.scenarios import build, load_suite

SUITE = load_suite("embedded")


def streams(scenario, fraction):
    (own,) = (s for s in SUITE.scenarios if s.name == scenario)
    cell = Cell(
        scenario=own,
        method=METHODS["fine_tuning"],
        track="F",
        label_fraction=fraction,
        seeds=(0, 1),
        configuration=0,
        values={},
        undefined="",
    )
    data = [build(own, seed=seed) for seed in cell.seeds]
    return data, *training_data(cell, data)


def test_label_shares_that_differ_by_a_few_rows_have_one_shape():
    _, digits, few = streams("parity_to_digit", 0.05)
    _, parity, other = streams("digit_to_parity", 0.05)
    assert few != other
    shapes = [s.target_labelled.rows.shape for s in (digits, parity)]
    assert shapes[0] == shapes[1]
    for found, counts in ((digits, few), (parity, other)):
        assert found.target_labelled.count.tolist() == counts


def test_labels_belong_to_their_rows_and_the_target_has_none():
    data, found, counts = streams("digit_to_parity", 0.05)
    few = found.target_labelled
    for i, own in enumerate(data):
        split = own.target_train
        label_of = {x.tobytes(): y for x, y in zip(split.x, split.labels, strict=True)}
        rows = few.pool[few.rows[i, : counts[i]]]
        expected = [label_of[x.tobytes()] for x in rows]
        assert np.array_equal(few.labels[i, : counts[i]], expected)
    assert found.target.labels is None
