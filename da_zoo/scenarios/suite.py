"""Suites: scenarios and their one table of defaults, read from TOML."""

import itertools
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from da_zoo.folder_names import check_folder_name
from da_zoo.json_files import depth_flaw
from da_zoo.naming import check_names, choose
from da_zoo.scenarios.build import FILE_MAPS, FILE_POOLS
from da_zoo.scenarios.declare import SECTIONS, Declared, declare
from da_zoo.scenarios.declared import declared
from da_zoo.scenarios.maps import (
    IMAGE_MAPS,
    LABEL_MAPS,
    SELECTIONS,
    STANDARD_MAPS,
    TABLE_MAPS,
)
from da_zoo.scenarios.regression import REGRESSION_POOLS
from da_zoo.scenarios.taxonomy import Domain, Scenario, Side, Task

__all__ = ["Suite", "list_suites", "load_suite"]

FOLDER = Path(__file__).parent / "suites"
LONGEST_MESSAGE = 2000
LARGEST = 2**20
"""Bytes of a suite file; ours have some ten thousand."""
TEMPLATE = FOLDER / "template.toml"
"""A suite with every key explained, to be copied."""
POOL_MAPS: dict[str, Iterable[str]] = {
    "digits8": IMAGE_MAPS,
    "breast_cancer": TABLE_MAPS,
    **dict.fromkeys(FILE_POOLS, FILE_MAPS),
    **dict.fromkeys(REGRESSION_POOLS, STANDARD_MAPS),
}
"""Which input maps a pool takes."""
KEYS = {
    "suite": (
        "name",
        "description",
        "label_fractions",
        "defaults",
        "defaults_from",
        "pairs",
        "scenarios",
        *SECTIONS,
    ),
    "scenario": ("name", "source", "sources", "target", "role"),
    "pairs": ("domains", "task", "role"),
    "side": ("pool", "selection", "input_map", "task"),
    "declared side": ("domain", "task"),
}
REQUIRED = ("network", "steps", "batch_size")


@dataclass(frozen=True)
class Suite:
    """A set of scenarios with one table of defaults for all of them."""

    name: str
    description: str
    scenarios: tuple[Scenario, ...]
    label_fractions: tuple[float, ...]
    defaults: Mapping[str, Any] = field(hash=False)
    origin: str = field(default="", compare=False)
    """What ``da-zoo bench --suite`` takes for it: its name, or its file's."""

    @property
    def needs_data(self) -> bool:
        """Whether any scenario reads files."""
        return any(
            side.domain.pool in FILE_POOLS or declared(side.domain)
            for scenario in self.scenarios
            for side in (*scenario.sources, scenario.target)
        )

    @property
    def width(self) -> int:
        """The largest class count; heads are padded to it, so programs are shared.

        Classes that only files tell count once they were read, see
        :func:`da_zoo.scenarios.resolve.resolve`.
        """
        return max(self.width_of(scenario) for scenario in self.scenarios)

    def width_of(self, scenario: Scenario) -> int:
        """The largest count of the suite's scenarios that predict what this one does.

        A regression's outputs are not padded because other scenarios have classes.
        """
        return max(
            side.task.count
            for other in self.scenarios
            for side in (other.source, other.target)
            if side.task.continuous == scenario.target.task.continuous
        )


def _side(table: Any, where: str, known: Declared) -> Side:
    if not isinstance(table, Mapping):
        raise ValueError(f"{where} must be a table, got {table!r}")
    if "domain" in table:
        return _declared_side(table, where, known)
    check_names(table, KEYS["side"], f"key in {where}")
    for needed in ("pool", "task"):
        if needed not in table:
            raise ValueError(f"{where} lacks {needed!r}")
    pool = table["pool"]
    maps = choose(POOL_MAPS, pool, f"pool in {where}")
    default = next(iter(maps))
    input_map = table.get("input_map", default)
    choose(dict.fromkeys(maps, 0), input_map, f"input_map of pool {pool!r} in {where}")
    selection = table.get("selection", "all")
    choose(SELECTIONS, selection, f"selection in {where}")
    label_map = choose(LABEL_MAPS, table["task"], f"task in {where}")
    return Side(
        Domain(pool, selection, input_map), Task(label_map.label_space, table["task"])
    )


def _declared_side(table: Mapping[str, Any], where: str, known: Declared) -> Side:
    check_names(table, KEYS["declared side"], f"key in {where}")
    if not known.domains:
        raise ValueError(f"{where} names a domain, and the file has no [domains]")
    domain = choose(known.domains, table["domain"], f"domain in {where}")
    task = table.get("task")
    if task is None and len(known.tasks) == 1:
        (task,) = known.tasks
    if not known.tasks or task is None:
        raise ValueError(
            f"{where} needs task = one of the file's [tasks], which are "
            f"{sorted(known.tasks)}"
        )
    return Side(domain, choose(known.tasks, task, f"task in {where}"))


def _pairs(table: Any, suite: str, known: Declared) -> Iterator[Scenario]:
    """Every ordered pair of the domains that a [[pairs]] table names."""
    if not isinstance(table, Mapping):
        raise ValueError(f"suite {suite}: [[pairs]] must be a table, got {table!r}")
    check_names(table, KEYS["pairs"], f"key in [[pairs]] of {suite}")
    names = table.get("domains")
    if not isinstance(names, list) or len(names) < 2 or len(set(names)) < len(names):
        raise ValueError(
            f"suite {suite}: [[pairs]] needs domains = [...] with at least two "
            f"different names, got {names!r}"
        )
    where = f"[[pairs]] of {suite}"
    task = {"task": table["task"]} if "task" in table else {}
    sides = {name: _side({"domain": name} | task, where, known) for name in names}
    for source, target in itertools.permutations(names, 2):
        role = str(table.get("role", ""))
        check_folder_name(f"{source}_to_{target}", f"{where}: the scenario name")
        yield Scenario(f"{source}_to_{target}", sides[source], sides[target], role)


def _fraction(share: Any, suite: str) -> float:
    plain = isinstance(share, int | float) and not isinstance(share, bool)
    if not plain or not 0 < share <= 1:
        raise ValueError(
            f"{suite}: label_fractions must be shares in (0, 1], got {share!r}"
        )
    return float(share)


def _scenario(table: Any, suite: str, known: Declared) -> Scenario:
    name = table.get("name") if isinstance(table, Mapping) else None
    if not isinstance(name, str) or not name:
        raise ValueError(f"suite {suite}: every scenario needs a name, got {table!r}")
    check_folder_name(name, f"suite {suite}: the scenario name")
    where = f"scenario {name!r}"
    check_names(table, KEYS["scenario"], f"key in {where}")
    target = _side(table.get("target"), f"target of {where}", known)
    if "sources" not in table:
        source = _side(table.get("source"), f"source of {where}", known)
        _check_kinds((source, target), where)
        return Scenario(name, source, target, str(table.get("role", "")))
    given = table["sources"]
    if "source" in table or not isinstance(given, list) or len(given) < 2:
        raise ValueError(
            f"{where} needs source = {{...}}, or sources = [{{...}}, {{...}}] with at "
            "least two tables, and not both"
        )
    sources = [
        _side(entry, f"source {number} of {where}", known)
        for number, entry in enumerate(given)
    ]
    pools = {side.domain.pool for side in (*sources, target)}
    if pools != {"digits8"}:
        raise ValueError(
            f"{where}: several sources are there for the pool 'digits8' alone, got "
            f"{', '.join(sorted(pools))}"
        )
    role = str(table.get("role", ""))
    return Scenario(name, sources[0], target, role, tuple(sources[1:]))


def _check_kinds(sides: Iterable[Side], where: str) -> None:
    """Both sides are declared or known, and have one task if it is continuous."""
    sides = list(sides)
    own = [declared(side.domain) for side in sides]
    if any(own) and not all(own):
        raise ValueError(
            f"{where} has a declared domain on one side and a pool on the other; "
            "declare both"
        )
    if any(own):
        if len({side.task for side in sides}) > 1 and any(
            side.task.continuous for side in sides
        ):
            raise ValueError(f"{where}: a continuous task needs one task on both sides")
        return
    pools = {side.domain.pool for side in sides}
    tasks = {side.task.label_map for side in sides}
    numbers = [LABEL_MAPS[task].continuous for task in tasks]
    if not any(numbers) and pools.isdisjoint(REGRESSION_POOLS):
        return
    if not all(numbers) or len(tasks) > 1 or not pools <= set(REGRESSION_POOLS):
        raise ValueError(
            f"{where}: a continuous task needs one task and pools of "
            f"{', '.join(REGRESSION_POOLS)} on both sides, got tasks {sorted(tasks)} "
            f"and pools {sorted(pools)}"
        )
    if "diabetes" in pools and len(pools) > 1:
        raise ValueError(f"{where}: patients and wines have different columns")


def list_suites() -> list[str]:
    """Names the suites that ship with the package.

    Example:
        >>> {"digits", "embedded", "regression"} <= set(list_suites())
        True
    """
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load_suite(name: str | Path) -> Suite:
    """Reads a suite.

    Args:
        name: of a shipped suite, or the path of a TOML file.

    Raises:
        ValueError: for an unknown name, a file that cannot be read, and unknown keys,
            pools, maps or tasks in it; the message gives the nearest names.

    Example:
        >>> load_suite("embedded").width
        10
    """
    path = Path(name)
    if path.suffix == ".toml":
        if not path.is_file():
            raise ValueError(f"suite file {path} does not exist")
    else:
        known = {stem: FOLDER / f"{stem}.toml" for stem in list_suites()}
        path = choose(known, str(name), "suite")
    with path.open("rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise ValueError(f"suite file {path} is over {LARGEST} bytes")
    try:
        table = tomllib.loads(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ValueError(
            f"suite file {path} is no valid TOML: byte {error.start} is not UTF-8"
        ) from None
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise ValueError(f"suite file {path} is no valid TOML: {error}") from None
    if flaw := depth_flaw(table):
        raise ValueError(f"suite file {path} cannot be used: its {flaw}")
    shipped = path.parent == FOLDER
    try:
        return _suite(table, path, shipped)
    except (TypeError, ValueError) as error:  # a table where a name should be, say
        told = str(error)
        if len(told) > LONGEST_MESSAGE:  # it holds what the file has there
            told = told[:LONGEST_MESSAGE] + " ..."
        if path.name not in told and "scenario" not in told:
            told = f"{path.name}: {told}"
        raise ValueError(told) from None


def _defaults(table: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A suite's own [defaults], or those of the shipped suite that it names."""
    if "defaults_from" not in table:
        own: Any = table.get("defaults", {})
        if not isinstance(own, Mapping):
            raise ValueError(f"{name}: defaults must be a table, got {own!r}")
        return own
    if "defaults" in table:
        raise ValueError(
            f"{name} has defaults_from and [defaults]: one table is for all scenarios, "
            "so copy what you want of the other suite's"
        )
    shipped = str(table["defaults_from"])
    # Shipped ones alone: a file could name itself, and is not ours to look for.
    choose(dict.fromkeys(list_suites()), shipped, f"suite in defaults_from of {name}")
    return load_suite(shipped).defaults


def _suite(table: Mapping[str, Any], path: Path, shipped: bool) -> Suite:
    check_names(table, KEYS["suite"], f"key in {path.name}")
    known = declare(table, path.name, "" if shipped else path.absolute().parent)
    defaults = _defaults(table, path.name)
    for part in ("pairs", "scenarios", "label_fractions"):
        if not isinstance(table.get(part, []), list):
            raise ValueError(f"{path.name}: {part} must be a list, got {table[part]!r}")
    for needed in REQUIRED:
        if needed not in defaults:
            raise ValueError(f"{path.name}: [defaults] lacks {needed!r}")
    scenarios = (
        *(
            scenario
            for entry in table.get("pairs", ())
            for scenario in _pairs(entry, path.name, known)
        ),
        *(_scenario(entry, path.name, known) for entry in table.get("scenarios", ())),
    )
    if not scenarios:
        raise ValueError(f"{path.name} has no [[scenarios]] and no [[pairs]]")
    name = str(table.get("name", path.stem))
    check_folder_name(name, f"{path.name}: the suite's name")
    names = [scenario.name for scenario in scenarios]
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{path.name} has scenarios of the same name: {doubled}")
    fractions = tuple(
        _fraction(share, path.name) for share in table.get("label_fractions", ())
    )
    return Suite(
        name,
        str(table.get("description", "")),
        scenarios,
        fractions,
        defaults,
        path.stem if shipped else path.name,
    )
