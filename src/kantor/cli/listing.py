"""`kantor list`: what can be named, each with the line that its YAML file begins with."""

from pathlib import Path

from kantor.config.files import roots
from kantor.errors import UserError, nearest

TITLES = {
    "experiment": "experiments",
    "data": "data",
    "model": "models",
    "objective": "objectives",
    "optimisation": "optimisations",
    "evaluation": "evaluations",
    "trainer": "trainers",
    "stop": "stops",
    "pictures": "pictures",
    "logger": "loggers",
}


def describe(path: Path) -> str:
    """The first comment of a YAML file that is not a directive for Hydra."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("#") and "@package" not in line:
            return line.lstrip("# ").strip()
    return ""


def show(words: list[str], config_dirs: list[str]) -> None:
    """Print all groups, or the ones that are named.

    Raises:
        UserError: there is no such group.
    """
    known = {**{title: group for group, title in TITLES.items()}, **{group: group for group in TITLES}}
    for word in words:
        if word not in known:
            titles = ", ".join(TITLES.values())
            raise UserError(f"list {word}: there is no such group{nearest(word, known)}: expected one of {titles}")
    groups = [known[word] for word in words] or list(TITLES)
    for group in groups:
        files = {path.stem: path for root in roots(config_dirs) for path in sorted((root / group).glob("*.yaml"))}
        width = max((len(name) for name in files), default=0)
        print(f"{TITLES[group]} ({group}=NAME)")
        for name, path in sorted(files.items()):
            print(f"  {name:<{width}}  {describe(path)}")
        print()
