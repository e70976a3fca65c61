"""What the documentation shows runs, and what it lists is what there is."""

import re
import shlex
import sys
import warnings
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from da_zoo import METHODS, plot
from da_zoo.bench.store import RowStore
from da_zoo.catalogue import catalogue
from da_zoo.cli import _parser, main
from da_zoo.methods.pretraining import PRETRAINING
from da_zoo.metrics_log import recording
from da_zoo.programs import forget_programs
from tests.bench.fake_rows import make_rows
from tests.models.formula import write_state

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def _few_programs():
    yield
    forget_programs()


def blocks(page, language):
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def test_the_python_of_the_readme_runs(capsys):
    space: dict = {}
    first, second, third = blocks("README.md", "python")
    exec(first, {})
    assert capsys.readouterr().out
    exec(second, space)  # the third goes on with it
    assert capsys.readouterr().out
    exec(third, space)
    assert np.isfinite(space["tuned"].history["tune/task_loss"]).all()


def test_the_examples_of_add_a_method_run_and_register():
    space: dict = {}
    try:
        for block in blocks("docs/add-a-method.md", "python"):
            exec(block, space)
        assert METHODS["moment_matching"] is space["SPEC"]
    finally:
        METHODS.pop("moment_matching", None)


def test_the_examples_of_the_fine_tuning_page_run(capsys):
    space: dict = {}
    for block in blocks("docs/fine-tuning.md", "python"):
        exec(block, space)
    told = capsys.readouterr().out.splitlines()
    assert any(line.startswith("encoder/Dense_0/kernel") for line in told)
    assert "['unfreeze_0', 'unfreeze_1', 'unfreeze_2']" in told
    assert "'tune/coral', 'tune/feature_map_distance'" in told[-1]
    assert set(space["merged"]) == set(space["encoder"]["base"])
    assert {v.shape for v in space["accuracy"].values()} == {(3,)}
    assert space["read_plan"](space["delta"].plan) == space["presets"].full()


def test_the_example_of_the_page_on_your_data_runs(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    space: dict = {}
    for block in blocks("docs/your-data.md", "python"):
        exec(block, space)
    assert "('cat', 'dog')" in capsys.readouterr().out
    assert space["model"].transform(space["x"]).shape[0] == 120
    parser = _parser()
    for block in blocks("docs/your-data.md", "console"):
        for line in block.splitlines():
            if line.startswith("da-zoo "):
                parser.parse_args(shlex.split(line.split(" > ")[0])[1:])


@pytest.mark.slow
def test_the_examples_of_the_transformers_page_run(capsys, tmp_path, monkeypatch):
    weights = ROOT / "tests" / "models" / "goldens" / "bert.safetensors"
    (tmp_path / "model.safetensors").write_bytes(weights.read_bytes())
    monkeypatch.chdir(tmp_path)
    space: dict = {}
    for block in blocks("docs/transformers.md", "python"):
        exec(block, space)
    told = capsys.readouterr().out.splitlines()
    assert "'tokens': (4, 17, 16)" in told[0] and told[1] == "(48, 2)"


def test_the_examples_of_the_backbones_page_run(tmp_path, monkeypatch, capsys):
    golden = ROOT / "tests" / "models" / "goldens" / "resnet18.safetensors"
    write_state(golden, tmp_path / "resnet18.safetensors")
    monkeypatch.chdir(tmp_path)
    space: dict = {}
    for block in blocks("docs/backbones.md", "python"):
        exec(block, space)
    assert capsys.readouterr().out.splitlines() == [
        "torchvision (64, 5)",
        "['encoder', 'head_source', 'head_target']",
        "['body.weight', 'body.bias', 'fc.weight', 'fc.bias']",
    ]


@pytest.mark.slow
def test_the_examples_of_the_pretraining_page_run_and_its_table_is_the_registry(capsys):
    space: dict = {}
    for block in blocks("docs/pretraining.md", "python"):
        exec(block, space)
    told = capsys.readouterr().out.splitlines()
    assert told == [
        "masked_features 400 None",
        "(8, 3)",
        "(2, 2, 20)",
        "['accuracy', 'pretrain_loss']",
    ]
    text = (ROOT / "docs/pretraining.md").read_text(encoding="utf-8")
    for spec in PRETRAINING.values():
        inputs = spec.inputs + (", labels" if spec.labelled else "")
        row = f"| `{spec.name}` | {inputs} | {spec.summary} | {spec.paper} |"
        assert row in text
        assert f"- `{spec.name}`: {spec.departures}" in text


def test_the_example_of_the_transferability_page_runs(capsys):
    space: dict = {}
    for block in blocks("docs/transferability.md", "python"):
        exec(block, space)
    assert "Kendall" in capsys.readouterr().out
    # What the page concludes from its table.
    table, _ = blocks("docs/transferability.md", "text")
    shown = [line.split("  ")[0] for line in table.splitlines()[1:5]]
    assert shown == list(space["ranking"].sources)
    assert max(space["accuracy"], key=space["accuracy"].get) == shown[0] == "near"


def test_the_commands_of_the_transferability_page_exist():
    (block,) = blocks("docs/transferability.md", "console")
    lines = block.replace("\\\n", " ").splitlines()
    assert [line.split()[1] for line in lines] == ["bench", "advise"]
    for line in lines:
        _parser().parse_args(shlex.split(line)[1:])


@pytest.mark.slow
def test_the_example_of_the_interpretability_page_runs(capsys):
    space: dict = {}
    for block in blocks("docs/interpretability.md", "python"):
        exec(block, space)
    told = capsys.readouterr().out.splitlines()
    shown, maps = (
        text.splitlines() for text in blocks("docs/interpretability.md", "text")
    )
    assert float(told[0]) + 0.1 < float(told[1])  # tuning helps
    table = [[line.split()[0] for line in lines[2:6]] for lines in (told, shown)]
    assert table[0] == table[1] == ["part", "conv_0", "conv_1", "dense_0"]
    similar = [
        part.cka
        for part in space["what_moved"](
            space["network"], space["before"], space["after"], space["x"]
        ).parts
    ]
    assert similar == sorted(similar, reverse=True)  # as the page concludes
    assert told[6:] == maps


def test_the_examples_of_the_page_on_plots_run(tmp_path, monkeypatch):
    store = RowStore.open(tmp_path / "results")
    groups: dict = {}
    for row in make_rows(seeds=3):
        groups.setdefault(row["group"], []).append(row)
    for rows in groups.values():
        store.append_group(rows)
    monkeypatch.chdir(tmp_path)
    values: dict = {}
    for block in blocks("docs/plots.md", "python"):
        exec(block, values)
    assert (tmp_path / "gains.pdf").stat().st_size > 1000
    assert len(values["figure"].axes) == 4
    values["plt"].close("all")
    text = (ROOT / "docs/plots.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(\w+)` \|", text, flags=re.M)
    assert sorted([*listed, "load"]) == sorted(plot.__all__)


@pytest.mark.slow
def test_the_example_of_the_text_page_runs():
    pytest.importorskip("tokenizers")
    space: dict = {}
    for block in blocks("docs/text.md", "python"):
        exec(block, space)
    # Half of the target's telling words were never seen with a label.
    accuracy = space["accuracy"]
    assert accuracy["source_only"] > 0.7
    assert accuracy["deep_coral"] > accuracy["source_only"]
    assert space["X"].dtype == np.int32


def test_the_example_of_the_signals_page_runs():
    space: dict = {}
    for block in blocks("docs/signals.md", "python"):
        exec(block, space)
    assert space["X"].shape == (160, 32, 1)
    assert space["accuracy"]["source_only"] < 0.7  # chance is 0.5
    assert space["accuracy"]["adabn"] > 0.95


def test_the_examples_of_the_streaming_page_run(capsys):
    pytest.importorskip("grain")
    space: dict = {}
    for block in blocks("docs/streaming.md", "python"):
        exec(block, space)
    trained, resumed, joined = capsys.readouterr().out.splitlines()
    assert trained.endswith("uint8 (300, 8, 8, 3)) ('left', 'right') 1.0")
    assert resumed == "6 True"
    assert joined.startswith("(12, 8, 8, 3) ArrayRecordPool(")


def test_the_python_of_the_checkpoints_page_runs(capsys):
    for block in blocks("docs/checkpoints.md", "python"):
        exec(block, {})
    assert capsys.readouterr().out == "(60,) True\n"


def test_the_examples_of_the_monitoring_page_run(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    listening, own, weights_and_biases, ml_flow = blocks("docs/monitoring.md", "python")
    exec(listening, {})
    space: dict = {}
    exec(own, space)
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "training deep_coral"
    assert told[-2:] == ["done", "{'method': 'deep_coral'}"]
    wandb, mlflow = mock.MagicMock(), mock.MagicMock()
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    monkeypatch.setitem(sys.modules, "mlflow", mlflow)
    exec(weights_and_biases, space)
    exec(ml_flow, space)
    writers = [space["WandbWriter"](project="p"), space["MlflowWriter"]("7")]
    values = {"task_loss": {0: 0.5, 3: 0.25}}
    with warnings.catch_warnings(), recording(writers, {"method": "dann"}) as recorder:
        warnings.simplefilter("error")  # a writer that fails is told by a warning
        recorder._writer.write("adapt", 200, values)
        recorder._writer.write("adapt", 400, values)
    wandb.init.assert_called_once_with(config={"method": "dann"}, project="p")
    run = wandb.init.return_value
    run.define_metric.assert_called_once_with("adapt/*", step_metric="adapt/step")
    line = {"adapt/task_loss/0": 0.5, "adapt/task_loss/3": 0.25}
    assert run.log.call_args_list == [
        mock.call(line | {"adapt/step": step}) for step in (200, 400)
    ]
    run.finish.assert_called_once_with()
    client = mlflow.MlflowClient.return_value
    client.create_run.assert_called_once_with("7")
    run_id = client.create_run.return_value.info.run_id
    client.log_param.assert_called_once_with(run_id, "method", "dann")
    assert client.log_metric.call_args_list == [
        mock.call(run_id, name, mean, step=step)
        for step in (200, 400)
        for name, mean in line.items()
    ]
    client.set_terminated.assert_called_once_with(run_id)


def test_the_commands_of_the_readme_exist(capsys):
    lines = [
        line.split("#")[0].strip()
        for block in blocks("README.md", "console")
        for line in block.splitlines()
        if line.startswith("da-zoo")
    ]
    assert len(lines) == 16
    for line in lines:
        _parser().parse_args(shlex.split(line.split(" > ")[0])[1:])
    assert main(["list", "methods"]) == 0
    assert main(["show", "dann"]) == 0
    assert "@article{ganin2016domain" in capsys.readouterr().out


def test_the_method_table_is_the_registry():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\S+) \| (.*?) \| (\d*) ?\|$", text, flags=re.M)
    expected = [
        (
            spec.name,
            "+".join(sorted(spec.tracks)),
            spec.summary,
            "" if spec.year is None else str(spec.year),
        )
        for spec in catalogue().values()
    ]
    assert rows == expected


def test_links_lead_somewhere():
    for page in ("README.md", "docs/index.md", "CONTRIBUTING.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)#:]+)\)", text):
            assert ((ROOT / page).parent / target).exists(), (page, target)
