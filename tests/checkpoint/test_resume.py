"""A training that was ended and called again is the one that never ended: its bits."""

import json
import shutil
import subprocess
import sys

import jax
import numpy as np
import pytest

from da_zoo import METHODS, Checkpointing
from da_zoo.checkpoint.faults import is_damage
from da_zoo.checkpoint.keeper import Keeper
from da_zoo.checkpoint.scoring import Scorer
from da_zoo.json_files import digest
from tests.checkpoint.orbax_remains import IGNORED, swept  # noqa: F401
from tests.checkpoint.small import (
    KilledError,
    assert_same_bits,
    bits,
    dying,
    small_data,
    train,
    train_until_done,
)


def remains(test):
    """For tests that read what is damaged."""
    test = pytest.mark.usefixtures("swept")(test)
    for mark in IGNORED:
        test = mark(test)
    return test


MODES = {
    "one": {},
    "grouped": {"seeds": 3, "workers": 2},
    "one_by_one": {"seeds": 2, "seeds_mode": "sequential", "workers": 1},
    "swept": {"sweep": {"learning_rate": [0.01, 0.001]}, "workers": 1},
    "from_the_host": {"pools": "host"},
}
# A stateful method of each kind: adversary, classifiers that alternate, memory bank
# and refresh, teacher, phases with a warm start.
METHODS_OF_EACH_KIND = ("dann", "mcd", "shot_im", "mean_teacher", "adda")


def assert_resumes(method, tmp_path, mode, calls=(3, 8)):
    calm = train(method, tmp_path / "calm", best="infomax", **mode)
    killed, tries = train_until_done(
        method, tmp_path / "killed", best="infomax", on_metrics=dying(*calls), **mode
    )
    assert tries > 1
    assert_same_bits(calm.state, killed.state)
    assert calm.history.keys() == killed.history.keys()
    for name, curve in calm.history.items():
        assert np.array_equal(curve, killed.history[name]), name
    assert_same_bits(calm.best, killed.best)
    # Checkpoints are looked at, not trained with.
    assert_same_bits(train(method, **mode).state, calm.state)


@pytest.mark.parametrize("mode", MODES)
def test_killed_and_called_again_ends_with_the_same_bits(mode, tmp_path):
    assert_resumes("dann", tmp_path, MODES[mode])


@pytest.mark.parametrize(
    "method",
    [
        "mcd",
        *(pytest.param(m, marks=pytest.mark.slow) for m in METHODS_OF_EACH_KIND[2:]),
    ],
)
def test_state_of_every_kind_is_taken_up(method, tmp_path):
    assert_resumes(method, tmp_path, {})


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_every_method_is_taken_up(method, tmp_path):
    assert_resumes(method, tmp_path, {"seeds": 2, "workers": 1})


def test_a_finished_training_is_read_and_not_run(tmp_path):
    first = train(folder=tmp_path / "run")
    seen = []
    again = train(folder=tmp_path / "run", on_metrics=lambda *a: seen.append(a))
    assert not seen
    assert_same_bits(first.state, again.state)
    assert all(
        np.array_equal(first.history[n], again.history[n]) for n in first.history
    )


def test_resuming_starts_after_the_newest_checkpoint(tmp_path):
    with pytest.raises(KilledError):
        train("source_only", tmp_path / "run", on_metrics=dying(4))
    done = []
    train("source_only", tmp_path / "run", on_metrics=lambda p, d, n, m: done.append(d))
    assert done == [80, 90]


def test_the_newest_ones_stay_and_the_best(tmp_path, monkeypatch):
    given = iter([0.1, 0.9, 0.3, 0.2, 0.4])  # at 20, 40, 60, 80 and 90
    monkeypatch.setattr(Scorer, "score", lambda *_: next(given))
    result = train("source_only", tmp_path / "run", keep=2, best="infomax")
    assert steps_kept(tmp_path / "run") == [40, 80, 90]
    assert int(result.best.step) == 40
    # Called again, it knows what was best before.
    again = train("source_only", tmp_path / "run", keep=2, best="infomax")
    assert_same_bits(result.best, again.best)


def test_scores_by_another_criterion_do_not_count(tmp_path, monkeypatch):
    given = iter([5.0, 5.0, 0.1, 0.3, 0.2])  # at 20 and 40; at 60, 80 and 90
    monkeypatch.setattr(Scorer, "score", lambda *_: next(given))
    options = {"keep": 1, "on_metrics": dying(3)}
    with pytest.raises(KilledError):
        train("source_only", tmp_path / "run", best="infomax", **options)
    result = train("source_only", tmp_path / "run", best="entropy", **options)
    assert int(result.best.step) == 80
    assert steps_kept(tmp_path / "run") == [80, 90]


def steps_kept(folder):
    return sorted(int(p.name) for p in (folder / "group_000").glob("[0-9]*"))


def test_taken_up_with_other_gaps_no_step_is_left_out(tmp_path):
    calm = train("source_only")
    for number, every in enumerate((30, 50, 7, 1000)):
        folder = tmp_path / str(number)
        with pytest.raises(KilledError):
            train("source_only", folder, every=40, on_metrics=dying(2))
        result = train("source_only", folder, every=every)
        assert int(result.state.step) == 90
        assert result.history["source/task_loss"].shape == (90,)
        assert_same_bits(calm.state, result.state)


@remains
def test_damaged_ones_do_not_push_out_good_ones(tmp_path):
    folder = tmp_path / "run"
    with pytest.raises(KilledError):
        train("source_only", folder, keep=1, on_metrics=dying(5))
    assert steps_kept(folder) == [80]
    (folder / "group_000/80/told/metadata").write_text("{")
    with pytest.warns(UserWarning, match="damaged"), pytest.raises(KilledError):
        train("source_only", folder, keep=1, on_metrics=dying(4))
    assert steps_kept(folder) == [60]
    done = []
    train("source_only", folder, keep=1, on_metrics=lambda p, d, n, m: done.append(d))
    assert done == [80, 90]


@remains
def test_what_a_disk_does_for_a_moment_is_no_damage(tmp_path):
    folder = tmp_path / "run"
    with pytest.raises(KilledError):
        train("source_only", folder, on_metrics=dying(4))
    state = folder / "group_000/60/state"
    arrays = max(state.rglob("d/*"), key=lambda path: path.stat().st_size)
    aside = arrays.rename(tmp_path / "aside")
    arrays.symlink_to(
        arrays.name
    )  # a loop: as with EIO, TensorStore has no code for it
    with pytest.raises(ValueError, match="UNKNOWN"):
        train("source_only", folder)
    aside.rename(arrays)
    done = []
    train("source_only", folder, on_metrics=lambda p, d, n, m: done.append(d))
    assert done == [80, 90]


def test_scores_that_could_not_be_read_for_a_moment_are_not_lost(tmp_path, monkeypatch):
    monkeypatch.setattr(Scorer, "score", lambda *a: -float(a[2].step))
    options = {"keep": 1, "best": "infomax"}
    with pytest.raises(KilledError):
        train("source_only", tmp_path / "run", on_metrics=dying(4), **options)
    assert steps_kept(tmp_path / "run") == [20, 60]
    real = Keeper._told

    def stale(keeper, number):
        if number == 20:
            raise OSError(116, "Stale file handle")
        return real(keeper, number)

    with monkeypatch.context() as patch:
        patch.setattr(Keeper, "_told", stale)
        with pytest.raises(OSError, match="Stale"):
            train("source_only", tmp_path / "run", **options)
    result = train("source_only", tmp_path / "run", **options)
    assert int(result.best.step) == 20


@remains
def test_damaged_ones_lose_their_scores_with_a_word(tmp_path, monkeypatch):
    monkeypatch.setattr(Scorer, "score", lambda *a: -float(a[2].step))
    options = {"keep": 1, "best": "infomax"}
    with pytest.raises(KilledError):
        train("source_only", tmp_path / "run", on_metrics=dying(4), **options)
    (tmp_path / "run/group_000/20/told/metadata").write_text("{")
    with pytest.warns(UserWarning, match="step 20 .* is damaged") as told:
        result = train("source_only", tmp_path / "run", **options)
    assert len([one for one in told if "damaged" in str(one.message)]) == 1
    assert int(result.best.step) == 60


@pytest.mark.parametrize(
    ("error", "damage"),
    [
        (ValueError("PERMISSION_DENIED: Error reading the manifest"), False),
        (ValueError("ABORTED: Stale file handle"), False),
        (RuntimeError("INTERNAL: a kernel failed"), False),
        (RuntimeError("RESOURCE_EXHAUSTED: Out of memory"), False),
        (OSError(5, "Input/output error"), False),
        (MemoryError(), False),
        (ValueError("NOT_FOUND: Metadata does not exist"), True),
        (ValueError("DATA_LOSS: UNKNOWN: is what a file holds"), True),
        (ValueError("Error decoding b-tree node: Data corruption detected"), True),
        (FileNotFoundError(2, "gone"), True),
        (KeyError("state"), True),
    ],
)
def test_damage_is_told_by_the_error(error, damage):
    assert is_damage(error) is damage


def test_groups_side_by_side_claim_their_folder_once(tmp_path, monkeypatch):
    claimed = []
    monkeypatch.setattr(
        "da_zoo.checkpoint.settings.claim_folder", lambda f: claimed.append(f)
    )
    train("source_only", tmp_path / "run", seeds=2, workers=2, steps=20)
    assert claimed == [tmp_path / "run"]


def test_a_criterion_of_classes_is_refused_for_values(tmp_path):
    from da_zoo import ArrayData, Continuous, fit, network_by_name

    x = np.ones((8, 6), np.float32)
    data = ArrayData((x, np.linspace(0, 1, 8)[:, None]), x)
    recipe = METHODS["source_only"].factory(
        network_by_name("mlp", hidden=(4,)), classes=Continuous(1)
    )
    kept = Checkpointing(tmp_path / "run", keep_best="infomax")
    with pytest.raises(ValueError, match="labels are values"):
        fit(recipe, data, jax.random.key(0), steps=2, batch_size=4, checkpoint=kept)


@remains
@pytest.mark.parametrize("harm", ["cut", "flip", "told", "gone"])
def test_a_damaged_newest_one_falls_back_and_says_so(harm, tmp_path):
    calm = train("source_only")
    with pytest.raises(KilledError):
        train("source_only", tmp_path / "run", on_metrics=dying(5))
    newest = tmp_path / "run/group_000/80"
    if harm == "told":
        (newest / "told/metadata").write_text('{"identity": {}')
    elif harm == "gone":
        shutil.rmtree(newest / "state")
    else:
        data = max((newest / "state").rglob("d/*"), key=lambda p: p.stat().st_size)
        content = bytearray(data.read_bytes())
        if harm == "cut":
            content = content[: len(content) // 2]
        else:
            content[len(content) // 2] ^= 0xFF
        data.write_bytes(content)
    done = []
    with pytest.warns(UserWarning, match="step 80 .* is damaged"):
        result = train(
            "source_only",
            tmp_path / "run",
            on_metrics=lambda p, d, n, m: done.append(d),
        )
    assert done == [80, 90]  # taken up at 60
    assert_same_bits(result.state, calm.state)


def test_bits_that_only_the_marks_can_tell_are_found(tmp_path):
    """What Orbax reads without complaint is compared with what was written."""
    with pytest.raises(KilledError):
        train("source_only", tmp_path / "run", on_metrics=dying(5))
    path = tmp_path / "run/group_000/80/told/metadata"
    told = json.loads(path.read_text())
    name = next(iter(told["marks"]))
    told["marks"][name] ^= 1
    del told["content"]
    path.write_text(json.dumps({**told, "content": digest(told)}))
    with pytest.warns(UserWarning, match="is not what was written"):
        train("source_only", tmp_path / "run")


OTHERS = {
    "another key": ({"key": jax.random.key(1)}, "keys"),
    "more steps": ({"steps": 91}, "steps was 90, is 91"),
    "another batch": ({"batch_size": 8}, "batch_size was 16, is 8"),
    "other data": ({"data": small_data(93)}, "data / source"),
    "another sweep": ({"sweep": {"learning_rate": [0.5]}}, "learning_rate"),
    "another loop": ({"loop": "python"}, "loop was scan, is python"),
    "left-out steps": ({"on_nonfinite": "skip"}, "compiled step"),
}


@pytest.mark.parametrize("change", OTHERS)
def test_another_training_is_refused_with_the_difference(change, tmp_path):
    train("source_only", tmp_path / "run")
    before = sorted(p.name for p in (tmp_path / "run").rglob("*"))
    options, message = OTHERS[change]
    with pytest.raises(ValueError, match=message):
        train("source_only", tmp_path / "run", **options)
    assert sorted(p.name for p in (tmp_path / "run").rglob("*")) == before


def test_another_method_or_network_is_refused(tmp_path):
    train("source_only", tmp_path / "run")
    with pytest.raises(ValueError, match="of another training: phases"):
        train("ddc", tmp_path / "run")


def test_another_version_is_refused(tmp_path, monkeypatch):
    train("source_only", tmp_path / "run")
    monkeypatch.setattr("importlib.metadata.version", lambda name: "0.0.1")
    with pytest.raises(ValueError, match=r"jax version was .*, is 0\.0\.1"):
        train("source_only", tmp_path / "run")


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(ValueError, match="not empty"):
        train("source_only", tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_folder_of_another_format_is_refused(tmp_path):
    train("source_only", tmp_path / "run")
    (tmp_path / "run/da_zoo_checkpoints.json").write_text('{"format": 99}')
    with pytest.raises(ValueError, match="format 99"):
        train("source_only", tmp_path / "run")


def test_checkpoints_that_cannot_be_written_do_not_end_training(tmp_path, monkeypatch):
    import orbax.checkpoint as ocp

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ocp.CheckpointManager, "save", full)
    with pytest.warns(UserWarning, match="No space left on device.*training goes on"):
        result = train("source_only", tmp_path / "run")
    assert_same_bits(result.state, train("source_only").state)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        (Checkpointing("x", every=0), ValueError, "every must be"),
        (Checkpointing("x", keep=0), ValueError, "keep must be"),
        (Checkpointing("x", every=True), ValueError, "every must be"),
        (Checkpointing("x", keep_best="accuracy"), ValueError, "infomax"),
        (Checkpointing(3), TypeError, "path"),
        ("x", TypeError, "Checkpointing"),
    ],
)
def test_settings_are_checked_before_anything(settings, error, message, tmp_path):
    from da_zoo import fit
    from tests.checkpoint.small import NETWORK

    recipe = METHODS["source_only"].factory(NETWORK, classes=3)
    with pytest.raises(error, match=message):
        fit(recipe, small_data(), jax.random.key(0), steps=2, checkpoint=settings)


def test_integers_of_numpy_are_integers(tmp_path):
    ten = np.int64(10)
    train("source_only", tmp_path / "run", every=ten, keep=ten, steps=20)
    assert steps_kept(tmp_path / "run") == [10, 20]


@pytest.mark.slow
def test_so_are_those_of_fit(tmp_path):
    """In a process of its own: here arguments' types are checked on the way."""
    script = (
        "import sys, numpy as np\n"
        "from tests.checkpoint.small import train\n"
        "for kind in (np.int64, int):\n"
        "    sizes = {name: kind(2) for name in ('steps', 'batch_size', 'seeds')}\n"
        "    train('source_only', sys.argv[1], every=kind(1), **sizes)\n"
    )
    words = [sys.executable, "-W", "error", "-c", script, str(tmp_path / "run")]
    subprocess.run(words, check=True)
    assert steps_kept(tmp_path / "run") == [1, 2]


def test_what_no_checkpoint_could_hold_is_refused_before_training(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("da_zoo.loop.identity", lambda *_, **__: {"a": np.int64(1)})
    seen = []
    with pytest.raises(ValueError, match="int64 is not JSON"):
        train("source_only", tmp_path / "run", on_metrics=lambda *a: seen.append(a))
    assert not seen


def test_a_criterion_needs_target_rows(tmp_path):
    from da_zoo import ArrayData

    x = np.ones((8, 6), np.float32)
    data = ArrayData((x, np.arange(8) % 3))
    with pytest.raises(ValueError, match="keep_best"):
        train("source_only", tmp_path / "run", best="infomax", data=data, batch_size=4)


def test_memory_maps_of_the_state_are_not_shared_with_what_is_written(tmp_path):
    """The copy is taken before the next step may reuse the buffers."""
    result = train("dann", tmp_path / "run", every=1, keep=100, steps=12)
    for step in (3, 7, 12):
        path = tmp_path / f"run/group_000/{step}/told/metadata"
        assert json.loads(path.read_text())["position"][2] == step
    shutil.rmtree(tmp_path / "run/group_000/12")
    again = train("dann", tmp_path / "run", every=1, keep=100, steps=12)
    assert_same_bits(again.state, result.state)
    assert len(bits(again.state)) > 10
