"""Keys of rows: hashes of content and code, never of paths or devices."""

import ast
import functools
import hashlib
import importlib.util
from pathlib import Path

__all__ = ["source_hash"]

PACKAGE = "da_zoo"
ALWAYS = ("da_zoo.step", "da_zoo.loop", "da_zoo.programs", "da_zoo.data.arrays")
"""What every run goes through, whatever the method imports."""


def _file_of(module: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        return None
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    return Path(spec.origin)


@functools.lru_cache(maxsize=1024)
def _imports(module: str) -> tuple[str, ...]:
    """Modules of this package, or its own, that a module imports, by its source."""
    file = _file_of(module)
    if file is None:
        return ()
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level:
            base = module.rsplit(".", node.level)[0]
            inner = f"{base}.{node.module}" if node.module else base
            found |= {inner, *(f"{inner}.{a.name}" for a in node.names)}
        elif isinstance(node, ast.ImportFrom) and node.module:
            # "from da_zoo.losses import mmd" names a module in the second half.
            found |= {node.module, *(f"{node.module}.{a.name}" for a in node.names)}
    # A user's own method counts with the files of its package, or beside it.
    tops = (PACKAGE, module.partition(".")[0])
    own = {
        name
        for name in found
        if name.partition(".")[0] in tops or _beside(name, file.parent)
    }
    # A package's __init__ collects its members; following it would tie every row to
    # every method. What a module really uses it imports from the member's own file.
    return tuple(sorted(n for n in own if _is_plain_module(n)))


def _beside(module: str, folder: Path) -> bool:
    file = None if "." in module else _file_of(module)
    return file is not None and file.parent == folder


def _is_plain_module(module: str) -> bool:
    file = _file_of(module)
    return file is not None and file.name != "__init__.py"


@functools.lru_cache(maxsize=256)
def source_hash(module: str) -> str:
    """Hashes a module, all of the package it imports (transitively), and the step.

    Args:
        module: dotted name, of a method's own file.

    Example:
        >>> source_hash("da_zoo.methods.dann") == source_hash("da_zoo.methods.ddc")
        False
    """
    queue, seen = [module, *ALWAYS], set()
    while queue:
        name = queue.pop()
        if name in seen:
            continue
        seen.add(name)
        queue += _imports(name)
    hasher = hashlib.sha256()
    for name in sorted(seen):
        file = _file_of(name)
        if file is not None:
            hasher.update(name.encode() + b"\0" + file.read_bytes() + b"\0")
    return hasher.hexdigest()
