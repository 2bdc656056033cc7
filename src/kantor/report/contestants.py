"""A contestant: one run as a comparison sees it (card, configuration, state), read from its files only."""

import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kantor.errors import UserError
from kantor.report import units
from kantor.report.cards import Evaluation, flatten, read_evaluations
from kantor.report.progress import state_of
from kantor.runs.directory import RunDirectory

NOT_METHOD = ("seed", "experiment")  # keys that say which run it is, not how it differs


@dataclass(frozen=True)
class Contestant:
    """One run of a comparison."""

    run: RunDirectory
    label: str
    experiment: str
    config_hash: str | None
    seed: int | None
    state: str
    card: dict[str, Any]
    config: dict[str, Any]
    evaluations: list[Evaluation]

    @property
    def path(self) -> str:
        """The directory as it was given."""
        return str(self.run.path)

    @property
    def method(self) -> tuple[str, str]:
        """Runs of equal method differ in their training seed only. A foreign card is a method of its own."""
        return (self.experiment, self.config_hash) if self.config_hash is not None else (self.path, "")

    def budget(self, counter: str) -> int | None:
        """What was consumed: images_seen, steps or critic_steps."""
        return (self.card.get("budget") or {}).get(counter)

    @property
    def train_seconds(self) -> float | None:
        """Seconds of training."""
        return (self.card.get("cost") or {}).get("train_seconds")


def read_contestants(runs: Sequence[RunDirectory]) -> list[Contestant]:
    """The runs with labels that tell them apart; a directory given twice counts once.

    Raises:
        UserError: fewer than two runs, or one without scores.
    """
    distinct = list({run.path.resolve(): run for run in runs}.values())
    if len(distinct) < 2:
        given = f"only {distinct[0].path}" if distinct else "none"
        raise UserError(
            f"compare needs at least two runs, given {given}: `kantor compare DIR DIR …` (globs are welcome; "
            "`kantor status` lists the runs)"
        )
    cards = [read_card(run) for run in distinct]
    labels = distinct_labels(distinct, cards)
    return [contestant(run, card, label) for run, card, label in zip(distinct, cards, labels, strict=True)]


def read_card(run: RunDirectory) -> dict[str, Any]:
    """The card of a run that has scores.

    Raises:
        UserError: it has none.
    """
    card = run.card() if run.card_json.is_file() else {}
    if not card.get("evaluations"):
        if not run.path.is_dir():
            raise UserError(
                f"{run.path} does not exist: compare expects run directories; `kantor status` lists the runs"
            )
        raise UserError(
            f"{run.path} has no scores to compare: `kantor evaluate run={shlex.quote(str(run.path))} "
            "evaluation=quick` makes them (of points: evaluation=toy)"
        )
    return card


def contestant(run: RunDirectory, card: dict[str, Any], label: str) -> Contestant:
    """A contestant from its card and whatever else the directory has (a foreign card has nothing else)."""
    state = state_of(run, run.status()) if run.status_json.is_file() else str(card.get("status") or units.MISSING)
    return Contestant(
        run=run,
        label=label,
        experiment=experiment_of(run, card),
        config_hash=card.get("config_hash"),
        seed=card.get("seed"),
        state=state,
        card=card,
        config=run.config() if run.config_yaml.is_file() else {},
        evaluations=read_evaluations(card),
    )


def experiment_of(run: RunDirectory, card: dict[str, Any]) -> str:
    """The experiment's name, or the directory's."""
    return str(card.get("experiment") or run.path.name)


def distinct_labels(runs: Sequence[RunDirectory], cards: Sequence[dict[str, Any]]) -> list[str]:
    """`point_demo seed 0`; with the hash or the path added only where two would be the same."""

    def name(run: RunDirectory, card: dict[str, Any], middle: str) -> str:
        seed = "" if card.get("seed") is None else f" seed {card['seed']}"
        return experiment_of(run, card) + middle + seed

    pairs = list(zip(runs, cards, strict=True))
    plain = [name(run, card, "") for run, card in pairs]
    hashed = [name(run, card, f" {(card.get('config_hash') or '')[:10]}".rstrip()) for run, card in pairs]
    plain_count, hashed_count = Counter(plain), Counter(hashed)
    labels = []
    for short, longer, (run, _) in zip(plain, hashed, pairs, strict=True):
        unique = short if plain_count[short] == 1 else longer if hashed_count[longer] == 1 else f"{longer} ({run.path})"
        labels.append(unique)
    return labels


def config_differences(contestants: Sequence[Contestant]) -> list[tuple[str, list[str]]]:
    """Configuration keys that are not the same in all runs, with one value per run."""
    flat = [flatten(one.config) for one in contestants]
    rows = []
    for key in dict.fromkeys(key for fields in flat for key in fields):
        values = [units.plain(fields[key]) if key in fields else units.MISSING for fields in flat]
        if key not in NOT_METHOD and len(set(values)) > 1:
            rows.append((key, values))
    return rows


def last_picture(run: RunDirectory) -> Path | None:
    """The newest picture of samples: the highest step, else the last by name."""
    pictures = sorted(run.samples.glob("step_*.png")) or sorted(run.samples.glob("*.png"))
    return pictures[-1] if pictures else None
