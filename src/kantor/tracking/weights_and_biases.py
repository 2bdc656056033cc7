"""Weights & Biases: one W&B run for a run directory, however often it is gone on with and given again.

Its id is that of the run (`kantor.tracking.about`), or what an agent of a W&B sweep says; the axis is `images_seen`.
W&B's own steps only grow: those of the run are every hundredth, and a picture that comes late takes one in between.
Online, W&B says how far it has come. Offline nothing can be gone on with: each time DIR/wandb gets one directory that
is whole, in place of those before.
"""

import contextlib
import glob
import hashlib
import os
import shlex
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any, ClassVar

from PIL import Image

from kantor.atomic import copy_file, write_json
from kantor.digests import sha256
from kantor.errors import UserError
from kantor.messages import say
from kantor.plain_files import is_there
from kantor.runs import door, schemas
from kantor.runs.pictures import FORMATS
from kantor.tracking.about import About
from kantor.tracking.addresses import without_secrets
from kantor.tracking.answers import check_answers
from kantor.tracking.sink import check_package, scores

KEPT = "wandb.json"
"""In the run directory: the id, the group of a sweep, and of which files an offline directory is whole."""

SHOWN = "shown/"
"""Before a picture's name: the value of the summary with step and digest of the last one."""

SLOTS = 100
"""Of W&B's steps to one of the run's."""

LIMITS = {"init_timeout": 30.0, "finish_timeout": 60.0}
"""Seconds that W&B's client may take to begin and to end, where the user's environment does not say: it would try for
ever to send the rest to a server that is away."""

EXIT_CODES = {"finished": 0, "failed": 1}
KILLED = 255
"""How W&B is told of what has neither finished nor failed."""

LONGEST_TAG = 64
"""W&B refuses longer ones."""


@dataclass(eq=False)
class WandB:
    """W&B, by its client. Without WANDB_API_KEY (or with WANDB_MODE=offline) DIR/wandb is written, for `wandb sync`;
    the key is in no file.

    Attributes:
        project: of W&B; a sweep of W&B's has its own.
        group: of runs; None for the sweep that made the run, else its experiment.
    """

    _: KW_ONLY
    project: str
    group: str | None = None
    name: ClassVar[str] = "wandb"

    def __post_init__(self) -> None:
        self._run: Any = None
        self._about: About | None = None
        self._before = -1  # the last step that W&B had when the run was begun
        self._last = -1  # the last row that W&B has
        self._at = -1  # the last of W&B's own steps
        self._seen: int | None = None  # images_seen of the last row

    @property
    def awaited(self) -> bool:
        """An agent of a W&B sweep waits."""
        return bool(os.environ.get("WANDB_SWEEP_ID"))

    def check(self) -> None:
        """Its package has to be there."""
        check_package("wandb", "wandb")

    def begin(self, about: About) -> None:
        """One line says where the run is seen."""
        if self._run is not None or mode() == "disabled":
            return
        kept = _kept(about, self.group)
        if mode() == "offline":
            if kept.get("whole") == _fingerprint(about.directory) and _written(about.directory, kept["id"]):
                say(_where(about))
                return
            _make_room(about.directory, kept["id"])
        with _environment_kept():
            self._run = self._begun(about, kept)
        self._about, self._at = about, self._run.starting_step - 1
        self._before = self._last = self._at // SLOTS
        self._seen = self._run.summary.get("images_seen")
        self._run.define_metric("images_seen")
        self._run.define_metric("*", step_metric="images_seen")
        write_json(about.directory / KEPT, {"id": self._run.id, "group": kept["group"]})
        say(_where(about, None if self._run.offline else self._run.url))

    def _begun(self, about: About, kept: Mapping[str, Any]) -> Any:
        import wandb

        os.environ.setdefault("WANDB_SILENT", "true")  # where the key comes from is nobody's news
        limits: dict[str, Any] = {
            name: value for name, value in LIMITS.items() if f"WANDB_{name.upper()}" not in os.environ
        }
        try:
            if mode() == "online":
                _check_there()
            return wandb.init(
                project=None if self.awaited else self.project,
                id=None if self.awaited else kept["id"],  # both are the agent's
                name=about.name,
                group=kept["group"],
                job_type="train",
                tags=[tag[:LONGEST_TAG] for tag in about.tags],
                config={**about.configuration, "environment": dict(about.environment)},
                dir=about.directory,
                mode=mode(),  # type: ignore[arg-type]  # the client says what it takes
                resume="allow",
                reinit="create_new",  # runs of one process do not merge
                settings=wandb.Settings(
                    silent=True, console="off", x_save_requirements=False, finish_timeout_raises=True, **limits
                ),
            )
        except wandb.Error as error:
            first = without_secrets(str(error)).partition("\n")[0]
            raise UserError(f"wandb: {first}; with WANDB_MODE=offline nothing is sent") from error

    def row(self, counters: Mapping[str, int], values: Mapping[str, float]) -> None:
        """W&B has what comes before `starting_step`."""
        if self._run is not None and counters["steps"] > self._last:
            self._last, self._seen = counters["steps"], counters["images_seen"]
            self._log({**counters, **values}, self._last)

    def picture(self, name: str, counters: Mapping[str, int], path: Path) -> None:
        """What W&B shows already is not given again: of a step that it has come to with this name, or the one before
        once more. A kill may have come between a row and its pictures, which are late then."""
        if self._run is None:
            return
        import wandb

        step, look = counters["steps"], hashlib.sha256(path.read_bytes()).hexdigest()
        last, shown = self._shown_last(name)
        if step <= last or look == shown:
            return
        if path.suffix == ".gif":
            picture: Any = wandb.Video(str(path), format="gif")
        else:
            with Image.open(path, formats=FORMATS) as image:
                picture = wandb.Image(image)
        self._log({name: picture, "images_seen": counters["images_seen"]}, step)
        so_far = {} if self._seen is None else {"images_seen": self._seen}
        self._run.summary.update({f"{SHOWN}{name}": f"{step} {look}", **so_far})

    def _log(self, values: Mapping[str, Any], step: int) -> None:
        """What is late comes before the next step of the run."""
        late = min(self._at + 1, SLOTS * (self._before + 1) - 1)
        self._at = SLOTS * step if step > self._before else late
        self._run.log(values, step=self._at)

    def _shown_last(self, name: str) -> tuple[int, str]:
        """Step and digest of the last picture that W&B has of a name; -1 without one."""
        step, _, look = str(self._run.summary.get(f"{SHOWN}{name}") or "").partition(" ")
        return (int(step), look) if step.isascii() and step.isdigit() else (-1, "")

    def card(self, card: Mapping[str, Any], files: Mapping[str, Path]) -> None:
        """Scores are the run's summary; the files are an artefact, of which W&B keeps a version where it changed."""
        if self._run is None:
            return
        import wandb

        if not self._run.offline:
            _check_there()  # whose artefacts are there already is asked, for long
        self._run.summary.update({**scores(card), "state": card["status"]})
        told = {part: card[part] for part in ("experiment", "config_hash", "seed", "budget", "cost")}
        artefact = wandb.Artifact(f"card-{self._run.id}", type="card", metadata=told)
        beside = Path(self._run.dir).absolute().parent / "card"  # W&B would keep its own copies in the home directory
        for name, path in files.items():
            copy = beside / f"of_{name}"  # a directory with a card.json would be taken for a run
            copy_file(path, copy)
            artefact.add_file(str(copy), name=name, policy="immutable", skip_cache=True)
        self._run.log_artifact(artefact)

    def end(self, state: str) -> None:
        """W&B is told in which way the run ended."""
        if self._run is None:
            return
        run, about, self._run, self._about = self._run, self._about, None, None
        assert about is not None
        try:
            run.finish(exit_code=EXIT_CODES.get(state, KILLED))
        except TimeoutError as error:
            there = Path(run.dir).parent
            raise TimeoutError(
                f"W&B took too long; `wandb sync {shlex.quote(str(there))}` sends what is left"
            ) from error
        if run.offline and state in EXIT_CODES:
            whole = _fingerprint(about.directory)
            write_json(about.directory / KEPT, {**_read(about.directory), "whole": whole})


def mode() -> str:
    """online, offline, or disabled, which is none: as WANDB_MODE says, else whether there is a key."""
    return os.environ.get("WANDB_MODE") or ("online" if os.environ.get("WANDB_API_KEY") else "offline")


def _check_there() -> None:
    """Check that W&B's server answers, unless by a proxy that its client alone knows.

    Raises:
        Away: it does not.
    """
    import wandb

    server = wandb.setup().settings
    if not (server.http_proxy or server.https_proxy):
        check_answers(server.base_url)


def _where(about: About, address: str | None = None) -> str:
    """The line that says where a run is seen, or what sends it there."""
    if address is not None:
        return f"W&B: {about.name} {without_secrets(address)}"
    there = f"{shlex.quote(str(about.directory))}/wandb/offline-run-*"
    return f"W&B: {about.name} is kept offline; once it has ended, `wandb sync {there}` sends it"


def _kept(about: About, group: str | None) -> dict[str, Any]:
    """What is known of the run there: an id that W&B's environment gives, that of before, or the run's own."""
    before = _read(about.directory)
    there = os.environ.get("WANDB_RUN_ID") or before.get("id") or about.id
    named = about.group if about.group != about.experiment else before.get("group", about.group)
    return {**before, "id": there, "group": group or named}


def _read(directory: Path) -> dict[str, Any]:
    path = directory / KEPT
    return door.read_json(path, schemas.WANDB) if is_there(path) else {}


def _fingerprint(directory: Path) -> str:
    """Of the files that W&B is given, without the pictures: a picture more comes with a row more."""
    found = [directory / name for name in ("config.yaml", "status.json", "metrics.csv", "card.json")]
    return sha256([hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None for path in found])


def _written(directory: Path, run_id: str) -> list[Path]:
    """What W&B has written of a run without being asked for its network."""
    found = (directory / "wandb").glob(f"offline-run-*-{glob.escape(run_id)}")
    return sorted(path for path in found if path.is_dir() and not path.is_symlink())


def _make_room(directory: Path, run_id: str) -> None:
    """Take out what W&B has written of a run; its directories are named by the second, and a name is not used twice."""
    for stale in _written(directory, run_id):
        while time.strftime("-%Y%m%d_%H%M%S-") in stale.name:
            time.sleep(0.05)
        shutil.rmtree(stale)


@contextlib.contextmanager
def _environment_kept() -> Iterator[None]:
    """W&B's client leaves variables behind, which the next run of the process would take for the user's."""
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)
