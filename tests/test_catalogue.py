"""Every registry entry has its page, and what the page shows runs."""

import re
import shlex
from pathlib import Path

import pytest

import da_zoo
from da_zoo import catalogue as module
from da_zoo.catalogue import catalogue, main, method_page, pages, readme_table, snippet
from da_zoo.cli import _parser
from da_zoo.cli import main as command_line
from da_zoo.programs import forget_programs

ROOT = Path(__file__).resolve().parents[1]
ENTRIES = catalogue()


@pytest.fixture(autouse=True)
def _few_programs():
    yield
    forget_programs()


def test_the_pages_on_disk_are_those_of_the_registry():
    folder = ROOT / "docs" / "methods"
    on_disk = {p.name: p.read_text(encoding="utf-8") for p in folder.glob("*")}
    wanted = pages()
    assert set(on_disk) == set(wanted), "run `make docs`"
    stale = [name for name, text in wanted.items() if on_disk[name] != text]
    assert not stale, f"run `make docs`: {stale}"


@pytest.mark.parametrize("name", ENTRIES)
def test_an_entry_says_what_a_user_has_to_know(name):
    spec = ENTRIES[name]
    assert spec.name == name
    assert spec.summary.endswith(".")
    assert "\n" not in spec.summary
    assert all(h.source for h in spec.hparams)
    if spec.baseline:
        return
    assert re.match(r"@\w+\{\w+,", spec.bibtex)
    assert str(spec.year) in spec.bibtex + spec.paper
    assert spec.departures
    # What has none at all (AdaBN, a linear probe) says so.
    assert spec.hparams or "no hyper-parameter" in spec.departures.replace("\n", " ")


@pytest.mark.parametrize("name", ENTRIES)
def test_a_page_is_complete(name):
    page = method_page(ENTRIES[name])
    for h in ENTRIES[name].hparams:
        assert f"| `{h.name}` | `{h.default!r}` |" in page
    for target in re.findall(r"\]\((\.\./[^)]+)\)", page):
        assert (ROOT / "docs" / "methods" / target).exists(), target
    assert f"da_zoo/methods/{name}.py" in page or not module._is_deep(ENTRIES[name])
    (command,) = re.findall(r"```console\n(.*?)\n```", page)
    _parser().parse_args(shlex.split(command)[1:])
    assert "## Departures and known variants\n" in page


@pytest.mark.parametrize("name", ENTRIES)
def test_the_snippet_of_every_page_builds(name, monkeypatch):
    # Training each would take minutes; the contract tests train them all.
    built = []

    class StopError(Exception):
        pass

    def fit(recipe, *_, **__):
        built.append(recipe)
        raise StopError

    if not module._is_deep(ENTRIES[name]):
        space: dict = {}
        exec(snippet(ENTRIES[name]), space)
        assert set(space["labels"]) <= {"cat", "dog"}
        return
    monkeypatch.setattr(da_zoo, "fit", fit)
    with pytest.raises(StopError):
        exec(snippet(ENTRIES[name]), {})
    assert built[0][-1].name


@pytest.mark.parametrize("name", ["dann", "lp_ft"])
def test_the_snippet_of_a_page_runs(name):
    space: dict = {}
    exec(snippet(ENTRIES[name]), space)
    assert space["logits"]["target"].shape == (24, 3)


def test_show_prints_the_page(capsys):
    assert command_line(["show", "dann"]) == 0
    assert capsys.readouterr().out.strip() == method_page(ENTRIES["dann"]).strip()
    assert command_line(["show", "dan_"]) == 2
    assert "did you mean" in capsys.readouterr().err


def test_a_stale_page_is_found_and_written_anew(tmp_path, capsys):
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{module.START}\nold\n{module.END}\nafter\n")
    where = ["--write", str(tmp_path / "methods"), "--readme", str(readme)]
    assert main([*where, "--check"]) == 1
    assert main(where) == 0
    assert main([*where, "--check"]) == 0
    assert readme_table() in readme.read_text()
    assert readme.read_text().endswith("\nafter\n")
    # A page of a method that is gone goes; a page that someone wrote stays.
    gone, own = tmp_path / "methods" / "gone.md", tmp_path / "methods" / "notes.md"
    gone.write_text(f"{module.MARK}\n\n# gone\n")
    own.write_text("# notes\n")
    (tmp_path / "methods" / "dann.md").write_text("edited")
    assert main([*where, "--check"]) == 1
    assert main(where) == 0
    assert not gone.exists()
    assert own.exists()
    assert "edited" not in (tmp_path / "methods" / "dann.md").read_text()
    capsys.readouterr()


def test_a_readme_without_marks_is_refused(tmp_path):
    (tmp_path / "README.md").write_text("nothing")
    where = ["--write", str(tmp_path), "--readme", str(tmp_path / "README.md")]
    with pytest.raises(ValueError, match="<!-- methods -->"):
        main(where)
