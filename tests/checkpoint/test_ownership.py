"""A refusal comes before anything is trained, and leaves the folder as it was."""

import pytest

from tests.checkpoint.small import train


def contents(folder):
    return {p.relative_to(folder): p.stat().st_mtime_ns for p in folder.rglob("*")}


def assert_refused(folder, message, **options):
    # What a kill leaves of a checkpoint: this training's next call clears it away.
    (folder / "group_000/99.orbax-checkpoint-tmp-0").mkdir()
    before, trained = contents(folder), []
    with pytest.raises(ValueError, match=message):
        train("source_only", folder, on_metrics=lambda *a: trained.append(a), **options)
    assert not trained
    assert contents(folder) == before


def test_no_group_trains_where_another_one_is_refused(tmp_path):
    train("source_only", tmp_path / "run", steps=20)
    assert_refused(
        tmp_path / "run", "steps was 20, is 60", steps=60, seeds=4, workers=2
    )


def test_groups_that_this_training_has_not_are_another_one(tmp_path):
    points = [{"learning_rate": rate} for rate in (0.1, 0.01, 0.001)]
    alone = {"steps": 20, "most_at_once": 1, "workers": 1}
    train("source_only", tmp_path / "run", sweep=points, **alone)
    assert_refused(tmp_path / "run", "also group_002", sweep=points[:2], **alone)


def test_a_training_that_ended_before_its_last_groups_goes_on(tmp_path):
    points = [{"learning_rate": rate} for rate in (0.1, 0.01)]
    alone = {"steps": 20, "most_at_once": 1, "workers": 1}
    train("source_only", tmp_path / "run", sweep=points[:1], **alone)
    trained = []
    train(
        "source_only",
        tmp_path / "run",
        sweep=points,
        on_metrics=lambda *a: trained.append(a),
        **alone,
    )
    assert len(trained) == 1


def test_a_criterion_that_cannot_be_met_leaves_no_threads(tmp_path):
    import threading

    from da_zoo import ArrayData
    from tests.checkpoint.small import small_data

    data = ArrayData((small_data().source.pool, small_data().source.labels[0]))
    before = threading.active_count()
    for _ in range(2):
        with pytest.raises(ValueError, match="keep_best"):
            train("source_only", tmp_path / "run", best="infomax", data=data, steps=2)
    assert threading.active_count() <= before
