"""Trust: what a configuration that came with a run directory may name, which whoever sent it chose.

It may name components, and what lies in the packages that the user lists in KANTOR_TRUST. Names are checked before
anything is imported.
"""

import os
from collections.abc import Collection, Mapping

from kantor.config import packages
from kantor.config.checks import dotted
from kantor.config.components import FETCHING, all_components, is_component
from kantor.config.targets import Path, home_of, locate, named
from kantor.errors import UserError, nearest
from kantor.visible import visible

VARIABLE = "KANTOR_TRUST"


def trusted_packages() -> tuple[str, ...]:
    """Packages, modules or single callables that the user lists in KANTOR_TRUST, separated by commas.

    Raises:
        UserError: one is Python's, kantor's or torch's, where there are functions that run anything.
    """
    given = [entry.strip().rstrip(".") for entry in os.environ.get(VARIABLE, "").split(",")]
    for entry in filter(None, given):
        if packages.is_reserved(entry.partition(".")[0]):
            raise UserError(
                f"{VARIABLE}={entry}: expected packages of your own; of Python, torch and kantor a run directory names "
                "components alone, and what else you need of them can be wrapped in a function of yours"
            )
    return tuple(filter(None, given))


def check(tree: Mapping[str, object], *, given: Collection[str] = ()) -> None:
    """Check every `_target_` of a configuration that came with a run directory.

    Args:
        tree: as plain containers.
        given: dotted keys at which the user has put something else.

    Raises:
        UserError: one is neither a component nor in a package that the user trusts; it is named, with what can be done.
    """
    theirs = [(path, name) for path, name in named(tree) if not _is_given(path, given)]
    trusted = trusted_packages()
    for path, name in theirs:
        if not isinstance(name, str) or not (is_component(name) or _is_trusted(name, trusted)):
            raise _refusal(path, visible(name) if isinstance(name, str) else repr(name))
    for path, name in theirs:
        if not is_component(str(name)):
            home = home_of(locate(name, key=dotted(path)))
            if not (is_component(home) or _is_trusted(home, trusted)):
                raise UserError(
                    f"{_told(path, str(name))}: it is {home}, which does not belong to what {VARIABLE} names"
                )


def check_fetching(tree: Mapping[str, object], key: str, *, given: Collection[str]) -> None:
    """Check that nothing is made for a run directory that runs code from the network, unless the user asked for it.

    Args:
        tree: a node of the configuration.
        key: dotted, where it stands.
        given: dotted keys at which the user has put something else.

    Raises:
        UserError: the run directory alone names such a component.
    """
    for path, name in named(tree, tuple(key.split("."))):
        if name in FETCHING and not _is_given(path, given):
            raise UserError(
                f"{dotted(path)}: the run directory names {name}, which runs code that comes over the network: if "
                f"you want that, say so, {FETCHING[str(name)]}"
            )


def _is_given(path: Path, given: Collection[str]) -> bool:
    target = (*path, "_target_")
    return any(target[: len(key)] == key for key in (tuple(one.split(".")) for one in given))


def _is_trusted(name: str, trusted: Collection[str]) -> bool:
    hidden = any(part.startswith("__") for part in name.split(".")[1:])
    return not hidden and any(name == one or name.startswith(f"{one}.") for one in trusted)


def _told(path: Path, name: str) -> str:
    return f"{dotted(path)}: the run directory names {name}, which is none of the components that it may name"


def _refusal(path: Path, name: str) -> UserError:
    what, package = _told(path, name), name.partition(".")[0]
    if packages.is_own(package):
        return UserError(
            f"{what} and could run anything: if you wrote or have read all of the package {package}, set "
            f"{VARIABLE}={package} and give the command again"
        )
    if package in ("kantor", "torch"):
        return UserError(f"{what}{nearest(name, all_components())}: somebody may have changed it to run code of theirs")
    if not packages.is_reserved(package) and not packages.is_found(package):
        return UserError(
            f"{what}, and there is no package {package} here: if it is one of your own, make it importable (as by "
            "PYTHONPATH) and give the command again"
        )
    return UserError(
        f"{what}, and could run anything: somebody may have changed it to do so; what you need of somebody else's "
        "package can be wrapped in a function of your own"
    )
