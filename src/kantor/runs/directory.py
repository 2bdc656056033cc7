"""The run directory: the unit that can be moved, zipped and sent, and that every command works on.

    config.yaml  environment.json  status.json  metrics.csv  digests.csv  manifest.json  samples/  figures/
    checkpoints/{last,previous,best}.ckpt, generator.safetensors  evaluations/*.json  card.json  report.html
    verifications/*.json

Every file is written whole or not at all; metrics.csv and digests.csv alone are appended to. Every file is
read through the door. This module knows no torch.
"""

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kantor import temporaries
from kantor.atomic import append_rows, remove, write_bytes
from kantor.causes import elsewhere, placing
from kantor.errors import UserError
from kantor.marks import MARK, claim
from kantor.messages import say
from kantor.plain_files import is_plain, is_there
from kantor.runs import door, lease, lease_files, metric_rows, schemas
from kantor.runs.digest_rows import DigestRow, read_digests, write_digests

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
        self.digests_csv = self.path / "digests.csv"
        self.manifest_json = self.path / "manifest.json"
        self.samples = self.path / "samples"
        self.figures = self.path / "figures"
        self.checkpoints = self.path / "checkpoints"
        self.evaluations = self.path / "evaluations"
        self.verifications = self.path / "verifications"
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
        """The resolved configuration as plain containers; of an older run with what its keys were before they had
        names."""
        found = door.read_yaml(self.config_yaml, schemas.CONFIG)
        return {**found, "trainer": {"nodes": 1, **found["trainer"]}}

    def primary_score(self) -> str | None:
        """The score that the configuration names. That line alone is looked at where it stands by itself: of many runs,
        reading all of their YAML takes most of the time."""
        written = door.text(self.config_yaml, door.YAML_BYTES)
        found = re.findall(r"^primary_score: (\w+)$", written, re.MULTILINE)
        if len(found) != 1:
            score: str | None = self.config()["primary_score"]
            return score
        return None if found[0] == "null" else str(found[0])

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

    def digest_rows(self) -> list[DigestRow]:
        """What the state of the training was at its checkpoints. No file: no rows."""
        return read_digests(self.digests_csv)

    @property
    def live(self) -> bool:
        """Whether a process seems to hold the run now."""
        return lease.is_held(self.path, lease_files.LEASE)

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the run for this process, which loses it when it has stood still for long and somebody else takes it.

        Raises:
            Held: another process holds it; that of one elsewhere is known after some seconds.
            LeaseLost: by whatever writes in the directory: it was lost, or the directory is gone.
        """
        with lease.held(self.path, lease_files.LEASE, wait=False):
            yield

    @contextlib.contextmanager
    def publishing(self) -> Iterator[None]:
        """Hold the evaluations, and what is made of them, for this process, once whoever else does has let go: a run
        can be evaluated by several at once.

        Raises:
            LeaseLost: as of `lock`.
        """
        with lease.held(self.path, lease_files.PUBLICATION, wait=True):
            yield

    def create(self) -> None:
        """Make the directory.

        Raises:
            UserError: it cannot be written to, or something in it is no plain file.
        """
        door.check_plain(self.path)
        with self._placing():
            claim(self.path)
        self.check_writable()

    def check_writable(self) -> None:
        """Check that files can be made in the directory.

        Raises:
            UserError: they cannot.
        """
        with (
            self._placing(),
            tempfile.TemporaryFile(dir=self.path),
        ):  # without a name: two that begin at once do not meet
            pass

    def _placing(self) -> contextlib.AbstractContextManager[None]:
        return placing(str(self.path), f"expected a directory to write to: have it permitted{elsewhere()}")

    def check_unbegun(self) -> None:
        """Check that a directory without a run holds nothing of one but what a kill has left of its making or clearing.

        Raises:
            UserError: a run lies there of which status.json alone is lost.
        """
        of_runs = {*door.FILES, *door.OWN} - {MARK, door.NO_RUN}
        left = sorted({entry.name for entry in self.path.iterdir()} & of_runs)
        if left and not is_there(self.no_run):
            raise UserError(
                f"{self.path} has {', '.join(left)} of a run, but no status.json, which tells its state: put that back "
                "from a copy of the run, or rerun=true takes out what is there and trains it from the beginning"
            )

    def clear(self) -> None:
        """Take everything out but leases and mark. At once there is no run any more, and that is said until there is
        another: a kill leaves either all of it or what whoever begins one here takes out."""
        remove(self.card_json)
        write_bytes(self.no_run, b"")
        remove(self.status_json)
        for entry in self.path.iterdir():
            if entry.name not in (MARK, door.NO_RUN) and lease_files.kind_of(entry.name) is None:
                remove(entry)

    def sweep_temporaries(self) -> None:
        """Delete what a kill left of files that were being written, and what said that there was no run; only while the
        run is held. Runs are scored without that: what is being written under a lease is not looked at."""
        for stale in self.path.rglob(".*.tmp"):
            leased = any(lease_files.kind_of(part) for part in stale.relative_to(self.path).parts)
            if not leased and is_plain(stale) and not temporaries.is_written(stale):
                remove(stale)

    def cut_samples(self, steps: int) -> None:
        """Take out the pictures of steps beyond `steps`, which a resumed run draws again."""
        for path in self.samples.glob("step_*"):
            step = re.fullmatch(r"step_(\d+)", path.stem)
            if step is not None and int(step[1]) > steps and is_plain(path):
                remove(path)

    def cut_metrics(self, steps: int) -> None:
        """Drop the rows of metrics.csv beyond `steps`, which a resumed run writes again."""
        rows = self.metric_rows()
        kept = [row for row in rows if int(row["steps"]) <= steps]
        if kept:
            append_rows(self.metrics_csv, list(rows[0]), kept, whole=True)
        else:
            remove(self.metrics_csv)

    def cut_digests(self, steps: int, every: int) -> None:
        """Drop the rows of digests.csv beyond `steps`, and that of a checkpoint that a signal asked for in between
        those of every so many steps."""
        write_digests(
            self.digests_csv, [row for row in self.digest_rows() if row.steps <= steps and row.steps % every == 0]
        )
