"""Finding runs: those below a directory, those that paths and globs name, and the newest."""

import glob
from pathlib import Path

from kantor.errors import UserError
from kantor.messages import say
from kantor.paths import path_of
from kantor.plain_files import is_plain
from kantor.runs import door
from kantor.runs.directory import RunDirectory


def find_runs(root: Path) -> list[RunDirectory]:
    """Every run below `root` (or `root` itself), by path."""
    if not root.is_dir():
        return []
    return [RunDirectory(path.parent) for path in door.below(root, "status.json")]


def with_cards(root: Path) -> list[RunDirectory]:
    """Every run below `root` and whatever else has a card, such as somebody's samples, by path."""
    return [
        RunDirectory(path) for path in sorted({path.parent for path in door.below(root, "status.json", "card.json")})
    ]


def latest(root: Path) -> RunDirectory:
    """The run below `root` that was written to last.

    Raises:
        UserError: there is none.
    """
    runs = [run for run in find_runs(root) if _is_begun(run)]
    if not runs:
        raise UserError(f"run=latest: there is no run below {root}; `kantor train experiment=NAME` makes one")
    return RunDirectory.open(max(runs, key=lambda run: run.status_json.stat().st_mtime_ns).path)


def _is_begun(run: RunDirectory) -> bool:
    try:
        return run.exists
    except UserError as error:
        say(f"left out: {error}")
        return False


def named(paths: list[str]) -> list[RunDirectory]:
    """Run directories, and those below directories that are none themselves; globs that the shell left alone too.

    Raises:
        UserError: a path is not there, or has no run.
    """
    found: dict[Path, RunDirectory] = {}
    for path in paths:
        given = path_of(path)
        matches = [str(given)] if given.exists() else sorted(glob.glob(str(given)))
        if not matches:
            raise UserError(f"{path}: there is nothing there; expected run directories")
        for match in matches:
            directory = RunDirectory(match)
            below = [directory] if is_plain(directory.card_json) or directory.exists else with_cards(Path(match))
            if not below:
                raise UserError(
                    f"{match} is no run and has none below it: expected directories with status.json or card.json"
                )
            found.update((entry.path.resolve(), entry) for entry in below)
    return list(found.values())
