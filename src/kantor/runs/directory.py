"""The run directory: the unit that can be moved, zipped and sent, and that every command works on.

    config.yaml  environment.json  status.json  metrics.csv  samples/  figures/
    checkpoints/{last,previous,best}.ckpt, generator.safetensors  evaluations/*.json  card.json  report.html

Every file is written whole or not at all; metrics.csv alone is appended to. Every file is read through the door. This
module knows no torch.
"""

import contextlib
import glob
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kantor import locks, temporaries
from kantor.atomic import append_rows, write_bytes
from kantor.causes import placing
from kantor.errors import Held, UserError
from kantor.marks import MARK, claim
from kantor.messages import say
from kantor.paths import path_of
from kantor.plain_files import is_plain, is_there
from kantor.runs import door, metric_rows, schemas

LOCK = ".lock"
PUBLICATION_LOCK = ".publication.lock"
LAYOUT = 1  # raised when a directory written by this version could not be read by the one before


def now() -> str:
    """The time in UTC as ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


class RunDirectory:
    """Paths, readers and writers of one run.

    Args:
        path: the directory; it need not exist yet.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.config_yaml = self.path / "config.yaml"
        self.environment_json = self.path / "environment.json"
        self.status_json = self.path / "status.json"
        self.metrics_csv = self.path / "metrics.csv"
        self.samples = self.path / "samples"
        self.figures = self.path / "figures"
        self.checkpoints = self.path / "checkpoints"
        self.evaluations = self.path / "evaluations"
        self.card_json = self.path / "card.json"
        self.report_html = self.path / "report.html"
        self.no_run = self.path / door.NO_RUN

    def __repr__(self) -> str:
        return f"RunDirectory({str(self.path)!r})"

    @property
    def exists(self) -> bool:
        """Whether a run was begun here.

        Raises:
            UserError: it cannot be found out.
        """
        return is_plain(self.status_json)

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> "RunDirectory":
        """An existing run.

        Raises:
            UserError: there is no run at `path`, or one of another layout, or something in it is no plain file.
        """
        directory = cls(path)
        if not directory.exists or not is_plain(directory.config_yaml):
            raise UserError(
                f"run={path} is no run: expected a directory with status.json and config.yaml; "
                "`kantor status` lists the runs below outputs/"
            )
        door.check_plain(directory.path)
        directory.status()
        return directory

    def version(self) -> str:
        """The kantor version that wrote the run."""
        if not is_plain(self.environment_json):
            return "unknown version"
        return str(door.read_json(self.environment_json).get("kantor", "unknown version"))

    def config(self) -> dict[str, Any]:
        """The resolved configuration as plain containers."""
        return door.read_yaml(self.config_yaml, schemas.CONFIG)

    def status(self) -> dict[str, Any]:
        """State, reason, counters and attempts.

        Raises:
            UserError: the file is missing or damaged, or of another layout.
        """
        found = door.read_json(self.status_json)
        layout = found.get("layout")
        if layout != LAYOUT:
            raise UserError(
                f"run={self.path} has layout {layout!r}, this kantor reads layout {LAYOUT}: "
                f"use the kantor that wrote it ({self.version()})"
            )
        return door.of_shape(self.status_json, found, schemas.STATUS)

    def environment(self) -> dict[str, Any]:
        """Versions, git commit, device, precision, data fingerprint and code hashes."""
        return door.read_json(self.environment_json, schemas.ENVIRONMENT)

    def card(self) -> dict[str, Any]:
        """Scores with their protocols, budget and cost."""
        return door.read_json(self.card_json, schemas.card)

    def evaluation_files(self) -> list[dict[str, Any]]:
        """What stands in evaluations/, oldest first; a damaged file is named and left out."""
        with door.reading(self.evaluations):
            files = self.evaluations.glob("*.json")
            ordered = sorted(files, key=lambda path: (path.stat(follow_symlinks=False).st_mtime_ns, path.name))
        return [found for path in ordered if (found := self.evaluation(path)) is not None]

    @staticmethod
    def evaluation(path: Path) -> dict[str, Any] | None:
        """One of the files in evaluations/; None of a damaged one, which is named."""
        try:
            return door.read_json(path, schemas.evaluation)
        except UserError as error:
            say(f"left out: {error}")
            return None

    def metrics(self) -> dict[str, list[float | None]]:
        """metrics.csv as columns; an empty cell, NaN and infinity are None. No file: no columns."""
        rows = self.metric_rows()
        if not rows:
            return {}
        return {name: [metric_rows.number(row[name]) for row in rows] for name in rows[0]}

    def metric_rows(self) -> list[dict[str, str]]:
        """metrics.csv as rows of text. No file: no rows; a last row that was torn by a kill is no row."""
        return metric_rows.read_rows(self.metrics_csv) if is_there(self.metrics_csv) else []

    @property
    def live(self) -> bool:
        """Whether a process holds the run's lock now."""
        return locks.is_locked(self.path / LOCK)

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the run for this process; the kernel lets go of it however the process ends.

        Raises:
            Held: another process holds it.
        """
        if not self.path.is_dir():
            yield
            return
        with contextlib.ExitStack() as stack:
            for attempt in range(10):  # `live` holds it for a moment too
                try:
                    stack.enter_context(locks.locked(self.path / LOCK, wait=False))
                    break
                except BlockingIOError as error:
                    if attempt == 9:
                        raise Held(
                            f"{self.path} is in use by another kantor process: wait for it or stop it "
                            "(`kantor status` shows it), then give the command again"
                        ) from error
                    time.sleep(0.02)
            yield

    @contextlib.contextmanager
    def publishing(self) -> Iterator[None]:
        """Hold the evaluations, and what is made of them, for this process, once whoever else does has let go: a run
        can be evaluated by several at once."""
        with locks.locked(self.path / PUBLICATION_LOCK, wait=True):
            yield

    def create(self) -> None:
        """Make the directory.

        Raises:
            UserError: it cannot be written to, or something in it is no plain file.
        """
        door.check_plain(self.path)
        with placing(f"outputs: {self.path}", "name another directory, outputs=DIR"):
            claim(self.path)
            with tempfile.TemporaryFile(dir=self.path):  # without a name: two that begin at once do not meet
                pass

    def check_unbegun(self) -> None:
        """Check that a directory without a run holds nothing of one but what a kill has left of its making or clearing.

        Raises:
            UserError: a run lies there of which status.json alone is lost.
        """
        of_runs = {*door.FILES, *door.OWN} - {LOCK, PUBLICATION_LOCK, MARK, door.NO_RUN}
        left = sorted({entry.name for entry in self.path.iterdir()} & of_runs)
        if left and not is_there(self.no_run):
            raise UserError(
                f"{self.path} has {', '.join(left)} of a run, but no status.json, which tells its state: put that back "
                "from a copy of the run, or rerun=true takes out what is there and trains it from the beginning"
            )

    def clear(self) -> None:
        """Take everything out but lock and mark. At once there is no run any more, and that is said until there is
        another: a kill leaves either all of it or what whoever begins one here takes out."""
        self.card_json.unlink(missing_ok=True)
        if self.exists:
            self.status_json.replace(self.no_run)
        else:
            write_bytes(self.no_run, b"")
        for entry in self.path.iterdir():
            if entry.name not in (LOCK, PUBLICATION_LOCK, MARK, door.NO_RUN):
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()

    def sweep_temporaries(self) -> None:
        """Delete what a kill left of files that were being written, and what said that there was no run; only under the
        lock. Runs are scored without it."""
        for stale in self.path.rglob(".*.tmp"):
            if is_plain(stale) and not temporaries.is_written(stale):
                stale.unlink(missing_ok=True)

    def cut_samples(self, steps: int) -> None:
        """Take out the pictures of steps beyond `steps`, which a resumed run draws again."""
        for path in self.samples.glob("step_*"):
            step = re.fullmatch(r"step_(\d+)", path.stem)
            if step is not None and int(step[1]) > steps and is_plain(path):
                path.unlink()

    def cut_metrics(self, steps: int) -> None:
        """Drop the rows of metrics.csv beyond `steps`, which a resumed run writes again."""
        rows = self.metric_rows()
        kept = [row for row in rows if int(row["steps"]) <= steps]
        if kept:
            append_rows(self.metrics_csv, list(rows[0]), kept, whole=True)
        else:
            self.metrics_csv.unlink(missing_ok=True)


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
