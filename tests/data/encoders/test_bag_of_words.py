import json

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfTransformer

from da_zoo.data.domain_data import make_domain_data
from da_zoo.data.encoders.bag_of_words import fit, from_json
from da_zoo.data.sparse_rows import sparse_rows

RNG = np.random.default_rng(0)
COUNTS = RNG.poisson(0.4, (30, 12)).astype(np.float32)
COUNTS[5] = 0


def data_of(counts):
    return make_domain_data("a", "features", sparse_rows(counts), mark="")


def test_the_columns_that_most_rows_have_are_weighted_as_scikit_learn_does():
    encoder = fit(data_of(COUNTS), columns=5)
    documents = (COUNTS > 0).sum(axis=0)
    assert len(encoder.columns) == 5 and (np.diff(encoder.columns) > 0).all()
    assert documents[encoder.columns].min() >= np.sort(documents)[-5]
    own = COUNTS[:, encoder.columns]
    wanted = TfidfTransformer().fit(own).transform(own).toarray()
    found = encoder.apply(sparse_rows(COUNTS))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    assert not found[5].any()


def test_log_counts_are_of_the_columns_alone():
    encoder = fit(data_of(COUNTS), columns=3, weighting="log")
    np.testing.assert_allclose(
        encoder.apply(sparse_rows(COUNTS)),
        np.log(1 + COUNTS[:, encoder.columns]),
        rtol=1e-6,
    )


def test_other_widths_are_no_matter():
    encoder = fit(data_of(COUNTS), columns=12)
    wide = np.concatenate([COUNTS, RNG.poisson(2.0, (30, 5))], axis=1)
    np.testing.assert_array_equal(encoder.apply(wide), encoder.apply(COUNTS))
    narrow, padded = COUNTS[:, :7], COUNTS * (np.arange(12) < 7)
    np.testing.assert_array_equal(encoder.apply(narrow), encoder.apply(padded))


def test_ties_go_to_the_first_columns():
    encoder = fit(data_of(np.ones((2, 6))), columns=4)
    assert encoder.columns.tolist() == [0, 1, 2, 3]


def test_only_the_rows_given_are_learned_from():
    train = np.arange(20)
    encoder = fit(data_of(COUNTS).take(train), columns=4)
    poisoned = COUNTS.copy()
    poisoned[20:] = 1000.0
    assert fit(data_of(poisoned).take(train), columns=4).to_json() == encoder.to_json()


def test_json_gives_its_equal_and_damage_is_refused():
    encoder = fit(data_of(COUNTS), columns=6)
    again = from_json(json.loads(json.dumps(encoder.to_json())))
    np.testing.assert_array_equal(again.apply(COUNTS), encoder.apply(COUNTS))
    told = fit(data_of(COUNTS), columns=2).to_json()
    for key, value in [
        ("weighting", "bm25"),
        ("weighting", None),
        ("columns", []),
        ("columns", [3, 1]),
        ("columns", [1, 1]),
        ("columns", [-1, 1]),
        ("columns", [0.5, 1]),
        ("columns", "12"),
        ("idf", [1.0]),
        ("idf", [0.0, 1.0]),
    ]:
        with pytest.raises(ValueError, match=key):
            from_json(told | {key: value})


def test_what_is_no_count_is_refused():
    encoder = fit(data_of(COUNTS))
    for call in (lambda: encoder.apply(-COUNTS), lambda: fit(data_of(-COUNTS))):
        with pytest.raises(ValueError, match="must be at least 0, got -"):
            call()
    with pytest.raises(ValueError, match="no row has any word"):
        fit(data_of(np.zeros((3, 2))))
    with pytest.raises(ValueError, match="columns must be at least 1, got 0"):
        fit(data_of(COUNTS), columns=0)
    with pytest.raises(ValueError, match="unknown weighting 'bm25'"):
        fit(data_of(COUNTS), weighting="bm25")
