"""A method of the user's own: imported, checked, ranked among the others."""

from pathlib import Path

import pytest

from da_zoo import METHODS
from da_zoo.bench.execute import command_of
from da_zoo.bench.fingerprint import source_hash
from da_zoo.bench.plan import make_plan
from da_zoo.bench.plugins import here_first, import_method, registered
from da_zoo.bench.store import RowStore
from da_zoo.cli import main
from da_zoo.commands.choosing import with_baselines
from da_zoo.scenarios import load_suite

GOOD = '''
from da_zoo.methods.ddc import ddc

def mine(network, *, classes, labelled_target=False, **settings):
    """Matches means, as DDC does."""
    return ddc(network, classes=classes, labelled_target=labelled_target, **settings)

def plain(network, *, classes, **settings):
    return ddc(network, classes=classes, **settings)

def half(network, *, classes, **settings):
    raise RuntimeError("not written yet")

def not_a_recipe(network, *, classes, **settings):
    return 3

def without_settings(network, *, classes):
    return ()

def without_classes(network):
    return ()

number = 3

def dann(network, *, classes, **settings):
    return ()
'''


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "my_methods.py").write_text(GOOD, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("my_methods", "MODULE:FACTORY"),
        ("no_such_module:x", "cannot import 'no_such_module'"),
        ("my_methods:no_such", "has no 'no_such'"),
        ("my_methods:number", "give a factory or a MethodSpec"),
        ("my_methods:without_settings", "unexpected keyword argument"),
        ("my_methods:without_classes", "must take classes="),
        ("my_methods:half", "RuntimeError: not written yet"),
        ("my_methods:not_a_recipe", "breaks the contract.*returns a int"),
        ("my_methods:dann", "has a method called 'dann'"),
        ("../evil:x", "MODULE:FACTORY"),
    ],
)
def test_what_cannot_be_a_method_is_refused(
    module: Path, path: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        import_method(path)


def test_the_registry_is_as_before_when_the_benchmark_is_done(module: Path) -> None:
    spec = import_method("my_methods:mine", check=False)
    before = list(METHODS)
    with registered([spec]):
        assert METHODS["mine"] is spec
    assert list(METHODS) == before
    assert spec.summary == "Matches means, as DDC does."
    assert spec.tracks == {"U", "F"}


def test_files_beside_the_module_count_too(module: Path) -> None:
    (module / "beside.py").write_text("x = 1\n", encoding="utf-8")
    (module / "with_helper.py").write_text("import beside\n", encoding="utf-8")
    with here_first():
        before = source_hash("with_helper")
        (module / "beside.py").write_text("x = 2\n", encoding="utf-8")
        source_hash.cache_clear()
        assert source_hash("with_helper") != before


def test_a_module_that_cannot_be_read_is_said_to_be(module: Path) -> None:
    (module / "broken_module.py").write_text("def (", encoding="utf-8")
    with pytest.raises(ValueError, match=r"cannot import 'broken_module': SyntaxError"):
        import_method("broken_module:x")


def test_it_is_in_the_leaderboard(
    module: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["bench", "--method", "my_methods:plain", "--methods", "ddc"]
    words += ["--scenarios", "plain_to_over07", "--tracks", "U", "--seeds", "1"]
    words += ["--steps", "20", "--out", "results", "--no-progress"]
    assert main(words) == 0
    assert "plain" in capsys.readouterr().out
    rows, _ = RowStore.open(module / "results", create=False).read()
    by_name = {row["method"]: row for row in rows}
    assert by_name["plain"]["status"] == "ok" and by_name["plain"]["accuracy"] > 0.3
    assert by_name["plain"]["key"] != by_name["ddc"]["key"]


def test_the_command_of_its_rows_can_be_called_again(module: Path) -> None:
    spec = import_method("my_methods:mine", check=False)
    suite = load_suite("embedded")
    with registered([spec]):
        (cell,) = make_plan(
            suite,
            methods=["mine"],
            scenarios=["plain_to_over07"],
            tracks=["U"],
            seeds=1,
        )
        command = command_of(cell, suite, "quick", 20, None)
    assert "--method my_methods:mine" in command and "--methods" not in command


def test_baselines_come_along_unless_they_are_not_wanted() -> None:
    both = ["source_only", "target_only"]
    assert with_baselines(["dann"], ["U", "F"], []) == [*both, "dann"]
    assert with_baselines(["dann"], ["U"], []) == ["source_only", "dann"]
    assert with_baselines(["target_only"], ["F"], []) == ["target_only"]
    assert with_baselines(["tca"], ["U", "F"], []) == ["tca"]  # has one of its kind
    own = import_method("da_zoo.methods.dann:SPEC", check=False)
    assert with_baselines([own.name], ["U"], [own]) == ["source_only", own.name]
