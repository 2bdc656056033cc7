"""Packages by whose they are: the user's own, or somebody else's that only happens to be installed."""

import json
import sys
import sysconfig
from collections.abc import Mapping
from functools import cache
from importlib import metadata, util
from pathlib import Path
from urllib.parse import unquote, urlsplit

INSTALLED = {"site-packages", "dist-packages"}
"""Directories that installers fill."""

NOBODYS = {"kantor", "torch"}
"""Whose harmless parts are components, one by one."""


def is_reserved(package: str) -> bool:
    """Whether a top-level name is Python's, kantor's or torch's, which nobody can mean as a package of his own."""
    return package in sys.stdlib_module_names or package in NOBODYS


def is_found(package: str) -> bool:
    """Whether there is such a package here; nothing is imported."""
    return bool(_places(package))


def is_own(package: str) -> bool:
    """Whether a top-level package is the user's: it lies outside of Python and of what was installed, or was installed
    from a directory of this machine."""
    if is_reserved(package):
        return False
    python = Path(sysconfig.get_path("stdlib")).resolve()
    places = _places(package)
    if any(place.is_relative_to(python) or INSTALLED.intersection(place.parts) for place in places):
        return any(_from_directory(name) for name in _distributions().get(package, ()))
    return bool(places)


@cache
def _distributions() -> Mapping[str, list[str]]:
    return metadata.packages_distributions()


def _places(package: str) -> list[Path]:
    try:
        spec = util.find_spec(package)
    except (ImportError, ValueError, AttributeError):
        return []
    if spec is None:
        return []
    return [Path(place).resolve() for place in (spec.submodule_search_locations or [spec.origin or ""]) if place]


def _from_directory(distribution: str) -> bool:
    """As PEP 610 has it."""
    told = metadata.distribution(distribution).read_text("direct_url.json")
    origin = json.loads(told) if told else {}
    return "dir_info" in origin and Path(unquote(urlsplit(origin["url"]).path)).is_dir()
