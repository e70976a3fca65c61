"""What SECURITY.md promises: nothing is unpickled, executed or handed on as code."""

import ast
import csv
import dataclasses
import json
import tomllib
from html.parser import HTMLParser
from pathlib import Path

import pytest

from da_zoo.bench import render
from da_zoo.bench.execute import command_of
from da_zoo.bench.export import export_rows
from da_zoo.bench.plan import make_plan
from da_zoo.bench.store import RowStore
from da_zoo.cli import main
from da_zoo.commands.retry import IN_ROWS
from da_zoo.csv_cells import plain_cell
from da_zoo.scenarios import load_suite
from tests.bench.fake_rows import make_row
from tests.bench.rich_rows import enrich

ROOT = Path(__file__).resolve().parents[1]
TREES = ("da_zoo", "benchmarks", "tests", "docs")

MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
CALLS = {
    *("eval", "exec", "compile", "__import__"),
    *("pickle.load", "pickle.loads", "yaml.load", "yaml.unsafe_load", "torch.load"),
    *("os.system", "os.popen", "pandas.read_pickle", "tempfile.mktemp"),
}
IN_TESTS = {"exec", "eval", "compile", "__import__"}
"""Tests run the documentation's examples, which are ours."""
ALLOWED = {
    # What the test itself has just pickled, as worker processes of Grain would.
    **{
        (f"tests/data/{file}", what): "made by the test"
        for file in ("test_array_records.py", "test_step_source.py")
        for what in ("pickle", "pickle.loads")
    },
    ("da_zoo/models/pretrained/files.py", "torch.load"): (
        "weights_only=True, in a torch that the user installed: tensors alone"
    ),
}


def python_files():
    return [p for tree in TREES for p in sorted((ROOT / tree).rglob("*.py"))]


def findings(text):
    """What a file must not do, by name, with the line."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names = [one.name.split(".")[0] for one in node.names]
            found += [(name, node.lineno) for name in names if name in MODULES]
        elif isinstance(node, ast.ImportFrom) and node.module:
            if (name := node.module.split(".")[0]) in MODULES:
                found.append((name, node.lineno))
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            given = {one.arg: one.value for one in node.keywords}
            if name in CALLS:
                found.append((name, node.lineno))
            if is_true(given.get("allow_pickle")):
                found.append(("allow_pickle=True", node.lineno))
            if name in ("np.load", "numpy.load") and not is_false(
                given.get("allow_pickle")
            ):
                found.append(("np.load without allow_pickle=False", node.lineno))
            if name == "torch.load" and not is_true(given.get("weights_only")):
                found.append(("torch.load without weights_only=True", node.lineno))
            if is_true(given.get("shell")):
                found.append(("shell=True", node.lineno))
            if name.endswith(".extractall") or name.endswith("unpack_archive"):
                found.append((name, node.lineno))
    return found


def is_true(node):
    return isinstance(node, ast.Constant) and node.value is True


def is_false(node):
    return isinstance(node, ast.Constant) and node.value is False


def test_nothing_is_unpickled_or_executed():
    wrong = {}
    for path in python_files():
        name = path.relative_to(ROOT).as_posix()
        if name == "tests/test_security.py":
            continue
        found = findings(path.read_text(encoding="utf-8"))
        if name.startswith("tests/"):
            found = [one for one in found if one[0] not in IN_TESTS]
        if left := [one for one in found if (name, one[0]) not in ALLOWED]:
            wrong[name] = left
    assert not wrong


def test_exceptions_are_of_what_is_there():
    for name, what in ALLOWED:
        assert what in dict(findings((ROOT / name).read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "from joblib import load",
        "import dill as d",
        "eval('1')",
        "exec(text)",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "np.load(path, allow_pickle=flag)",
        "np.savez(path, allow_pickle=True)",
        "yaml.load(text)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "subprocess.run(words, shell=True)",
        "tar.extractall(folder)",
        "shutil.unpack_archive(path)",
    ],
)
def test_the_search_finds(text):
    assert findings(text)


def test_pillow_is_told_which_formats_to_expect():
    # Without it, a file called .png that is an EPS is handed to Ghostscript.
    for path in (ROOT / "da_zoo").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Image.open":
                assert "formats" in {one.arg for one in node.keywords}, path


EVIL = "<script>alert(1)</script>|\\input{/etc/passwd}$x$ \" ' &amp; `x` \x1b[2J \x9b"


SHORT = "\r\b\f"
"""What JSON writes without a number, unlike those of EVIL: a row of their own."""


class Tags(HTMLParser):
    """Counts what a browser would run or fetch."""

    def __init__(self):
        super().__init__()
        self.scripts, self.handlers, self.links = 0, [], []

    def handle_starttag(self, tag, attrs):
        self.scripts += tag == "script"
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        self.links += [v for n, v in attrs if n in ("src", "href") and v[:1] != "#"]


@pytest.fixture
def hostile(tmp_path):
    """A folder whose rows hold, wherever text may stand, what attacks a reader."""
    store = RowStore.open(tmp_path / "results")
    rows = [
        enrich(make_row(method=method, scenario=EVIL, seed=seed, accuracy=0.5))
        for method in ("source_only", "dann", EVIL)
        for seed in range(2)
    ]
    text = dict.fromkeys(("suite", "role", "device", "command", "source", "loop"), EVIL)
    rows = [row | text | {"hyperparameters": {EVIL: EVIL}} for row in rows]
    failed = make_row(method="=1+1", scenario="@SUM(A1)", status="failed", reason=EVIL)
    failed = failed | {"reason": "=HYPERLINK(1)"}
    broken = make_row(method="mcd", status="failed", reason=EVIL)
    hidden = [
        make_row(method="jan", seed=seed, status="failed", reason=f"hid{sign}den")
        for seed, sign in enumerate(SHORT)
    ]
    store.rows_path.write_text(
        "".join(json.dumps(row) + "\n" for row in [*rows, failed, broken, *hidden])
    )
    return store.folder


def test_the_report_shows_names_and_runs_none(hostile):
    calm = hostile.parent / "calm"
    RowStore.open(calm).append_group([make_row()])
    pages = []
    for folder in (calm, hostile):
        render(folder)
        tags = Tags()
        tags.feed((folder / "report.html").read_text(encoding="utf-8"))
        pages.append(tags)
    assert "&lt;script&gt;" in (hostile / "report.html").read_text(encoding="utf-8")
    assert pages[1].scripts == pages[0].scripts
    assert pages[1].handlers == pages[0].handlers
    assert not pages[1].links and not pages[0].links


def test_tables_for_papers_hold_no_command(hostile):
    render(hostile)
    assert "\\input" not in (hostile / "leaderboard.tex").read_text(encoding="utf-8")
    assert "<script" not in (hostile / "leaderboard.md").read_text(encoding="utf-8")


def test_the_terminal_is_not_steered(hostile, capsys):
    for command in ("status", "report"):
        assert main([command, str(hostile)]) == 0
    told = capsys.readouterr()
    assert "script" in told.out and "hid?den" in told.out
    for sign in ("\x1b", "\x9b", *SHORT):
        assert sign not in told.out + told.err


def test_no_cell_is_a_formula(hostile, tmp_path):
    board, _, _ = render(hostile)
    export_rows(board.rows, tmp_path / "rows.csv")
    seen = []
    for path in (hostile / "leaderboard.csv", tmp_path / "rows.csv"):
        for line in csv.reader(path.read_text(encoding="utf-8").splitlines()):
            for cell in line:
                assert plain_cell(cell) == cell, (path.name, cell)
                seen.append(cell)
    assert {"'=1+1", "'@SUM(A1)", "'=HYPERLINK(1)"} <= set(seen)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--method os:system", "may not name a module"),
        ("--launcher ray --address 203.0.113.1:6379", "(--launcher, --address)"),
        ("--launcher processes", "(--launcher)"),
        ("--tensorboard /tmp/board", "(--tensorboard)"),
        ("--out /tmp/elsewhere", "(--out)"),
        ("--device gpu", "(--device)"),
        ("--shard 1/2", "(--shard)"),
        ("--plan", "(--plan)"),
        ("--checkpoints", "(--checkpoints)"),
        ("--timeout 1", "(--timeout)"),
        ("--slurm-tasks 9", "(--slurm-tasks)"),
        ("--workers 1000", "(--workers)"),
        ("--stale keep", "(--stale)"),
    ],
)
def test_rows_name_no_code_to_import_and_no_place(
    options, message, tmp_path, capsys, monkeypatch
):
    def called(arguments):
        raise AssertionError(arguments)

    monkeypatch.setattr("da_zoo.commands.bench.benchmark", called)
    store = RowStore.open(tmp_path / "r")
    command = f"da-zoo bench --methods dann {options}"
    store.append_group([make_row(status="failed", command=command)])
    assert main(["retry", str(store.folder)]) == 2
    assert message in capsys.readouterr().err


def test_rows_choose_only_what_commands_of_rows_choose():
    """A new option of da-zoo bench is refused until somebody thinks about it."""
    suite = load_suite("embedded")
    suite = dataclasses.replace(suite, defaults=suite.defaults | {"precision": "bf16"})
    (cell,) = make_plan(
        suite,
        methods=["fine_tuning"],
        scenarios=["plain_to_over07"],
        tracks=["F"],
        label_fractions=[0.05],
        seeds=1,
        first_seed=3,
    )
    words = command_of(cell, suite, "quick", 5, "data").split()
    written = {w.removeprefix("--").replace("-", "_") for w in words if w[:2] == "--"}
    assert written == IN_ROWS


def parsed_table(text):
    """Name, purpose, untrusted bytes, licence and reach of each dependency."""
    text = text.partition("## Dependencies")[2]
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_audit_names_every_dependency():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    def plain(requirement):
        name = requirement.split(">")[0].split("=")[0].strip()
        return name.split("[")[0].lower().replace("_", "-")

    wanted = {(plain(one), "") for one in project["dependencies"]}
    for extra, names in project["optional-dependencies"].items():
        wanted |= {(plain(one), extra) for one in names if plain(one) != "da-zoo"}
    table = parsed_table((ROOT / "SECURITY.md").read_text(encoding="utf-8"))
    found = set()
    for name, extras, *facts in table:
        assert len(facts) == 4 and all(facts), name
        for extra in extras.split(", "):
            extra = "" if extra == "always" else extra.strip("`")
            found.add((name.strip("`").lower().replace("_", "-"), extra))
    assert found == wanted
