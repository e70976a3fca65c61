import numpy as np
import pytest

from da_zoo.advice.forecast import forecast
from da_zoo.advice.rows import from_arrays
from da_zoo.programs import forget_programs
from da_zoo.transferability import logme


@pytest.fixture(autouse=True, scope="module")
def _few_programs():
    yield
    forget_programs()


def blobs(seed, labels=None, rows=120):
    rng = np.random.default_rng(seed)
    y = np.arange(rows) % 3
    x = rng.normal(size=(rows, 6))
    x[:, :2] += 3.0 * np.array([[0, 1], [1, -1], [-1, -1]])[y]
    return from_arrays("s", x, y if labels is None else labels(y, rng))


@pytest.mark.slow
def test_a_source_of_the_same_task_beats_every_yardstick():
    found = forecast(blobs(0), blobs(1), steps=120)
    assert found.network == "mlp" and found.source_quality > 0.9
    assert list(found.scores) == ["leep", "nce", "logme", "h_score"]
    assert all(score.value > score.yardstick for score in found.scores.values())
    assert found.agreement > 0.9 and found.majority == pytest.approx(1 / 3)


def test_labels_without_relation_beat_no_shuffled_ones():
    other = blobs(1, lambda y, rng: rng.permutation(y))
    found = forecast(blobs(0), other, steps=60)
    assert found.scores["leep"].value < found.scores["leep"].yardstick
    assert found.scores["nce"].value < found.scores["nce"].yardstick
    assert found.agreement < 0.5


def test_renamed_classes_keep_their_scores_and_have_no_agreement():
    renamed = blobs(1, lambda y, rng: np.array(["x", "y", "z"])[y])
    plain, found = (forecast(blobs(0), t, steps=30) for t in (blobs(1), renamed))
    assert found.agreement is None and found.majority is None
    assert found.scores == plain.scores


def test_without_labels_there_are_no_scores():
    target = blobs(1)._replace(y=None, labelled=np.zeros(120, bool))
    found = forecast(blobs(0), target, steps=5)
    assert found.scores == {} and found.agreement is None
    one = blobs(1, lambda y, rng: y * 0)
    assert forecast(blobs(0), one, steps=5).scores == {}


def test_only_labelled_rows_are_read():
    target = blobs(1)
    keep = np.zeros(120, bool)
    keep[:30] = True
    poisoned = target._replace(y=np.where(keep, target.y, "7"), labelled=keep)
    alone = target.take(np.arange(30))
    first, second = (forecast(blobs(0), t, steps=5) for t in (poisoned, alone))
    assert first.scores["nce"].value == pytest.approx(second.scores["nce"].value)


def test_source_rows_without_a_label_teach_nothing():
    source = blobs(0)
    keep = np.arange(120) < 90
    partly = source._replace(y=np.where(keep, source.y, ""), labelled=keep)
    first, second = (
        forecast(s, blobs(1), steps=5) for s in (partly, source.take(np.arange(90)))
    )
    assert first == second


def test_a_regression_is_scored_by_logme_and_r2():
    def values(y, rng):
        return y + 0.1 * rng.normal(size=len(y))

    source, target = blobs(0, values), blobs(1, values)
    found = forecast(source, target, steps=200)
    assert list(found.scores) == ["logme"]
    assert found.source_quality > 0.8 and found.agreement > 0.8
    raw = (target.x - target.x.mean(axis=0)) / target.x.std(axis=0)
    told = (target.y - target.y.mean()) / target.y.std()
    expected = logme(features=raw, labels=told, regression=True)
    assert found.scores["logme"].yardstick == pytest.approx(expected, abs=1e-5)


@pytest.mark.slow
def test_images_go_through_the_lenet():
    rng = np.random.default_rng(0)
    y = np.arange(16) % 2
    x = rng.uniform(size=(16, 12, 12, 1)).astype(np.float32)
    assert forecast(
        from_arrays("s", x, y), from_arrays("t", x, y), steps=1
    ).network == ("lenet")


def test_a_source_with_nothing_to_learn_is_refused():
    with pytest.raises(ValueError, match="one class"):
        forecast(blobs(0, lambda y, rng: y * 0), blobs(1), steps=1)
    with pytest.raises(ValueError, match="same in every row"):
        forecast(blobs(0, lambda y, rng: y * 0 + 0.5), blobs(1), steps=1)
