"""Where the YAML files are, and what they are called; known without Hydra."""

from pathlib import Path

from kantor.errors import UserError, nearest
from kantor.paths import path_of
from kantor.version import PACKAGE

PACKAGED = PACKAGE / "conf"
CONF = PACKAGED if PACKAGED.is_dir() else PACKAGE.parents[1] / "conf"
"""Inside the wheel, or at the root of the repository in an editable install."""

SCORING = ("evaluation", "extractor", "likelihood", "sampler")
"""The groups of what is scored, and how: `kantor evaluate` scores a run by others of them."""


def roots(config_dirs: list[str]) -> list[Path]:
    """Where groups are looked for.

    Raises:
        UserError: a directory of the user's is none, or has an option that there is already.
    """
    for entry in config_dirs:
        if not path_of(entry).is_dir():
            raise UserError(
                f"--config-dir {entry}: expected a directory of groups, such as {entry}/experiment/mine.yaml"
            )
    found = {path.resolve(): path for path in (CONF, *map(path_of, config_dirs))}
    if config_dirs:
        _check_names(list(found.values()))
    return list(found.values())


def _check_names(places: list[Path]) -> None:
    """Check that each option has one file: of two, only the first would ever be read.

    Raises:
        UserError: one has two.
    """
    seen: dict[tuple[str, str], Path] = {}
    for path in (path for place in places for path in sorted(place.glob("*/*.yaml"))):
        option = path.parent.name, path.stem
        if option in seen:
            whose = "kantor's own" if seen[option].is_relative_to(CONF) else str(seen[option])
            raise UserError(f"{path}: {'='.join(option)} is {whose} already, and one name means one file: rename yours")
        seen[option] = path


def options(group: str, config_dirs: list[str]) -> list[str]:
    """The names in a group."""
    return sorted({path.stem for root in roots(config_dirs) for path in (root / group).glob("*.yaml")})


def groups(config_dirs: list[str]) -> list[str]:
    """The groups there are."""
    return sorted({path.name for root in roots(config_dirs) for path in root.iterdir() if path.is_dir()})


def check_option(group: str, name: str, config_dirs: list[str]) -> None:
    """Check that a group has an option.

    Raises:
        UserError: it has not; the nearest is named.
    """
    known = options(group, config_dirs)
    if name not in known:
        raise UserError(f"{group}={name} is unknown{nearest(name, known)}: expected one of {', '.join(known)}")
