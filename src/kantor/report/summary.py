"""What a run's files say of it at one moment; what is not there yet is empty."""

import shlex
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from kantor.models.charts import Chart
from kantor.plain_files import is_plain
from kantor.report import units
from kantor.report.cards import Evaluation, Score, read_evaluations
from kantor.runs import door
from kantor.runs.attempts import is_pruned
from kantor.runs.directory import RunDirectory


@dataclass(frozen=True)
class Summary:
    """A run's small files, read.

    Attributes:
        run: where they are.
        status: state, counters and attempts.
        config: the resolved configuration.
        environment: what made the run, with its step and its charts.
        card: scores, budget and cost.
        evaluations: those of the card.
    """

    run: RunDirectory
    status: dict[str, Any]
    config: dict[str, Any]
    environment: dict[str, Any]
    card: dict[str, Any]
    evaluations: list[Evaluation]

    @property
    def experiment(self) -> str:
        """The experiment's name, or the directory's."""
        return str(self.card.get("experiment") or self.config.get("experiment") or self.run.path.name)

    @property
    def seed(self) -> int | None:
        """The training seed; None of somebody's samples."""
        return self.card.get("seed", self.config.get("seed"))

    @property
    def config_hash(self) -> str | None:
        """Of everything that determines the weights; None of somebody's samples."""
        return self.card.get("config_hash") or self.environment.get("config_hash")

    @property
    def state(self) -> str:
        """As it is written down; "stopped" when it says "running" and its last attempt has ended.

        So an interrupted run says while its process writes the last page.
        """
        state = str(self.status.get("state") or self.card.get("status") or "new")
        attempts = self.status.get("attempts") or []
        ended = bool(attempts) and attempts[-1].get("outcome") is not None
        return "stopped" if state == "running" and ended else state

    @property
    def state_now(self) -> str:
        """The state, "stopped" also when it says "running" while nobody holds its lock, which takes a moment to see."""
        try:
            return "stopped" if self.state == "running" and not self.run.live else self.state
        except OSError:  # a directory that cannot be written to has no lock to look at
            return self.state

    @property
    def counters(self) -> dict[str, int]:
        """What was consumed, by counter: images_seen, steps, and the model's own."""
        return self.card.get("budget") or self.status.get("counters") or {}

    @property
    def cost(self) -> dict[str, Any]:
        """Seconds, bytes and parameters."""
        return self.card.get("cost") or {}

    @property
    def step(self) -> str:
        """What one training step is, in the model's words."""
        return units.reworded(str(self.environment.get("step") or ""), self.words)

    @property
    def words(self) -> dict[str, str]:
        """The model's own words in place of others in the names of what it logs and counts."""
        return {str(word): str(own) for word, own in (self.environment.get("words") or {}).items()}

    @property
    def content(self) -> str:
        """What the data are of: "points" or "pictures"; of somebody's samples points are what is scored as it is."""
        as_they_are = any(one.protocol.get("extractor") == "identity" for one in self.evaluations)
        return str(self.environment.get("content") or ("points" if as_they_are else "pictures"))

    @property
    def scoring_command(self) -> str:
        """The command that scores the run, with an evaluation that suits its data where its configuration has none."""
        words = ["kantor", "evaluate", f"run={self.run.path}"]
        if not (self.config.get("evaluation") or {}).get("_target_"):
            words.append(f"evaluation={self.environment.get('preset', 'NAME')}")
        return shlex.join(words)

    @property
    def way_to_scores(self) -> str:
        """How a run without scores comes to some, in words that end a sentence: one that is not finished is, first."""
        if self.state_now == "stopped":
            return "it is stopped: its `kantor train …`, given again, finishes it, with its scores"
        return f"`{self.scoring_command}` makes them"

    @property
    def trial(self) -> tuple[str, int] | None:
        """Of a run that a search has tried: which search, and the number of the trial."""
        search = self.environment.get("search")
        return None if search is None else (str(search["study"]), int(search["trial"]))

    @property
    def failed(self) -> bool:
        """Whether training failed, which a score of what came before it does not mend."""
        return self.state == "failed"

    @property
    def pruned(self) -> bool:
        """Whether it is a trial that its search has ended early."""
        return self.trial is not None and is_pruned(self.status)

    @property
    def reason(self) -> str:
        """Why it failed, as its status gives it."""
        return str(self.status.get("reason") or "no reason given")

    @property
    def primary_name(self) -> str:
        """The score that the experiment is judged by."""
        return str(self.config.get("primary_score") or "")

    @property
    def judged(self) -> Evaluation | None:
        """The last evaluation that has a value of the primary score."""
        scores = [(one, one.scores.get(self.primary_name)) for one in reversed(self.evaluations)]
        return next((one for one, score in scores if score is not None and score.value is not None), None)

    @property
    def primary(self) -> Score | None:
        """The primary score of that."""
        return None if self.judged is None else self.judged.scores[self.primary_name]

    @property
    def scores(self) -> dict[str, Score]:
        """Every score by its name; of several evaluations the last that has it."""
        return {name: score for one in self.evaluations for name, score in one.scores.items()}

    @property
    def charts(self) -> list[Chart]:
        """How what the model logs is drawn."""
        return [Chart(**entry) for entry in self.environment.get("charts") or []]

    @cached_property
    def metrics(self) -> dict[str, list[float | None]]:
        """What was logged, as columns.

        Raises:
            UserError: metrics.csv is damaged.
        """
        return self.run.metrics()


def summarise(run: RunDirectory, status: dict[str, Any] | None = None) -> Summary:
    """Read a run's files.

    Args:
        run: which.
        status: what status.json will say; None for what it says.

    Raises:
        UserError: one is damaged, or something among them is no plain file.
    """
    door.check_plain(run.path)
    card = run.card() if is_plain(run.card_json) else {}
    return Summary(
        run,
        status=status if status is not None else run.status() if is_plain(run.status_json) else {},
        config=run.config() if is_plain(run.config_yaml) else {},
        environment=run.environment() if is_plain(run.environment_json) else {},
        card=card,
        evaluations=read_evaluations(card),
    )
