"""`kantor list`: what can be named, each with the line that its YAML file begins with."""

from pathlib import Path

from kantor.config import files
from kantor.errors import UserError, nearest
from kantor.messages import show
from kantor.plain_files import Unreadable, read
from kantor.visible import visible

MOST = 1 << 20
"""Bytes of a file that describes an option."""


def describe(path: Path) -> str:
    """The first comment of a YAML file that is not a directive for Hydra."""
    try:
        text = read(path, most=MOST).decode("utf-8")
    except (Unreadable, UnicodeDecodeError) as error:
        why = error if isinstance(error, Unreadable) else "is no UTF-8 text"
        return f"({path} {why})"
    for line in text.splitlines():
        if line.startswith("#") and "@package" not in line:
            return line.lstrip("# ").strip()
    return ""


def show_options(words: list[str], config_dirs: list[str]) -> None:
    """Print all groups, experiments first, or the ones that are named, in the singular or the plural.

    Raises:
        UserError: there is no such group.
    """
    groups = sorted(files.groups(config_dirs), key=lambda group: (group != "experiment", group))
    known = {**{f"{group}s": group for group in groups}, **{group: group for group in groups}}
    for word in words:
        if word not in known:
            raise UserError(
                f"list {word}: there is no such group{nearest(word, known)}: expected one of {', '.join(groups)}"
            )
    for group in [known[word] for word in words] or groups:
        options = {
            path.stem: path for root in files.roots(config_dirs) for path in sorted((root / group).glob("*.yaml"))
        }
        width = max((len(name) for name in options), default=0)
        show(f"{group}=NAME")
        for name, path in sorted(options.items()):
            show(visible(f"  {name:<{width}}  {describe(path)}"))
        show("")
