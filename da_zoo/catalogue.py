"""The methods' pages, written from the registries: ``make docs``.

What the documentation says of a method is what its registry entry says: the pages in
``docs/methods``, the table in the README and ``da-zoo show`` are all made here, and a
test compares them with what is on disk.
"""

import argparse
import inspect
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import da_zoo
from da_zoo.registry import Hyperparameter

__all__ = ["catalogue", "main", "method_page", "pages", "readme_table", "snippet"]

TRACKS = {"U": "no target labels", "F": "a share of the target labels"}
MARK = "<!-- Generated from the registry by `make docs`: edit the entry, not this. -->"
START, END = "<!-- methods -->", "<!-- /methods -->"
"""What surrounds the README's table."""


def catalogue() -> dict[str, Any]:
    """Returns every registry entry by name: methods, then shallow ones.

    Example:
        >>> "dann" in catalogue()
        True
    """
    return {**da_zoo.METHODS, **getattr(da_zoo, "SHALLOW", {})}


def _cell(value: object) -> str:
    """Keeps a text from ending a table's cell."""
    return " ".join(str(value).split()).replace("|", r"\|")


def _searched(hyperparameter: Hyperparameter) -> str:
    if hyperparameter.scale == "choice":
        options = (f"`{choice!r}`" for choice in hyperparameter.choices)
        return ", ".join(options) or "not searched"
    if hyperparameter.low is None or hyperparameter.high is None:
        return "not searched"
    ends = f"{hyperparameter.low:g} to {hyperparameter.high:g}"
    return f"{ends}, {hyperparameter.scale}"


def _hyperparameters(spec: Any) -> list[str]:
    if not spec.hparams:
        return ["None of its own.", ""]
    lines = [
        "| name | default | searched over | traced | source of the default |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| `{h.name}` | `{h.default!r}` | {_cell(_searched(h))} | "
        f"{'yes' if h.traced else 'no'} | {_cell(h.source)} |"
        for h in spec.hparams
    ]
    return [*lines, ""]


def _is_deep(spec: Any) -> bool:
    return "network" in inspect.signature(spec.factory).parameters


def _link(module: str) -> str:
    path = f"{module.replace('.', '/')}.py"
    if not (Path(da_zoo.__file__).parents[1] / path).exists():
        path = f"{module.replace('.', '/')}/__init__.py"
    return f"[`{path}`](../../{path})"


def _code(spec: Any) -> str:
    """Links a method's own file and those of the losses that it imports."""
    module = spec.factory.__module__
    if not str(module).startswith("da_zoo."):  # a method registered by its user
        return f"`{module}`"
    source = inspect.getsource(sys.modules[module])
    losses = re.findall(r"^from (da_zoo\.losses\.\w+) import", source, flags=re.M)
    return ", ".join(map(_link, [module, *dict.fromkeys(losses)]))


def snippet(spec: Any) -> str:
    """Returns Python that trains a method on small data, for anyone to start from.

    Args:
        spec: a registry entry.

    Example:
        >>> "da_zoo.methods.dann(" in snippet(da_zoo.METHODS["dann"])
        True
    """
    if not _is_deep(spec):
        return _shallow_snippet(spec)
    shown = [h for h in spec.hparams if h.traced and h.default is not None][:1]
    options = "".join(f", {h.name}={h.default!r}" for h in shown)
    return "\n".join(
        [
            "import jax",
            "import da_zoo",
            "from da_zoo.testing import toy_data",
            "",
            'network = da_zoo.network_by_name("mlp", hidden=(16, 8))',
            f"recipe = da_zoo.methods.{spec.name}(network, classes=3{options})",
            "data = toy_data()  # yours: da_zoo.ArrayData(source=(X, y), target=X_t)",
            "result = da_zoo.fit(recipe, data, jax.random.key(0), steps=50)",
            "logits = result.predict(data.target.pool).logits",
        ]
    )


def _shallow_snippet(spec: Any) -> str:
    shown = [h for h in spec.hparams if h.default is not None][:1]
    options = "".join(f", {h.name}={h.default!r}" for h in shown)
    return "\n".join(
        [
            "import numpy as np",
            "from da_zoo import ShallowAdapter",
            "",
            "rng = np.random.default_rng(0)",
            'y = np.repeat(["cat", "dog"], 40)',
            'X = rng.normal(size=(80, 4)) + 4.0 * (y == "dog")[:, None]',
            "X_target = X[rng.permutation(80)] + 0.5 * rng.normal(size=(80, 4))",
            f'adapter = ShallowAdapter("{spec.name}"{options})',
            "labels = adapter.fit(X, y, X_target=X_target).predict(X_target)",
        ]
    )


def _command(spec: Any) -> str:
    track = "U" if "U" in spec.tracks else "F"
    baseline = {"U": "source_only", "F": "target_only"}[track]
    names = ",".join(dict.fromkeys([baseline, spec.name]))
    return f"da-zoo bench --methods {names} --tracks {track} --seeds 3"


def method_page(spec: Any) -> str:
    """Returns a method's page as Markdown.

    Args:
        spec: a registry entry.

    Example:
        >>> method_page(da_zoo.METHODS["dann"]).splitlines()[0]
        '# dann'
    """
    tracks = ", ".join(
        f"{name} ({text})" for name, text in TRACKS.items() if name in spec.tracks
    )
    lines = [
        f"# {spec.name}",
        "",
        spec.summary,
        "",
        "| | |",
        "|---|---|",
        f"| Needs | {_cell(spec.setting)} |",
        f"| Tracks | {tracks} |",
        f"| Tasks | {_tasks(spec)} |",
        f"| Paper | {_cell(spec.paper)} |",
        f"| Year | {'' if spec.year is None else spec.year} |",
        f"| Code | {_code(spec)} |",
        "",
        "## Use it",
        "",
        "```python",
        snippet(spec),
        "```",
        "",
        "```console",
        _command(spec),
        "```",
        "",
        "## Hyper-parameters",
        "",
        *_hyperparameters(spec),
        *(_SHARED if _is_deep(spec) else []),
        "## Departures and known variants",
        "",
        spec.departures or "None.",
        "",
    ]
    if spec.bibtex:
        lines += ["## Cite", "", "```bibtex", spec.bibtex.strip(), "```", ""]
    return "\n".join(lines)


_SHARED = [
    "Traced values may be the axis of a sweep; the others are part of the compiled",
    "program. All methods also take `learning_rate`, `weight_decay`, `optimizer`,",
    "`schedule`, `batch_norm` and `width`: see `da_zoo.Settings`. Their defaults are",
    "one recipe for all, unless the table says otherwise: SGD at 0.01 for encoder,",
    "heads and critics alike, no weight decay, no bottleneck layer but what the",
    "network brings. Papers differ in rates (0.0001 to 0.03) and decay (0 to 0.001),",
    "and give a pre-trained encoder a tenth of its heads' rate.",
    "",
]


def _tasks(spec: Any) -> str:
    tasks = "classes"
    if getattr(spec, "same_task", False):
        tasks += ", the same in source and target"
    if getattr(spec, "regression", False):
        tasks += "; continuous targets"
    return tasks


def _groups() -> dict[str, list[Any]]:
    """Entries by what they need, in the registry's order, baselines first."""
    groups: dict[str, list[Any]] = {"Baselines": []}
    for spec in catalogue().values():
        title = spec.setting[0].upper() + spec.setting[1:]
        groups.setdefault("Baselines" if spec.baseline else title, []).append(spec)
    return groups


def _index() -> str:
    lines = [
        "# Methods",
        "",
        "By what they need. Track U: the target has no labels; F: a share of it has.",
        "",
    ]
    for title, specs in _groups().items():
        lines += [f"## {title}", "", "| method | tracks | what it does | year |"]
        lines.append("|---|---|---|---|")
        lines += [_row(spec, f"[`{spec.name}`]({spec.name}.md)") for spec in specs]
        lines.append("")
    return "\n".join(lines)


def _row(spec: Any, name: str) -> str:
    year = "" if spec.year is None else f"{spec.year} "
    tracks = "+".join(sorted(spec.tracks))
    return f"| {name} | {tracks} | {_cell(spec.summary)} | {year}|"


def readme_table() -> str:
    """Returns the README's table of methods.

    Example:
        >>> readme_table().splitlines()[0]
        '| method | tracks | what it does | year |'
    """
    rows = [_row(spec, f"`{spec.name}`") for spec in catalogue().values()]
    header = ["| method | tracks | what it does | year |", "|---|---|---|---|"]
    return "\n".join(header + rows)


def _readme(text: str) -> str:
    """Puts the table between the README's marks.

    Raises:
        ValueError: if the marks are missing.
    """
    if text.count(START) != 1 or text.count(END) != 1:
        raise ValueError(f"the README must hold {START} and {END} once, in this order")
    before, rest = text.split(START)
    return f"{before}{START}\n{readme_table()}\n{END}{rest.split(END)[1]}"


def pages() -> dict[str, str]:
    """Returns every page of ``docs/methods`` by file name.

    Example:
        >>> {"index.md", "dann.md"} <= set(pages())
        True
    """
    texts = {f"{name}.md": method_page(spec) for name, spec in catalogue().items()}
    texts["index.md"] = _index()
    return {name: f"{MARK}\n\n{text}" for name, text in texts.items()}


def _stale(folder: Path, readme: Path) -> dict[Path, str | None]:
    """Returns what to write to which file; None: a page of no method any more."""
    wanted: dict[Path, str | None] = {folder / n: text for n, text in pages().items()}
    for path in folder.glob("*.md"):
        if path not in wanted and path.read_text(encoding="utf-8").startswith(MARK):
            wanted[path] = None
    wanted[readme] = _readme(readme.read_text(encoding="utf-8"))
    return {
        path: text
        for path, text in wanted.items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    }


def _report(stale: Iterable[Path], what: str) -> None:
    for path in sorted(stale):
        print(f"{what} {path}")


def main(argv: Sequence[str] | None = None) -> int:
    """Writes the pages, or checks them.

    Args:
        argv: the words after ``python -m da_zoo.catalogue``; None means the process's.

    Returns:
        0, or 1 where ``--check`` found a page that is not what it should be.
    """
    parser = argparse.ArgumentParser(prog="python -m da_zoo.catalogue")
    parser.add_argument("--write", default="docs/methods", metavar="DIR", help="pages")
    parser.add_argument("--readme", default="README.md", metavar="FILE")
    parser.add_argument(
        "--check", action="store_true", help="write nothing, exit with 1 if stale"
    )
    arguments = parser.parse_args(argv)
    folder = Path(arguments.write)
    stale = _stale(folder, Path(arguments.readme))
    if arguments.check:
        _report(stale, "stale:")
        return int(bool(stale))
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in stale.items():
        if text is None:
            path.unlink()
        else:
            path.write_text(text, encoding="utf-8")
    _report(stale, "wrote")
    return 0


if __name__ == "__main__":
    sys.exit(main())
