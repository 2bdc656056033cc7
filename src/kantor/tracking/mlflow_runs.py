"""MLflow: one MLflow run for a run directory, found again by a tag, in whatever store MLFLOW_TRACKING_URI names.

A row is one transaction, and `images_seen` of the last one says how far MLflow has come; times are those of the run. A
picture has a name of its own by step, so that giving it again changes nothing. A server that does not answer is left
alone after some seconds, which its client would not do for minutes; what it has is asked anew next time.
"""

import contextlib
import hashlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from kantor.errors import UserError
from kantor.locks import locked
from kantor.messages import say
from kantor.tracking.about import About
from kantor.tracking.addresses import without_secrets
from kantor.tracking.answers import check_answers
from kantor.tracking.sink import check_package, flattened, scores

TAG = "kantor.id"
"""By which a run is found again."""

LOOK = "kantor.look "
"""Before a picture's name: the tag with the digest of the last one."""

STORE = "mlflow.db"
"""Where MLFLOW_TRACKING_URI names none: in the directory of the command. No configuration names one, for it may come
from anybody."""

AT_ONCE = 900
"""Metrics in a transaction, at most; MLflow takes no more than a thousand."""

PARAMS_AT_ONCE = 100
"""Parameters in a transaction, at most, by MLflow's own limit."""

SOON = 1.0
"""Seconds that rows wait for others, at most."""

LONGEST, LONGEST_KEY = 5000, 250
"""Letters of a value and of a name; MLflow takes no more than 6,000 and 250."""

QUICK = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
"""How often and how many seconds the client asks, without a word, where the user's environment does not say."""

STATES = {"finished": "FINISHED", "failed": "FAILED"}
KILLED = "KILLED"


@dataclass(eq=False)
class MLflow:
    """MLflow, by its client.

    Attributes:
        project: the MLflow experiment.
    """

    _: KW_ONLY
    project: str
    name: ClassVar[str] = "mlflow"

    def __post_init__(self) -> None:
        self._client: Any = None
        self._run_id = ""
        self._about: About | None = None
        self._last = -1  # the last row that MLflow has
        self._time = self._flushed = 0.0
        self._pending: list[Any] = []
        self._have: set[str] = set()
        self._looks: dict[str, str] = {}

    @property
    def awaited(self) -> bool:
        """Never."""
        return False

    def check(self) -> None:
        """Its package has to be there."""
        check_package("mlflow", "mlflow")

    def begin(self, about: About) -> None:
        """Parameters are the configuration; those that MLflow has stay, for it lets none be changed."""
        if self._client is not None:
            self._about = about
            return
        uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{Path(STORE).absolute()}"
        check_answers(uri)
        from mlflow.exceptions import MlflowException

        try:
            with self._speaking():
                self._begin(uri, about)
        except MlflowException as error:
            sentence = str(error).partition("\n")[0]
            raise UserError(without_secrets(f"mlflow: {sentence} (the store is {uri})")) from error
        say(f"MLflow: {about.name} {self._run_id} in {without_secrets(uri)}")

    def _begin(self, uri: str, about: About) -> None:
        from mlflow.entities import Param, RunTag
        from mlflow.tracking import MlflowClient

        with _alone(uri):
            client = MlflowClient(tracking_uri=uri)
            run = self._run(client, about)
        self._run_id = run.info.run_id
        new = {key: str(value)[:LONGEST] for key, value in flattened(about.configuration).items()}
        new = {_key(key): value for key, value in new.items() if _key(key) not in run.data.params}
        told = {**flattened(about.environment, "environment."), "group": about.group, "job_type": "train"}
        words = [RunTag(_key(key), str(value)[:LONGEST]) for key, value in told.items()]
        words += [RunTag(f"tag.{_key(tag)}", "true") for tag in about.tags]
        params = [Param(key, value) for key, value in new.items()]
        for first in range(0, len(params), PARAMS_AT_ONCE):
            client.log_batch(self._run_id, params=params[first : first + PARAMS_AT_ONCE])
        client.log_batch(self._run_id, tags=words)
        client.update_run(self._run_id, status="RUNNING")
        counted = client.get_metric_history(self._run_id, "images_seen")
        self._last = max((one.step for one in counted), default=-1)
        self._have = set(_files(client, self._run_id, "pictures"))
        tags = run.data.tags.items()
        self._looks = {key.removeprefix(LOOK): value for key, value in tags if key.startswith(LOOK)}
        self._client, self._about, self._time, self._flushed = client, about, about.began, time.monotonic()

    @contextlib.contextmanager
    def _speaking(self) -> Iterator[None]:
        """What fails lets go of the run: the next `begin` asks what MLflow has."""
        with _quickly():
            try:
                yield
            except BaseException:
                self._let_go()
                raise

    def _let_go(self) -> None:
        self._client, self._about, self._pending, self._have, self._looks = None, None, [], set(), {}

    def _run(self, client: Any, about: About) -> Any:
        """The run with the tag, which is made where there is none."""
        where = self._experiment(client)
        found = client.search_runs([where], filter_string=f"tags.`{TAG}` = '{about.id}'", max_results=1)
        if found:
            return found[0]
        began = int(about.began * 1000)
        return client.create_run(where, start_time=began, tags={TAG: about.id}, run_name=about.name)

    def _experiment(self, client: Any) -> str:
        """The id of the project, which is made where there is none, perhaps by somebody else at this moment."""
        from mlflow.exceptions import MlflowException

        experiment = client.get_experiment_by_name(self.project)
        if experiment is None:
            try:
                return str(client.create_experiment(self.project))
            except MlflowException:
                experiment = client.get_experiment_by_name(self.project)
                if experiment is None:
                    raise
        return str(experiment.experiment_id)

    def row(self, counters: Mapping[str, int], values: Mapping[str, float]) -> None:
        """Written at once while training, some together in a replay, each with all of it."""
        from mlflow.entities import Metric

        step = counters["steps"]
        if step <= self._last:
            return
        assert self._about is not None
        self._last = step
        self._time = self._about.began + values.get("seconds", 0.0)
        moment = int(self._time * 1000)
        row = [Metric(_key(name), value, moment, step) for name, value in {**counters, **values}.items()]
        with self._speaking():
            if len(self._pending) + len(row) > AT_ONCE:
                self._flush()
            self._pending += row
            if time.monotonic() - self._flushed > SOON:
                self._flush()

    def picture(self, name: str, counters: Mapping[str, int], path: Path) -> None:
        """An artefact `NAME/step_STEP.png`, not of one that is the one before once more; an animation has no step."""
        place = f"{name}{path.suffix}" if path.suffix == ".gif" else f"{name}/step_{counters['steps']:08d}{path.suffix}"
        look = hashlib.sha256(path.read_bytes()).hexdigest()
        if place not in self._have and self._looks.get(name) != look:
            with self._speaking():
                self._keep(path, place)
                self._client.set_tag(self._run_id, _key(f"{LOOK}{name}"), look)
            self._have.add(place)
            self._looks[name] = look

    def card(self, card: Mapping[str, Any], files: Mapping[str, Path]) -> None:
        """Scores are metrics of the last step, newer ones above older ones; the files are artefacts."""
        from mlflow.entities import Metric

        assert self._about is not None
        reached = self._about.reached
        with self._speaking():
            self._flush()
            there, moment = self._client.get_run(self._run_id).data.metrics, int(time.time() * 1000)
            new = {_key(name): value for name, value in scores(card).items() if there.get(_key(name)) != value}
            metrics = [Metric(name, value, moment, reached) for name, value in new.items()]
            for first in range(0, len(metrics), AT_ONCE):
                self._client.log_batch(self._run_id, metrics=metrics[first : first + AT_ONCE])
            for name, path in files.items():
                self._keep(path, name)

    def end(self, state: str) -> None:
        """The last rows, and MLflow's state of the run; its end is that of the last row."""
        if self._client is None:
            return
        with self._speaking():
            self._flush()
            ended = int(self._time * 1000)
            self._client.set_terminated(self._run_id, status=STATES.get(state, KILLED), end_time=ended)
        self._let_go()

    def _flush(self) -> None:
        pending, self._pending, self._flushed = self._pending, [], time.monotonic()
        if pending:
            self._client.log_batch(self._run_id, metrics=pending)

    def _keep(self, path: Path, place: str) -> None:
        """A file as an artefact of another name."""
        with tempfile.TemporaryDirectory() as directory:
            named = Path(directory) / Path(place).name
            shutil.copyfile(path, named)
            parent = str(Path(place).parent)
            self._client.log_artifact(self._run_id, str(named), None if parent == "." else parent)


@contextlib.contextmanager
def _quickly() -> Iterator[None]:
    """The client tries few times, and does not wait long."""
    new = {name: value for name, value in QUICK.items() if name not in os.environ}
    os.environ.update(new)
    try:
        yield
    finally:
        for name in new:
            os.environ.pop(name, None)


@contextlib.contextmanager
def _alone(uri: str) -> Iterator[None]:
    """Nobody else of kantor's makes tables, or a run, in a store that is a file; servers see to that themselves."""
    address = urlsplit(uri)
    store = Path(address.path[1:]).absolute()
    with contextlib.ExitStack() as stack:
        if address.scheme.startswith("sqlite") and store.parent.is_dir():
            stack.enter_context(locked(store.with_name(f"{store.name}.lock"), wait=True))
        yield


def _key(name: str) -> str:
    """A name as MLflow takes it."""
    return re.sub(r"[^\w.\-:/ ]", "_", name)[:LONGEST_KEY]


def _files(client: Any, run_id: str, place: str) -> list[str]:
    """The artefacts below a place."""
    found: list[str] = []
    for entry in client.list_artifacts(run_id, place):
        found += _files(client, run_id, entry.path) if entry.is_dir else [entry.path]
    return found
