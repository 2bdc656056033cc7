"""What differs between a run as it was made and this code, on this machine: equal bits can be expected where nothing
does.
"""

import platform
from collections.abc import Iterator, Mapping

from kantor.engine.assembly import Assembly
from kantor.engine.integrity import changed_settings
from kantor.runs.attempts import machine, packages
from kantor.runs.directory import RunDirectory
from kantor.runs.identity import code_hashes
from kantor.runs.provenance import commit
from kantor.runs.verification import Difference
from kantor.version import PACKAGE, __version__


def differences(directory: RunDirectory, run: Assembly, *, until: int | None = None) -> list[Difference]:
    """What differs, each thing once.

    Args:
        directory: of the run.
        run: as it is built now.
        until: the last step that counts; None for all of them.
    """
    found = [*of_machine(directory, run, until), *of_code(directory, run), *of_settings(directory)]
    then, now = directory.environment().get("data", {}).get("fingerprint"), run.data.fingerprint
    if then is not None and then != now:
        found.append(Difference("fingerprint of the data", short(str(then)), short(now)))
    return list(dict.fromkeys(found))


def of_machine(directory: RunDirectory, run: Assembly, until: int | None) -> Iterator[Difference]:
    """The device, processes, threads and torch of each attempt that trained some of the steps."""
    here = machine(run.configuration.trainer)
    for attempt in directory.status()["attempts"]:
        if until is None or (attempt.get("from_step") or 0) < until:
            for name, now in here.items():
                if name in attempt and attempt[name] != now:
                    yield Difference(
                        f"number of {name}" if isinstance(now, int) else name, str(attempt[name]), str(now)
                    )


def of_code(directory: RunDirectory, run: Assembly) -> Iterator[Difference]:
    """Python, packages, kantor, and the source of what the configuration names."""
    made = directory.environment()
    versions = {"python": platform.python_version(), **packages()}
    before = {"python": made.get("python"), **(made.get("packages") or {})}
    for name, now in versions.items():
        then = before.get(name)
        if then is not None and then != now:
            yield Difference(name, str(then), now)
    code, there = code_hashes(run.configuration.plain), made["code"]
    for name in sorted({*code, *there}):
        if code.get(name) != there.get(name):
            yield Difference(f"source of {name}", short(there.get(name)), short(code.get(name)))
    if made.get("code_before"):
        yield Difference("source", "changed while it was trained", "as it was at the end")
    by, here = (made["made_by"] or {}).get("kantor"), {"version": __version__, "git": commit(PACKAGE)}
    if by and by != here:
        yield Difference("kantor", told(by), told(here))


def told(kantor: Mapping[str, object]) -> str:
    """A version of kantor, its commit, and whether files differ from that."""
    git = kantor.get("git")
    if not isinstance(git, dict):
        return str(kantor.get("version"))
    return f"{kantor.get('version')} {short(str(git.get('commit')))}{' with changes' if git.get('dirty') else ''}"


def of_settings(directory: RunDirectory) -> Iterator[Difference]:
    """The lines of config.yaml that were changed since the run was finished."""
    for one in changed_settings(directory):
        where = f"config.yaml, line {one.line}: {one.key}" if one.line else f"config.yaml: {one.key}"
        yield Difference(where, one.then, one.now)


def short(digest: str | None) -> str:
    """The first digits of a digest."""
    return "not there" if digest is None else digest[:10]
