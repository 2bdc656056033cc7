"""The source of a function or a class: the files of its package that it is made of.

They are found as Python finds them, and nothing is imported for it: what a module imports where that may fail need not
bear being imported here.
"""

import ast
import importlib
import importlib.util
import inspect
import pkgutil
import sys
import warnings
from collections.abc import Iterable
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

from kantor.config import targets

PROVEN = ("kantor", "torch")
"""Packages whose versions are known: of them the files of what is named and of its bases count, not what these import
(of kantor `kantor.runs.identity.SHARED` says what else does)."""


def modules_of(name: str) -> dict[str, Path]:
    """The modules that a `_target_` is made of, and their files: of the package that has its name and of the one that
    it was defined in, those of its bases, and of anybody else's packages also all that these import.

    Raises:
        UserError: there is no such target.
    """
    target, named = targets.locate(name, key=""), name.rpartition(".")[0]
    home = target.__module__ if hasattr(target, "__qualname__") else None
    packages = {_package(named), _package(home or named)}
    bases: tuple[Any, ...] = inspect.getmro(target) if inspect.isclass(target) else (target,)
    own = [base.__module__ for base in bases if _package(getattr(base, "__module__", None) or "") in packages]
    importlib.invalidate_caches()  # a notebook may have written a file just now
    return _followed(own, packages) or _followed([named], packages)  # a module may hold what has no home of its own


def _followed(pending: list[str], packages: set[str]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    while pending:
        module = pending.pop()
        spec = None if module in found else _spec(module)
        if spec is None or not spec.has_location or spec.origin is None:
            continue
        found[module] = Path(spec.origin)
        if _package(module) not in PROVEN:
            imported = _imported(found[module], spec.parent or "")
            pending += [one for one in imported if _package(one) in packages.difference(PROVEN)]
    return found


def content(file: Path) -> bytes:
    """What is in the file of a module: source, or what was compiled; of one in an archive, the archive.

    Raises:
        OSError: it cannot be read.
    """
    return next((place for place in (file, *file.parents) if place.is_file()), file).read_bytes()


def _package(module: str) -> str:
    return module.partition(".")[0]


def _spec(name: str) -> ModuleSpec | None:
    """Where a module of an imported package lies; None where none does."""
    package, *inner = name.split(".")
    spec: ModuleSpec | None = getattr(sys.modules.get(package), "__spec__", None)
    places: Iterable[str] = getattr(sys.modules.get(package), "__path__", ())
    for depth in range(len(inner)):
        spec = _below(".".join([package, *inner[: depth + 1]]), places)
        places = [] if spec is None else spec.submodule_search_locations or []
    return spec


def _below(name: str, places: Iterable[str]) -> ModuleSpec | None:
    """A module in one of some directories; directories without an `__init__` are together one."""
    together = ModuleSpec(name, None, is_package=True)
    for place in places:
        finder = pkgutil.get_importer(place)
        spec = None if finder is None else finder.find_spec(name)
        if spec is not None and spec.loader is not None:
            return spec
        together.submodule_search_locations += (spec and spec.submodule_search_locations) or []  # type: ignore[operator]
    return together if together.submodule_search_locations else None


def _imported(file: Path, beside: str) -> list[str]:
    """What a file may import: names of modules, and of what is in them. None of what is no source of this Python.

    Args:
        file: of a module.
        beside: what its relative imports begin from.
    """
    if file.suffix != ".py" or not file.is_file():
        return []
    try:
        with warnings.catch_warnings(action="ignore"):  # of what is written in it: they are nobody's now
            tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = _absolute("." * node.level + (node.module or ""), beside)
            names += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return names


def _absolute(name: str, beside: str) -> str:
    try:
        return importlib.util.resolve_name(name, beside)
    except ImportError:  # it leads out of the package, and is in a branch that never ran
        return ""
