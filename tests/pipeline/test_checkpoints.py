"""``adapt`` with checkpoints: ended and called again, or the best one kept."""

import signal
import sys

import numpy as np
import pytest

from da_zoo.checkpoint.keeper import Keeper
from da_zoo.checkpoint.scoring import Scorer
from da_zoo.cli import main
from da_zoo.metrics_log.jsonl import read_metrics
from da_zoo.pipeline import adapt
from da_zoo.stopping import TrainingStoppedError


def sides():
    generator = np.random.default_rng(0)
    y = np.repeat(["cat", "dog"], 40)
    x = generator.normal(size=(80, 4)) + 3.0 * (y == "dog")[:, None]
    return (x, y), x + 1.0


def command(folder):
    """``da-zoo adapt`` on files of the two sides, as words."""
    source, target = sides()
    np.savez(folder / "source.npz", x=source[0], y=source[1])
    np.savez(folder / "target.npz", x=target)
    return (
        f"adapt --source {folder}/source.npz --target {folder}/target.npz --label y "
        f"--out {folder}/model"
    )


class Terminator:
    """A writer of metrics that asks for the end at a step."""

    def __init__(self, step):
        self.step = step

    def start(self, run):
        pass

    def write(self, phase, step, values):
        if step == self.step:
            signal.raise_signal(signal.SIGTERM)

    def close(self):
        pass


OPTIONS = {"method": "deep_coral", "steps": 60, "checkpoint_every": 20}


def test_adapt_goes_on_where_it_was_ended(tmp_path):
    source, target = sides()
    calm = adapt(source, target, out=tmp_path / "calm", **OPTIONS)
    with pytest.raises(TrainingStoppedError):
        adapt(
            source, target, out=tmp_path / "model", writers=[Terminator(40)], **OPTIONS
        )
    assert not (tmp_path / "model/model.json").exists()
    assert (tmp_path / "model/checkpoints/source_only/group_000/40").is_dir()
    again = adapt(source, target, out=tmp_path / "model", **OPTIONS)
    one, other = (m.model.predict_proba(target) for m in (calm, again))
    assert np.array_equal(one, other)
    # They are large, and a saved model needs none.
    assert not (tmp_path / "model/checkpoints").exists()


def test_after_a_signal_no_other_method_begins(tmp_path, monkeypatch):
    """It comes as the baseline's last checkpoint is written."""
    source, target = sides()
    real, begun = Keeper.finish, []

    def signalled(self):
        monkeypatch.undo()
        signal.raise_signal(signal.SIGTERM)
        real(self)

    class Writer(Terminator):
        def start(self, run):
            begun.append(run["method"])

    monkeypatch.setattr(Keeper, "finish", signalled)
    options = {**OPTIONS, "steps": 20, "writers": [Writer(None)]}
    with pytest.raises(TrainingStoppedError):
        adapt(source, target, out=tmp_path, **options)
    assert begun == ["source_only"]


def test_metrics_of_before_the_end_stay(tmp_path):
    source, target = sides()
    with pytest.raises(TrainingStoppedError):
        adapt(
            source, target, out=tmp_path / "model", writers=[Terminator(40)], **OPTIONS
        )
    adapt(source, target, out=tmp_path / "model", **OPTIONS)
    runs = read_metrics(tmp_path / "model/metrics.jsonl")
    steps = [
        chunk["step"]
        for one in runs
        if one.run["method"] == "source_only"
        for chunk in one.chunks
        if chunk["phase"] == "source"
    ]
    assert steps == [20, 40, 60]


def test_the_best_checkpoint_can_be_the_model(tmp_path):
    source, target = sides()
    last = adapt(source, target, out=tmp_path / "last", **OPTIONS)
    best = adapt(source, target, out=tmp_path / "best", keep_best="entropy", **OPTIONS)
    one, other = (m.model.logits(m.model.encode(target))[0] for m in (last, best))

    def confidence(logits):
        p = np.exp(logits - logits.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        return (p * np.log(p + 1e-12)).sum(1).mean()

    assert confidence(other) >= confidence(one) - 1e-6


def test_no_best_checkpoint_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(Scorer, "score", lambda *_: None)
    options = OPTIONS | {"baseline": False, "steps": 20, "keep_best": "infomax"}
    with pytest.warns(UserWarning, match="keep_best='infomax'.*the last state"):
        adapt(*sides(), out=tmp_path / "model", **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"keep_best": "infomax"}, "checkpoint_every"),
        ({"checkpoint_every": 0, "out": "model"}, "at least 1"),
        ({"checkpoint_every": 5}, "needs out"),
        ({"checkpoint_every": 5, "out": "model", "keep_best": "oracle"}, "infomax"),
    ],
)
def test_checkpoint_options_are_checked_first(options, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source, target = sides()
    with pytest.raises(ValueError, match=message):
        adapt(source, target, steps=5, **options)


def test_the_command_ends_with_143_when_terminated(tmp_path, monkeypatch, capsys):
    words = command(tmp_path) + " --steps 40 --checkpoint-every 20"
    module = sys.modules[
        "da_zoo.pipeline.adapt"
    ]  # the package has a function of its name
    monkeypatch.setattr(module, "JsonlWriter", lambda _, append: Terminator(20))
    assert main(words.split()) == 143
    assert "goes on from the checkpoint" in capsys.readouterr().err
    monkeypatch.undo()
    assert main(words.split()) == 0


def test_a_full_disk_ends_adapt_in_one_line(tmp_path, monkeypatch, capsys):
    words = command(tmp_path) + " --steps 5 --no-baseline"

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sys.modules["da_zoo.pipeline.adapt"], "save", full)
    assert main(words.split()) == 1
    told = capsys.readouterr().err.strip().splitlines()
    assert len(told) == 1 and "No space left on device" in told[0]
